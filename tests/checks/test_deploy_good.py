"""Good deployments of many kinds: the audit has nothing to say about any of them, beside what is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.probes.deploy import read_deployment
from gradio_doctor.registry import Loaded
from tests.checks.deployed import Files, audit, every
from tests.probes.deploy_files import APP, COMPOSE, DOCKERFILE, MANIFEST, MOUNTED, SERVICE

BARE = DOCKERFILE.replace("ENV GRADIO_SERVER_NAME=0.0.0.0\n", "")
OPEN_APP = APP.format(launch='server_name="0.0.0.0"')
NAME = "GRADIO_SERVER_NAME=0.0.0.0"
SERVED = DOCKERFILE.replace('CMD ["python", "app.py"]', "CMD {command}")
PREBUILT = "services:\n  web:\n    image: registry.example.com/web:1\n    mem_limit: 4g\n"
KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches: [{path: p.yaml}]\n"
SPACE = "---\nsdk: docker\napp_port: 7860\n---\n"
ENV = "{name: GRADIO_SERVER_NAME, value: 0.0.0.0}"
SIDECAR = "        - {name: proxy, image: 'nginx:1.27', resources: {limits: {memory: 64Mi}}}\n---\n"


def secret(line: str) -> Files:
    return {"Dockerfile": DOCKERFILE.replace("EXPOSE", f"ENV {line}\nEXPOSE")}


def serve(command: str, **more: str) -> Files:
    return {"Dockerfile": SERVED.format(command=command), "app.py": MOUNTED} | {
        k.replace("__", "."): v for k, v in more.items()}


def health(command: str) -> Files:
    return {"Dockerfile": DOCKERFILE.replace("USER 1000", f"HEALTHCHECK CMD {command}\nUSER 1000")}


GOOD: dict[str, Files] = {
    # the address
    "name-in-compose": {"Dockerfile": BARE, "compose.yaml": f"{COMPOSE}    environment: [{NAME}]\n"},
    "name-in-an-override": {"Dockerfile": BARE, "compose.yaml": COMPOSE,
                            "compose.override.yaml": f"services:\n  web:\n    environment: [{NAME}]\n"},
    "name-in-an-env-file": {"Dockerfile": BARE, "compose.yaml": f"{COMPOSE}    env_file: app.env\n", "app.env": NAME},
    "name-in-a-missing-env-file": {"Dockerfile": BARE, "compose.yaml": f"{COMPOSE}    env_file: .env\n"},
    "name-passed-through": {"Dockerfile": BARE, "compose.yaml": f"{COMPOSE}    environment: [GRADIO_SERVER_NAME]\n"},
    "name-for-a-prebuilt-image": {"Dockerfile": BARE, "compose.yaml": f"{PREBUILT}    environment: [{NAME}]\n"},
    "name-behind-extends": {"Dockerfile": BARE,
                            "compose.yaml": f"{COMPOSE}    extends: {{service: base, file: other.yaml}}\n"},
    "name-in-the-source": {"Dockerfile": BARE, "app.py": OPEN_APP},
    "name-in-the-old-form": {"Dockerfile": BARE.replace("EXPOSE", "ENV GRADIO_SERVER_NAME 0.0.0.0\nEXPOSE")},
    "name-in-front": {"Dockerfile": BARE.replace('["python", "app.py"]', f"{NAME} python app.py")},
    "name-of-an-argument": {"Dockerfile": BARE.replace("EXPOSE", "ARG N=0.0.0.0\nENV GRADIO_SERVER_NAME=$N\nEXPOSE")},
    "name-in-an-earlier-stage": {"Dockerfile": "FROM python:3.12 AS base\nENV GRADIO_SERVER_NAME=0.0.0.0\nUSER 7\n"
                                               'FROM base\nCMD ["python", "app.py"]\n'},
    "name-in-a-manifest": {"Dockerfile": BARE, "k8s/a.yaml": MANIFEST.replace("ports: [{name", f"env: [{ENV}]\n"
                                                                              "          ports: [{name")},
    "name-in-a-template": {"Dockerfile": BARE, "k8s/a.yaml": MANIFEST.replace("replicas: 1",
            "replicas: {{ .Values.n }}")},
    "name-in-a-patch": {"Dockerfile": BARE, "k8s/a.yaml": MANIFEST, "k8s/kustomization.yaml": KUSTOMIZATION},
    "shared": {"Dockerfile": BARE.replace("EXPOSE", "ENV GRADIO_SHARE=true\nEXPOSE")},
    "a-sidecar": {"Dockerfile": BARE, "k8s/a.yaml": MANIFEST.replace("---\n", SIDECAR, 1)},
    "another-app": {"Dockerfile": BARE.replace("app.py", "web/app.py"), "web/app.py": OPEN_APP},
    "a-test-stage-behind": {"Dockerfile": DOCKERFILE.replace("slim\n",
            "slim AS web\n") + "FROM web AS test\nCMD pytest\n",
                            "compose.yaml": COMPOSE.replace("build: .", "build: {context: ., target: web}")},
    "a-background-process": {"Dockerfile": BARE.replace('["python", "app.py"]', "python app.py & nginx")},
    # ports
    "port-in-compose": {"Dockerfile": DOCKERFILE.replace("EXPOSE 7860", "EXPOSE 8000"),
                        "compose.yaml": COMPOSE.replace(":7860",
                            ":8000") + "    environment: [GRADIO_SERVER_PORT=8000]\n"},
    "port-of-udp-too": {"Dockerfile": DOCKERFILE, "compose.yaml": COMPOSE.replace(
        "ports:\n", "ports:\n      - 53:53/udp\n")},
    "port-of-a-socket": serve("gunicorn -b unix:/run/a -k uvicorn.workers.UvicornWorker app:app"),
    "port-of-uvicorns-socket": serve("uvicorn app:app --uds /run/a"),
    "port-decided-outside": {"Dockerfile": DOCKERFILE, "compose.yaml": COMPOSE.replace(
        "127.0.0.1:8080:7860", "127.0.0.1:8080:${PORT:-8000}")},
    # rights
    "root-in-a-private-base": {"Dockerfile": DOCKERFILE.replace("USER 1000\n", "").replace(
        "FROM python:3.12-slim", "FROM registry.example.com/base:1")},
    "root-in-a-hardened-base": {"Dockerfile": DOCKERFILE.replace("USER 1000\n", "").replace(
        "FROM python:3.12-slim", "FROM cgr.dev/chainguard/python:3.12")},
    "root-in-micromamba": {"Dockerfile": DOCKERFILE.replace("USER 1000\n", "").replace(
        "FROM python:3.12-slim", "FROM mambaorg/micromamba:2.0")},
    "root-that-drops": {"Dockerfile": DOCKERFILE.replace("USER 1000\n", "").replace(
        '["python",', '["gosu", "app", "python",')},
    "root-of-compose": {"Dockerfile": DOCKERFILE.replace("USER 1000", "USER root"),
                        "compose.yaml": f"{COMPOSE}    user: '1000'\n"},
    "root-of-a-manifest": {"Dockerfile": DOCKERFILE.replace("USER 1000\n", ""), "k8s/a.yaml": MANIFEST.replace(
        "ports: [{name", "securityContext: {runAsNonRoot: true}\n          ports: [{name")},
    "port-of-a-space": {"Dockerfile": DOCKERFILE, "README.md": SPACE},
    "port-of-a-space-by-default": {"Dockerfile": DOCKERFILE, "README.md": "---\nsdk: docker\n---\n"},
    "port-of-a-space-of-its-own": {
        "Dockerfile": SERVED.replace("EXPOSE 7860", "EXPOSE 8000").format(
            command="uvicorn --host 0.0.0.0 --port 8000 app:app"),
        "app.py": MOUNTED, "README.md": SPACE.replace("7860", "8000")},
    "root-of-a-space": {"Dockerfile": DOCKERFILE.replace("USER 1000\n", ""), "README.md": SPACE},
    # images and versions
    "a-name-for-what-is-built": {"Dockerfile": DOCKERFILE, "compose.yaml": f"{COMPOSE}    image: demo:latest\n"},
    "a-digest": {"Dockerfile": DOCKERFILE.replace("3.12-slim", "latest@sha256:0123")},
    "a-tag-from-outside": {"Dockerfile": DOCKERFILE.replace("FROM python:3.12-slim", "ARG T\nFROM python:${T}")},
    "a-builder-that-floats": {"Dockerfile": "FROM node:latest AS ui\nRUN npm ci\n" + DOCKERFILE.lstrip()},
    "constraints": {"requirements.txt": "-c constraints/all.txt\ngradio\n"},
    "a-lock": {"requirements.txt": "gradio\n", "pylock.toml": ""},
    # secrets
    **{f"secret-{n}": secret(line) for n, line in enumerate((
        "HF_TOKEN=$TOKEN", "HF_TOKEN=changeme", "DB_PASSWORD_FILE=/run/secrets/db", "SSL_KEY=/etc/ssl/key.pem",
        "GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305", "API_KEY=__API_KEY__", "API_KEY=@@API_KEY@@",
        "HF_TOKEN_PATH=/data/hf/token", "SECRET_NAME=web-credentials", "COOKIE_NAME=demo-session",
        "DB_PASSWORD=postgres",
        "OPENAI_API_KEY=sk-no-key-required", "OPENAI_API_KEY=OPENAI_API_KEY", "AUTH=disabled-here",
        "API_KEY=vault:kv/web#k",
        "TOKENIZERS_PARALLELISM=false", "MAX_TOKENS=204800", "PUBLIC_KEY=abcdefghijklmnop", "API_KEY=%(ENV_API_KEY)s",
    ))},
    "secret-in-an-env-file": {"Dockerfile": DOCKERFILE, "compose.yaml": f"{COMPOSE}    env_file: app.env\n",
                              "app.env": "HF_TOKEN=hf_abcdefghijklmnopqrst\n"},
    # workers
    "asgi-worker-in-its-file": serve("gunicorn -c conf/gunicorn_prod.py app:app",
                                     gunicorn_prod__py="worker_class = 'uvicorn_worker.UvicornWorker'\n"
                                                       "bind = '0.0.0.0:7860'\n",
                                     gunicorn_dev__py="worker_class = 'sync'\nworkers = 4\n"),
    "a-file-that-is-not-here": serve("gunicorn -c /etc/gunicorn.py app:app"),
    "a-file-that-imports": serve("gunicorn app:app", gunicorn__conf__py="from base import *\n"),
    "a-file-that-decides": serve("gunicorn app:app", gunicorn__conf__py="bind = '0.0.0.0:7860'\nworker_class = 'sync'\n"
                                 "import os\nif os.environ.get('X'):\n"
                                 "    worker_class = 'uvicorn.workers.UvicornWorker'\n"),
    "hypercorn": serve("hypercorn -b 0.0.0.0:7860 app:app") | {},
    "replicas-behind-a-proxy": {"Dockerfile": DOCKERFILE, "compose.yaml": f"{COMPOSE}    scale: 3\n"
                                                                          "  front: {image: 'nginx:1.27'}\n"},
    "replicas-with-a-label": {"Dockerfile": DOCKERFILE, "compose.yaml": f"{COMPOSE}    scale: 3\n    labels:\n"
                              "      - traefik.http.services.web.loadbalancer.sticky.cookie=true\n"},
    # probes
    "any-answer-will-do": health("curl -s http://localhost:7860/health"),
    "any-answer-to-requests": health("python -c \"import requests; requests.get('http://localhost:7860/health')\""),
    "never-failing": health("curl -f http://localhost:7860/health || true"),
    "health-of-something-else": health("true"),
    "a-probe-of-the-page": health("curl -f http://localhost:7860/"),
    "a-probe-of-the-sidecar": {"Dockerfile": DOCKERFILE, "k8s/a.yaml": MANIFEST.replace("---\n", SIDECAR, 1).replace(
        "path: /gradio_api/user\n              port: http", "path: /healthz\n              port: 9000")},
    "readiness-by-start-up": {"Dockerfile": DOCKERFILE, "k8s/a.yaml": MANIFEST.replace(
        "          readinessProbe: {httpGet: {path: /, port: http}}\n", "")},
    # services
    "forked-in-the-background": {"a.service": SERVICE.replace("Type=exec", "Type=forking").replace(
        "/srv/venv/bin/python /srv/app.py", "/bin/sh -c 'python /srv/app.py &'")},
    "type-of-a-drop-in": {"a.service": SERVICE.replace("Type=exec", "Type=notify"),
                          "a.service.d/x.conf": "[Service]\nType=exec\n"},
    "port-of-a-procfile": {"Procfile": "web: GRADIO_SERVER_PORT=$PORT python app.py\nworker: python jobs.py\n"},
    "gunicorn-in-a-procfile": {"Procfile": "web: gunicorn -k asgi app:app\n", "app.py": MOUNTED},
    # a program beside it whose variables are not to be seen
    "another-program": {"Dockerfile": DOCKERFILE,
                        "compose.yaml": "services:\n  db: {image: 'postgres:16', env_file: x}\n"},
}


@pytest.mark.parametrize("case", GOOD)
def test_a_good_deployment_is_not_spoken_of(case: str, tmp_path: Path, loaded: Loaded) -> None:
    assert every(audit(tmp_path, GOOD[case], loaded)) == []
    unread = read_deployment(str(tmp_path / "app.py")).unread
    assert bool(unread) == (case in UNREADABLE), unread


UNREADABLE = ("name-in-a-template", "name-in-a-patch")


@pytest.mark.parametrize("call", [
    'AutoTokenizer.from_pretrained("org/Big-70B")', 'AutoConfig.from_pretrained("org/Big-70B")',
    'AutoModelForCausalLM.from_pretrained("org/Big-70B", device_map="cuda")',
])
def test_what_needs_no_memory_of_its_own(call: str, tmp_path: Path, loaded: Loaded) -> None:
    source = f"from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer\nx = {call}\n" + OPEN_APP
    files = {"Dockerfile": DOCKERFILE, "compose.yaml": COMPOSE, "app.py": source}
    assert every(audit(tmp_path, files, loaded)) == []
    larger = source.replace(call, 'AutoModelForCausalLM.from_pretrained("org/Big-70B")')
    found = every(audit(tmp_path, {**files, "app.py": larger}, loaded))
    assert found == ["deploy.memory-below-model compose.yaml:6"]
