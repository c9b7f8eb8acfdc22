"""Whatever lies beside an app, reading it neither raises nor hangs, and the audit of it holds."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import Deployment
from gradio_doctor.probes.deploy import read_deployment
from gradio_doctor.probes.deploy.compose import read_compose
from gradio_doctor.probes.deploy.kubernetes import read_manifests
from gradio_doctor.probes.deploy.yaml_lines import read_documents
from tests.probes.deploy_files import COMPOSE, DOCKERFILE, MANIFEST, SERVICE, put

NAMES = (
    "Dockerfile", "compose.yaml", "compose.override.yaml", ".env", "app.env", "k8s/a.yaml", "k8s/kustomization.yaml",
    "a.service", "a.service.d/x.conf", "Procfile", "gunicorn.conf.py", "README.md", "requirements.txt",
    "pyproject.toml",
)
PIECES = [
    DOCKERFILE, COMPOSE, MANIFEST, SERVICE, "FROM x AS y\n", "FROM y\n", "CMD [", 'ENTRYPOINT ["a"', "ENV A=$A$A\n",
    "\\\n",
    "# escape=`\n", "RUN <<EOF\n", "EOF\n", "services:\n", "  web: *a\n",
    "  web: &a {extends: web, env_file: [app.env]}\n",
    "    ports: ['${A}:${B}', 1-99999:1-99999]\n", "<<: *a\n", "apiVersion: v1\nkind: List\nitems: [",
    "kind: Deployment\n",
    "spec: {template: {spec: {containers: [{image: x, env: [{}], livenessProbe: {httpGet: 3}}]}}}\n", "---\n", "\x00",
    "[Service]\n", "ExecStart=-@+%i $X 'a\n", "Environment=\n", "web: sh -c 'a; b &\n", "workers, x = 1\n",
    "sdk: gradio\n",
    "app_file: ../../x\n", "gradio[x] @ https://a/b ; c\n", "[project]\ndependencies = 3\n", "\ufeff", "\u2028", "\r",
    "\t", "'", '"',
    "{", "}", "]", ":", "%", "💥", "A" * 3000,
]
SLOWEST = 60.0  # seconds; each takes less than one on an idle machine, what is not bounded would take minutes


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def timed(script: str) -> Deployment:
    started = time.monotonic()
    found = read_deployment(script)
    assert time.monotonic() - started < SLOWEST
    return found


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(NAMES), st.lists(
    st.sampled_from(PIECES) | st.text(max_size=12) | st.binary(max_size=12), max_size=12), max_size=6))
def test_no_files_together_break_it(folder: Path, files: dict[str, list[str | bytes]]) -> None:
    script = put(folder)
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)
    for name, parts in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        encoded = (p if isinstance(p, bytes) else p.encode("utf-8", "surrogatepass") for p in parts)
        (folder / name).write_bytes(b"".join(encoded))
    found = timed(script)
    assert all(len(note) <= 300 for note in found.unread)
    assert all(u.line >= 0 and u.file.startswith(str(folder)) for u in found.units)


def laughs() -> str:
    levels = ["a0: &a0 {x: y}", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    return "\n".join(levels) + "\nservices:\n  web:\n    image: x\n    environment: *a29\n    ports: *a29\n"


def shared() -> str:
    """One long mapping that a hundred services have in common."""
    names = "\n".join(f"    N{n}: 'x'" for n in range(20_000))
    return f"x: &e\n{names}\nservices:\n" + "\n".join(f"  s{n}: {{image: x, environment: *e}}" for n in range(100))


def merging() -> str:
    """Thousands of small mappings, merged one after another into a large one."""
    names = ", ".join(f"n{n}: 1" for n in range(10_000))
    return "x: &t {a: 1}\nservices:\n  web: {image: x, " + names + ", " + ", ".join(["<<: *t"] * 8000) + "}"


def crowd() -> str:
    """Workloads and Services with one long set of labels."""
    labels = ", ".join(f"l{n}: x" for n in range(9000))
    pods = "- &p {kind: Pod, metadata: {name: a, labels: *l}, spec: {containers: [{image: x}]}}\n"
    fronts = "- &s {kind: Service, metadata: {annotations: *l}, spec: {selector: *l, ports: [{port: 1}]}}\n"
    return (f"apiVersion: v1\nkind: List\nx: &l {{{labels}}}\nitems:\n" + pods + fronts + "- *p\n" * 99 + "- *s\n" * 99)


@pytest.mark.parametrize(("name", "text"), [
    ("compose.yaml", laughs()), ("compose.yaml", shared()), ("compose.yaml", merging()), ("k8s/a.yaml", crowd()),
    ("compose.yaml", "a: " + "[" * 100_000), ("compose.yaml", "services: " + "{a: " * 90 + "}" * 90),
    ("compose.yaml", "services: {web: {image: x, command: '" + "a " * 200_000 + "'}}"),
    ("compose.yaml", "services: {web: {image: '" + "${A:-" * 50_000 + "'}}"),
    ("Dockerfile", "FROM x\n" + "ARG A=" + "x" * 400 + "\n" + "ARG A=$A$A\n" * 60 + "ENV B=" + "$A" * 200_000 + "\n"),
    ("Dockerfile", "FROM x AS a\nRUN pip install a b c\n" + "FROM a AS a\n" * 30_000),
    ("Dockerfile", "FROM x\nCMD " + "a \\\n" * 100_000), ("Dockerfile", "RUN <<E\n" * 50_000),
    ("Dockerfile", "FROM x\n" + "RUN <<A <<B <<C\n" * 20_000), ("Dockerfile", "x" * 500_000),
    ("Dockerfile", "FROM x\nCMD " + "sh -c '" * 50_000), ("Dockerfile", "FROM x\nENV " + "A=1 " * 100_000),
    ("Dockerfile", "FROM x\nHEALTHCHECK CMD " + "http://localhost" * 30_000),
    ("a.service", "[Service]\n" + "Environment=A=1\n" * 30_000), ("a.service",
        "[Service]\nExecStart=" + "\\\n#\n" * 90_000),
    ("Procfile", "web: " + "a; " * 100_000), ("Procfile", "web: sh -c \"" + "sh -c '" * 9000),
    ("gunicorn.conf.py", "workers = " + "-" * 90_000 + "1"), ("gunicorn.conf.py", "a = (" * 5000),
    ("gunicorn.conf.py", "if x:\n" + " a = 1\n" * 20_000), ("requirements.txt", "gradio[" + "a" * 500_000),
    ("pyproject.toml", "a = " + "[" * 90_000), ("README.md", "---\n" + "sdk: " * 90_000), ("README.md",
        "---\n" * 90_000),
    ("k8s/a.yaml", "apiVersion: v1\nkind: Pod\n" + "x" * 400_000 + "{{"), (".env", "A=1\n" * 90_000),
])
def test_what_is_made_to_hang_or_fill(name: str, text: str, tmp_path: Path) -> None:
    script = put(tmp_path, compose__yaml=COMPOSE)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = timed(script)
    assert len(repr(found)) < 20_000_000


def test_files_that_are_none(tmp_path: Path) -> None:
    """A FIFO, a loop of links, a link to nothing, a device, a directory, one that may not be read."""
    script = put(tmp_path, app__service=SERVICE, k8s___a__yaml=MANIFEST)
    os.mkfifo(tmp_path / "Dockerfile")
    os.mkfifo(tmp_path / ".env")
    (tmp_path / "compose.yaml").symlink_to("docker-compose.yml")
    (tmp_path / "docker-compose.yml").symlink_to("compose.yaml")
    (tmp_path / "Procfile").symlink_to("/dev/zero")
    (tmp_path / "gunicorn.conf.py").mkdir()
    (tmp_path / "README.md").symlink_to("nowhere")
    (tmp_path / "deploy").symlink_to(".")
    (tmp_path / "app.service.d").symlink_to("app.service.d")
    (tmp_path / "docker").mkdir()
    os.mkfifo(tmp_path / "docker" / "app.env")
    (tmp_path / "docker" / "compose.yaml").write_text(
        "services: {web: {image: x, env_file: [app.env, ., compose.yaml]}}\n", encoding="utf-8")
    found = timed(script)
    assert {u.kind for u in found.units} == {"systemd", "kubernetes", "compose"}
    assert not next(u for u in found.units if u.kind == "compose").sealed


@pytest.mark.parametrize("raw", [
    b"FROM x\xff\xfe", "FROM x\n".encode("utf-16"), b"\x00" * 1000, "FROM é\n".encode("latin-1"), b"\xef\xbb\xbf\xff",
])
def test_a_wrong_encoding_is_said(raw: bytes, tmp_path: Path) -> None:
    script = put(tmp_path)
    (tmp_path / "Dockerfile").write_bytes(raw)
    found = timed(script)
    assert not found.units and len(found.unread) == 1 and "Dockerfile: " in found.unread[0]


def test_what_is_shared_is_read_once() -> None:
    units = read_compose(read_documents(shared()), "f", "/r/app.py")
    assert len(units) == 100 and max(len(u.environment) for u in units) <= 200
    documents = [("f", d) for d in read_documents(crowd())]
    assert len(read_manifests(documents * 5, "/r/app.py")) <= 300
