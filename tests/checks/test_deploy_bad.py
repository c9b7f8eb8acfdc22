"""Bad deployments of many kinds: all that the audit says of each, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.deployed import Files, audit, every
from tests.probes.deploy_files import APP, COMPOSE, DOCKERFILE, MANIFEST, MOUNTED, SERVICE

BARE = DOCKERFILE.replace("ENV GRADIO_SERVER_NAME=0.0.0.0\n", "")
ROOT = DOCKERFILE.replace("USER 1000\n", "")
SERVED = DOCKERFILE.replace('CMD ["python", "app.py"]', "CMD {command}")
LOCAL = APP.format(launch='server_name="127.0.0.1"')
LIST = "apiVersion: v1\nkind: List\nitems:\n"


def serve(command: str, **more: str) -> Files:
    return {"Dockerfile": SERVED.format(command=command), "app.py": MOUNTED} | {
        k.replace("__", "."): v for k, v in more.items()}


def health(command: str) -> Files:
    return {"Dockerfile": DOCKERFILE.replace("USER 1000", f"HEALTHCHECK CMD {command}\nUSER 1000")}


def secret(line: str) -> Files:
    return {"Dockerfile": DOCKERFILE.replace("EXPOSE", f"ENV {line}\nEXPOSE")}


BAD: dict[str, tuple[Files, list[str]]] = {
    # the address
    "loopback": ({"Dockerfile": BARE}, ["deploy.loopback-in-container Dockerfile:7"]),
    "loopback-beside-another-program": (
        {"Dockerfile": BARE, "compose.yaml": "services:\n  db: {image: 'postgres:16', env_file: x}\n"},
        ["deploy.loopback-in-container Dockerfile:7"]),
    "loopback-in-a-shell": ({"Dockerfile": BARE.replace('["python", "app.py"]', "echo 'a; b' && exec python app.py")},
                            ["deploy.loopback-in-container Dockerfile:7"]),
    "loopback-behind-tini": ({"Dockerfile": BARE.replace('CMD ["python", "app.py"]',
                                                         'ENTRYPOINT ["tini", "--"]\nCMD python app.py')},
                             ["deploy.loopback-in-container Dockerfile:8"]),
    "loopback-of-two-parts": ({"Dockerfile": BARE.replace('CMD ["python", "app.py"]',
                                                          'ENTRYPOINT ["python"]\nCMD ["app.py"]')},
                              ["deploy.loopback-in-container Dockerfile:8"]),
    "loopback-of-the-last-stage": (
        {"Dockerfile": "FROM python:3.12 AS base\nENV GRADIO_SERVER_NAME=0.0.0.0\nFROM python:3.12\nUSER 7\n"
                       'CMD ["python", "app.py"]\n'}, ["deploy.loopback-in-container Dockerfile:5"]),
    "loopback-in-spite-of-an-env-file": (
        {"Dockerfile": BARE, "compose.yaml": f"{COMPOSE}    env_file: app.env\n", "app.env": "A=1\n"},
        ["deploy.loopback-in-container compose.yaml:2"]),
    "loopback-by-an-env-file": (
        {"Dockerfile": DOCKERFILE, "compose.yaml": f"{COMPOSE}    env_file: app.env\n",
         "app.env": "GRADIO_SERVER_NAME=127.0.0.1\n"}, ["deploy.loopback-in-container compose.yaml:2"]),
    "loopback-told-by-the-source": ({"Dockerfile": DOCKERFILE, "app.py": LOCAL},
                                    ["deploy.loopback-in-container Dockerfile:8"]),
    "loopback-of-uvicorn-with-flags": (serve("uvicorn --reload --no-access-log app:app --port 7860"),
                                       ["deploy.loopback-in-container Dockerfile:8"]),
    "loopback-of-a-built-stage": (
        {"Dockerfile": BARE.replace("slim\n", "slim AS web\n") + "FROM web AS test\nCMD pytest\n",
         "compose.yaml": COMPOSE.replace("build: .", "build: {context: ., target: web}")},
        ["deploy.loopback-in-container compose.yaml:2"]),
    "loopback-of-a-list": (
        {"Dockerfile": BARE, "k8s/a.yaml": LIST + "".join(
            "- " + d.strip().replace("\n", "\n  ") + "\n" for d in MANIFEST.split("---"))},
        ["deploy.loopback-in-container a.yaml:15"]),
    # ports
    "port-beside-one-of-udp": (
        {"Dockerfile": DOCKERFILE, "compose.yaml": COMPOSE.replace(":7860", ":8000").replace(
            "ports:\n", "ports:\n      - 53:53/udp\n")}, ["deploy.port-leads-nowhere compose.yaml:6"]),
    "port-in-the-long-form": (
        {"Dockerfile": DOCKERFILE, "compose.yaml": COMPOSE.replace('"127.0.0.1:8080:7860"',
                                                                   "{target: 8000, host_ip: 127.0.0.1}")},
        ["deploy.port-leads-nowhere compose.yaml:5"]),
    "port-of-a-variable": (
        {"Dockerfile": DOCKERFILE, ".env": "INSIDE=8000\n",
         "compose.yaml": COMPOSE.replace(":7860", ":${INSIDE}")}, ["deploy.port-leads-nowhere compose.yaml:5"]),
    "port-declared": (serve("gunicorn -k asgi -b 0.0.0.0:8000 app:app"), ["deploy.port-declared-wrong Dockerfile:6"]),
    "port-of-a-space": (
        {**serve("uvicorn --host 0.0.0.0 --port 8000 app:app"),
         "README.md": "---\ntitle: x\nsdk: docker\napp_port: 7860\n---\n"},
        ["deploy.port-declared-wrong Dockerfile:6", "deploy.port-leads-nowhere README.md:4"]),
    "port-of-a-space-by-default": (
        {**serve("uvicorn --host 0.0.0.0 --port 8000 app:app"), "README.md": "---\nsdk: docker\n---\n"},
        ["deploy.port-declared-wrong Dockerfile:6", "deploy.port-leads-nowhere README.md:2"]),
    # memory
    "memory-of-a-default": ({"Dockerfile": DOCKERFILE, "compose.yaml": COMPOSE.replace("4g", "${MEM:-32m}")},
                            ["deploy.memory-below-start compose.yaml:6"]),
    "memory-of-an-override": (
        {"Dockerfile": DOCKERFILE, "compose.yaml": COMPOSE,
         "compose.override.yaml": "services:\n  web:\n    mem_limit: 16m\n"},
        ["deploy.memory-below-start compose.override.yaml:3"]),
    "no-memory-limit-by-an-anchor": (
        {"Dockerfile": DOCKERFILE, "compose.yaml": "x-a: &a\n  build: .\nservices:\n  web: *a\n"},
        ["deploy.no-memory-limit compose.yaml:4"]),
    # rights
    "root": ({"Dockerfile": ROOT}, ["deploy.runs-as-root Dockerfile:1"]),
    "root-by-name": ({"Dockerfile": DOCKERFILE.replace("1000", "root")}, ["deploy.runs-as-root Dockerfile:7"]),
    "root-in-compose": ({"Dockerfile": ROOT, "compose.yaml": COMPOSE}, ["deploy.runs-as-root Dockerfile:1"]),
    "root-told-by-compose": ({"Dockerfile": DOCKERFILE, "compose.yaml": f"{COMPOSE}    user: '0:0'\n"},
                             ["deploy.runs-as-root compose.yaml:7"]),
    "root-told-by-a-manifest": (
        {"Dockerfile": DOCKERFILE, "k8s/a.yaml": MANIFEST.replace(
            "ports: [{name", "securityContext: {runAsUser: 0, privileged: true}\n          ports: [{name")},
        ["deploy.privileged a.yaml:14", "deploy.runs-as-root a.yaml:14"]),
    "root-told-by-systemd": ({"a.service": SERVICE.replace("User=demo", "User=root")},
                             ["deploy.runs-as-root a.service:6"]),
    # workers
    "sync-with-flags": (serve("gunicorn --capture-output --preload -b 0.0.0.0:7860 app:app"),
                        ["deploy.sync-worker Dockerfile:8"]),
    "workers-with-flags": (serve("gunicorn -R -k asgi --reuse-port -b 0.0.0.0:7860 -w4 app:app"),
                           ["deploy.many-workers Dockerfile:8"]),
    "workers-of-its-file": (
        serve("gunicorn -c gunicorn_prod.py -k asgi app:app", gunicorn_prod__py="bind = '0.0.0.0:7860'\nworkers = 4\n",
              gunicorn_dev__py="workers = 1\n"), ["deploy.many-workers gunicorn_prod.py:2"]),
    "replicas": ({"Dockerfile": DOCKERFILE, "compose.yaml": f"{COMPOSE}    deploy: {{replicas: 3}}\n"},
                 ["deploy.many-replicas compose.yaml:7"]),
    # probes
    "no-route-for-curl": (health("curl -fsS http://localhost:7860/healthz || exit 1"),
                          ["deploy.probe-without-route Dockerfile:7"]),
    "no-route-for-wget": (health("wget -q --spider http://127.0.0.1:7860/health"),
                          ["deploy.probe-without-route Dockerfile:7"]),
    "no-route-for-requests": (
        health("python -c \"import requests; requests.get('http://localhost:7860/ping').raise_for_status()\""),
        ["deploy.probe-without-route Dockerfile:7"]),
    "no-route-for-compose": (
        {"Dockerfile": DOCKERFILE, "compose.yaml": f"{COMPOSE}    healthcheck:\n      test: [CMD-SHELL, "
         "'curl -f http://localhost:7860/health || exit 1']\n"}, ["deploy.probe-without-route compose.yaml:8"]),
    "wrong-port-for-curl": (health("curl -f http://localhost:8000/"), ["deploy.probe-asks-wrong-port Dockerfile:7"]),
    "wrong-port-for-http": (health("curl -f http://localhost:8000/health"),
                            ["deploy.probe-asks-wrong-port Dockerfile:7"]),
    # secrets, images, versions
    **{f"secret-{n}": (secret(line), ["deploy.secret-in-file Dockerfile:6"]) for n, line in enumerate((
        "HF_TOKEN=hf_abcdefghijklmnopqrst", "HF_TOKEN hf_abcdefghijklmnopqrst",
        "OPENAI_API_KEY='sk-proj-Ab12Cd34Ef56Gh78'",
        "A=1 DB_PASSWORD=q7Lw9zT4kXv2", "SECRET_KEY=django-insecure-9x8c7v6b",
    ))},
    "secret-in-a-default": (
        {"Dockerfile": DOCKERFILE, "compose.yaml": f"{COMPOSE}    environment:\n      A: b\n"
         "      HF_TOKEN: ${HF_TOKEN:-hf_abcdefghijklmnopqrst}\n"}, ["deploy.secret-in-file compose.yaml:9"]),
    "secret-in-a-drop-in": (
        {"a.service": SERVICE, "a.service.d/x.conf": "[Service]\n\nEnvironment=HF_TOKEN=hf_abcdefghijklmnopqrst\n"},
        ["deploy.secret-in-file x.conf:3"]),
    "secret-in-a-procfile": (
        {"Procfile": "job: sleep 1\nweb: HF_TOKEN=hf_abcdefghijklmnopqrst GRADIO_SERVER_PORT=$PORT python app.py\n"},
        ["deploy.secret-in-file Procfile:2"]),
    "secret-in-a-config-map": (
        {"Dockerfile": DOCKERFILE, "k8s/a.yaml": MANIFEST.replace("ports: [{name",
                "envFrom: [{configMapRef: {name: s}}]\n"
                                                                  "          ports: [{name")
         + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata:\n  API_KEY: q7Lw9zT4kXv2Bn8R\n"},
        ["deploy.secret-in-file a.yaml:35"]),
    "a-latest-base": ({"Dockerfile": DOCKERFILE.replace("3.12-slim", "latest")},
        ["deploy.image-floating Dockerfile:1"]),
    "a-floating-service": ({"compose.yaml": "services:\n  web:\n    image: registry.example.com/web\n"
                                            "    command: python app.py\n    mem_limit: 4g\n"},
                           ["deploy.image-floating compose.yaml:3"]),
    "no-pin": ({"requirements.txt": "torch==2.5\ngradio>=4\n"}, ["deploy.gradio-unpinned requirements.txt:2"]),
    "a-space-without-its-file": ({"README.md": "---\nsdk: gradio\nsdk_version: 6.31.0\napp_file: main.py\n---\n"},
                                 ["deploy.space-file-missing README.md:4"]),
    # services
    "notify": ({"a.service": SERVICE.replace("Type=exec", "Type=notify")}, ["deploy.waits-for-notice a.service:5"]),
    "notify-by-a-drop-in": ({"a.service": SERVICE, "a.service.d/x.conf": "[Service]\nType=forking\n"},
                            ["deploy.waits-for-notice x.conf:2"]),
    "a-platforms-port": ({"Procfile": "job: sleep 1\nweb: python app.py\n"}, ["deploy.ignores-port Procfile:2"]),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_said_of_a_bad_deployment(case: str, tmp_path: Path, loaded: Loaded) -> None:
    files, expected = BAD[case]
    found = audit(tmp_path, files, loaded)
    assert sorted(every(found)) == expected
    assert (found.verdict, found.causes) == ("healthy", ())
