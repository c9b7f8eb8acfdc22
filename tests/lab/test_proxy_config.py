"""What is said of a real nginx's configuration is so: seen at a real Gradio, and gone with the block of the remedy.

Each fault beside its healthy twin, which is the same configuration with that block pasted into it.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gradio_doctor.sdk import Finding
from tests.lab.harness import Lab, doctor, wait_launched, write_app
from tests.lab.proxy_lab import APP, Behind, outer_address
from tests.ports import free_ports

HOST = "proxy_set_header Host $http_host;"
PLAIN = f"location / {{ proxy_pass http://APP; {HOST} }}"
HARMLESS = {"proxy.may-refuse-upload"}  # nginx's own default, which is right for apps without uploads


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Behind, Behind, Behind]]:
    """The app at the root, one that was told of /app, and one with a login; all three start at once."""
    directory = tmp_path_factory.mktemp("proxy_config")
    lab = Lab(directory)
    try:
        ports = [free_ports()[0] for _ in range(3)]
        apps = []
        for number, port in enumerate(ports):
            place = directory / f"app{number}"
            place.mkdir()
            apps.append(write_app(place, APP, port=port, auth=("u", "p") if number == 2 else None))
            lab.start(apps[-1], wait=None, env={"GRADIO_ROOT_PATH": "/app"} if number == 1 else {})
        for app in apps:
            wait_launched(app)
        plain, told, login = (Behind(app.parent, app, port) for app, port in zip(apps, ports, strict=True))
        yield plain, told, login
    finally:
        lab.close()


@pytest.fixture
def behind(started: tuple[Behind, Behind, Behind]) -> Behind:
    return started[0]


def mended(found: dict[str, Finding], name: str) -> str:
    """The block that the remedy prints."""
    assert name in found, found
    return found[name].facts["block"]


def only(found: dict[str, Finding], *names: str) -> None:
    assert set(found) - HARMLESS == set(names), found


def test_a_plain_configuration_is_nothing_to_speak_of(behind: Behind) -> None:
    with behind.nginx(PLAIN) as config:
        only(behind.findings(config))
        assert behind.root() == f"http://127.0.0.1:{behind.proxy}"
        assert behind.stream()[0] > 0.3  # with buffering, events arrive when they are sent


def test_compressed_events_come_at_the_end(behind: Behind) -> None:
    wide = "gzip on; gzip_types text/event-stream text/css;"
    with behind.nginx(PLAIN, wide) as config:
        assert behind.stream()[0] < 0.2
        found = behind.findings(config)
        only(found, "proxy.may-hold-stream")
        assert found["proxy.may-hold-stream"].location is not None
        assert found["proxy.may-hold-stream"].location.text == "gzip_types text/event-stream text/css;"
    with behind.nginx(mended(found, "proxy.may-hold-stream"), wide) as config:
        only(behind.findings(config))
        assert behind.stream()[0] > 0.3
    only(behind.findings(behind.config(PLAIN, "gzip on; gzip_types *;")), "proxy.may-hold-stream")


def test_compression_without_buffering_is_harmless(behind: Behind) -> None:
    with behind.nginx(PLAIN, "gzip on; gzip_types *; proxy_buffering off;") as config:
        only(behind.findings(config))
        assert behind.stream()[0] > 0.3


def test_a_short_time_out_cuts_the_stream(behind: Behind) -> None:
    with behind.nginx(f"location / {{ proxy_pass http://APP; {HOST} proxy_read_timeout 1s; }}") as config:
        assert not behind.stream("late")[1]
        found = behind.findings(config)
        only(found, "proxy.may-cut-stream")
    with behind.nginx(mended(found, "proxy.may-cut-stream")) as config:
        only(behind.findings(config))
        assert behind.stream("late")[1]


@pytest.mark.parametrize(("headers", "name"), [
    ("proxy_set_header Host $host;", "proxy.may-lose-port"),
    ("", "proxy.may-lose-host"),
    ("proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Host $host;", "proxy.may-lose-port"),
])
def test_the_page_calls_where_it_was_not_opened(behind: Behind, headers: str, name: str) -> None:
    own = f"http://127.0.0.1:{behind.proxy}"
    with behind.nginx(f"proxy_set_header X-Real-IP $remote_addr; location / {{ proxy_pass http://APP; {headers} }}",
                      ) as config:
        assert behind.root() != own
        found = behind.findings(config)
        only(found, name)
    block = mended(found, name)
    assert headers or "X-Real-IP" in block  # what nginx would no longer inherit is kept
    with behind.nginx(block) as config:
        only(behind.findings(config))
        assert behind.root() == own


def test_https_is_not_told(behind: Behind, tmp_path: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
               "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    subprocess.run(command, check=True, capture_output=True)
    tls = f"ssl; ssl_certificate {tmp_path}/cert; ssl_certificate_key {tmp_path}/key"
    with behind.nginx(PLAIN, tls=tls) as config:
        assert behind.root(tls=True).startswith("http://")
        found = behind.findings(config)
        only(found, "proxy.may-lose-scheme")
    with behind.nginx(mended(found, "proxy.may-lose-scheme"), tls=tls) as config:
        assert behind.root(tls=True).startswith("https://")
        only(behind.findings(config))


def test_a_sub_path_that_the_app_was_not_told_of(started: tuple[Behind, Behind, Behind]) -> None:
    plain, told, _ = started
    location = f"location /app/ {{ proxy_pass http://APP/; {HOST} }}"
    with plain.nginx(location) as config:
        assert plain.calls("/app") == 404
        found = plain.findings(config)
        only(found, "proxy.may-lose-sub-path")
        assert found["proxy.may-lose-sub-path"].facts["prefix"] == "/app"
    with told.nginx(location) as config:  # the remedy: GRADIO_ROOT_PATH=/app
        assert told.calls("/app") == 200
        only(told.findings(config))


def test_a_sub_path_that_is_passed_on(started: tuple[Behind, Behind, Behind]) -> None:
    plain, told, _ = started
    location = f"location /app/ {{ proxy_pass http://APP; {HOST} }}"
    with plain.nginx(location) as config:
        assert plain.get("/app/")[0] == 404
        block = mended(plain.findings(config), "proxy.may-miss-path")
    with told.nginx(block.replace(f"127.0.0.1:{plain.port}", "APP")) as config:
        assert told.calls("/app") == 200
        only(told.findings(config))
    with told.nginx(location) as config:  # told of its path, Gradio takes it with the prefix as well
        assert told.calls("/app") == 200
        only(told.findings(config))


def test_slashes_that_add_up(started: tuple[Behind, Behind, Behind]) -> None:
    _, told, _ = started
    with told.nginx(f"location /app {{ proxy_pass http://APP/; {HOST} }}") as config:
        assert told.get("/app/config")[0] == 404
        found = told.findings(config)
        only(found, "proxy.may-double-slash")
    with told.nginx(found["proxy.may-double-slash"].facts["opening"]) as config:
        assert told.calls("/app") == 200
        only(told.findings(config))


def test_a_limit_that_no_page_keeps(behind: Behind) -> None:
    def page() -> Counter[int]:
        with ThreadPoolExecutor(6) as pool:
            return Counter(pool.map(lambda _: behind.get("/theme.css")[0], range(24)))

    with behind.nginx(f"location / {{ proxy_pass http://APP; {HOST} limit_req zone=few burst=5 nodelay; }}") as config:
        assert page()[503] > 5
        found = behind.findings(config)
        only(found, "proxy.may-refuse-page")
    with behind.nginx(mended(found, "proxy.may-refuse-page")) as config:
        assert page()[200] == 24
        only(behind.findings(config))


def test_an_upload_above_the_limit(behind: Behind) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + b"y" * 1_200_000
    headers = {"content-type": "multipart/form-data; boundary=x"}
    with behind.nginx(PLAIN) as config:
        assert behind.ask("POST", "/gradio_api/upload", part + b"\r\n--x--\r\n", headers)[0] == 413
        found = behind.findings(config)
    with behind.nginx(mended(found, "proxy.may-refuse-upload")) as config:
        assert behind.ask("POST", "/gradio_api/upload", part + b"\r\n--x--\r\n", headers)[0] == 200
        assert not behind.findings(config)


def test_cookies_above_the_limit(behind: Behind) -> None:
    small = "large_client_header_buffers 2 1k;"
    with behind.nginx(PLAIN, small) as config:
        assert behind.get("/", cookie="a=" + "x" * 2000)[0] == 400
        only(behind.findings(config), "proxy.may-refuse-cookies")
    with behind.nginx(PLAIN, "large_client_header_buffers 4 8k;") as config:
        assert behind.get("/", cookie="a=" + "x" * 2000)[0] == 200
        only(behind.findings(config))


def test_a_cache_hands_one_users_page_to_another(started: tuple[Behind, Behind, Behind]) -> None:
    login = started[2]
    cached = f"location / {{ proxy_pass http://APP; {HOST} proxy_cache kept; proxy_cache_valid 200 10m; }}"

    def strangers_answer() -> int:
        form = {"content-type": "application/x-www-form-urlencoded"}
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", login.proxy, timeout=10)
        connection.request("POST", "/login", b"username=u&password=p", form)
        answer = connection.getresponse()
        answer.read()
        cookies = "; ".join(v.partition(";")[0] for k, v in answer.getheaders() if k.lower() == "set-cookie")
        connection.close()
        assert login.get("/config", cookie=cookies)[0] == 200
        return login.get("/config")[0]

    with login.nginx(cached) as config:
        assert strangers_answer() == 200  # not logged in, and served what the other one got
        found = login.findings(config)
        only(found, "proxy.may-serve-stale")
    with login.nginx(mended(found, "proxy.may-serve-stale")) as config:
        assert strangers_answer() == 401
        only(login.findings(config))


# -- faults that are certain: live, by the command itself --------------------------------------------------------------

def test_a_route_to_a_port_where_nobody_listens(behind: Behind) -> None:
    dead = free_ports()[0]
    with behind.nginx(PLAIN.replace("APP", f"127.0.0.1:{dead}")) as config:
        assert behind.get("/")[0] == 502
        report = doctor("diagnose", behind.app, "--nginx-conf", config, cwd=behind.directory)
        top = report.assert_first("proxy.wrong-upstream")
        assert top["location"]["file"] == str(config)
        text = next(r["text"] for r in top["remedies"] if "location / {" in r["text"])
        assert f"proxy_pass http://127.0.0.1:{behind.port};" in text
    with behind.nginx(text.partition("\n")[2]) as config:
        assert behind.get("/")[0] == 200
        doctor("diagnose", behind.app, "--nginx-conf", config, cwd=behind.directory).assert_healthy()


def test_a_configuration_whose_proxy_does_not_run_here(behind: Behind) -> None:
    """It may be for another machine: it is read, and no fault that nobody answers there."""
    config = behind.config(PLAIN)
    report = doctor("diagnose", behind.app, "--nginx-conf", config, cwd=behind.directory)
    report.assert_healthy()
    assert "its proxy runs elsewhere or not" in str(report.data["checks"])


def test_https_to_a_plain_app(behind: Behind) -> None:
    with behind.nginx(PLAIN.replace("http://APP", "https://APP")) as config:
        assert behind.get("/")[0] == 502
        found = behind.findings(config)
        only(found, "proxy.route-wrong-scheme")
    with behind.nginx(mended(found, "proxy.route-wrong-scheme")) as config:
        assert behind.get("/")[0] == 200
        only(behind.findings(config))


def test_uwsgi_to_an_app_that_speaks_http(behind: Behind) -> None:
    with behind.nginx("location / { uwsgi_pass APP; uwsgi_param A b; proxy_set_header Host $http_host; }") as config:
        assert behind.get("/")[0] in (502, 400)
        found = behind.findings(config)
        only(found, "proxy.route-wrong-scheme")
    with behind.nginx(mended(found, "proxy.route-wrong-scheme")) as config:
        assert behind.get("/")[0] == 200
        only(behind.findings(config))


def test_a_socket_that_is_not_there(behind: Behind, tmp_path: Path) -> None:
    with behind.nginx(PLAIN.replace("APP", f"unix:{tmp_path}/none.sock")) as config:
        assert behind.get("/")[0] == 502
        found = behind.findings(config)
        only(found, "proxy.route-socket-missing")
    with behind.nginx(mended(found, "proxy.route-socket-missing")) as config:
        assert behind.get("/")[0] == 200
        only(behind.findings(config))


def test_an_address_of_this_machine_on_which_the_app_does_not_listen(behind: Behind) -> None:
    outer = outer_address()
    with behind.nginx(PLAIN.replace("APP", f"{outer}:{behind.port}")) as config:
        assert behind.get("/")[0] == 502
        found = behind.findings(config)
        only(found, "proxy.route-outer-address")
    address = found["proxy.route-outer-address"].facts["address"]
    assert address == f"127.0.0.1:{behind.port}"
    with behind.nginx(PLAIN.replace("APP", address)) as config:
        assert behind.get("/")[0] == 200
        only(behind.findings(config))
