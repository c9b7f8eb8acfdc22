# ruff: noqa: E501 - lines of logs are as long as they are
"""Whom ss, lsof, netstat and fuser name on the port, and who was refused where the app listens on loopback only."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.said import causes, events, named

TAKEN = """\
Traceback (most recent call last):
  File "/srv/ui/app.py", line 3, in <module>
    demo.launch(server_port=7860)
  File "/opt/venvs/g44/lib/python3.11/site-packages/gradio/http_server.py", line 154, in start_server
    raise OSError(
OSError: Cannot find empty port in range: 7860-7860. You can specify a different port by setting the GRADIO_SERVER_PORT environment variable or passing the `server_port` parameter to `launch()`.
"""
SS = 'LISTEN 0      511                *:7860            *:*    users:(("{program}",pid=30774,fd=19))\n'
LSOF = "{program:<9} 22783   root    4u  IPv4 221001      0t0  TCP *:7860 (LISTEN)\n"
NETSTAT = "tcp        0      0 0.0.0.0:7860            0.0.0.0:*               LISTEN      22783/{program}: master\n"
FUSER = "                     USER        PID ACCESS COMMAND\n7860/tcp:            root      31185 F.... {program}\n"


@pytest.mark.parametrize("shown", [SS, LSOF, NETSTAT, FUSER], ids=["ss", "lsof", "netstat", "fuser"])
@pytest.mark.parametrize("program", ["node", "nginx", "java", "docker-pr", "jupyter-l"])
def test_another_program_that_a_tool_names_holds_the_port(
    shown: str, program: str, loaded: Loaded, tmp_path: Path
) -> None:
    log = TAKEN + shown.format(program=program)
    assert causes(log, loaded, tmp_path)[0] == "port.foreign-process"
    (found,) = named(loaded, "port-named-holder")(events(log, loaded, tmp_path))
    assert (found.facts["command"], found.facts["port"]) == (program, "7860")


@pytest.mark.parametrize("program", ["python", "python3.11", "uvicorn", "gunicorn"])
def test_a_python_on_the_port_is_an_earlier_run(program: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(TAKEN + SS.format(program=program), loaded, tmp_path)[0] == "port.leftover-process"


def test_a_listener_on_another_port_says_nothing(loaded: Loaded, tmp_path: Path) -> None:
    log = events(TAKEN + SS.format(program="nginx").replace("7860", "8080"), loaded, tmp_path)
    assert list(named(loaded, "port-named-holder")(log)) == []


def test_a_list_of_listeners_alone_is_no_fault(loaded: Loaded, tmp_path: Path) -> None:
    assert causes(SS.format(program="node") + LSOF.format(program="nginx"), loaded, tmp_path) == []


@pytest.mark.parametrize("line", [
    "ERROR: for web  Cannot start service web: driver failed programming external connectivity on endpoint ui (0d): Bind for 0.0.0.0:7860 failed: port is already allocated",
    "docker: Error response from daemon: Ports are not available: exposing port TCP 0.0.0.0:7860 -> 0.0.0.0:0: listen tcp 0.0.0.0:7860: bind: Only one usage of each socket address (protocol/network address/port) is normally permitted.",
    "Error response from daemon: failed to bind host port for 0.0.0.0:7860:172.18.0.2:7860/tcp: address already in use",
])
def test_docker_cannot_publish_the_port(line: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(line + "\n", loaded, tmp_path)[0] == "port.foreign-process"


GRADIO = "* Running on local URL:  http://127.0.0.1:7860\n* To create a public link, set `share=True` in `launch()`.\n"
UVICORN = "INFO:     Uvicorn running on http://127.0.0.1:7860 (Press CTRL+C to quit)\n"
REFUSED = [
    "curl: (7) Failed to connect to 192.168.1.40 port 7860 after 0 ms: Couldn't connect to server",
    "curl: (7) Failed to connect to 10.0.0.4 port 7860: Connection refused",
    "Connecting to 10.0.0.4:7860... failed: Connection refused.",
    "nc: connect to 10.0.0.4 port 7860 (tcp) failed: Connection refused",
    '2024/05/05 10:00:00 [error] 31#31: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, server: , request: "GET / HTTP/1.1", upstream: "http://172.18.0.3:7860/", host: "ui"',
    'Warning  Unhealthy  12s (x18 over 3m2s)   kubelet   Readiness probe failed: Get "http://10.42.1.23:7860/": dial tcp 10.42.1.23:7860: connect: connection refused',
    'time="2024-05-05T10:00:00Z" level=debug msg="\'502 Bad Gateway\' caused by: dial tcp 172.18.0.4:7860: connect: connection refused"',
    "requests.exceptions.ConnectionError: HTTPConnectionPool(host='192.168.1.20', port=7860): Max retries exceeded with url: / (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))",
    "GET http://192.168.1.5:7860/ net::ERR_CONNECTION_REFUSED",
    "curl: (56) Recv failure: Connection reset by peer",
    "curl: (52) Empty reply from server",
    "2024-05-02T11:20:41Z proxy[3d8d] fra [error][PC01] instance refused connection. is your app listening on 0.0.0.0:8080? make sure it is not only listening on 127.0.0.1",
]


@pytest.mark.parametrize("start", [GRADIO, UVICORN], ids=["gradio", "uvicorn"])
@pytest.mark.parametrize("line", REFUSED)
def test_refused_elsewhere_while_it_listens_on_loopback(line: str, start: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(start + line + "\n", loaded, tmp_path)[0] == "port.loopback-only"


@pytest.mark.parametrize(("start", "line"), [
    (GRADIO.replace("127.0.0.1", "0.0.0.0"), REFUSED[0]),  # listens everywhere: something else is in the way
    (GRADIO, REFUSED[0].replace("7860", "8080")),  # another port
    (GRADIO, REFUSED[0].replace("192.168.1.40", "127.0.0.1")),  # asked on loopback: the app is gone
    (GRADIO + "Keyboard interruption in main thread... closing server.\n", REFUSED[0]),  # it had ended before
    ("", REFUSED[0]),
])
def test_other_refusals_do_not_blame_loopback(start: str, line: str, loaded: Loaded, tmp_path: Path) -> None:
    log = events(start + line + "\n", loaded, tmp_path)
    assert list(named(loaded, "port-reach")(log)) == []


def test_a_socket_list_shows_loopback_too(loaded: Loaded, tmp_path: Path) -> None:
    log = (
        "INFO:     Application startup complete.\n" + REFUSED[0] + "\n"
        "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n"
        "LISTEN 0      2048       127.0.0.1:7860      0.0.0.0:*          \n"
    )
    assert causes(log, loaded, tmp_path)[0] == "port.loopback-only"


@pytest.mark.parametrize("line", [
    "==> No open ports detected on 0.0.0.0, continuing to scan...",
    "Make sure your app is listening on 0.0.0.0",
])
def test_a_hoster_says_that_nobody_listens(line: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(line + "\n", loaded, tmp_path)[0] == "port.loopback-only"
