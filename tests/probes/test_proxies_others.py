"""Caddy, HAProxy and Apache, as far as their files are plain; what is not plain is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gradio_doctor.evidence import Route
from gradio_doctor.probes.proxies.apache import apache_routes
from gradio_doctor.probes.proxies.caddy import adapted, caddy_routes, is_trusted
from gradio_doctor.probes.proxies.caddy_json import json_routes
from gradio_doctor.probes.proxies.haproxy import haproxy_routes
from gradio_doctor.probes.proxies.reading import Files

CADDY = str(Path(sys.executable).with_name("caddyserver"))


def caddy(directory: Path, text: str, program: str = "") -> tuple[tuple[Route, ...], list[str]]:
    path, files = directory / "Caddyfile", Files()
    path.write_text(text)
    return caddy_routes(str(path), files, program), files.unread


def summary(routes: tuple[Route, ...]) -> list[tuple[tuple[str, ...], bool, tuple[str, ...], str, list[str]]]:
    return [(r.listens, r.tls, r.names, r.path, [u.url for u in r.upstreams]) for r in routes]


@pytest.mark.parametrize(("text", "wanted"), [
    ("example.com\nreverse_proxy localhost:7860\n",
     (("*:443",), True, ("example.com",), "/", ["http://localhost:7860"])),
    ("example.com {\n reverse_proxy 127.0.0.1:7860\n}",
     (("*:443",), True, ("example.com",), "/", ["http://127.0.0.1:7860"])),
    (":8080 {\n reverse_proxy :7860\n}", (("*:8080",), False, (), "/", ["http://localhost:7860"])),
    ("http://a.org, http://b.org {\n reverse_proxy https://h\n}",
     (("*:80",), False, ("a.org", "b.org"), "/", ["https://h:443"])),
    ("localhost:9000 {\n reverse_proxy unix//run/app.sock\n}",
     (("*:9000",), True, ("localhost",), "/", ["http://unix:/run/app.sock"])),
    ("{\n auto_https off\n}\na.org {\n reverse_proxy h:1\n}", (("*:80",), False, ("a.org",), "/", ["http://h:1"])),
    (":80 {\n handle_path /app/* {\n  reverse_proxy h:1\n }\n}", (("*:80",), False, (), "/app/", ["http://h:1/"])),
    (":80 {\n handle /app/* {\n  uri strip_prefix /app\n  reverse_proxy h:1\n }\n}",
     (("*:80",), False, (), "/app/", ["http://h:1/"])),
    (":80 {\n reverse_proxy /app h:1\n}", (("*:80",), False, (), "= /app", ["http://h:1"])),
    (":80 {\n @q path /queue/*\n reverse_proxy @q h:1 h:2\n}",
     (("*:80",), False, (), "/queue/", ["http://h:1", "http://h:2"])),
    (":80 {\n reverse_proxy {\n  to h:1-3\n }\n}",
     (("*:80",), False, (), "/", ["http://h:1", "http://h:2", "http://h:3"])),
    ("(app) {\n reverse_proxy h:1\n}\n:80 {\n import app\n}", (("*:80",), False, (), "/", ["http://h:1"])),
    (':80 { # remark\n reverse_proxy \\\n "h:1" `h:2`\n}', (("*:80",), False, (), "/", ["http://h:1", "http://h:2"])),
])
def test_plain_caddyfiles(tmp_path: Path, text: str, wanted: tuple[object, ...]) -> None:
    routes, unread = caddy(tmp_path, text)
    assert summary(routes) == [wanted]
    assert not unread


def test_lines_and_settings_of_a_caddyfile(tmp_path: Path) -> None:
    routes, _ = caddy(tmp_path, """:80 {
	encode gzip
	request_body {
		max_size 1MB
	}
	reverse_proxy h:1 {
		header_up Authorization "Basic dXNlcjpwYXNz"
		transport http {
			read_timeout 5s
		}
	}
}
""")
    (route,) = routes
    said = {s.name: (s.value, s.line) for s in route.settings}
    assert route.line == 6
    assert {n: said[n] for n in ("read_timeout", "max_size", "encode")} == {
        "read_timeout": ("5s", 9), "max_size": ("1MB", 4), "encode": ("gzip", 2),
    }
    assert "dXNlcjpwYXNz" not in repr(route)


@pytest.mark.parametrize("text", [
    ":80 {\n reverse_proxy {$APP}\n}", "{$SITE} {\n reverse_proxy h:1\n}", ":80 {\n import snippet arg\n}",
    ":80 {\n @a {\n  path /x/*\n  method GET\n }\n reverse_proxy @a h:1\n}",
    ":80 {\n reverse_proxy {\n  dynamic srv x\n }\n}",
])
def test_what_a_caddyfile_hides_is_said(tmp_path: Path, text: str) -> None:
    assert caddy(tmp_path, text)[1]


def test_caddy_itself_is_asked_where_its_file_is_not_plain(tmp_path: Path) -> None:
    text = ("(site) {\n\treverse_proxy {args[0]}\n}\n"
            "http://:8080 {\n\thandle_path /app/* {\n\t\timport site h:7860\n\t}\n}\n")
    routes, unread = caddy(tmp_path, text, CADDY)
    if is_trusted(CADDY):
        assert summary(routes) == [(("*:8080",), False, (), "/app/", ["http://h:7860/"])]
        assert not unread
    assert summary(json_routes(adapted(CADDY, str(tmp_path / "Caddyfile")), "Caddyfile", text)) == [
        (("*:8080",), False, (), "/app/", ["http://h:7860/"]),
    ]
    assert caddy(tmp_path, text)[1]


def test_only_a_program_that_nobody_else_can_change_is_run(tmp_path: Path) -> None:
    program = tmp_path / "caddy"
    program.write_text("#!/bin/sh\ntouch ran\n")
    program.chmod(0o777)
    assert not is_trusted(str(program))
    assert not is_trusted(str(tmp_path / "none"))
    text = ":80 {\n reverse_proxy {$APP}\n}"
    assert caddy(tmp_path, text, str(program))[1]
    assert not (tmp_path / "ran").exists()


def test_a_caddy_that_hangs_or_fails_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradio_doctor.probes.proxies import caddy as module

    monkeypatch.setattr(module, "_SECONDS", 0.3)
    for body in ("sleep 60", "exit 1", "echo no json", "yes"):
        program = tmp_path / "caddy"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        assert adapted(str(program), str(tmp_path / "Caddyfile")) is None
    assert adapted(str(tmp_path / "none"), str(tmp_path / "Caddyfile")) is None


def test_json_of_caddy(tmp_path: Path) -> None:
    path = tmp_path / "caddy.json"
    path.write_text('{"apps":{"http":{"servers":{"s":{"listen":[":443"],"routes":[{"match":[{"host":["a.org"]}],'
                    '"handle":[{"handler":"reverse_proxy","transport":{"protocol":"http","read_timeout":5000000000},'
                    '"upstreams":[{"dial":"h:1"},{"dial":"unix//run/s"}]}]}]}}}}}')
    (route,) = caddy_routes(str(path), Files(), "")
    assert summary((route,)) == [(("*:443",), True, ("a.org",), "/", ["http://h:1", "http://unix:/run/s"])]
    assert route.settings[0].value == "5s"


@pytest.mark.parametrize("text", [
    "", "{", "}}}}", "{{{{", '"', "a {\n b {\n", "x" * 10_000, "a {\n" * 500, "import Caddyfile",
    ":80 {\n reverse_proxy\n}",
    ":99999999999 {\n reverse_proxy h:999999999\n}", "\\", "#", ":80 {\n reverse_proxy unix/\n handle {\n}\n}",
    "(a) {\n import a\n}",
    "http:// {\n reverse_proxy ://:\n}",
])
def test_garbage_is_survived(tmp_path: Path, text: str) -> None:
    caddy(tmp_path, text)
    for reader in (haproxy_routes, apache_routes):
        path = tmp_path / "file"
        path.write_text(text)
        reader(str(path), Files())


@pytest.mark.parametrize("config", [
    None, 1, [], {"apps": []}, {"apps": {"http": {"servers": {"s": None, "t": {"routes": [None, {"handle": [1]}]}}}}},
    {"apps": {"http": {"servers": {"s": {"listen": [1], "routes": [{"match": [{"path": []}], "handle": [
        {"handler": "reverse_proxy", "upstreams": [None, {"dial": 5}, {"dial": "x:²"}]}]}]}}}}},
])
def test_json_that_is_none_of_caddys(config: object) -> None:
    json_routes(config, "x.json", "")


# -- HAProxy -----------------------------------------------------------------------------------------------------------

HAPROXY = """global
    maxconn 100
defaults
    mode http
    timeout server 10s
frontend web
    bind *:80
    bind :443 ssl crt /etc/x.pem
    acl is_app path_beg /app
    acl by_host hdr(host) -i x.org
    use_backend app if is_app
    use_backend other if by_host
    default_backend app
backend app
    server one 127.0.0.1:7860 check
    server two 10.0.0.2:7860 ssl verify none
backend other
    server one /run/app.sock
listen direct
    bind 127.0.0.1:8080
    server one 127.0.0.1:7861
"""


def test_haproxy(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.cfg"
    path.write_text(HAPROXY)
    routes = haproxy_routes(str(path), Files())
    both = ["http://127.0.0.1:7860", "https://10.0.0.2:7860"]
    assert [(r.line, r.path, [u.url for u in r.upstreams]) for r in routes] == [
        (11, "/app", both), (12, "~ by_host", ["http://unix:/run/app.sock"]), (13, "/", both),
        (19, "/", ["http://127.0.0.1:7861"]),
    ]
    assert (routes[0].listens, routes[0].tls) == (("*:80", "*:443"), True)
    assert (routes[3].listens, routes[3].tls) == (("127.0.0.1:8080",), False)
    assert "server 10s" in [s.value for s in routes[0].all("timeout")]


# -- Apache ------------------------------------------------------------------------------------------------------------

APACHE = """ServerRoot "{dir}"
Define APP 127.0.0.1:7860
Listen 80
IncludeOptional sites/*.conf
<IfModule mod_ssl.c>
    Listen 443
</IfModule>
"""
SITE = """<VirtualHost *:443>
    ServerName app.org
    ServerAlias www.app.org
    SSLEngine on
    ProxyPreserveHost On
    RequestHeader set Authorization "Basic dXNlcjpwYXNz"
    # ProxyPass /no http://127.0.0.1:1/
    ProxyPass /static !
    ProxyPass /app http://${APP}/
    ProxyPass \\
        /kept http://127.0.0.1:7861/kept
    <Location "/queue/join">
        ProxyPass ws://127.0.0.1:7862/queue/join
    </Location>
    ProxyPass / unix:/run/app.sock|http://localhost/
    ProxyPass /b balancer://farm/
    RewriteRule ^/x(.*) http://127.0.0.1:1/$1 [P,L]
</VirtualHost>
"""


def test_apache(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites/app.conf").write_text(SITE)
    path, files = tmp_path / "apache2.conf", Files()
    path.write_text(APACHE.replace("{dir}", str(tmp_path)))
    routes = apache_routes(str(path), files)
    assert [(r.line, r.path, r.upstreams[0].url) for r in routes] == [
        (9, "/app", "http://127.0.0.1:7860/"), (10, "/kept", "http://127.0.0.1:7861"),
        (13, "/queue/join", "http://127.0.0.1:7862"), (15, "/", "http://unix:/run/app.sock"),
    ]
    first = routes[0]
    assert (first.file, first.listens, first.tls) == (f"{tmp_path}/sites/app.conf", ("*:443",), True)
    assert first.names == ("app.org", "www.app.org")
    assert first.get("proxypreservehost") is not None
    assert "dXNlcjpwYXNz" not in repr(routes)
    assert len(files.unread) == 2


def test_apache_without_virtual_hosts(tmp_path: Path) -> None:
    path = tmp_path / "httpd.conf"
    path.write_text("Listen 8080\nInclude httpd.conf\nProxyPass / http://127.0.0.1:7860/\n")
    files = Files()
    (route,) = apache_routes(str(path), files)
    assert (route.listens, route.upstreams[0].url, route.line) == (("*:8080",), "http://127.0.0.1:7860", 3)
    assert "includes itself" in files.unread[0]


# -- real configurations of this machine -------------------------------------------------------------------------------

def test_every_configuration_that_lies_here_is_read(tmp_path: Path) -> None:
    """Debian's nginx where it is installed; what nginx's, Gradio's and Caddy's manuals show, written anew."""
    from gradio_doctor.probes.proxies.named import read_named

    samples = sorted(Path(__file__).parent.glob("proxies_samples/*"))
    assert len(samples) >= 8
    for path in [*samples, *Path("/etc/nginx").glob("**/*")]:
        if path.is_file() and path.name.endswith((".conf", "default", "params")):
            read_named(str(path))
    for path in samples:
        text = path.read_text()
        routes = read_named(str(path))[0] if path.suffix == ".conf" else caddy(tmp_path, text)[0]
        assert routes, path
        assert all(r.upstreams for r in routes)
    done = subprocess.run([CADDY, "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("v2")
