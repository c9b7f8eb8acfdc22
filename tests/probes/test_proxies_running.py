"""Finding the proxies that run here, and the routes of the app among theirs: real nginx and Caddy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.evidence import Absent, Process, Processes, Proxies, Route, Target, Upstream, WantedAddress
from gradio_doctor.probes.base import Options
from gradio_doctor.probes.proxies.matching import App, ours
from gradio_doctor.probes.proxies.probe import ports_of_namespace, probe_proxies
from gradio_doctor.probes.proxies.running import Running, option, running_proxies
from tests.checks.nginx_lab import NGINX
from tests.ports import free_port
from tests.probes.conftest import Lab

MAIN = """pid {dir}/nginx.pid; daemon off; user root; error_log {dir}/error.log;
events {{ }}
http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; include sites/*.conf; }}
"""
Started = list[subprocess.Popen[bytes]]
CADDY = Path(sys.executable).with_name("caddyserver")


@pytest.fixture
def nginx_files(tmp_path: Path) -> tuple[Path, int]:
    port = free_port()
    (tmp_path / "ng/sites").mkdir(parents=True)
    (tmp_path / "ng/nginx.conf").write_text(MAIN.format(dir=tmp_path / "ng"))
    return tmp_path / "ng", port


@pytest.fixture
def nginxes() -> Iterator[Started]:
    """What nginx writes over its command line takes the environment with it, by which the lab knows its own."""
    started: Started = []
    yield started
    for one in started:
        one.terminate()
        one.wait(10)


def site(directory: Path, port: int, target: int) -> None:
    text = f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{target}; }} }}\n"
    (directory / "sites/site.conf").write_text(text)


@pytest.mark.parametrize("arguments", [
    ["-p", "{dir}", "-c", "{dir}/nginx.conf"], ["-p", "{dir}", "-c", "nginx.conf"], ["-p", "{dir}/", "-cnginx.conf"],
])
def test_a_running_nginx_with_its_routes(
    lab: Lab, make_context: Callable[..., Any], nginx_files: tuple[Path, int], nginxes: Started, arguments: list[str],
) -> None:
    directory, port = nginx_files
    lab.write("app.py")
    pid, app_port = lab.serve()
    site(directory, port, app_port)
    started = lab.start(str(NGINX), *(a.format(dir=directory) for a in arguments), "-e", f"{directory}/error.log")
    nginxes.append(started)
    context = make_context(Target("process", str(pid), pid=pid))
    lab.wait(lambda: _listens(make_context, started.pid, port))
    found = probe_proxies(context)
    assert isinstance(found, Proxies)
    mine = next(p for p in found.processes if p.pid == started.pid)
    assert (mine.kind, mine.ports, mine.config, mine.apart) == ("nginx", (port,), f"{directory}/nginx.conf", False)
    assert found.matched == "port"
    assert [(r.file, r.line, r.pid, r.listens) for r in found.ours] == [
        (f"{directory}/sites/site.conf", 1, started.pid, (f"127.0.0.1:{port}",)),
    ]
    assert found.local("127.0.0.1")
    assert found.process(started.pid) == mine


def _listens(make_context: Callable[..., Any], pid: int, port: int) -> bool:
    found = probe_proxies(make_context())
    return isinstance(found, Proxies) and any(p.pid == pid and port in p.ports for p in found.processes)


def test_a_running_caddy_with_the_file_of_its_directory(
    lab: Lab, make_context: Callable[..., Any], tmp_path: Path
) -> None:
    port = free_port()
    (tmp_path / "Caddyfile").write_text(
        f"{{\n\tadmin off\n\tauto_https off\n}}\nhttp://127.0.0.1:{port} {{\n\treverse_proxy 127.0.0.1:7861\n}}\n"
    )
    environment = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    lab.start(str(CADDY), "run", env=environment, stderr=subprocess.DEVNULL)

    def caddys() -> list[Route]:
        found = probe_proxies(make_context())
        return [r for r in found.routes if r.kind == "caddy"] if isinstance(found, Proxies) else []

    lab.wait(lambda: any(p.ports for p in _caddys_processes(make_context)))
    route = next(r for r in caddys() if r.file == f"{tmp_path}/Caddyfile")
    assert (route.line, route.listens, route.upstreams[0].url) == (6, (f"*:{port}",), "http://127.0.0.1:7861")


def _caddys_processes(make_context: Callable[..., Any]) -> list[Any]:
    found = probe_proxies(make_context())
    return [p for p in found.processes if p.kind == "caddy"] if isinstance(found, Proxies) else []


def test_a_proxy_in_another_network(
    lab: Lab, make_context: Callable[..., Any], nginx_files: tuple[Path, int], nginxes: Started
) -> None:
    directory, port = nginx_files
    site(directory, port, 7861)
    text = (directory / "sites/site.conf").read_text().replace(f"127.0.0.1:{port}", f"0.0.0.0:{port}")
    (directory / "sites/site.conf").write_text(text)
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    started = lab.start(*unshare, str(NGINX), "-p", str(directory), "-c", "nginx.conf", "-e", f"{directory}/e")
    nginxes.append(started)

    def apart() -> bool:
        found = probe_proxies(make_context())
        return isinstance(found, Proxies) and any(
            p.pid == started.pid and p.apart and port in p.neighbours for p in found.processes
        )

    lab.wait(apart)
    assert port not in ports_of_namespace(os.getpid())


def test_without_a_proxy_there_is_nothing(make_context: Callable[..., Any]) -> None:
    found = probe_proxies(make_context(evidence={Processes: Processes({}, 0.0)}))
    assert isinstance(found, Absent)
    assert not found.unlock


def test_a_named_file_needs_no_process(make_context: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "site.conf"
    path.write_text("server { location / { proxy_pass http://127.0.0.1:7860; } }")
    context = make_context(evidence={Processes: Processes({}, 0.0)})
    context.options = Options(nginx_conf=str(path))
    found = probe_proxies(context)
    assert isinstance(found, Proxies)
    assert (found.matched, found.ours, found.processes) == ("named", found.routes, ())
    wanted = WantedAddress("127.0.0.1", (7860,), fixed=True, known=True, origin="")
    context = make_context(evidence={Processes: Processes({}, 0.0), WantedAddress: wanted})
    context.options = Options(nginx_conf=str(path))
    assert probe_proxies(context).matched == "port"  # type: ignore[union-attr]


# -- from a process table ----------------------------------------------------------------------------------------------

def process(pid: int, *command: str, exe: str, ppid: int = 1, cwd: str = "/srv", name: str = "") -> Process:
    return Process(pid, ppid, name or exe.rpartition("/")[2], command, "root", 0.0, "sleeping", cwd=cwd, exe=exe)


def seen(*processes: Process) -> list[Running]:
    return list(running_proxies(Processes({p.pid: p for p in processes}, 0.0), None))


@pytest.mark.parametrize(("command", "exe", "first"), [
    (("nginx: master process /usr/sbin/nginx -g daemon on; master_process on;",), "/usr/sbin/nginx",
     "/etc/nginx/nginx.conf"),
    (("nginx: master process nginx -c /srv/x.conf",), "/usr/sbin/nginx", "/srv/x.conf"),
    (("nginx: master process nginx -c x.conf -p /opt/ng",), "/usr/sbin/nginx", "/opt/ng/x.conf"),
    (("nginx: master process nginx -p /opt/ng",), "/usr/sbin/nginx", "/opt/ng/conf/nginx.conf"),
    (("nginx: master process nginx",), "/usr/local/nginx/sbin/nginx", "/usr/local/nginx/conf/nginx.conf"),
    (("nginx: master process openresty",), "/usr/local/openresty/nginx/sbin/nginx",
     "/usr/local/openresty/nginx/conf/nginx.conf"),
    (("nginx", "-c", "x.conf"), "/usr/sbin/nginx", "/srv/x.conf"),
    (("caddy", "run"), "/usr/bin/caddy", "/srv/Caddyfile"),
    (("caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"), "/usr/bin/caddy",
     "/etc/caddy/Caddyfile"),
    (("caddy", "run", "--config=c.json"), "/usr/bin/caddy", "/srv/c.json"),
    (("haproxy", "-Ws", "-f", "/etc/haproxy/haproxy.cfg", "-p", "/run/h.pid"), "/usr/sbin/haproxy",
     "/etc/haproxy/haproxy.cfg"),
    (("/usr/sbin/apache2", "-k", "start"), "/usr/sbin/apache2", "/etc/apache2/apache2.conf"),
    (("httpd", "-d", "/opt/h", "-f", "conf/httpd.conf"), "/usr/sbin/httpd", "/opt/h/conf/httpd.conf"),
])
def test_where_a_configuration_is_looked_for(command: tuple[str, ...], exe: str, first: str) -> None:
    assert seen(process(7, *command, exe=exe))[0].places[0] == first


def test_workers_are_not_proxies_of_their_own() -> None:
    master = process(7, "nginx: master process nginx", exe="/usr/sbin/nginx")
    worker = process(8, "nginx: worker process", exe="/usr/sbin/nginx", ppid=7)
    dead = replace(process(9, "nginx", exe="/usr/sbin/nginx"), state="zombie")
    other = process(10, "python", "nginx.py", exe="/usr/bin/python3", name="nginx")
    assert [r.process.pid for r in seen(master, worker, dead, other)] == [7]


def test_another_users_proxy_is_told_by_its_name() -> None:
    assert seen(process(7, "nginx: master process nginx", exe="", name="nginx"))[0].proxy.kind == "nginx"


@pytest.mark.parametrize(("words", "value"), [
    (("nginx", "-c", "a"), "a"), (("nginx", "-ca"), "a"), (("nginx",), ""), (("nginx", "-c"), ""),
])
def test_options(words: tuple[str, ...], value: str) -> None:
    assert option(words, "-c") == value


# -- which routes are the app's ----------------------------------------------------------------------------------------

def route(url_port: int | None = None, *, host: str = "127.0.0.1", socket: str = "", **more: Any) -> Route:
    return Route("nginx", more.pop("file", "/etc/nginx/nginx.conf"), 1, more.pop("listens", ("*:80",)),
                 upstreams=(Upstream("http", host, url_port, socket),), **more)


ROUTES: Mapping[str, Route] = {
    "live": route(7861), "wanted": route(7860), "other": route(9000), "far": route(7861, host="app"),
    "socket": route(socket="/run/app.sock"), "own": route(7861, host="10.0.0.5"),
    "there": route(9004, listens=("127.0.0.1:81",)),
    "named": route(9001, names=("shop.example.com",)), "path": route(9002, path="/shop/"),
    "file": route(9003, file="/etc/nginx/sites-enabled/shop.conf"),
}


@pytest.mark.parametrize(("names", "app", "wanted", "how"), [
    (["live", "wanted"], App(ports=frozenset({7861}), wanted=frozenset({7860})), ["live"], "port"),
    (["wanted", "other"], App(ports=frozenset({7861}), wanted=frozenset({7860})), ["wanted"], "port"),
    (["far", "other"], App(ports=frozenset({7861})), [], ""),
    (["own", "other"], App(ports=frozenset({7861}), addresses=frozenset({"10.0.0.5"})), ["own"], "port"),
    (["socket", "other"], App(commands=("gunicorn --bind unix:/run/app.sock app:app",)), ["socket"], "socket"),
    (["named", "other"], App(public="https://shop.example.com/"), [], ""),
    (["named", "other"], App(public="http://shop.example.com/"), ["named"], "public"),
    (["live", "there"], App(ports=frozenset({7861}), public="http://127.0.0.1:81/"), ["there"], "public"),
    (["live", "other"], App(ports=frozenset({7861}), public="http://www.example.com/"), ["live"], "port"),
    (["path", "other"], App(public="http://any/shop/"), ["path", "other"], "name"),
    (["path", "file", "other"], App(words=frozenset({"shop"})), ["path", "file"], "name"),
    (["named", "other"], App(words=frozenset({"shop"})), ["named"], "name"),
    (["other"], App(), ["other"], "only"),
    (["other", "named"], App(), [], ""),
    (["other", "named"], App(named=True), ["other", "named"], "named"),
])
def test_which_routes_are_the_apps(names: list[str], app: App, wanted: list[str], how: str) -> None:
    found, matched = ours(tuple(ROUTES[n] for n in names), app)
    assert (list(found), matched) == ([ROUTES[n] for n in wanted], how)
