"""nginx configurations as routes: where they lead, and which settings are in force, as nginx itself inherits them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.evidence import Upstream
from tests.probes.proxies_lab import http, nginx, one, server


@pytest.mark.parametrize(("passing", "wanted"), [
    ("proxy_pass http://127.0.0.1:7860;", "http://127.0.0.1:7860"),
    ("proxy_pass http://127.0.0.1:7860/;", "http://127.0.0.1:7860/"),
    ("proxy_pass https://127.0.0.1:7860/sub/;", "https://127.0.0.1:7860/sub/"),
    ("proxy_pass http://localhost;", "http://localhost:80"),
    ("proxy_pass https://example.com;", "https://example.com:443"),
    ("proxy_pass http://[::1]:7860;", "http://[::1]:7860"),
    ("proxy_pass http://unix:/run/app.sock;", "http://unix:/run/app.sock"),
    ("uwsgi_pass 127.0.0.1:3031;", "uwsgi://127.0.0.1:3031"),
    ("uwsgi_pass unix:/run/app.sock;", "uwsgi://unix:/run/app.sock"),
    ("grpc_pass grpc://127.0.0.1:50051;", "grpc://127.0.0.1:50051"),
    ("fastcgi_pass 127.0.0.1:9000;", "fastcgi://127.0.0.1:9000"),
    ("proxy_pass http://127.0.0.1:7860$request_uri;", "http://127.0.0.1:7860"),
    ('set $app http://127.0.0.1:7860; proxy_pass $app;', "http://127.0.0.1:7860"),
    ('set $port 7860; set $app 127.0.0.1:$port; proxy_pass http://$app;', "http://127.0.0.1:7860"),
    ('rewrite ^/x/(.*)$ /$1 break; proxy_pass http://127.0.0.1:7860;', "http://127.0.0.1:7860/"),
])
def test_where_a_location_leads(tmp_path: Path, passing: str, wanted: str) -> None:
    route = one(tmp_path, server(f"location /x {{ {passing} }}"))
    assert [u.url for u in route.upstreams] == [wanted]


def test_a_path_of_a_socket(tmp_path: Path) -> None:
    route = one(tmp_path, server("location /x/ { proxy_pass http://unix:/run/app.sock:/; }"))
    assert route.upstreams == (Upstream("http", socket="/run/app.sock", path="/", there=False),)


@pytest.mark.parametrize("passing", [
    "proxy_pass http://$host:7860;",
    "proxy_pass http://$upstream;",
    "set $a 127.0.0.1:1; if ($http_x) { set $a 127.0.0.1:2; } proxy_pass http://$a;",
])
def test_what_a_variable_hides_is_said_not_guessed(tmp_path: Path, passing: str) -> None:
    routes, unread = nginx(tmp_path, server(f"location / {{ {passing} }}"))
    assert not routes
    assert "variable" in unread[0]
    assert f"{tmp_path}/nginx.conf:3" in unread[0]


def test_an_if_that_decides_is_said(tmp_path: Path) -> None:
    text = server("location / { if ($http_x) { proxy_pass http://127.0.0.1:1; } proxy_pass http://127.0.0.1:2; }")
    routes, unread = nginx(tmp_path, text)
    assert [u.port for r in routes for u in r.upstreams] == [2]
    assert "`if`" in unread[0]


def test_groups_of_servers(tmp_path: Path) -> None:
    text = http("""
      upstream app { least_conn; server 10.0.0.1:7860 weight=2; server 10.0.0.2; server unix:/run/a.sock backup;
                     server 10.0.0.3:1 down; keepalive 4; }
      server { listen 80; location / { proxy_pass http://app/; } }""")
    assert [u.url for u in one(tmp_path, text).upstreams] == [
        "http://10.0.0.1:7860/", "http://10.0.0.2:80/", "http://unix:/run/a.sock",
    ]


@pytest.mark.parametrize(("listen", "wanted", "tls"), [
    ("", ("*:80",), False),
    ("listen 8080;", ("*:8080",), False),
    ("listen 127.0.0.1:8080 default_server;", ("127.0.0.1:8080",), False),
    ("listen [::]:8080; listen 8080;", ("[::]:8080", "*:8080"), False),
    ("listen 443 ssl;", ("*:443",), True),
    ("listen 443; ssl on;", ("*:443",), True),
    ("listen example.com;", ("example.com:80",), False),
    ("listen [::1];", ("[::1]:80",), False),
    ("listen unix:/run/n.sock;", ("unix:/run/n.sock",), False),
])
def test_where_it_listens(tmp_path: Path, listen: str, wanted: tuple[str, ...], tls: bool) -> None:
    route = one(tmp_path, http(f"server {{ {listen} location / {{ proxy_pass http://127.0.0.1:1; }} }}"))
    assert (route.listens, route.tls) == (wanted, tls)


def test_a_plain_and_an_encrypted_side_are_two_routes(tmp_path: Path) -> None:
    text = http("server { listen 80; listen 443 ssl; server_name a.org b.org; location / { proxy_pass http://h:1; } }")
    plain, encrypted = nginx(tmp_path, text)[0]
    assert (plain.tls, plain.listens, encrypted.tls, encrypted.listens) == (False, ("*:80",), True, ("*:443",))
    assert plain.names == ("a.org", "b.org")


@pytest.mark.parametrize(("location", "wanted"), [
    ("/", "/"), ("/app/", "/app/"), ("^~ /app/", "/app/"), ("= /app", "= /app"), ("=/app", "= /app"),
    ("~ ^/(a|b)/", "~ ^/(a|b)/"), ("~* \\.js$", "~ \\.js$"), ('~ "^/x{2}"', "~ ^/x{2}"),
])
def test_what_it_takes(tmp_path: Path, location: str, wanted: str) -> None:
    assert one(tmp_path, server(f"location {location} {{ proxy_pass http://127.0.0.1:1; }}")).path == wanted


def test_a_named_location_takes_what_others_do_not_find(tmp_path: Path) -> None:
    text = server("location /a { try_files $uri @app; } location /b { error_page 404 = @app; } "
                  "location @app { proxy_pass http://127.0.0.1:1; }")
    assert [r.path for r in nginx(tmp_path, text)[0]] == ["/a", "/b"]
    text = server("try_files $uri @app; location @app { proxy_pass http://127.0.0.1:1; }")
    assert one(tmp_path, text).path == "/"


def test_what_answers_itself_is_no_route(tmp_path: Path) -> None:
    assert not nginx(tmp_path, server("return 301 https://x; location / { proxy_pass http://127.0.0.1:1; }"))[0]
    assert not nginx(tmp_path, server("location / { return 200 ok; proxy_pass http://127.0.0.1:1; }"))[0]
    assert not nginx(tmp_path, server("location / { root /srv; }"))[0]


def test_directives_are_inherited_as_nginx_does(tmp_path: Path) -> None:
    text = http("""
      gzip on; proxy_read_timeout 10s; proxy_set_header A http;
      server { listen 80; proxy_read_timeout 20s; proxy_set_header B server; proxy_set_header C server;
        location / { proxy_pass http://127.0.0.1:1; proxy_read_timeout 30s; }
        location /x { proxy_pass http://127.0.0.1:1; proxy_set_header D location; } }""")
    first, second = nginx(tmp_path, text)[0]
    assert first.get("proxy_read_timeout") is not None
    assert [s.value for s in first.all("proxy_read_timeout")] == ["30s"]
    assert [s.value for s in first.all("proxy_set_header")] == ["B server", "C server"]  # all of the innermost level
    assert [s.value for s in second.all("proxy_set_header")] == ["D location"]
    assert [s.value for s in second.all("proxy_read_timeout")] == ["20s"]
    assert (first.all("gzip")[0].line, first.all("gzip")[0].value) == (4, "on")
    assert first.get("nothing") is None


def test_locations_in_locations(tmp_path: Path) -> None:
    text = server("location /a { proxy_read_timeout 5s; location /a/b { proxy_pass http://127.0.0.1:1; } }")
    route = one(tmp_path, text)
    assert route.path == "/a/b"
    assert route.all("proxy_read_timeout")[0].value == "5s"
    assert [d.name for d in route.own] == ["proxy_pass"]


def test_includes_stand_in_their_places(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites/b.conf").write_text("server { listen 2;\n location / { include common.conf; } }")
    (tmp_path / "sites/a.conf").write_text("server { listen 1;\n\n location / { include common.conf; } }")
    (tmp_path / "sites/.hidden.conf").write_text("server { listen 3; location / { proxy_pass http://no:1; } }")
    routes, unread = nginx(
        tmp_path, http("include sites/*.conf; include none/*.conf;"), common="proxy_pass http://127.0.0.1:1;",
    )
    assert [(r.listens, r.file, r.line) for r in routes] == [
        (("*:1",), f"{tmp_path}/sites/a.conf", 3), (("*:2",), f"{tmp_path}/sites/b.conf", 2),
    ]
    assert routes[0].own[0].file == f"{tmp_path}/common.conf"
    assert not unread


def test_a_file_that_is_missing_is_said(tmp_path: Path) -> None:
    _, unread = nginx(tmp_path, http("include gone.conf;"))
    assert unread == [f"{tmp_path}/gone.conf: no such file or directory"]


@pytest.mark.parametrize("text", [
    "server { listen 80; location /app/ { proxy_pass http://127.0.0.1:1/; } }",
    "location /app/ { proxy_pass http://127.0.0.1:1/; }",
])
def test_a_file_that_is_only_a_part(tmp_path: Path, text: str) -> None:
    assert one(tmp_path, text).path == "/app/"


def test_the_block_is_kept_as_it_was_written(tmp_path: Path) -> None:
    route = one(tmp_path, server('location ~ "^/x{2}" { proxy_pass http://127.0.0.1:1; add_header X "a b"; '
                                 "if ($http_a) { return 403; } }"))
    assert route.opening == 'location ~ "^/x{2}" {'
    assert [d.name for d in route.own] == ["proxy_pass", "add_header", "if"]
    assert route.own[2].block is not None
    assert route.own[2].block[0].value == "403"


def test_secrets_stay_in_the_file(tmp_path: Path) -> None:
    route = one(tmp_path, server(
        'location / { proxy_pass http://127.0.0.1:1; proxy_set_header Authorization "Basic dXNlcjpwYXNz"; '
        "proxy_set_header X-Api-Key 0123456789abcdef; set $token verysecret123; proxy_set_header Host $http_host; "
        "proxy_set_header Cookie $http_cookie; }"
    ))
    text = repr(route)
    assert not any(s in text for s in ("dXNlcjpwYXNz", "0123456789abcdef", "verysecret123"))
    assert {"Host $http_host", "Cookie $http_cookie"} <= {s.value for s in route.settings}


def test_a_stream_block_is_said(tmp_path: Path) -> None:
    _, unread = nginx(tmp_path, "events {}\nstream { server { listen 1; proxy_pass 127.0.0.1:2; } }")
    assert "stream" in unread[0]
