"""The address of a proxy as the target: it is the app behind it that is examined, and the proxy beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gradio_doctor.evidence import (
    Absent,
    Listener,
    Listeners,
    LocalListener,
    Process,
    Processes,
    Proxies,
    Route,
    Target,
    Upstream,
)
from gradio_doctor.probes.behind import look_behind, public_address
from tests.lab.harness import Lab, answers, doctor, environment, until, write_app
from tests.lab.proxied import HOST, nginx
from tests.lab.watching import Bench
from tests.probes.network_lab import Given

_OLD = '2026/01/01 10:00:00 [error] 1#1: *1 connect() failed (111: Connection refused) while connecting to upstream, ' \
       'client: 127.0.0.1, server: , request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:9/", host: "x"\n'


def test_well_then_hung_then_dead(bench: Bench, tmp_path: Path) -> None:
    """Old complaints of nginx about another server are nothing of this app's."""
    folder = tmp_path / "nginx"
    folder.mkdir()
    (folder / "error.log").write_text(_OLD)
    with nginx(folder, f"location / {{ proxy_pass http://127.0.0.1:{bench.port}; {HOST} }}") as url:
        for target in (url, url.rpartition(":")[2]):
            doctor("diagnose", target, cwd=tmp_path).assert_healthy()
        bench.call("sleeps", 30)
        until(lambda: not answers(bench.port), 5, "it does not block")
        hung = doctor("diagnose", url, cwd=tmp_path)
        top = hung.assert_first("blocking.event-loop")
        assert top["location"]["line"] == bench.line("# in the act")
        assert f"passes requests to port {bench.port}" in hung.stderr
        bench.process.kill()
        bench.process.wait(10)
        doctor("diagnose", url, cwd=tmp_path).assert_first("proxy.upstream-down")


PROXY = Process(5, 1, "nginx", ("nginx",), "root", 0.0, "sleeping", exe="/usr/sbin/nginx")
OTHER = Process(5, 1, "python", ("python", "app.py"), "me", 0.0, "sleeping", exe="/usr/bin/python3")


def behind(
    *upstreams: Upstream, matched: str = "public", holder: Process = PROXY, proxies: Proxies | None = None,
) -> int | None:
    route = Route("nginx", "/etc/nginx/nginx.conf", 3, ("*:80",), upstreams=upstreams)
    known = proxies or Proxies((), (route,), (route,), matched)
    sockets = Listeners((Listener("0.0.0.0", 80, 4, 9, 0, holders=(5,)),))
    table = Processes({5: holder}, 0.0)
    found = look_behind(Given(Target("url", "http://x", url="http://x", port=80), evidence=(sockets, table, known)))
    return found.port if found else None


def test_a_socket_leads_to_who_listens_on_it() -> None:
    table = Processes({5: PROXY}, 0.0)
    local = (LocalListener("/run/ui.sock", 8, (7, 9)), LocalListener("/run/other.sock", 6, (4,)))
    sockets = Listeners((Listener("0.0.0.0", 80, 4, 9, 0, holders=(5,)),), local=local)
    for path, pid in (("/run/ui.sock", 7), ("/run/gone.sock", None)):
        route = Route("nginx", "/etc/nginx/nginx.conf", 3, ("*:80",), upstreams=(Upstream("http", socket=path),))
        known = Proxies((), (route,), (route,), "public")
        found = look_behind(Given(Target("url", "x", url="http://x", port=80), evidence=(sockets, table, known)))
        assert (found.pid if found else None) == pid


def test_only_what_is_certain_is_followed() -> None:
    app = Upstream("http", "127.0.0.1", 7860)
    assert behind(app) == 7860
    assert behind(Upstream("http", "localhost", 7860)) == 7860
    assert behind(app, Upstream("http", "127.0.0.1", 7861)) is None  # taken in turn
    assert behind(app, matched="only") is None
    assert behind(app, holder=OTHER) is None
    assert behind(Upstream("http", "10.1.2.3", 7860)) is None
    assert behind(Upstream("http", socket="/run/app.sock")) is None
    assert behind(Upstream("http", "127.0.0.1", 80)) is None  # itself
    assert look_behind(Given(Target("url", "x", url="http://x", port=80), evidence=(Absent("no"),))) is None


@pytest.mark.parametrize(("target", "url"), [
    (Target("port", "8080", port=8080), "http://127.0.0.1:8080/"),
    (Target("url", "x", url="http://127.0.0.1:80/app", port=80), "http://127.0.0.1:80/app"),
    (Target("url", "x", url="https://example.com/"), ""), (Target("script", "app.py", script="/app.py"), ""),
    (Target("process", "5", pid=5), ""),
])
def test_which_targets_may_be_a_proxy(target: Target, url: str) -> None:
    assert public_address(target) == url


MOUNTED = """
    import gradio as gr
    from fastapi import FastAPI

    app = gr.mount_gradio_app(FastAPI(), gr.Interface(str.upper, "text", "text"), path="/ui")
"""


def test_an_app_that_has_a_socket_and_no_port(lab: Lab, tmp_path: Path) -> None:
    """uvicorn --uds behind nginx: it is asked over its socket, and a proxy that leads to another one is told so."""
    app = write_app(lab.directory, MOUNTED)
    command = [str(Path(sys.executable).with_name("uvicorn")), "app:app", "--uds", "ui.sock"]
    with (lab.directory / "app.log").open("ab") as log:
        server = subprocess.Popen(
            command, cwd=lab.directory, env=environment(), stdout=log, stderr=log, start_new_session=True,
        )
    lab.started.append(server.pid)
    socket = lab.directory / "ui.sock"
    until(lambda: socket.is_socket() and "complete" in (lab.directory / "app.log").read_text(), 40, "no socket")
    alone = doctor("diagnose", app, "--no-run", cwd=tmp_path)
    alone.assert_healthy()
    assert str(socket) in next(s["answer"] for s in alone.data["path"] if "port" in s["question"])
    place = "location / {{ proxy_pass http://unix:{}; " + HOST + " }}"
    with nginx(tmp_path / "right", place.format(socket)) as url:
        doctor("diagnose", server.pid, "--proxy", f"{url}/ui/", cwd=tmp_path).assert_healthy()
    with nginx(tmp_path / "wrong", place.format(lab.directory / "ui_old.sock")) as url:
        report = doctor("diagnose", server.pid, "--proxy", f"{url}/ui/", cwd=tmp_path)
    top = report.assert_first("proxy.wrong-upstream")
    assert "ui_old.sock" in top["says"] and f"the socket {socket}" in top["says"]
    assert f"proxy_pass http://unix:{socket};" in top["remedies"][0]["commands"][0]
