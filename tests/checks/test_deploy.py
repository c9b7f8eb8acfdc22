"""The deployment audit: each fault is foreseen with its file and line, and its correct twin is silent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gradio_doctor.evidence import Deployment, Run
from gradio_doctor.probes.deploy import read_deployment
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from tests.checks.deployed import Files, audit, told
from tests.checks.said import named
from tests.probes.deploy_files import APP, COMPOSE, DOCKERFILE, MANIFEST, MOUNTED, SERVICE

GUNICORN = DOCKERFILE.replace('CMD ["python", "app.py"]', "CMD {command}")
GOOD = {"Dockerfile": DOCKERFILE, "compose.yaml": COMPOSE, "k8s/app.yaml": MANIFEST, "demo.service": SERVICE}
ASGI = GUNICORN.format(command="uvicorn app:app --host 0.0.0.0")
HEALTH = "HEALTHCHECK CMD curl {flags} http://localhost:7860{path}\nUSER 1000"
LOGIN = APP.format(launch='auth=("a", "b")')
ROOMY = APP.format(launch="max_threads=80")
STARTUP = "          startupProbe: {tcpSocket: {port: http}, failureThreshold: 60}\n"
READY = "          readinessProbe: {httpGet: {path: /, port: http}}\n"
BIG = """
import gradio as gr
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("meta-llama/Llama-2-7b-chat-hf")
gr.Interface(lambda s: model(s), "text", "text").launch()
"""
LOADER = "\nfrom vllm import LLM\n" + APP.format(launch="")
SPACE = "---\ntitle: x\nsdk: gradio\nsdk_version: {version}\napp_file: app.py\n---\n"
PORT_APP = "import os\n" + APP.format(launch='server_port=int(os.environ["PORT"])')


def docker(old: str, new: str) -> str:
    assert old in DOCKERFILE
    return DOCKERFILE.replace(old, new)


def manifest(old: str, new: str) -> str:
    assert old in MANIFEST
    return MANIFEST.replace(old, new)


# finding: (files with the fault, where it is told (file:line), files without it)
CASES: dict[str, tuple[str, Files, str, Files]] = {
    "loopback": (
        "deploy.loopback-in-container", {"Dockerfile": docker("ENV GRADIO_SERVER_NAME=0.0.0.0\n", "")}, "Dockerfile:7",
        {"Dockerfile": docker("ENV GRADIO_SERVER_NAME=0.0.0.0\n", ""),
         "app.py": APP.format(launch='server_name="0.0.0.0"')},
    ),
    "loopback-told-by-compose": (
        "deploy.loopback-in-container",
        {"Dockerfile": docker("ENV GRADIO_SERVER_NAME=0.0.0.0\n", ""), "compose.yaml": COMPOSE}, "compose.yaml:2",
        {"Dockerfile": docker("ENV GRADIO_SERVER_NAME=0.0.0.0\n", ""),
         "compose.yaml": COMPOSE + "    environment: [GRADIO_SERVER_NAME=0.0.0.0]\n"},
    ),
    "loopback-told-by-the-source": (
        "deploy.loopback-in-container", {**GOOD, "app.py": APP.format(launch='server_name="127.0.0.1"')},
        "compose.yaml:2", GOOD,
    ),
    "loopback-of-uvicorn": (
        "deploy.loopback-in-container",
        {"Dockerfile": GUNICORN.format(command="uvicorn app:app --port 7860"), "app.py": MOUNTED}, "Dockerfile:8",
        {"Dockerfile": GUNICORN.format(command="uvicorn app:app --port 7860 --host 0.0.0.0"), "app.py": MOUNTED},
    ),
    "loopback-behind-a-host-network": (
        "deploy.loopback-in-container",
        {"Dockerfile": docker("ENV GRADIO_SERVER_NAME=0.0.0.0\n", ""), "compose.yaml": COMPOSE}, "compose.yaml:2",
        {"Dockerfile": docker("ENV GRADIO_SERVER_NAME=0.0.0.0\n", ""),
         "compose.yaml": COMPOSE + "    network_mode: host\n"},
    ),
    "port": (
        "deploy.port-leads-nowhere", {**GOOD, "compose.yaml": COMPOSE.replace(":7860", ":8000")}, "compose.yaml:5",
        {**GOOD, "compose.yaml": COMPOSE.replace(":7860", ":8000") + "    environment: {GRADIO_SERVER_PORT: 8000}\n"},
    ),
    "port-declared": (
        "deploy.port-declared-wrong", {"Dockerfile": docker("EXPOSE 7860", "EXPOSE 80")}, "Dockerfile:6",
        {"Dockerfile": docker("EXPOSE 7860", "EXPOSE 80"), "app.py": APP.format(launch="server_port=80")},
    ),
    "no-memory-limit": (
        "deploy.no-memory-limit", {**GOOD, "compose.yaml": COMPOSE.replace("    mem_limit: 4g\n", "")},
        "compose.yaml:2", GOOD,
    ),
    "memory-start": (
        "deploy.memory-below-start", {**GOOD, "k8s/app.yaml": manifest("memory: 4Gi", "memory: 64Mi")}, "app.yaml:15",
        {**GOOD, "k8s/app.yaml": manifest("memory: 4Gi", "memory: 512Mi")},
    ),
    "memory-model": (
        "deploy.memory-below-model",
        {"Dockerfile": DOCKERFILE, "app.py": BIG, "compose.yaml": COMPOSE.replace("4g", "2g")}, "compose.yaml:6",
        {"Dockerfile": DOCKERFILE, "app.py": BIG, "compose.yaml": COMPOSE},
    ),
    "shm": (
        "deploy.small-shm", {"Dockerfile": DOCKERFILE, "app.py": LOADER, "compose.yaml": COMPOSE}, "compose.yaml:2",
        {"Dockerfile": DOCKERFILE, "app.py": LOADER, "compose.yaml": COMPOSE + "    shm_size: 2g\n"},
    ),
    "proxy": (
        "deploy.proxy-without-exemption",
        {"Dockerfile": docker("EXPOSE", "ENV http_proxy=http://proxy:3128\nEXPOSE")}, "Dockerfile:6",
        {"Dockerfile": docker("EXPOSE", "ENV http_proxy=http://proxy:3128 no_proxy=localhost,127.0.0.1\nEXPOSE")},
    ),
    "root": (
        "deploy.runs-as-root", {"Dockerfile": docker("USER 1000\n", "")}, "Dockerfile:1", {"Dockerfile": DOCKERFILE},
    ),
    "privileged": (
        "deploy.privileged", {**GOOD, "compose.yaml": COMPOSE + "    privileged: true\n"}, "compose.yaml:7", GOOD,
    ),
    "sync-worker": (
        "deploy.sync-worker",
        {"Dockerfile": GUNICORN.format(command="gunicorn -b 0.0.0.0:7860 app:app"), "app.py": MOUNTED}, "Dockerfile:8",
        {"Dockerfile": GUNICORN.format(command="gunicorn -b 0.0.0.0:7860 -k uvicorn.workers.UvicornWorker app:app"),
         "app.py": MOUNTED},
    ),
    "sync-worker-of-its-file": (
        "deploy.sync-worker",
        {"Dockerfile": GUNICORN.format(command="gunicorn app:app"), "app.py": MOUNTED,
         "gunicorn.conf.py": "bind = '0.0.0.0:7860'\nworker_class = 'gevent'\n"}, "gunicorn.conf.py:2",
        {"Dockerfile": GUNICORN.format(command="gunicorn app:app"), "app.py": MOUNTED,
         "gunicorn.conf.py": "bind = '0.0.0.0:7860'\nworker_class = 'uvicorn.workers.UvicornWorker'\n"},
    ),
    "workers": (
        "deploy.many-workers",
        {"Dockerfile": GUNICORN.format(command="uvicorn app:app --host 0.0.0.0 --port 7860 --workers 4"),
         "app.py": MOUNTED}, "Dockerfile:8",
        {"Dockerfile": GUNICORN.format(command="uvicorn app:app --host 0.0.0.0 --port 7860 --workers 1"),
         "app.py": MOUNTED},
    ),
    "workers-by-environment": (
        "deploy.many-workers",
        {"Dockerfile": ASGI.replace("USER", "ENV WEB_CONCURRENCY=3\nUSER"), "app.py": MOUNTED}, "Dockerfile:7",
        {"Dockerfile": DOCKERFILE.replace("USER", "ENV WEB_CONCURRENCY=3\nUSER")},  # python app.py reads no such thing
    ),
    "replicas": (
        "deploy.many-replicas", {**GOOD, "k8s/app.yaml": manifest("replicas: 1", "replicas: 3")}, "app.yaml:6",
        {**GOOD, "k8s/app.yaml": manifest("replicas: 1", "replicas: 3").replace(
            "spec:\n  selector: {app: demo}", "spec:\n  sessionAffinity: ClientIP\n  selector: {app: demo}")},
    ),
    "no-route": (
        "deploy.probe-without-route", {**GOOD, "k8s/app.yaml": manifest("path: /gradio_api/user", "path: /healthz")},
        "app.yaml:20", GOOD,
    ),
    "no-route-for-docker": (
        "deploy.probe-without-route", {"Dockerfile": docker("USER 1000", HEALTH.format(flags="-f", path="/health"))},
        "Dockerfile:7", {"Dockerfile": docker("USER 1000", HEALTH.format(flags="-s", path="/health"))},
    ),
    "no-route-but-an-own-one": (
        "deploy.probe-without-route", {**GOOD, "k8s/app.yaml": manifest("path: /gradio_api/user", "path: /healthz")},
        "app.yaml:20",
        {**GOOD, "k8s/app.yaml": manifest("path: /gradio_api/user", "path: /healthz"), "app.py": MOUNTED},
    ),
    "login": (
        "deploy.probe-needs-login",
        {**GOOD, "k8s/app.yaml": manifest("path: /,", "path: /config,"), "app.py": LOGIN}, "app.yaml:16",
        {**GOOD, "k8s/app.yaml": manifest("path: /,", "path: /config,")},
    ),
    "pool": (
        "deploy.liveness-in-pool", {**GOOD, "k8s/app.yaml": manifest("path: /gradio_api/user", "path: /")},
        "app.yaml:20",
        {**GOOD, "k8s/app.yaml": manifest("path: /gradio_api/user", "path: /"), "app.py": ROOMY},
    ),
    "impatient": (
        "deploy.liveness-impatient",
        {**GOOD, "app.py": BIG, "k8s/app.yaml": manifest(STARTUP, "")}, "app.yaml:19", {**GOOD, "app.py": BIG},
    ),
    "wrong-port": (
        "deploy.probe-asks-wrong-port",
        {**GOOD, "k8s/app.yaml": manifest("{tcpSocket: {port: http}", "{tcpSocket: {port: 80}")},
        "app.yaml:17", GOOD,
    ),
    "readiness": (
        "deploy.no-readiness",
        {**GOOD, "k8s/app.yaml": manifest(STARTUP, "").replace(READY, "")},
        "app.yaml:12", {**GOOD, "k8s/app.yaml": manifest(READY, "")},  # no pod is ready before its start-up probe is
    ),
    "notify": (
        "deploy.waits-for-notice", {"demo.service": SERVICE.replace("Type=exec", "Type=notify")}, "demo.service:5",
        {"demo.service": SERVICE},
    ),
    "procfile": (
        "deploy.ignores-port", {"Procfile": "web: python app.py\n"}, "Procfile:1",
        {"Procfile": "web: python app.py\n", "app.py": PORT_APP},
    ),
    "pins": (
        "deploy.gradio-unpinned", {"requirements.txt": "torch\ngradio\n"}, "requirements.txt:2",
        {"requirements.txt": "torch\ngradio~=6.31\n"},
    ),
    "pins-locked": (
        "deploy.gradio-unpinned", {"requirements.txt": "gradio>=4\n"}, "requirements.txt:1",
        {"requirements.txt": "gradio>=4\n", "uv.lock": ""},
    ),
    "image": (
        "deploy.image-floating", {"Dockerfile": docker("python:3.12-slim", "python")}, "Dockerfile:1",
        {"Dockerfile": docker("python:3.12-slim", "python@sha256:abc")},
    ),
    "space": (
        "deploy.space-conflict", {"README.md": SPACE.format(version="5.0.1"), "requirements.txt": "gradio==4.44.1\n"},
        "README.md:4", {"README.md": SPACE.format(version="4.44.1"), "requirements.txt": "gradio>=4,<5\n"},
    ),
    "space-file": (
        "deploy.space-file-missing", {"README.md": SPACE.format(version="5.0.1").replace("app.py", "main.py")},
        "README.md:5", {"README.md": SPACE.format(version="5.0.1")},
    ),
    "secret": (
        "deploy.secret-in-file", {"Dockerfile": docker("EXPOSE", "ENV HF_TOKEN=hf_abcdefghijklmnopqrst\nEXPOSE")},
        "Dockerfile:6", {"Dockerfile": docker("EXPOSE", "ENV HF_TOKEN=${HF_TOKEN} HF_HOME=/cache\nEXPOSE")},
    ),
    "public": (
        "deploy.public-without-auth", {**GOOD, "compose.yaml": COMPOSE.replace("127.0.0.1:", "")}, "compose.yaml:5",
        {**GOOD, "compose.yaml": COMPOSE.replace("127.0.0.1:", ""), "app.py": LOGIN},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_is_foreseen(case: str, tmp_path: Path, loaded: Loaded) -> None:
    name, files, place, _ = CASES[case]
    found = audit(tmp_path, files, loaded)
    assert told(found, name) == [place]
    prediction = next(p for p in found.predictions if p.finding == name)
    assert place in prediction.text.en and place in prediction.text.zh
    assert prediction.fix and prediction.fix.en and prediction.fix.zh and prediction.causes
    assert "{" not in prediction.text.en
    assert (found.verdict, found.causes) == ("healthy", ())


@pytest.mark.parametrize("case", CASES)
def test_its_twin_is_silent(case: str, tmp_path: Path, loaded: Loaded) -> None:
    name, _, _, files = CASES[case]
    assert told(audit(tmp_path, files, loaded), name) == []


def test_a_good_deployment_is_not_spoken_of(tmp_path: Path, loaded: Loaded) -> None:
    found = audit(tmp_path, GOOD, loaded)
    assert [p.finding for p in found.predictions] == []
    assert {r.outcome for r in found.checks if r.id.startswith("deploy-")} <= {"clear"}


def test_every_finding_of_the_audit_has_a_case(loaded: Loaded) -> None:
    known = {name for name in loaded.knowledge.findings if name.startswith("deploy.")}
    assert known - {case[0] for case in CASES.values()} == {"deploy.killed-while-starting"}


@pytest.mark.parametrize("files", [
    {"Dockerfile": "FROM python:3.12\nCMD [\"python\", \"other.py\"]\n"},
    {"Dockerfile": "FROM private.example.com/base:1\nCMD [\"python\", \"app.py\"]\nUSER 1\n"},
    {"Dockerfile": "FROM python:3.12\nENTRYPOINT [\"./start.sh\"]\nUSER 1\n"},
    {"Dockerfile": "FROM python:3.12\nCMD python app.py --server-name 0.0.0.0\nUSER 1\n"},
    {"compose.yaml": "services:\n  db: {image: postgres:16, environment: {POSTGRES_PASSWORD: hunter2secret}}\n"},
])
def test_of_what_is_not_known_nothing_is_said(files: Files, tmp_path: Path, loaded: Loaded) -> None:
    assert audit(tmp_path, files, loaded).predictions == ()


def test_a_start_longer_than_the_probe_waits(tmp_path: Path, loaded: Loaded) -> None:
    audit(tmp_path, {**GOOD, "k8s/app.yaml": manifest("failureThreshold: 60", "failureThreshold: 1")}, loaded)
    deployment = read_deployment(str(tmp_path / "app.py"))
    run = Run(("python", "app.py"), str(tmp_path), 1, "serving", 25.0)

    def found(seconds: float) -> list[Finding]:
        return list(named(loaded, "deploy-start")(deployment=deployment, run=replace(run, seconds=seconds)))

    assert isinstance(deployment, Deployment)
    (one,) = found(25.0)
    assert (one.id, one.facts["took"], one.facts["seconds"]) == ("deploy.killed-while-starting", "25", "10")
    assert found(4.0) == []


def test_predictions_are_weak_evidence(loaded: Loaded) -> None:
    """They are about another place: none may weigh more than three times for the cause that it foretells."""
    for cause in loaded.knowledge.causes.values():
        for name, link in cause.links.items():
            if name.startswith("deploy."):
                leak = loaded.knowledge.findings[name].leak
                assert (1 - (1 - leak) * (1 - link)) / leak < 5, name
