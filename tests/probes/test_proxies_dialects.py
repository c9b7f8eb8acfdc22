"""Odd and hostile configurations in every dialect: read as the proxies read them, or told, never a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.evidence import Directive, Route, Upstream
from gradio_doctor.nginx_text import block, quoted, seconds, size
from gradio_doctor.probes.proxies.apache import apache_routes
from gradio_doctor.probes.proxies.caddy import caddy_routes
from gradio_doctor.probes.proxies.caddy_json import json_routes
from gradio_doctor.probes.proxies.caddy_text import matchers, words
from gradio_doctor.probes.proxies.haproxy import haproxy_routes
from gradio_doctor.probes.proxies.matching import App, ours
from gradio_doctor.probes.proxies.nginx_routes import nginx_routes
from gradio_doctor.probes.proxies.nginx_tree import NginxTree
from gradio_doctor.probes.proxies.reading import Files
from tests.probes.proxies_lab import nginx, one, server

Reader = Callable[[str, Files], tuple[Route, ...]]
READERS: dict[str, Reader] = {
    "nginx": lambda path, files: nginx_routes(NginxTree(files, "/").read(path), files),
    "caddy": lambda path, files: caddy_routes(path, files, ""),
    "haproxy": haproxy_routes, "apache": apache_routes,
}
_SCRAPS = ["{", "}", ";", "\n", " ", '"', "\\", "#", "<VirtualHost *:80>", "</VirtualHost>", "server", "location / ",
           "proxy_pass http://h:1", "bind :80", "frontend a", "backend a", "reverse_proxy h:1", "listen ²", ":80", "$x",
           "ProxyPass / http://h:1/", "include *", "import *", "@m", "\0", "é", "h:99999999", "http://[", "unix:", "("]


def read(kind: str, directory: Path, text: str) -> tuple[tuple[Route, ...], list[str]]:
    path, files = directory / "proxy.cfg", Files()
    path.write_text(text)
    return READERS[kind](str(path), files), files.unread


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=25, deadline=None)
@given(scraps=st.lists(st.sampled_from(_SCRAPS), max_size=20))
def test_no_heap_of_scraps_breaks_a_reader(kind: str, scraps: list[str]) -> None:
    with TemporaryDirectory() as place:
        for route in read(kind, Path(place), " ".join(scraps))[0]:
            assert route.kind == kind
            assert all(u.url for u in route.upstreams)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "}" * 50, "{\n" * 500, "\\\n" * 50, "a" * 5000])
def test_what_says_nothing_has_no_routes(tmp_path: Path, kind: str, text: str) -> None:
    assert read(kind, tmp_path, text)[0] == ()


@pytest.mark.parametrize("kind", READERS)
def test_a_file_that_is_missing_is_told(tmp_path: Path, kind: str) -> None:
    files = Files()
    assert READERS[kind](str(tmp_path / "gone"), files) == ()
    assert files.unread == [f"{tmp_path}/gone: no such file or directory"]


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from('ab {}"`\\#\n\t'), max_size=60))
def test_words_of_a_caddyfile_come_in_order(text: str) -> None:
    lines = [line for _, line, _ in words(text)]
    assert lines == sorted(lines)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)


@pytest.mark.parametrize(("text", "wanted"), [
    ('a "b c" `d "e"`', ["a", "b c", 'd "e"']), ('"a\\"b"', ['a"b']), ("a#b # c\nd", ["a#b", "d"]),
    ('"open', ["open"]), ("a \\\nb", ["a", "b"]), ('""', [""]), ("`a\nb` c", ["a\nb", "c"]),
])
def test_words_of_a_caddyfile(text: str, wanted: list[str]) -> None:
    assert [w[0] for w in words(text)] == wanted


def test_only_a_matcher_of_one_path_is_known() -> None:
    def named(*inner: tuple[str, ...]) -> tuple[Directive, ...]:
        return (Directive("@m", (), "f", 1, tuple(Directive(i[0], i[1:], "f", 1) for i in inner)),)

    assert matchers(named(("path", "/x/*"))) == {"@m": "/x/*"}
    assert matchers(named(("path", "/x", "/y"))) == {"@m": None}
    assert matchers(named(("path", "/x"), ("method", "GET"))) == {"@m": None}
    assert matchers((Directive("@m", ("path", "/x"), "f", 1),)) == {"@m": "/x"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.sampled_from(["", ":80", "/x*", "h:²", "{env.X}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["match", "handle", "handler", "routes", "upstreams", "path", "transport"]), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(routes=_JSON, listen=_JSON)
def test_no_json_breaks_the_reader(routes: object, listen: object) -> None:
    config = {"apps": {"http": {"servers": {"a": {"listen": listen, "routes": routes}}}}}
    assert all(r.kind == "caddy" for r in json_routes(config, "f", ""))


@pytest.mark.parametrize(("told", "wanted"), [
    (30_000_000_000, ["30s"]), (500_000_000, ["0.5s"]), (10**400, []), (-1, []), ("30s", []), (None, []),
])
def test_time_outs_of_json(told: object, wanted: list[str]) -> None:
    handler = {"handler": "reverse_proxy", "transport": {"read_timeout": told}, "upstreams": [{"dial": "h:1"}]}
    config = {"apps": {"http": {"servers": {"a": {"routes": [{"handle": [handler]}]}}}}}
    (route,) = json_routes(config, "f", "")
    assert [s.value for s in route.all("read_timeout")] == wanted


@pytest.mark.parametrize(("bind", "wanted"), [
    (":80", ("*:80",)), ("*:80,*:8080", ("*:80", "*:8080")), (":80,10.0.0.1:81", ("*:80", "10.0.0.1:81")),
    ("[::]:80", ("[::]:80",)), (":80,", ("*:80",)),
])
def test_where_haproxy_listens(tmp_path: Path, bind: str, wanted: tuple[str, ...]) -> None:
    (route,), _ = read("haproxy", tmp_path, f"listen a\n bind {bind}\n server s 127.0.0.1:7860\n")
    assert route.listens == wanted


@pytest.mark.parametrize(("written", "wanted"), [
    ("h:1", Upstream("http", "h", 1)), ("h", Upstream("http", "h")), ("ipv6@[::1]:1", Upstream("http", "[::1]", 1)),
    ("h:1 ssl verify none", Upstream("https", "h", 1)), ("h:²", Upstream("http", "h")),
    ("unix@/none.sock", Upstream("http", socket="/none.sock", there=False)),
])
def test_where_haproxy_leads(tmp_path: Path, written: str, wanted: Upstream) -> None:
    front = "frontend f\n bind :80\n default_backend b\n"
    (route,), _ = read("haproxy", tmp_path, f"{front}backend b\n server s {written}")
    assert (route.upstreams, route.line) == ((wanted,), 3)


def test_a_backend_that_is_not_there_is_no_route(tmp_path: Path) -> None:
    assert read("haproxy", tmp_path, "frontend f\n bind :80\n default_backend gone\nbackend b\n server s h:1")[0] == ()


@pytest.mark.parametrize(("rule", "is_told"), [
    ("RewriteRule ^/(.*) ws://127.0.0.1:1/$1 [P,L]", True), ("RewriteRule ^/([a-z]+) http://h:1/$1 [P]", True),
    ("RewriteRule ^/x http://h:1/ [NE,proxy]", True), ("RewriteRule ^/x http://h:1/ [p]", True),
    ("RewriteRule ^/([P,L]+) /x [L,R=301]", False), ("RewriteRule ^/[P] /x", False), ("RewriteRule", False),
])
def test_a_rewrite_that_passes_requests_on_is_told(tmp_path: Path, rule: str, is_told: bool) -> None:
    routes, unread = read("apache", tmp_path, f"<VirtualHost *:80>\n{rule}\n</VirtualHost>")
    assert routes == ()
    assert bool(unread) is is_told


@pytest.mark.parametrize(("line", "wanted"), [
    ("ProxyPass /app/ http://h:1/", "http://h:1/"), ("ProxyPass /app http://h:1/app", "http://h:1"),
    ("ProxyPass / http://h/", "http://h:80"), ("ProxyPass / wss://h/", "https://h:443"),
    ("Define B http://h:1\nProxyPass / ${B}/", "http://h:1"),
    ("ProxyPass / unix:/none.sock|http://localhost/", "http://unix:/none.sock"),
])
def test_where_apache_leads(tmp_path: Path, line: str, wanted: str) -> None:
    (route,), unread = read("apache", tmp_path, f"Listen 8080\n{line}\n")
    assert ([u.url for u in route.upstreams], route.listens, unread) == ([wanted], ("*:8080",), [])


@pytest.mark.parametrize("target", ["http://127.0.0.1:99999", "http://h:²", "http://h:"])
def test_an_address_that_is_none_stays_words(tmp_path: Path, target: str) -> None:
    (upstream,) = one(tmp_path, server(f"location / {{ proxy_pass {target}; }}")).upstreams
    assert upstream.port in (80, None)


def test_variables_that_name_each_other_end(tmp_path: Path) -> None:
    routes, unread = nginx(tmp_path, server("set $a $b$b; set $b $a$a; location / { proxy_pass http://$a; }"))
    assert routes == ()
    assert "variable" in unread[0]


def leading(*names: str, path: str = "/", listens: tuple[str, ...] = ("*:443",), port: int = 1) -> Route:
    return Route("nginx", "f", 1, listens, True, names, path, (Upstream("http", "10.9.9.9", port),))


@pytest.mark.parametrize(("names", "host", "fits"), [
    (("a.org",), "a.org", True), (("A.Org",), "a.ORG", True), (("*.a.org",), "x.a.org", True),
    (("*.a.org",), "a.org", False), ((".a.org",), "a.org", True), ((".a.org",), "x.a.org", True),
    ((".a.org",), "xa.org", False), (("b.org",), "a.org", False), (("_",), "a.org", True), ((), "a.org", True),
])
def test_whose_name_it_is(names: tuple[str, ...], host: str, fits: bool) -> None:
    other = leading("other.example", port=2)
    found, how = ours((leading(*names), other), App(public=f"https://{host}/"))
    assert bool(found) is fits
    assert how == ("public" if host.lower() in {n.lower() for n in names} else "name" if fits else "")


@pytest.mark.parametrize(("public", "fits"), [
    ("https://a.org/app", True), ("https://a.org/app/x", True), ("https://a.org/apple", False),
    ("https://a.org:8443/app", False), ("http://a.org/app", False), ("https://a.org:99999/app", False),
    ("https://[", False), ("", False),
])
def test_whose_path_and_port_it_is(public: str, fits: bool) -> None:
    routes = (leading("a.org", path="/app/"), leading("b.org", port=2))
    assert (routes[0] in ours(routes, App(public=public))[0]) is fits


def test_a_port_is_surer_than_a_name_and_the_only_route_the_last_resort() -> None:
    local = Route("nginx", "f", 2, ("*:80",), upstreams=(Upstream("http", "127.0.0.1", 7860),))
    named = leading("demo.org", port=2)
    assert ours((local, named), App(ports=frozenset({7860}), words=frozenset({"demo"}))) == ((local,), "port")
    assert ours((local, named), App(words=frozenset({"demo"}))) == ((named,), "name")
    assert ours((local, named), App()) == ((), "")
    assert ours((local,), App()) == ((local,), "only")


@pytest.mark.parametrize(("text", "wanted"), [
    ("90", 90), ("1m 30s", 90), ("500ms", 0.5), ("1M", 2592000), ("0", 0), ("", None), ("$t", None), ("1x", None),
    ("-1", None), ("1.5s", None), ("s", None),
])
def test_times(text: str, wanted: float | None) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize(("text", "wanted"), [
    ("8k", 8192), ("1M", 1 << 20), ("2g", 2 << 30), ("0", 0), ("", None), ("1t", None), ("1.5m", None), ("k", None),
])
def test_sizes(text: str, wanted: int | None) -> None:
    assert size(text) == wanted


@settings(max_examples=25, deadline=None)
@given(st.text(st.sampled_from("ab /$~^.{};'\"#"), max_size=20))
def test_what_is_quoted_is_read_back_as_it_was(argument: str) -> None:
    with TemporaryDirectory() as place:
        path = Path(place, "n.conf")
        path.write_text(f"events {{}}\nhttp {{ map $a $b {{ x {quoted(argument)}; }} }}\n")
        tree = NginxTree(Files(), place).read(str(path))
    (http,) = (d for d in tree if d.name == "http")
    assert [i.arguments for m in http.block or () for i in m.block or ()] == [(argument,)]


def test_a_changed_block_keeps_the_users_lines_and_inherited_headers() -> None:
    header = Directive("proxy_set_header", ("Host", "$host"), "f", 2)
    own = (Directive("proxy_pass", ("http://h:1",), "f", 4), Directive("proxy_read_timeout", ("5s",), "f", 5))
    route = Route("nginx", "f", 3, settings=(*own, header), own=own, opening="location / {")
    changed = block(route, ("proxy_read_timeout", "300s"), ("proxy_set_header", "Upgrade", "$http_upgrade"))
    assert changed.split("\n") == [
        "location / {", "    proxy_set_header Host $host;", "    proxy_pass http://h:1;",
        "    proxy_read_timeout 300s;", "    proxy_set_header Upgrade $http_upgrade;", "}",
    ]
