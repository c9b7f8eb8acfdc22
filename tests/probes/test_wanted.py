"""Where an app means to listen, from each place that can say so."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from gradio_doctor.evidence import (
    Absent,
    AppSource,
    Call,
    Environment,
    Import,
    Instances,
    Process,
    Setting,
    Target,
    WantedAddress,
)
from gradio_doctor.evidence.source import Reach, Value
from gradio_doctor.probes.wanted import probe_wanted
from tests.probes.network_lab import Given, child

SCRIPT = Target("script", "app.py", script="/x/app.py")
GRADIO_RANGE = tuple(range(7860, 7960))
Settings = Mapping[str, Value]


def call(name: str, known: Settings | None = None, code: Mapping[str, str] | None = None, reach: Reach = "yes",
         line: int = 12) -> Call:
    settings = [Setting(k, v, True, repr(v), line) for k, v in (known or {}).items()]
    settings += [Setting(k, None, False, text, line) for k, text in (code or {}).items()]
    return Call(name, "/x/app.py", line, reach, tuple(settings))


def wanted(*calls: Call, env: Mapping[str, str] | None = None, more: tuple[object, ...] = (),
           source: AppSource | None = None, target: Target = SCRIPT) -> WantedAddress:
    app = source or AppSource("/x/app.py", calls=calls)
    found = probe_wanted(Given(target, evidence=(app, Environment(env or {}, "this shell"), *more)))
    assert isinstance(found, WantedAddress)
    return found


def test_gradios_defaults() -> None:
    expected = WantedAddress("127.0.0.1", GRADIO_RANGE, fixed=False, known=True, origin="Gradio's default")
    assert wanted(call("launch")) == expected
    assert wanted(call("launch", {"server_port": None, "server_name": None})) == expected
    assert wanted() == expected


def test_a_literal_port_is_the_only_one() -> None:
    found = wanted(call("launch", {"server_port": 8080, "server_name": "0.0.0.0"}))
    assert (found.host, found.ports, found.fixed, found.known) == ("0.0.0.0", (8080,), True, True)
    assert found.origin == "server_port=8080 in /x/app.py:12"


def test_the_environment_gives_the_start_of_a_range() -> None:
    found = wanted(call("launch"), env={"GRADIO_SERVER_PORT": "7900", "GRADIO_SERVER_NAME": "0.0.0.0"})
    assert (found.ports, found.fixed, found.host) == (tuple(range(7900, 8000)), False, "0.0.0.0")
    assert found.origin == "GRADIO_SERVER_PORT=7900"
    assert wanted(call("launch", {"server_port": 8080}), env={"GRADIO_SERVER_PORT": "7900"}).ports == (8080,)
    assert wanted(call("launch", {"server_name": "::1"}), env={"GRADIO_SERVER_NAME": "0.0.0.0"}).host == "::1"


def test_the_number_of_ports() -> None:
    found = wanted(call("launch"), env={"GRADIO_SERVER_PORT": "7900", "GRADIO_NUM_PORTS": "1"})
    assert (found.ports, found.fixed) == ((7900,), True)
    assert wanted(env={"GRADIO_NUM_PORTS": "3"}).ports == (7860, 7861, 7862)
    assert len(wanted(env={"GRADIO_NUM_PORTS": "999999"}).ports) == 10_000
    assert wanted(env={"GRADIO_NUM_PORTS": "many"}).ports == GRADIO_RANGE
    assert wanted(env={"GRADIO_SERVER_PORT": "65530"}).ports[-1] == 65535


def test_a_start_that_is_no_port_is_not_known() -> None:
    for text in ("http", "-1", "70000", "", "²"):
        found = wanted(call("launch"), env={"GRADIO_SERVER_PORT": text})
        assert (found.ports, found.known) == (GRADIO_RANGE, False)


@pytest.mark.parametrize(
    ("code", "env", "ports", "known"),
    [
        ('int(os.getenv("PORT", 7000))', {}, (7000,), True),
        ('int(os.getenv("PORT", 7000))', {"PORT": "7005"}, (7005,), True),
        ("int(os.environ.get('PORT', '7000'))", {}, (7000,), True),
        ("int(environ['PORT'])", {"PORT": "7005"}, (7005,), True),
        ("int(os.environ['PORT'])", {}, GRADIO_RANGE, False),
        ('os.getenv("PORT")', {}, GRADIO_RANGE, True),  # None: the range
        ('os.getenv("PORT", None)', {}, GRADIO_RANGE, True),
        ('int(os.getenv("PORT", 7000))', {"PORT": "no"}, GRADIO_RANGE, False),
        ('int(os.getenv("PORT", 7000)) + 1', {}, GRADIO_RANGE, False),
        ("choose_port()", {}, GRADIO_RANGE, False),
        ('__import__("os").system("id")', {}, GRADIO_RANGE, False),
        ("(" * 5000, {}, GRADIO_RANGE, False),
    ],
)
def test_code_that_computes_the_port(code: str, env: Mapping[str, str], ports: tuple[int, ...], known: bool,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    found = wanted(call("launch", code={"server_port": code}), env=env)
    assert (found.ports, found.known) == (ports, known)
    assert len(found.origin) < 200


def test_this_shells_variable_counts_where_the_app_would_inherit_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_APP_PORT", "7123")
    launch = call("launch", code={"server_port": 'int(os.environ["MY_APP_PORT"])'})
    assert wanted(launch).ports == (7123,)


def test_the_variable_of_the_running_process_counts_before_this_shells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_APP_PORT", "7123")
    launch = call("launch", code={"server_port": 'int(os.environ["MY_APP_PORT"])'})
    with child("print(flush=True); import time; time.sleep(60)", environment={"MY_APP_PORT": "7456"}) as (process, _):
        app = AppSource("/x/app.py", calls=(launch,))
        found = probe_wanted(Given(SCRIPT, evidence=(app, Environment({}, f"pid {process.pid}"))))
        assert isinstance(found, WantedAddress) and found.ports == (7456,)


def test_the_default_of_an_option_is_what_to_expect_but_not_known() -> None:
    setting = Setting("server_port", None, False, "args.port", 9, default=7777, origin="the command line, default 7777")
    found = wanted(Call("launch", "/x/app.py", 9, "main-guard", (setting,)))
    assert (found.ports, found.known) == ((7777,), False)


def test_the_call_that_surely_runs_counts() -> None:
    calls = [
        call("launch", {"server_port": 1111}, reach="unreachable", line=1),
        call("launch", {"server_port": 2222}, reach="function", line=2),
        call("launch", {"server_port": 3333}, reach="conditional", line=3),
        call("launch", {"server_port": 4444}, reach="main-guard", line=4),
        call("launch", {"server_port": 5555}, line=5),
    ]
    for left in range(5, 1, -1):
        assert wanted(*calls[:left]).ports == (calls[left - 1].settings[0].value,)
    assert wanted(calls[0]).ports == GRADIO_RANGE


def test_mounted_apps_take_uvicorns_port() -> None:
    mount = call("mount_gradio_app", {"path": "/gradio"})
    found = wanted(mount, call("uvicorn.run", {"host": "0.0.0.0", "port": 9000}))
    assert (found.host, found.ports, found.fixed, found.known) == ("0.0.0.0", (9000,), True, True)
    assert wanted(mount, call("uvicorn.run")).ports == (8000,)
    assert wanted(mount, call("uvicorn.run", code={"port": 'int(os.getenv("PORT", 9100))'})).ports == (9100,)
    computed = wanted(mount, call("uvicorn.run", code={"port": "pick()"}))
    assert (computed.ports, computed.known) == ((8000,), False)
    alone = wanted(mount)
    assert (alone.ports, alone.known) == ((8000,), False) and "mounted" in alone.origin


def test_what_the_source_sets_before_it_imports_gradio() -> None:
    def source(line: int) -> AppSource:
        return AppSource(
            "/x/app.py", calls=(call("launch"),), imports=(Import("gradio", "/x/app.py", 5, False),),
            environment_sets=(Setting("GRADIO_SERVER_PORT", "7321", True, '"7321"', line),),
        )

    assert wanted(source=source(2)).first == 7321
    assert wanted(source=source(8)).first == 7860  # too late: gradio has read it


@pytest.mark.parametrize(
    ("command", "env", "host", "port"),
    [
        ("uvicorn app:app", {}, "127.0.0.1", 8000),
        ("/v/bin/python /v/bin/uvicorn app:app --host 0.0.0.0 --port 9000", {}, "0.0.0.0", 9000),
        ("python -m uvicorn --port=9001 app:app", {}, "127.0.0.1", 9001),
        ("uvicorn app:app", {"UVICORN_PORT": "9002"}, "127.0.0.1", 9002),
        ("gunicorn -k uvicorn.workers.UvicornWorker -b 0.0.0.0:9003 app:app", {}, "0.0.0.0", 9003),
        ("gunicorn --bind=[::]:9004 app:app", {}, "::", 9004),
        ("gunicorn app:app", {"PORT": "9005"}, "0.0.0.0", 9005),
        ("fastapi run app.py", {}, "0.0.0.0", 8000),
        ("fastapi dev app.py --port 9006", {}, "127.0.0.1", 9006),
    ],
)
def test_the_command_line_of_a_running_server(command: str, env: Mapping[str, str], host: str, port: int,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    process = Process(os.getpid(), 1, "x", tuple(command.split()), "me", 0.0, "sleeping")
    found = wanted(call("launch", {"server_port": 1}), env=env, more=(Instances("/x/app.py", (process,)),))
    assert (found.host, found.ports, found.fixed, found.known) == (host, (port,), True, True)


def test_a_server_on_a_unix_socket_has_no_port_to_know() -> None:
    process = Process(1, 1, "x", ("gunicorn", "--bind", "unix:/run/app.sock"), "me", 0.0, "sleeping")
    assert wanted(more=(Instances("/x/app.py", (process,)),)).known is False


def test_a_plain_python_process_says_nothing() -> None:
    process = Process(1, 1, "x", ("python", "app.py", "--port", "9999"), "me", 0.0, "sleeping")
    assert wanted(call("launch", {"server_port": 1234}), more=(Instances("/x/app.py", (process,)),)).ports == (1234,)


def test_the_port_or_url_asked_about() -> None:
    found = wanted(target=Target("port", "7865", port=7865))
    assert (found.ports, found.fixed, found.known) == ((7865,), True, True)
    found = wanted(target=Target("url", "u", url="https://demo.example.com/gradio"))
    assert (found.host, found.ports) == ("demo.example.com", (443,))
    assert wanted(target=Target("url", "u", url="http://[::1]:7870/")).ports == (7870,)
    for bad in ("ftp://x/", "http://x:99999/", "nonsense"):
        assert isinstance(probe_wanted(Given(Target("url", bad, url=bad))), Absent)


def test_a_log_does_not_say() -> None:
    assert isinstance(probe_wanted(Given(Target("log", "a.log"))), Absent)


def test_without_any_evidence_the_defaults_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME", "GRADIO_NUM_PORTS"):
        monkeypatch.delenv(name, raising=False)
    found = probe_wanted(Given())
    assert isinstance(found, WantedAddress) and (found.host, found.ports) == ("127.0.0.1", GRADIO_RANGE)
