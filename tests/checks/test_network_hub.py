"""Whose request failed: tracebacks of real clients against servers of ours that are down, refuse or cut off."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab, Read
from tests.lab.harness import environment
from tests.ports import free_port

HUB = """
from huggingface_hub import {what}
def load():
    return {call}
load()
"""
LOOKS = HUB.format(what="HfApi", call="HfApi().model_info('somebody/model')")  # asks once
LOADS = HUB.format(what="hf_hub_download", call="hf_hub_download('somebody/model', 'config.json')")
TALKS = """
import httpx
def ask(text):
    return httpx.post("{url}", json={{"text": text}}, timeout=2).json()
ask("hello")
"""
PLAIN = """
import urllib.request
def ask():
    return urllib.request.urlopen("{url}", timeout=2).read()
ask()
"""
REQUEST, REMOTE = "network.hub-request-failed", "network.remote-request-failed"
REFUSED = "network.hub-refused-request"


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("hub"))


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    """A hub that answers everything 401, as the real one does for a gated model without a token."""

    class Refuses(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("X-Error-Message", "Access to model somebody/model is restricted")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - the standard library's name

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def printed(folder: Path, source: str, **env: str) -> str:
    """What a program prints that fails."""
    (folder / "app.py").write_text(source)
    clean = {k: v for k, v in environment(**env).items() if k != "HF_HUB_OFFLINE"} | {"HF_HOME": str(folder / "hf")}
    done = subprocess.run(
        [sys.executable, str(folder / "app.py")], capture_output=True, text=True, timeout=60, cwd=folder, check=False,
        env=clean | {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_ETAG_TIMEOUT": "2"},
    )
    assert done.returncode == 1 and "Traceback" in done.stderr, done.stderr
    return done.stderr


def network(read: Read) -> set[str]:
    return {REQUEST, REMOTE, REFUSED} & set(read.findings)


def test_a_hub_that_is_down(reader: Lab, tmp_path: Path) -> None:
    """A connection refused is the hub's when its client asked, and names the library and the user's line."""
    read = reader.read(printed(tmp_path, LOOKS, HF_ENDPOINT=f"http://127.0.0.1:{free_port()}"))
    assert read.first == "network.hub-unreachable", (dict(read.causes), sorted(read.findings))
    found = read.findings[REQUEST]
    assert found.facts["library"] == "huggingface_hub"
    assert found.location is not None and (found.location.file, found.location.line) == (str(tmp_path / "app.py"), 4)
    assert not {REMOTE, "app.ended-by-exception", "network.remote-host-unreachable"} & set(read.findings)


def test_a_hub_that_refuses_is_no_failing_network(reader: Lab, tmp_path: Path, refusing: str) -> None:
    text = printed(tmp_path, LOADS, HF_ENDPOINT=refusing)
    assert "401" in text
    read = reader.read(text)
    assert read.first == "network.hub-auth", (dict(read.causes), sorted(read.findings))
    assert not {REQUEST, REMOTE} & set(read.findings)


def test_a_service_of_somebody_elses(reader: Lab, tmp_path: Path) -> None:
    """The same refused connection by the same client, asked by the app itself: not a hub."""
    read = reader.read(printed(tmp_path, TALKS.format(url=f"http://127.0.0.1:{free_port()}/v1/answer")))
    assert REQUEST not in read.findings and read.first == "network.api-unreachable", dict(read.causes)


def test_a_silent_service(reader: Lab, tmp_path: Path) -> None:
    """ReadTimeout instead of ConnectError: the same question, the same answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        text = printed(tmp_path, TALKS.format(url=url).replace("timeout=2", "timeout=0.3"))
    assert "ReadTimeout" in text
    read = reader.read(text)
    assert REQUEST not in read.findings and read.first == "network.api-unreachable"


def test_without_a_library_nobody_can_tell_what_it_was_for(reader: Lab, tmp_path: Path) -> None:
    """urllib downloads models and talks to services alike; its own line stays the evidence."""
    read = reader.read(printed(tmp_path, PLAIN.format(url=f"http://127.0.0.1:{free_port()}/")))
    assert network(read) == set()
    assert read.first, sorted(read.findings)


# -- paths and chains that cannot be made here: libraries that are not installed

SITE = "/srv/venv/lib/python3.11/site-packages/"


def traceback(kind: str, *frames: tuple[str, str], message: str = "[Errno 111] Connection refused") -> str:
    lines = [f'  File "{file}", line {n}, in {function}\n    call()\n' for n, (file, function) in enumerate(frames, 7)]
    return "Traceback (most recent call last):\n" + "".join(lines) + f"{kind}: {message}\n"


OWN = ("/srv/app.py", "predict")


@pytest.mark.parametrize(("file", "library"), [
    (SITE + "transformers/utils/hub.py", "transformers"), (SITE + "nltk/downloader.py", "nltk"),
    (SITE + "torch/hub.py", "torch"), (SITE + "gradio/external.py", "gradio"),
    (SITE.replace("/", "\\") + "modelscope\\hub\\api.py", "modelscope"),
])
@pytest.mark.parametrize("kind", ["requests.exceptions.ConnectionError", "urllib.error.URLError", "httpx.ReadTimeout"])
def test_libraries_that_download(kind: str, file: str, library: str, reader: Lab) -> None:
    read = reader.read(traceback(kind, OWN, (file, "get"), (SITE + "requests/adapters.py", "send")))
    assert network(read) == {REQUEST}
    assert read.findings[REQUEST].facts["library"] == library


@pytest.mark.parametrize(
    "file", ["huggingface_hub/inference/_client.py", "gradio/tunneling.py", "openai/_base_client.py"]
)
def test_libraries_that_only_talk(file: str, reader: Lab) -> None:
    """The hub's inference client asks a model to answer; nothing is downloaded."""
    read = reader.read(traceback("httpx.ConnectError", OWN, (SITE + file, "post"), (SITE + "httpx/_client.py", "send")))
    assert REQUEST not in read.findings


TALKERS = [
    ("ConnectionRefusedError", "websockets/client.py", "[Errno 111] Connect call failed ('10.0.0.9', 8000)"),
    ("TimeoutError", "asyncpg/connection.py", ""),
    ("ConnectionRefusedError", "grpc/_channel.py", "[Errno 111] refused"),
    ("ssl.SSLError", "aiohttp/connector.py", "[SSL] record layer failure"),
    ("weaviate.exceptions.ConnectionError", "weaviate/connect.py", "down"),
]


@pytest.mark.parametrize(("kind", "file", "message"), TALKERS)
def test_what_no_line_tells_the_library_does(kind: str, file: str, message: str, reader: Lab) -> None:
    """An everyday exception of the network: who was talking is only in the frames."""
    read = reader.read(traceback(kind, OWN, (SITE + file, "send"), message=message))
    assert network(read) == {REMOTE} and read.first == "network.api-unreachable"
    assert read.findings[REMOTE].facts["library"] == file.partition("/")[0]
    alone = reader.read(traceback(kind, OWN, ("/srv/helpers.py", "send"), message=message))
    assert network(alone) == set()


def test_an_exception_of_another_kind_is_none_of_the_network(reader: Lab) -> None:
    read = reader.read(traceback("KeyError", OWN, (SITE + "huggingface_hub/file_download.py", "get"), message="'x'"))
    assert network(read) == set()


def test_telemetry_that_fails_harms_nobody(reader: Lab) -> None:
    frames = ((SITE + "gradio/analytics.py", "_do_analytics_request"), (SITE + "httpx/_client.py", "send"))
    assert network(reader.read(traceback("httpx.ConnectError", *frames))) == set()


def test_the_first_failure_is_told_once(reader: Lab) -> None:
    """A handler that fails at every click prints the same traceback again; later ones of another kind do not count."""
    hub = traceback("requests.exceptions.ConnectionError", OWN, (SITE + "nltk/downloader.py", "get"))
    other = traceback("TimeoutError", OWN, (SITE + "asyncpg/connection.py", "send"), message="")
    assert network(reader.read(hub + "INFO: next\n" + other)) == {REQUEST}
    assert network(reader.read(other + "INFO: next\n" + hub)) == {REMOTE}
