# ruff: noqa: E501 - the lines are printed that long
"""Clients that are outdated, gone, or of another version."""

from __future__ import annotations

import http.server
import threading
import traceback

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab

LOOKUP = '''\
Traceback (most recent call last):
  File "/venv/lib/python3.10/site-packages/gradio/routes.py", line 414, in run_predict
    output = await app.get_blocks().process_api(
  File "/venv/lib/python3.10/site-packages/gradio/blocks.py", line 1326, in process_api
    data = self.postprocess_data(fn_index, result["prediction"], state)
  File "/venv/lib/python3.10/site-packages/gradio/blocks.py", line 1242, in postprocess_data
    {line}
{error}
'''
CASES = [
    ("client.version-mismatch", "GR job failed: server rejected WebSocket connection: HTTP 403"),
    ("client.version-mismatch", 'INFO:     127.0.0.1:5 - "WebSocket /queue/join" 403'),
    ("client.version-mismatch", 'ValueError: Could not fetch api info for https://x.hf.space/: {"detail":"Not Found"}'),
    ("client.version-mismatch", "The client is using an unsupported version of the Socket.IO or Engine.IO protocols (further occurrences"),
    ("client.version-mismatch", "ValueError: Cannot find a function with `api_name`: /predict."),
    ("client.disconnected", "starlette.requests.ClientDisconnect"),
    ("client.disconnected", "starlette.websockets.WebSocketDisconnect: 1006"),
    ("client.stale-page", "Failed to fetch dynamically imported module: https://x/assets/index-abcd.js"),
    ("client.stale-page", "Reconnected to server, but the server has changed. You may need to refresh the page."),
]
PROACTOR = '''\
Exception in callback _ProactorBasePipeTransport._call_connection_lost(None)
handle: <Handle _ProactorBasePipeTransport._call_connection_lost(None)>
Traceback (most recent call last):
  File "C:\\Python310\\lib\\asyncio\\events.py", line 80, in _run
    self._context.run(self._callback, *self._args)
  File "C:\\Python310\\lib\\asyncio\\proactor_events.py", line 165, in _call_connection_lost
    self._sock.shutdown(socket.SHUT_RDWR)
ConnectionResetError: [WinError 10054] An existing connection was forcibly closed by the remote host
'''


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("read"))


@pytest.mark.parametrize(("cause", "line"), CASES)
def test_a_line_means_its_cause(cause: str, line: str, reader: Lab) -> None:
    assert reader.read(line + "\n").first == cause


@pytest.mark.parametrize("text", [PROACTOR, '1.1.1.1 - - [x] "POST /queue/join HTTP/1.1" 499 0 "-" "-"\n'])
def test_everyday_partings_raise_nothing(text: str, reader: Lab) -> None:
    assert reader.read("* Running on local URL:  http://127.0.0.1:7860\n" + text * 3).first == ""


def test_a_client_that_left_is_information_and_no_error(loaded: Loaded) -> None:
    assert loaded.knowledge.causes["client.disconnected"].severity == "info"


@pytest.mark.parametrize(
    ("line", "error", "key"),
    [
        ("block = self.blocks[output_id]", "KeyError: 9249", "9249"),
        ("block_fn = self.fns[fn_index]", "KeyError: 12", "12"),
        ("dependency = self.dependencies[fn_index]", "IndexError: list index out of range", ""),
    ],
)
def test_a_number_that_this_run_does_not_have(line: str, error: str, key: str, reader: Lab) -> None:
    read = reader.read(LOOKUP.format(line=line, error=error))
    assert read.first == "client.stale-page"
    assert read.findings["client.unknown-number"].facts["key"] == key


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("block = self.blocks[output_id]", "KeyError: 'name'"),
        ("prediction = settings[name]", "KeyError: 12"),
        ("block = self.blocks[output_id]", "AttributeError: 'NoneType' object has no attribute 'blocks'"),
    ],
)
def test_other_lookups_are_no_stale_page(line: str, error: str, reader: Lab) -> None:
    read = reader.read(LOOKUP.format(line=line, error=error))
    assert "client.unknown-number" not in read.findings
    assert read.first != "client.stale-page"


def test_a_real_client_before_a_server_that_is_no_gradio(reader: Lab) -> None:
    from gradio_client import Client

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the text is what matters
            Client(f"http://127.0.0.1:{server.server_address[1]}", verbose=False)
    finally:
        server.shutdown()
        server.server_close()
    text = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    read = reader.read(text)
    assert "proxy.config-not-loaded" in read.findings
    assert read.first in ("proxy.root-path", "proxy.upstream-down", "client.version-mismatch")
