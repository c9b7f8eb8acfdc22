"""Compose files: ports, variables and their files, anchors, extends, overlays, build targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.evidence import Unit
from gradio_doctor.probes.deploy.compose import read_compose
from gradio_doctor.probes.deploy.filling import fill, read_variables
from gradio_doctor.probes.deploy.yaml_lines import read_documents
from tests.probes.deploy_files import DOCKERFILE, only, put, read

IMAGE = "services:\n  web:\n    image: x\n    command: python app.py\n"


def service(text: str, files: dict[str, str] | None = None) -> Unit:
    """The first service of a compose file at /r, with the files beside it."""
    return read_compose(read_documents(text), "/r/compose.yaml", "/r/app.py", (files or {}).get)[0]


def ports(*items: str, env: str = "") -> list[tuple[int, int | None, str]]:
    text = f"{IMAGE}    ports:\n" + "".join(f"      - {item}\n" for item in items)
    return [(p.inside, p.outside, p.address) for p in service(text, {"/r/.env": env}).ports]


@pytest.mark.parametrize(("items", "expected"), [
    (['"7860"'], [(7860, None, "")]),
    (['"80:7860"', '"5353:5353/udp"'], [(7860, 80, "")]),
    (['"5353:5353/UDP"'], []),
    (['"127.0.0.1:80:7860"'], [(7860, 80, "127.0.0.1")]),
    (['"[::1]:80:7860/tcp"'], [(7860, 80, "[::1]")]),
    (['"7860-7862:7860-7862"'], [(7860, 7860, ""), (7861, 7860, ""), (7862, 7860, "")]),
    (['"${PORT:-8080}:7860"'], [(7860, 8080, "")]),
    (['"${PORT}:7860"'], [(7860, None, "")]),
    (['"${BIND:-127.0.0.1}:80:7860"'], [(7860, 80, "127.0.0.1")]),
    (['"80:${INSIDE:-7860}"'], []),  # whoever starts it may say another: nothing is concluded
    (['"80:7860"', '"${RANGE}"'], []),
    (["{target: 7860, published: 80}"], [(7860, 80, "")]),
    (['{target: 7860, published: "80", host_ip: 127.0.0.1, mode: host}'], [(7860, 80, "127.0.0.1")]),
    (["{target: 53, protocol: udp}", "{target: 7860}"], [(7860, None, "")]),
    (["{published: 80}"], []), (["nonsense"], []),
])
def test_ports(items: list[str], expected: list[tuple[int, int | None, str]]) -> None:
    assert ports(*items) == expected


def test_a_port_of_the_environment_file() -> None:
    assert ports('"80:${INSIDE}"', env="INSIDE=7861\n") == [(7861, 80, "")]


@pytest.mark.parametrize(("text", "expected"), [
    ("plain", ("plain", True)), ("$A", ("1", True)), ("${A}x", ("1x", True)), ("${A:-2}", ("1", True)),
    ("${B:-2}", ("2", False)), ("${B-2}", ("2", False)), ("${B}", ("${B}", False)), ("${B:?needed}", ("${B:?needed}",
            False)),
    ("${A:+y}", ("y", True)), ("${B:+y}", ("", False)), ("a$$b", ("a$b", True)), ("$$A", ("$A", True)),
    ("${", ("${", True)), ("$", ("$", True)), ("${B:-}", ("", False)),
])
def test_variables_are_filled_in(text: str, expected: tuple[str, bool]) -> None:
    assert fill(text, {"A": "1"}) == expected


@pytest.mark.parametrize(("line", "name", "value"), [
    ("A=1", "A", "1"), ("export A=1", "A", "1"), ("A = 1", "A", "1"), ("A='1 2' # c", "A", "1 2"), ("A=1 # c", "A",
        "1"),
    ('A="x#y"', "A", "x#y"), ("A=", "A", ""), ("A='open", "A", "'open"),
])
def test_a_file_of_variables(line: str, name: str, value: str) -> None:
    (word,) = read_variables(f"# comment\n\n{line}\nnonsense\n", "f")
    assert (word.name, word.value, word.line) == (name, value, 3)


def test_an_environment_file_beside_is_read() -> None:
    unit = service(IMAGE + "    env_file: app.env\n    environment: {B: own}\n", {
        "/r/app.env": "GRADIO_SERVER_NAME=0.0.0.0\nHF_TOKEN=hf_abcdefghijklmnop\nB=file\n"})
    name = unit.variable("GRADIO_SERVER_NAME")
    assert unit.sealed and name and (name.value, name.file, name.line) == ("0.0.0.0", "/r/app.env", 1)
    assert (unit.variable("HF_TOKEN") or name).value == "***"
    assert (unit.variable("B") or name).value == "own"


@pytest.mark.parametrize("told", ["env_file: missing.env", "env_file: [a.env, missing.env]", "env_file: ${WHICH}",
                                  "env_file: [{path: missing.env, required: false}]"])
def test_one_that_is_not_to_be_had_leaves_it_open(told: str) -> None:
    assert not service(f"{IMAGE}    {told}\n", {"/r/a.env": "A=1\n"}).sealed


@pytest.mark.parametrize("given", ["[GRADIO_SERVER_NAME]", "{GRADIO_SERVER_NAME: }", '["GRADIO_SERVER_NAME=$NAME"]',
                                   "{GRADIO_SERVER_NAME: '${NAME:-127.0.0.1}'}"])
def test_what_whoever_starts_it_decides_is_not_known(given: str) -> None:
    word = service(f"{IMAGE}    environment: {given}\n").variable("GRADIO_SERVER_NAME")
    assert word and not word.known


def test_a_secret_in_a_default_is_one() -> None:
    word = service(f"{IMAGE}    environment: ['HF_TOKEN=${{T:-hf_abcdefghijklmnop}}']\n").variable("HF_TOKEN")
    assert word and word.value == "***"


def test_anchors_merges_and_extension_keys() -> None:
    text = """
x-common: &common
  image: x
  command: python app.py
  environment: &vars {A: "1", B: "2"}
  mem_limit: 1g
services:
  web:
    <<: *common
    environment: {<<: *vars, B: own}
    mem_limit: 2g
  other: *common
"""
    web, other = read_compose(read_documents(text), "/r/compose.yaml", "/r/app.py")
    assert {s.name: s.value for s in web.environment} == {"A": "1", "B": "own"}
    assert web.memory and web.memory.amount == 2 << 30
    assert other.memory and (other.memory.amount, other.memory.line, other.line) == (1 << 30, 6, 12)


def test_extends_within_a_file() -> None:
    text = """
services:
  base: {image: x, command: python app.py, environment: [A=1, B=1], ports: ["80:7860"], mem_limit: 1g}
  web: {extends: {service: base}, environment: [B=2], ports: ["81:7861"]}
"""
    _, web = read_compose(read_documents(text), "/r/compose.yaml", "/r/app.py")
    assert (web.runs, web.sealed, web.line) == ("app", True, 4)
    assert [(s.name, s.value) for s in web.environment] == [("A", "1"), ("B", "1"), ("B", "2")]
    assert [p.inside for p in web.ports] == [7860, 7861]


@pytest.mark.parametrize("extends", ["{service: base, file: other.yaml}", "nothing", "{service: web}"])
def test_what_extends_something_else_is_not_judged(extends: str) -> None:
    unit = service(f"{IMAGE}    extends: {extends}\n")
    assert (unit.runs, unit.sealed) == ("perhaps", False)


@pytest.mark.parametrize(("build", "path"), [
    (".", "/r/Dockerfile"), ("./web", "/r/web/Dockerfile"), ("{context: .}", "/r/Dockerfile"),
    ("{context: web, dockerfile: ../a.Dockerfile}", "/r/a.Dockerfile"), ("{dockerfile: x}", "/r/x"),
    ("https://example.com/x.git", ""), ("${WHERE}", ""), ("${WHERE:-web}", "/r/web/Dockerfile"),
    ("{context: ., dockerfile_inline: FROM x}", ""),
])
def test_the_dockerfile_of_a_service(build: str, path: str) -> None:
    unit = service(f"services: {{web: {{build: {build!r}}}}}" if not build.startswith("{") else
                   f"services: {{web: {{build: {build}}}}}")
    assert unit.built_from == path and unit.setting("build")


@pytest.mark.parametrize(("test", "how", "words"), [
    ('["CMD", "curl", "-f", "http://localhost:7860/"]', "http", ("curl", "-f", "http://localhost:7860/")),
    ('["CMD-SHELL", "curl -f http://localhost:7860/ || exit 1"]', "http",
     ("sh", "-c", "curl -f http://localhost:7860/ || exit 1")),
    ("curl -f http://localhost:7860/", "http", ("sh", "-c", "curl -f http://localhost:7860/")),
    ('["CMD", "true"]', "exec", ("true",)),
])
def test_health_checks(test: str, how: str, words: tuple[str, ...]) -> None:
    (probe,) = service(f"{IMAGE}    healthcheck: {{test: {test}}}\n").probes
    assert (probe.how, probe.command) == (how, words)


def test_an_overlay_is_laid_over_its_service(tmp_path: Path) -> None:
    found = read(
        tmp_path, compose__yaml="services:\n  web:\n    build: .\n  db: {image: postgres}\n", Dockerfile=DOCKERFILE,
        compose__override__yaml="services:\n  web:\n    mem_limit: 1g\n    environment: [A=1]\n"
                                "    ports: ['80:7860']\n",
    )
    web = next(u for u in found.units if u.name == "web")
    assert [u.name for u in found.units if u.kind == "compose"] == ["web", "db"]
    assert web.memory and web.memory.file.endswith("compose.override.yaml")
    assert web.variable("A") and [p.inside for p in web.ports] == [7860] and web.runs == "app"


def test_a_build_target_is_the_stage_that_runs(tmp_path: Path) -> None:
    text = 'FROM python:3.12 AS web\nCMD ["python", "app.py"]\nFROM web AS test\nCMD ["pytest"]\n'
    found = read(tmp_path, Dockerfile=text, compose__yaml="services: {web: {build: {context: ., target: web}}}\n")
    unit = only(found, "compose")
    image = found.image_of(unit)
    assert unit.runs == "app" and image and image.command == ("python", "app.py")
    lost = read(tmp_path, compose__yaml="services: {web: {build: {context: ., target: nothing}}}\n")
    assert only(lost, "compose").runs == "perhaps"
    assert any("no stage nothing" in note for note in lost.unread)


def test_a_command_behind_the_entrypoint_of_the_image(tmp_path: Path) -> None:
    image = 'FROM python:3.12\nENTRYPOINT ["python"]\nCMD ["other.py"]\n'
    found = read(tmp_path, Dockerfile=image, compose__yaml="services: {web: {build: ., command: app.py}}\n")
    unit = only(found, "compose")
    assert (unit.command, unit.runs) == (("python", "app.py"), "app")


def test_only_files_below_the_root_are_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret.env").write_text("A=1\n", encoding="utf-8")
    inner = tmp_path / "repo"
    inner.mkdir()
    (inner / "near.env").write_text("B=1\n", encoding="utf-8")
    script = put(inner, compose__yaml=f"{IMAGE}    env_file: [../secret.env, /etc/passwd, near.env]\n")
    unit = only(read(Path(script).parent), "compose")
    assert [s.name for s in unit.environment] == ["B"] and not unit.sealed
