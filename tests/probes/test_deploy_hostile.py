"""Nothing that a deployment file says can harm, mislead or give a secret away; what cannot be read is named."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import Absent, AppSource, Deployment, Target
from gradio_doctor.probes.deploy import probe_deployment, read_deployment
from gradio_doctor.probes.deploy.compose import read_compose
from gradio_doctor.probes.deploy.dockerfile import read_dockerfile
from gradio_doctor.probes.deploy.kubernetes import read_manifests
from gradio_doctor.probes.deploy.pins import pins_of_project, pins_of_requirements
from gradio_doctor.probes.deploy.procfile import read_procfile
from gradio_doctor.probes.deploy.settings import read_gunicorn, read_space
from gradio_doctor.probes.deploy.systemd import read_systemd
from gradio_doctor.probes.deploy.yaml_lines import read_documents
from tests.probes.conftest import FakeContext
from tests.probes.deploy_files import DOCKERFILE, MANIFEST, SERVICE, put, read


@pytest.mark.parametrize(
    "value", ["", "changeme", "<your token>", "your-api-key", "xxxxxxxx", "sk-...", "$TOKEN", "${T}"]
)
def test_what_only_stands_for_a_secret(value: str) -> None:
    unit, _ = read_dockerfile(f'FROM x\nENV API_KEY="{value}"\n', "Dockerfile", "/x/app.py")
    assert all(s.value != "***" for s in unit.environment)


def test_a_secret_does_not_leave_the_probe(tmp_path: Path) -> None:
    secret = "q7Lw9zT4kXv2Bn8R"  # noqa: S105
    given = f"          env: [{{name: DB_PASSWORD, value: {secret}}}]\n"
    found = read(
        tmp_path, Dockerfile=f"FROM x\nENV OPENAI_API_KEY={secret}\n",
        k8s___a__yaml=MANIFEST.replace("          ports: [{name", f"{given}          ports: [{{name"),
        demo__service=SERVICE.replace("[Service]", f"[Service]\nEnvironment=HF_TOKEN={secret}"),
        compose__yaml=f"services: {{a: {{image: x, environment: [SECRET_KEY={secret}]}}}}\n",
        gunicorn__conf__py=f"api_key = '{secret}'\n",
    )
    assert secret not in repr(found)
    assert repr(found).count("'***'") == 5


def test_the_search_ends_at_the_root_of_the_repository(tmp_path: Path) -> None:
    repository = tmp_path / "repo"
    (repository / "src" / "deep").mkdir(parents=True)
    put(tmp_path, Dockerfile="FROM outside\n")
    put(repository, Dockerfile=DOCKERFILE)
    script = put(repository / "src" / "deep")
    assert read_deployment(script).files == ()  # no repository: nobody says that they belong together
    (repository / ".git").mkdir()
    found = read_deployment(script)
    assert [f for f, _ in found.files] == [str(repository / "Dockerfile")]
    assert found.root == str(repository)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_bytes(b"a: \xff\xfe")
    (tmp_path / "Dockerfile").write_bytes(b"FROM x\n" * 200_000)
    os.mkfifo(tmp_path / "Procfile")
    found = read(tmp_path, docker_compose__yml="services: [", pyproject__toml="= 3")
    text = "\n".join(found.unread)
    assert "compose.yaml: not UTF-8" in text and "Dockerfile: larger than 512 KiB" in text
    assert "pyproject.toml: not TOML" in text
    assert not found.units


@pytest.mark.parametrize("text", [
    "[" * 50_000, "a: " * 5000, "{a: " * 2000, "&a [*a]", "*b", "a: &x [1]\nb: *x\nc: {<<: *x}", "- " * 3000, "\0",
    "%YAML 9.9",
    "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c]\n" * 3,
    "base: &b {" + ",".join(f"k{i}: 1" for i in range(5000)) + "}\n"
    + "\n".join(f"m{i}: {{<<: *b}}" for i in range(5000)),
])
def test_yaml_that_means_harm(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(ValueError, match=r"\w") as told:  # none of them is a compose file
        read_compose(read_documents(text), "f", "/x/app.py")
    assert len(str(told.value)) < 300
    assert time.monotonic() - started < 30


def test_aliases_are_not_expanded() -> None:
    levels = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    started = time.monotonic()
    (document,) = read_documents("\n".join(levels))
    assert len(document.get("a39").items) == 9
    assert time.monotonic() - started < 30


WORDS = st.sampled_from([
    "FROM", "CMD", "ENV", "RUN <<E", "E", '["', "\\", "$", "${", "services:", "- ", "  ", "kind: Deployment", "{", "}",
    "&a", "*a", "spec:", "containers:", ":", "=", "web: ", "[Service]", "ExecStart=", "python app.py", "'", '"', "-w",
    "\n", "#",
])


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS | st.text(max_size=8), max_size=30).map(" ".join))
def test_nothing_breaks_a_reader(text: str) -> None:
    def documents() -> list[object]:
        return list(read_manifests([("f", d) for d in read_documents(text)], "/x/app.py"))

    for call in (
        lambda: read_dockerfile(text, "f", "/x/app.py"), lambda: read_compose(read_documents(text), "f", "/x/app.py"),
        documents, lambda: read_systemd(text, "f", "/x/app.py"), lambda: read_procfile(text, "f", "/x/app.py"),
        lambda: read_gunicorn(text, "f"), lambda: read_space(f"---\nsdk: x\n{text}\n---\n", "f"),
        lambda: pins_of_requirements(text, "f"), lambda: pins_of_project(text, "f"),
    ):
        try:
            call()
        except ValueError:
            continue


def test_the_probe(tmp_path: Path) -> None:
    script = put(tmp_path)
    context = FakeContext(Target("script", "app.py", script=script), {AppSource: AppSource(script)}, {})
    assert probe_deployment(context) == Deployment(str(tmp_path))
    put(tmp_path, Dockerfile=DOCKERFILE)
    found = probe_deployment(FakeContext(context.target, {AppSource: AppSource(script)}, {}))
    assert isinstance(found, Deployment) and found.ours
    lost = FakeContext(context.target, {AppSource: Absent("nobody knows", "a command")}, {})
    assert probe_deployment(lost) == Absent("nobody knows")  # an audit is not what unlocks a diagnosis
