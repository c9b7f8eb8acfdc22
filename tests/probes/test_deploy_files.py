"""Reading deployment files: facts with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.probes.deploy.compose import read_compose
from gradio_doctor.probes.deploy.dockerfile import instructions, read_dockerfile
from gradio_doctor.probes.deploy.kubernetes import read_manifests
from gradio_doctor.probes.deploy.pins import pins_of_command, pins_of_project, pins_of_requirements
from gradio_doctor.probes.deploy.procfile import read_procfile
from gradio_doctor.probes.deploy.settings import read_gunicorn, read_space
from gradio_doctor.probes.deploy.systemd import read_systemd
from gradio_doctor.probes.deploy.yaml_lines import read_documents
from tests.probes.deploy_files import COMPOSE, DOCKERFILE, MANIFEST, SERVICE, only, read


def test_a_dockerfile(tmp_path: Path) -> None:
    unit = only(read(tmp_path, Dockerfile=DOCKERFILE), "dockerfile")
    assert unit.runs == "app"
    assert unit.image and (unit.image.value, unit.image.line) == ("python:3.12-slim", 1)
    assert unit.server and (unit.server.name, unit.server.target) == ("python", "app.py")
    assert (unit.command, unit.command_line) == (("python", "app.py"), 8)
    assert [(p.inside, p.line, p.leads) for p in unit.ports] == [(7860, 6, False)]
    assert unit.user and (unit.user.value, unit.user.line) == ("1000", 7)
    name = unit.variable("GRADIO_SERVER_NAME")
    assert name and (name.value, name.line, name.file) == ("0.0.0.0", 5, str(tmp_path / "Dockerfile"))


def test_continuations_comments_heredocs_and_escapes() -> None:
    text = "\n".join([
        "# a comment", "FROM python:3.12 AS base", "RUN apt-get update && \\", "  # a comment within", "",
        "    apt-get install -y git", "RUN <<EOF", "CMD this is no instruction", "EXPOSE 1", "EOF",
        "EXPOSE 80/tcp 90/udp",
        "from base", "expose 7860", 'cmd ["python3", "-u", "app.py"]',
    ])
    found = list(instructions(text))
    assert [(i.word, i.line) for i in found] == [
        ("FROM", 2), ("RUN", 3), ("RUN", 7), ("EXPOSE", 11), ("FROM", 12), ("EXPOSE", 13), ("CMD", 14),
    ]
    assert found[1].text.endswith("apt-get install -y git")
    unit, _ = read_dockerfile(text, "Dockerfile", "/x/app.py")
    assert [p.inside for p in unit.ports] == [80, 7860]  # the last stage is built on the first
    assert unit.image and unit.image.value == "python:3.12"
    assert unit.runs == "app"


def test_windows_escape() -> None:
    text = "# escape=`\nFROM python:3.12\nRUN dir `\n  c:\\\nEXPOSE 7860\n"
    assert [i.word for i in instructions(text)] == ["FROM", "RUN", "EXPOSE"]


def test_arguments_are_filled_in_as_far_as_they_are_known() -> None:
    text = "ARG TAG=3.11\nFROM python:${TAG}-slim\nARG PORT=7000\nENV A=$PORT B=${NONE} C=${NONE:-x}\nEXPOSE $PORT\n"
    unit, _ = read_dockerfile(text, "Dockerfile", "/x/app.py")
    assert unit.image and unit.image.value == "python:3.11-slim"
    assert [p.inside for p in unit.ports] == [7000]
    assert [(s.name, s.value, s.known) for s in unit.environment] == [
        ("A", "7000", True), ("B", "${NONE}", False), ("C", "x", True),
    ]


@pytest.mark.parametrize(("command", "name", "target", "runs"), [
    ('["python", "app.py"]', "python", "app.py", "app"),
    ("python -u /srv/app.py --listen", "python", "/srv/app.py", "app"),
    ("cd /srv && exec python3.12 app.py", "python", "app.py", "app"),
    ('["sh", "-c", "export A=1; python app.py"]', "python", "app.py", "app"),
    ("uv run --no-sync python app.py", "python", "app.py", "app"),
    ('["tini", "--", "python", "-m", "app"]', "python", "app", "app"),
    ("gradio app.py", "gradio", "app.py", "app"),
    ("uvicorn app:app --host 0.0.0.0 --port 80", "uvicorn", "app:app", "app"),
    ("python -m uvicorn src.app:api", "uvicorn", "src.app:api", "perhaps"),
    ("gunicorn -w4 -k uvicorn.workers.UvicornWorker app:app", "gunicorn", "app:app", "app"),
    ("fastapi run app.py", "fastapi", "app.py", "app"),
    ("python manage.py runserver", "python", "manage.py", "other"),
    ("celery -A app worker", "", "", "perhaps"),
    ('["./start.sh"]', "", "", "perhaps"),
    ('["nginx", "-g", "daemon off;"]', "", "", "perhaps"),
])
def test_what_a_command_starts(command: str, name: str, target: str, runs: str) -> None:
    unit, _ = read_dockerfile(f"FROM python:3.12\nCMD {command}\n", "Dockerfile", "/x/app.py")
    assert (unit.server.name if unit.server else "", unit.server.target if unit.server else "") == (name, target)
    assert unit.runs == runs


def test_what_a_server_is_told() -> None:
    text = "FROM python:3.12\nENTRYPOINT gunicorn --bind=0.0.0.0:80 -w 4 -k uvicorn.workers.UvicornWorker app:app\n"
    server = read_dockerfile(text, "Dockerfile", "/x/app.py")[0].server
    assert server
    assert (server.host, server.port, server.workers, server.worker_class, server.settled) == (
        "0.0.0.0", 80, 4, "uvicorn.workers.UvicornWorker", True,
    )
    unsettled = read_dockerfile("FROM python:3.12\nCMD uvicorn app:app --port $PORT\n", "f", "/x/app.py")[0].server
    assert unsettled and not unsettled.settled and unsettled.port is None


def test_a_health_check() -> None:
    told = "--interval=5s --timeout=3s --retries=2"
    text = f"FROM x\nHEALTHCHECK {told} CMD curl -f http://localhost:7860/health || exit 1\n"
    (probe,) = read_dockerfile(text, "Dockerfile", "/x/app.py")[0].probes
    assert (probe.kind, probe.how, probe.path, probe.port, probe.period, probe.timeout, probe.failures, probe.line) == (
        "health", "http", "/health", 7860, 5.0, 3.0, 2, 2,
    )
    assert not read_dockerfile("FROM x\nHEALTHCHECK NONE\n", "Dockerfile", "/x/app.py")[0].probes


def test_a_compose_file_with_the_image_that_it_builds(tmp_path: Path) -> None:
    found = read(tmp_path, Dockerfile=DOCKERFILE, compose__yaml=COMPOSE)
    unit = only(found, "compose")
    assert unit.runs == "app"
    assert unit.built_from == str(tmp_path / "Dockerfile")
    assert [(p.inside, p.outside, p.address, p.line) for p in unit.ports] == [(7860, 8080, "127.0.0.1", 5)]
    assert unit.memory and (unit.memory.amount, unit.memory.line) == (4 << 30, 6)
    image = found.image_of(unit)
    assert image and image.variable("GRADIO_SERVER_NAME")


def test_a_compose_file_in_full() -> None:
    text = """
x-base: &base
  environment: {A: "1", HF_TOKEN: "hf_abcdefghijklmnop", B: "${B}"}
services:
  web:
    <<: *base
    build: {context: ./docker, dockerfile: web.Dockerfile}
    ports: [{target: 7860, published: "80", host_ip: 0.0.0.0}]
    command: python app.py
    env_file: .env
    shm_size: 2gb
    privileged: true
    deploy: {replicas: 3, resources: {limits: {memory: 512M}}}
    healthcheck: {test: ["CMD", "wget", "-q", "http://127.0.0.1:7860/"], start_period: 1m30s}
  odd:
    image: redis
    network_mode: host
    ports: ["${PORT:-80}:7860"]
"""
    web, odd = read_compose(read_documents(text), "/x/compose.yaml", "/x/app.py")
    assert web.built_from == "/x/docker/web.Dockerfile"
    assert [(s.name, s.value, s.known) for s in web.environment] == [
        ("A", "1", True), ("HF_TOKEN", "***", True), ("B", "${B}", False),
    ]
    assert (web.sealed, web.privileged is not None, web.replicas and web.replicas.amount) == (False, True, 3)
    assert web.shm and web.shm.amount == 2 << 30
    assert web.memory and web.memory.amount == 512 << 20
    assert [(p.inside, p.outside, p.address) for p in web.ports] == [(7860, 80, "0.0.0.0")]
    assert (web.probes[0].delay, web.probes[0].path) == (90.0, "/")
    assert odd.shared_network and [(p.inside, p.outside) for p in odd.ports] == [(7860, 80)]


def test_manifests(tmp_path: Path) -> None:
    unit = only(read(tmp_path, Dockerfile=DOCKERFILE, k8s___app__yaml=MANIFEST), "kubernetes")
    assert unit.runs == "app"  # no command of its own, and the one Dockerfile here runs the app
    assert [(p.inside, p.leads) for p in unit.ports] == [(7860, False), (7860, True)]
    kinds = {p.kind: p for p in unit.probes}
    alive = kinds["liveness"]
    assert (alive.path, alive.port, alive.patience) == ("/gradio_api/user", 7860, 30)
    assert kinds["startup"].patience == 600
    assert unit.memory and unit.memory.amount == 4 << 30
    assert unit.setting("service") and unit.replicas and not unit.sticky


@pytest.mark.parametrize("change", [
    ("spec:\n  selector: {app: demo}", "spec:\n  sessionAffinity: ClientIP\n  selector: {app: demo}"),
    ("---\n", "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: i\n  annotations:\n"
     "    nginx.ingress.kubernetes.io/affinity: cookie\n---\n"),
])
def test_what_keeps_a_browser_on_one_copy(change: tuple[str, str]) -> None:
    documents = [("m.yaml", d) for d in read_documents(MANIFEST.replace(*change, 1))]
    assert [u.sticky for u in read_manifests(documents, "/x/app.py")] == [True]


def test_an_autoscaler_counts() -> None:
    text = MANIFEST + """---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: h}
spec: {maxReplicas: 9, scaleTargetRef: {kind: Deployment, name: demo}}
"""
    (unit,) = read_manifests([("m.yaml", d) for d in read_documents(text)], "/x/app.py")
    assert unit.replicas and (unit.replicas.amount, unit.replicas.line) == (9, 34)


def test_a_template_of_helm_is_said_and_not_guessed(tmp_path: Path) -> None:
    helm = MANIFEST.replace("replicas: 1", "replicas: {{ .Values.replicas }}")
    found = read(tmp_path, k8s___app__yaml=helm)
    assert not found.units
    (said,) = found.unread
    assert "app.yaml: a template of Helm" in said and "helm template" in said


def test_other_yaml_is_nobodys_business(tmp_path: Path) -> None:
    found = read(tmp_path, config__yaml="a: {{ b }}\n", mkdocs__yml="site_name: x\n")
    assert (found.files, found.units, found.unread) == ((), (), ())


def test_systemd(tmp_path: Path) -> None:
    unit = only(read(tmp_path, demo__service=SERVICE), "systemd")
    assert unit.runs == "app" and unit.user and unit.user.value == "demo"
    kind = unit.setting("Type")
    assert kind and (kind.value, kind.line) == ("exec", 5)
    assert unit.memory and unit.memory.amount == 2 << 30
    with pytest.raises(ValueError, match="no service"):
        read_systemd("[Timer]\nOnCalendar=daily\n", "x.service", "/x/app.py")


def test_systemd_continuations_and_environment() -> None:
    told = 'Environment="A=1 2" B=3\nEnvironment=HF_TOKEN=hf_abcdefghijkl'
    text = f"[Service]\n{told}\nExecStart=-/usr/bin/env \\\n  python app.py\n"
    (unit,) = read_systemd(text, "x.service", "/x/app.py")
    assert [(s.name, s.value) for s in unit.environment] == [("A", "1 2"), ("B", "3"), ("HF_TOKEN", "***")]
    assert unit.runs == "app"


def test_procfile() -> None:
    web, worker = read_procfile("web: gunicorn -w 2 app:app\n# x\nworker: python jobs.py\n", "Procfile", "/x/app.py")
    assert (web.name, web.runs, web.server and web.server.workers) == ("web", "app", 2)
    assert worker.runs == "other"


def test_gunicorn_settings_are_not_run(tmp_path: Path) -> None:
    text = f"import os\nopen({str(tmp_path / 'ran')!r}, 'w')\nworkers = 3\nbind = f'{{1}}:2'\ntimeout: int = 5\n"
    found = {s.name: s for s in read_gunicorn(text, "gunicorn.conf.py")}
    assert (found["workers"].value, found["workers"].line, found["timeout"].value) == ("3", 3, "5")
    assert not found["bind"].known
    assert not (tmp_path / "ran").exists()


def test_the_header_of_a_space() -> None:
    text = "---\ntitle: x\nsdk: gradio\nsdk_version: 5.0.1\n---\n# x\n"
    assert [(s.name, s.value, s.line) for s in read_space(text, "README.md")] == [
        ("title", "x", 2), ("sdk", "gradio", 3), ("sdk_version", "5.0.1", 4),
    ]
    assert read_space("# just a readme\n", "README.md") == ()
    assert read_space("---\ntitle: a blog\n---\n", "README.md") == ()


def test_requirements() -> None:
    text = "# c\n-r other.txt\ngradio[oauth]>=4,<5 ; python_version>'3.8'\nNumPy==1.26\ngit+https://x.y/z\ntorch\n"
    assert [(p.package, p.specifier, p.line) for p in pins_of_requirements(text, "r.txt")] == [
        ("gradio", ">=4,<5", 3), ("numpy", "==1.26", 4), ("torch", "", 6),
    ]
    line = "pip install --no-cache-dir -U 'gradio>=4' torch==2.1 -r requirements.txt && apt install gcc"
    assert [(p.package, p.specifier) for p in pins_of_command(line, "Dockerfile", 3)] == [
        ("gradio", ">=4"), ("torch", "==2.1"),
    ]
    project = '[project]\ndependencies = ["gradio==5.1", "x"]\n[tool.poetry.dependencies]\npython = "^3.10"\n'
    assert [(p.package, p.specifier, p.line) for p in pins_of_project(project, "pyproject.toml")][:2] == [
        ("gradio", "==5.1", 2), ("x", "", 2),
    ]
