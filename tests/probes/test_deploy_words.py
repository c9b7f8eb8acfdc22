"""Amounts, spans, commands and placeholders as deployment files write them."""

from __future__ import annotations

import pytest

from gradio_doctor.evidence import HealthProbe
from gradio_doctor.probes.deploy.command import assignments, read_server, runs_app
from gradio_doctor.probes.deploy.find import dialect_of
from gradio_doctor.probes.deploy.quantities import docker_bytes, kubernetes_bytes, number, span
from gradio_doctor.probes.deploy.saying import said


@pytest.mark.parametrize(("text", "amount"), [
    ("512Mi", 512 << 20), ("1Gi", 1 << 30), ("1.5Gi", 1.5 * 2**30), ("1G", 1e9), ("128974848", 128974848), ("2k", 2000),
    ("", None), ("lots", None), ("1 GB", None), ("-1Gi", None), ("9" * 40, None),
])
def test_memory_of_kubernetes(text: str, amount: float | None) -> None:
    assert kubernetes_bytes(text) == amount


@pytest.mark.parametrize(("text", "amount"), [
    ("512m", 512 << 20), ("1gb", 1 << 30), ("2G", 2 << 30), ("64M", 64 << 20), ("1024", 1024), ("100b", 100),
    ("1GiB", 1 << 30), ("50%", None), ("infinity", None), ("${MEM}", None),
])
def test_memory_of_docker_and_systemd(text: str, amount: float | None) -> None:
    assert docker_bytes(text) == amount


@pytest.mark.parametrize(("text", "seconds"), [
    ("30s", 30), ("1m30s", 90), ("2min", 120), ("5", 5), ("1h", 3600), ("500ms", 0.5), ("", 7), ("soon", 7), ("1x", 7),
])
def test_spans(text: str, seconds: float) -> None:
    assert span(text, 7) == seconds


@pytest.mark.parametrize(
    ("text", "value"), [("7860", 7860), (" 80 ", 80), ("", None), ("x", None), ("-1", None), ("٣", None)]
)
def test_numbers(text: str, value: int | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(("words", "script", "runs"), [
    (("python", "app.py"), "/x/app.py", "app"),
    (("python", "other.py"), "/x/app.py", "other"),
    (("python", "$MAIN"), "/x/app.py", "perhaps"),
    (("uvicorn", "pkg.web.app:api"), "/x/pkg/web/app.py", "app"),
    (("uvicorn", "--host", "0.0.0.0", "app:api"), "/x/app.py", "app"),
    (("uvicorn", "--reload", "app:api"), "/x/app.py", "app"),
    (("python", "-W", "ignore", "-u", "app.py"), "/x/app.py", "app"),
    (("bash", "-lc", "source venv/bin/activate && python app.py"), "/x/app.py", "app"),
    ((), "/x/app.py", "perhaps"),
])
def test_whose_command_it_is(words: tuple[str, ...], script: str, runs: str) -> None:
    assert runs_app(read_server(words), script) == runs


@pytest.mark.parametrize(("words", "expected"), [
    (("A=1", "python", "app.py", "B=2"), [("A", "1")]),
    (("env", "A=1", "B=x=y", "python"), [("A", "1"), ("B", "x=y")]),
    (("sh", "-c", "export A=1; C=3 python app.py"), [("A", "1"), ("C", "3")]),
    (("python", "app.py"), []),
])
def test_variables_in_front_of_a_command(words: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    assert list(assignments(words)) == expected


@pytest.mark.parametrize(("words", "host", "port", "workers"), [
    (("gunicorn", "-b", ":8000", "app:app"), "0.0.0.0", 8000, None),
    (("gunicorn", "--bind=127.0.0.1:80", "-w", "2", "app:app"), "127.0.0.1", 80, 2),
    (("gunicorn", "-b", "unix:/run/x.sock", "app:app"), "unix", None, None),
    (("gunicorn", "-b", "[::]:8000", "app:app"), "::", 8000, None),
    (("uvicorn", "app:app", "--host=0.0.0.0", "--workers=3"), "0.0.0.0", None, 3),
    (("fastapi", "run", "app.py", "--port", "80"), "0.0.0.0", 80, None),
    (("fastapi", "dev", "app.py"), "127.0.0.1", None, None),
])
def test_where_a_server_is_told_to_listen(
    words: tuple[str, ...], host: str, port: int | None, workers: int | None
) -> None:
    server = read_server(words)
    assert server and (server.host, server.port, server.workers) == (host, port, workers)


@pytest.mark.parametrize(("name", "dialect"), [
    ("Dockerfile", "dockerfile"), ("Dockerfile.gpu", "dockerfile"), ("web.Dockerfile", "dockerfile"),
    ("Containerfile", "dockerfile"), ("Dockerfile.dockerignore", None), ("compose.yaml", "compose"),
    ("docker-compose.prod.yml", "compose"), ("app.service", "systemd"), ("Procfile", "procfile"),
    ("gunicorn.conf.py", "gunicorn"), ("README.md", "space"), ("requirements.txt", "requirements"),
    ("values.yaml", "kubernetes"), ("app.py", None), ("notes.txt", None), (".env", None),
])
def test_what_a_file_may_be_by_its_name(name: str, dialect: str | None) -> None:
    assert dialect_of(name) == dialect


@pytest.mark.parametrize(("name", "value", "shown", "known"), [
    ("HF_TOKEN", "hf_abcdefghijklmnop", "***", True), ("HF_TOKEN", "changeme", "", True), ("HF_TOKEN", "$X", "", False),
    ("GREETING", "hello", "hello", True), ("DATABASE_URL", "postgres://me:pw@db/x", "postgres://***@db/x", True),
    ("PORT", "${PORT}", "${PORT}", False), ("KEY", "", "", True), ("X", "a\x1b[31mb", "ab", True),
])
def test_a_word_is_hidden_where_it_is_a_secret(name: str, value: str, shown: str, known: bool) -> None:
    word = said(name, value, "f", 3)
    assert (word.value, word.known, word.line) == (shown, known, 3)


def test_the_patience_of_a_probe() -> None:
    assert HealthProbe("liveness", "http", "f", 1).patience == 30  # the defaults of Kubernetes
    assert HealthProbe("startup", "tcp", "f", 1, delay=5, period=2, failures=10).patience == 25
