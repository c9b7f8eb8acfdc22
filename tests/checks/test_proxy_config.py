"""What is said of proxies' configurations, from made-up evidence: the certain faults, the predictions, and silence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.evidence import (
    Absent,
    AppSource,
    Environment,
    HttpAnswer,
    HttpAnswers,
    Instances,
    Interpreter,
    Listener,
    Listeners,
    Process,
    Processes,
    Proxies,
    ProxyProcess,
    Route,
)
from gradio_doctor.registry import load
from gradio_doctor.sdk import Finding
from tests.probes.proxies_lab import http, nginx

CHECKS = {c.id: c for c in load(plugins=False).checks if c.id.startswith("proxy-config-")}
APP = Process(4711, 1, "python", ("python", "app.py"), "me", 0.0, "sleeping", script="/srv/app.py")
NODE = Process(4712, 4711, "node", ("node", "build"), "me", 0.0, "sleeping")


def listener(port: int, host: str = "127.0.0.1", pid: int = 4711, family: Any = 4) -> Listener:
    return Listener(host, port, family, port, 0, holders=(pid,) if pid else ())


def routes(directory: Path, text: str) -> tuple[Route, ...]:
    found, unread = nginx(directory, http(text))
    assert not unread
    return found


def run(
    name: str, proxies: Proxies, *sockets: Listener, version: str = "6.31.0", base: str = "http://127.0.0.1:7860",
    source: AppSource | None = None, variables: dict[str, str] | None = None, command: Iterable[str] = ("python",),
) -> list[Finding]:
    """The seen findings of one check."""
    app = replace(APP, command=tuple(command))
    answer = HttpAnswer("loop", "HEAD", base, "answered", 0.0, 405)
    evidence: dict[str, object] = {
        "proxies": proxies,
        "instances": Instances("/srv/app.py", (app,)),
        "listeners": Listeners(sockets or (listener(7860),)),
        "processes": Processes({p.pid: p for p in (app, NODE)}, 0.0),
        "http": HttpAnswers(base, (answer,), version=version) if version else Absent("silent"),
        "interpreter": Interpreter("python", (3, 11, 0), "test", (("gradio", version or "6.31.0"),)),
        "source": source or Absent("none"),
        "environment": Environment(variables or {}, "this shell"),
    }
    check = CHECKS[name]
    return [f for f in check(**{n.parameter: evidence[n.parameter] for n in check.needs}) if f.seen]


def of(directory: Path, text: str, matched: str = "port", **more: Any) -> Proxies:
    found = routes(directory, text)
    return Proxies((), found, found, matched, **more)


def to(address: str, around: str = "", inside: str = "") -> str:
    location = f"location / {{ proxy_pass {address}; proxy_set_header Host $http_host; {inside} }}"
    return f"{around} server {{ listen 80; {location} }}"


# -- where it leads ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("address", "sockets", "wanted"), [
    ("http://127.0.0.1:7860", [listener(7860)], []),
    ("http://localhost:7860", [listener(7860)], []),
    ("http://localhost:7860", [listener(7860, "::1", family=6)], []),
    ("http://0.0.0.0:7860", [listener(7860)], []),
    ("http://127.0.0.1:7861", [listener(7860)], ["proxy.route-misses-app"]),
    ("http://[::1]:7860", [listener(7860)], ["proxy.route-misses-app"]),
    ("http://10.0.0.5:7860", [listener(7860)], ["proxy.route-outer-address"]),
    ("http://10.0.0.5:7860", [listener(7860, "0.0.0.0")], []),
    ("http://10.0.0.6:7861", [listener(7860)], []),  # another machine: nobody can tell
    ("http://app:7861", [listener(7860)], []),
    ("http://127.0.0.1:4180", [listener(7860), listener(4180, pid=99)], []),  # a login proxy between them, perhaps
    ("http://127.0.0.1:4180", [listener(7860), listener(4180, pid=0)], []),
    ("http://127.0.0.1:7860", [listener(7861), listener(7860, pid=4712)], []),  # Gradio's own Node server
    ("http://unix:/nowhere/app.sock", [listener(7860)], ["proxy.route-socket-missing"]),
])
def test_where_a_route_leads(tmp_path: Path, address: str, sockets: list[Listener], wanted: list[str]) -> None:
    for matched in ("named", "name", "port"):
        found = run("proxy-config-target", of(tmp_path, to(address), matched, addresses=("10.0.0.5",)), *sockets)
        assert [f.id for f in found] == wanted, matched


def test_one_route_that_arrives_is_enough(tmp_path: Path) -> None:
    text = to("http://127.0.0.1:7861") + to("http://127.0.0.1:7860")
    assert not run("proxy-config-target", of(tmp_path, text))


def test_what_is_not_running_is_not_judged(tmp_path: Path) -> None:
    assert not run("proxy-config-target", of(tmp_path, to("http://127.0.0.1:7861")), listener(80, pid=99))


def test_a_route_that_may_be_anybodys_is_only_hinted_at(tmp_path: Path) -> None:
    (found,) = run("proxy-config-target", of(tmp_path, to("http://127.0.0.1:7861"), "only"))
    assert found.id == "proxy.may-miss-app"
    assert load(plugins=False).knowledge.is_prediction(found.id)
    assert not run("proxy-config-target", Proxies((), routes(tmp_path, to("http://127.0.0.1:7861"))))


def test_the_finding_names_the_line_and_mends_the_block(tmp_path: Path) -> None:
    text = to("http://127.0.0.1:7861/", inside="\nproxy_read_timeout 60s;")
    (found,) = run("proxy-config-target", of(tmp_path, text, "named"))
    assert found.location is not None
    assert (found.location.file, found.location.line) == (f"{tmp_path}/nginx.conf", 3)
    assert found.facts["block"].splitlines() == [
        "location / {", "    proxy_pass http://127.0.0.1:7860/;", "    proxy_set_header Host $http_host;",
        "    proxy_read_timeout 60s;", "}",
    ]


@pytest.mark.parametrize(("neighbours", "wanted"), [((80,), ["proxy.route-own-loopback"]), ((80, 7860), [])])
def test_a_proxy_in_a_container(tmp_path: Path, neighbours: tuple[int, ...], wanted: list[str]) -> None:
    inside = ProxyProcess(7, "nginx", (80,), apart=True, neighbours=neighbours)
    found = tuple(replace(r, pid=7) for r in routes(tmp_path, to("http://127.0.0.1:7860")))
    assert [f.id for f in run("proxy-config-target", Proxies((inside,), found, found, "port"))] == wanted


def test_a_proxy_in_a_container_that_asks_the_machine(tmp_path: Path) -> None:
    inside = ProxyProcess(7, "nginx", (80,), apart=True)
    found = tuple(replace(r, pid=7) for r in routes(tmp_path, to("http://172.17.0.1:7860")))
    proxies = Proxies((inside,), found, found, "port", addresses=("172.17.0.1",))
    assert [f.id for f in run("proxy-config-target", proxies)] == ["proxy.route-outer-address"]
    assert not run("proxy-config-target", proxies, listener(7860, "0.0.0.0"))


@pytest.mark.parametrize(("address", "base", "wanted"), [
    ("http://127.0.0.1:7860", "http://127.0.0.1:7860", False),
    ("https://127.0.0.1:7860", "http://127.0.0.1:7860", True),
    ("https://127.0.0.1:7860", "https://127.0.0.1:7860", False),
    ("http://127.0.0.1:7860", "https://127.0.0.1:7860", True),
    ("https://127.0.0.1:7861", "http://127.0.0.1:7860", False),
    ("https://other:7860", "http://127.0.0.1:7860", False),
])
def test_what_it_speaks(tmp_path: Path, address: str, base: str, wanted: bool) -> None:
    assert bool(run("proxy-config-scheme", of(tmp_path, to(address)), base=base)) is wanted


# -- what it would break -----------------------------------------------------------------------------------------------

STREAM, LIMITS = "proxy-config-stream", "proxy-config-limits"


@pytest.mark.parametrize(("check", "around", "inside", "wanted"), [
    (STREAM, "gzip on; gzip_types text/event-stream;", "", "proxy.may-hold-stream"),
    (STREAM, "gzip on; gzip_types *;", "", "proxy.may-hold-stream"),
    (STREAM, "gzip on; gzip_types *;", "proxy_buffering off;", ""),
    (STREAM, "gzip on; gzip_types *;", "gzip off;", ""),
    (STREAM, "gzip on; gzip_types text/css application/json;", "", ""),
    (STREAM, "gzip on;", "", ""),
    (STREAM, "", "proxy_buffering on;", ""),
    (STREAM, "", "proxy_buffering off;", ""),
    (STREAM, "", "proxy_read_timeout 14s;", "proxy.may-cut-stream"),
    (STREAM, "proxy_read_timeout 5;", "", "proxy.may-cut-stream"),
    (STREAM, "proxy_read_timeout 5;", "proxy_read_timeout 1h;", ""),
    (STREAM, "", "proxy_read_timeout 15s;", ""),
    (LIMITS, "client_max_body_size 10m;", "", ""),
    (LIMITS, "client_max_body_size 0;", "", ""),
    (LIMITS, "client_max_body_size 512k;", "", "proxy.may-refuse-upload"),
    (LIMITS, "", "", "proxy.may-refuse-upload"),
    (LIMITS, "client_max_body_size 9m; large_client_header_buffers 4 2k;", "", "proxy.may-refuse-cookies"),
    (LIMITS, "client_max_body_size 9m; large_client_header_buffers 4 16k;", "", ""),
    (LIMITS, "client_max_body_size 9m; limit_req_zone $binary_remote_addr zone=a:1m rate=5r/s;", "limit_req zone=a;",
     "proxy.may-refuse-page"),
    (LIMITS, "client_max_body_size 9m; limit_req_zone $remote_addr zone=a:1m rate=60r/m;", "limit_req zone=a burst=5;",
     "proxy.may-refuse-page"),
    (LIMITS, "client_max_body_size 9m; limit_req_zone $binary_remote_addr zone=a:1m rate=5r/s;",
     "limit_req zone=a burst=100;", ""),
    (LIMITS, "client_max_body_size 9m; limit_req_zone $binary_remote_addr zone=a:1m rate=100r/s;",
     "limit_req zone=a;", ""),
    (LIMITS, "client_max_body_size 9m; limit_req_zone $limited zone=a:1m rate=1r/s;", "limit_req zone=a;", ""),
    (LIMITS, "client_max_body_size 9m; limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s;",
     "limit_req zone=a; limit_req_dry_run on;", ""),
    (LIMITS, "client_max_body_size 9m; proxy_cache_path /c keys_zone=z:1m;", "proxy_cache z; proxy_cache_valid 200 1m;",
     "proxy.may-serve-stale"),
    (LIMITS, "client_max_body_size 9m; proxy_cache_path /c keys_zone=z:1m;", "proxy_cache z;", ""),
    (LIMITS, "client_max_body_size 9m; proxy_cache_path /c keys_zone=z:1m;",
     "proxy_cache z; proxy_cache_valid 404 1m;", ""),
    (LIMITS, "client_max_body_size 9m; proxy_cache z; proxy_cache_valid 1m;", "proxy_cache off;", ""),
    (LIMITS, "client_max_body_size 9m; proxy_cache z; proxy_cache_valid 1m;", "proxy_no_cache 1;", ""),
    (LIMITS, "client_max_body_size 9m; proxy_cache z; proxy_cache_valid 1m;", "proxy_cache_key $uri$http_cookie;", ""),
])
def test_predictions(tmp_path: Path, check: str, around: str, inside: str, wanted: str) -> None:
    proxies = of(tmp_path, to("http://127.0.0.1:7860", around, inside))
    assert [f.id for f in run(check, proxies)] == ([wanted] if wanted else [])
    assert not run(check, replace(proxies, matched="only"))


def test_settings_of_the_location_that_takes_the_stream_count(tmp_path: Path) -> None:
    place = "location {} {{ proxy_pass http://127.0.0.1:7860; {} }}"
    short, long = "proxy_read_timeout 5s;", "proxy_read_timeout 1h;"
    text = f"server {{ listen 80; {place.format('/', short)} {place.format('/gradio_api/queue/', long)} }}"
    assert not run(STREAM, of(tmp_path, text))
    text = f"server {{ listen 80; {place.format('/', long)} {place.format('/gradio_api/', short)} }}"
    assert [f.location.line for f in run(STREAM, of(tmp_path, text)) if f.location] == [3]
    text = f"server {{ listen 80; {place.format('/', short)} {place.format('~ queue', long)} }}"
    assert not run(STREAM, of(tmp_path, text))  # a pattern may take it: nobody can tell


@pytest.mark.parametrize(("version", "inside", "wanted"), [
    ("3.50.2", "", True),
    ("3.50.2", 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";', False),
    ("3.50.2", "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;", False),
    ("3.50.2", "proxy_set_header Upgrade $http_upgrade;", True),
    ("4.44.1", "", False), ("6.31.0", "", False),
])
def test_only_gradio_3_needs_websockets(tmp_path: Path, version: str, inside: str, wanted: bool) -> None:
    proxies = of(tmp_path, to("http://127.0.0.1:7860", inside=inside))
    found = run("proxy-config-websocket", proxies, version=version)
    assert [f.id for f in found] == (["proxy.may-refuse-websocket"] if wanted else [])
    if wanted:
        assert "proxy_set_header Connection upgrade;" in found[0].facts["block"]


def test_a_version_that_nobody_knows_is_not_judged(tmp_path: Path) -> None:
    proxies = of(tmp_path, to("http://127.0.0.1:7860", "gzip on; gzip_types *;"))
    check = CHECKS[STREAM]
    assert not list(check(proxies=proxies, http=Absent(""), interpreter=Absent("")))
    installed = Interpreter("python", (3, 11, 0), "test", (("gradio", "5.1"),))
    assert list(check(proxies=proxies, http=Absent(""), interpreter=installed))
