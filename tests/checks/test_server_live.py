"""From a server's processes to findings, causes and the command to type instead."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradio_doctor.command_line import changed_command
from gradio_doctor.evidence import AppSource, Handler, HttpAnswer, HttpAnswers, Interpreter, Location, SlowCall
from gradio_doctor.evidence.servers import Server, ServerOption, Servers, ServerWorker
from gradio_doctor.fill import fill
from gradio_doctor.live.model import Judgement, Live
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Absent, Finding, ProxyAnswers
from tests.checks.said import events, named

COMMAND = ("/v/bin/python", "/v/bin/gunicorn", "app:app", "-w", "2", "-k", "uvicorn.workers.UvicornWorker")
PLACE = Location("/srv/app.py", 5, "slow", "time.sleep(60)")


def options(**values: str) -> dict[str, ServerOption]:
    return {name: ServerOption(value, f"--{name}") for name, value in values.items()}


def gunicorn(**more: Any) -> Server:
    values: dict[str, Any] = {
        "command": COMMAND, "directory": "/srv/my app", "workers": (ServerWorker(12, 30.0), ServerWorker(13, 30.0)),
        "options": options(workers="2", worker_class="uvicorn.workers.UvicornWorker", timeout="30"),
        "app": "app:app", "app_file": "/srv/app.py", "app_object": "asgi", "reaped": 0.0,
    }
    return Server("gunicorn", 11, 60.0, **(values | more))


def answered(status: int, *, is_gradio: bool | None = True) -> HttpAnswers:
    asked = HttpAnswer("loop", "HEAD", "http://x/config", "answered", 0.01, status)
    return HttpAnswers("http://x", (asked, replace(asked, probe="page")), is_gradio=is_gradio)


def python(*packages: str) -> Interpreter:
    return Interpreter("/v/bin/python", (3, 11, 0), "the process", tuple((p, "1") for p in packages))


def blocked(pid: int, kind: Any = "loop-blocked", *, sure: bool = True) -> Live:
    return Live((Judgement(kind, pid, sure, location=PLACE),), {}, True, (pid,))


def one(loaded: Loaded, name: str, *evidence: object) -> Finding:
    (found,) = named(loaded, name)(*evidence)
    return found


def first(loaded: Loaded, *found: Finding) -> list[str]:
    return list(rank(loaded.knowledge, merged(found)).probability)


def test_two_that_take_connections_are_several_workers(loaded: Loaded) -> None:
    servers = Servers((gunicorn(accepted={12: 9, 13: 7}),))
    found = one(loaded, "server-live-workers", servers, answered(200))
    assert found.seen and found.facts["shares"] == "pid 12: 9, pid 13: 7" and found.facts["connections"] == "16"
    assert first(loaded, found) == ["server.multi-worker"]
    typed = shlex.split(found.facts["single_worker_command"])
    assert typed == ["env", "-C", "/srv/my app", "/v/bin/gunicorn", "app:app", "-w", "1", "-k",
                     "uvicorn.workers.UvicornWorker"]


@pytest.mark.parametrize("servers", [
    Servers((gunicorn(accepted={12: 16}),)), Servers((gunicorn(),)), Servers(),
    Servers((gunicorn(workers=(ServerWorker(12, 3.0),), accepted={12: 16}),)),
])
def test_one_that_takes_them_all_is_none(loaded: Loaded, servers: Servers) -> None:
    assert not any(f.seen for f in named(loaded, "server-live-workers")(servers, answered(200)))


def test_several_workers_of_what_is_no_gradio_are_nobodys_fault(loaded: Loaded) -> None:
    servers = Servers((gunicorn(accepted={12: 9, 13: 7}),))
    for is_gradio in (False, None):
        assert list(named(loaded, "server-live-workers")(servers, answered(200, is_gradio=is_gradio))) == []


@pytest.mark.parametrize(("packages", "chosen"), [
    (("uvicorn", "uvicorn-worker"), "uvicorn_worker.UvicornWorker"),
    (("uvicorn",), "uvicorn.workers.UvicornWorker"), ((), "uvicorn_worker.UvicornWorker"),
])
def test_a_wsgi_class_is_told_with_one_that_is_installed(
    loaded: Loaded, packages: tuple[str, ...], chosen: str
) -> None:
    server = gunicorn(command=("gunicorn", "app:app", "-t60"), options=options(worker_class="sync"))
    found = one(loaded, "server-live-class", Servers((server,)), answered(500, is_gradio=None), python(*packages))
    assert found.facts["asgi_command"].endswith(f"gunicorn app:app -t60 -k {chosen} -w 1")
    assert first(loaded, found) == ["server.wrong-worker"]


@pytest.mark.parametrize(("server", "http"), [
    (gunicorn(options=options(worker_class="sync")), answered(200)),
    (gunicorn(options=options(worker_class="sync"), app_object="wsgi"), answered(500)),
    (gunicorn(options=options(worker_class="sync"), app_object=""), answered(500)),
    (gunicorn(), answered(500)),
    (gunicorn(options={"worker_class": ServerOption("pick()", "c.py:1", known=False)}), answered(500)),
    (gunicorn(options=options(worker_class="sync")), HttpAnswers("http://x", ())),
])
def test_a_worker_class_that_fits_or_is_not_known_to_fail(loaded: Loaded, server: Server, http: HttpAnswers) -> None:
    assert list(named(loaded, "server-live-class")(Servers((server,)), http, python())) == []


@pytest.mark.parametrize(("kind", "finding"), [
    ("missing", "server.app-name-missing"), ("blocks", "server.app-name-is-blocks"),
])
def test_a_name_that_cannot_be_served(loaded: Loaded, kind: Any, finding: str) -> None:
    servers = Servers((gunicorn(app="app:demo", app_object=kind),))
    for http in (Absent("nothing listens"), answered(500)):
        found = one(loaded, "server-live-object", servers, http)
        assert found.id == finding and found.facts["attribute"] == "demo" and found.facts["file"] == "/srv/app.py"
        assert first(loaded, found) == ["server.wrong-worker"]
    assert list(named(loaded, "server-live-object")(servers, answered(200))) == []


def test_a_worker_killed_while_we_looked_at_its_block(loaded: Loaded) -> None:
    servers = Servers((gunicorn(ended=(12,), begun=(20,)),))
    found = one(loaded, "server-live-timeout", servers, blocked(12))
    assert found.id == "server.worker-killed-now" and found.location == PLACE
    assert (found.facts["timeout"], found.facts["where"], found.facts["pid"]) == ("30", "/srv/app.py:5", "12")
    assert first(loaded, found) == ["server.worker-timeout"]


def test_blocked_again_after_an_earlier_one_had_died(loaded: Loaded) -> None:
    found = one(loaded, "server-live-timeout", Servers((gunicorn(reaped=4.2),)), blocked(13))
    assert found.id == "server.blocked-past-timeout" and found.location == PLACE


@pytest.mark.parametrize(("server", "live"), [
    (gunicorn(), blocked(12)),  # blocked, and nobody has died: that is the block, not the time-out
    (gunicorn(reaped=4.2), blocked(12, sure=False)),
    (gunicorn(reaped=4.2), blocked(12, "lock-convoy")),
    (gunicorn(reaped=4.2), blocked(99)),
    (gunicorn(ended=(12,), begun=(20,), reaped=4.2), Absent("no stacks")),
    (gunicorn(ended=(12,), begun=(20,), reaped=4.2), Live((), {}, True, (12,))),
    (gunicorn(ended=(12,), options=options(max_requests="100")), blocked(12)),
    (replace(gunicorn(ended=(12,), reaped=4.2), kind="uvicorn"), blocked(12)),
])
def test_a_worker_that_goes_for_another_reason(loaded: Loaded, server: Server, live: object) -> None:
    assert list(named(loaded, "server-live-timeout")(Servers((server,)), live)) == []


@pytest.mark.parametrize("line", [
    "Failed to find attribute 'nope' in 'app'.",
    'ERROR:    Error loading ASGI app. Attribute "nope" not found in module "app".',
    'ERROR:    Error loading ASGI app. Could not import module "apq".',
])
def test_an_app_that_a_server_should_run_need_not_run_by_itself(loaded: Loaded, tmp_path: Path, line: str) -> None:
    """What a plain start of the file shows (status 0, nothing served) is no cause then."""
    log = events(line, loaded, tmp_path)
    told = [Finding(m.signature) for m in log.matches]
    alone = Finding("app.mounted-without-server"), Finding("app.exited-without-serving")
    assert first(loaded, *alone)[:1] == ["app.exits-immediately"]
    assert first(loaded, *alone, *told)[:1] == ["server.wrong-worker"]


def test_a_killed_worker_and_the_place_that_stops_the_loop(loaded: Loaded, tmp_path: Path) -> None:
    log = events("[2026-01-01 10:00:00 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:12)", loaded, tmp_path)
    handler = Handler("slow", "/srv/app.py", 4, True, "submit", 6)
    source = AppSource("/srv/app.py", slow=(SlowCall("sleep", "time.sleep", (PLACE,), handler, seconds=60.0),))
    found = one(loaded, "server-timeout-place", log, source)
    assert found.location == PLACE and found.facts["function"] == "slow"
    assert first(loaded, found, Finding("server.gunicorn-worker-timeout"))[:1] == ["server.worker-timeout"]
    plain = replace(source, slow=(replace(source.slow[0], handler=replace(handler, is_async=False)),))
    assert list(named(loaded, "server-timeout-place")(log, plain)) == []
    quiet = events("[2026-01-01 10:00:00 +0000] [7] [INFO] Booting worker with pid: 12", loaded, tmp_path)
    assert list(named(loaded, "server-timeout-place")(quiet, source)) == []


def test_the_worker_model_is_told_and_means_nothing_by_itself(loaded: Loaded) -> None:
    found = one(loaded, "server-live-model", Servers((gunicorn(),)))
    assert "gunicorn (pid 11); 2 workers: 12, 13; workers 2 (--workers)" in found.facts["model"]
    assert first(loaded, found) == []
    assert list(named(loaded, "server-live-model")(Servers((Server("launch", 1, 2.0),)))) == []


@pytest.mark.parametrize(("command", "expected"), [
    (("gunicorn", "a:b", "-w2"), "gunicorn a:b -w 1"),
    (("gunicorn", "--workers=8", "a:b", "-w", "9"), "gunicorn -w 1 a:b"),
    (("python", "-m", "gunicorn", "a:b"), "python -m gunicorn a:b -w 1"),
    (("python3", "/v/gunicorn", "a:b", "--name", "x y"), "/v/gunicorn a:b --name 'x y' -w 1"),
    (("gunicorn: master [a:b]",), ""), ((), ""), (("gunicorn", "a:b", "-e", "KEY=***"), ""),
    (("gunicorn", "x" * 2000), ""),
])
def test_a_changed_command(command: tuple[str, ...], expected: str) -> None:
    assert changed_command(command, {("-w", "--workers"): "1"}) == expected


def test_a_changed_command_with_another_app_and_without_a_switch() -> None:
    words = ("uvicorn", "--reload", "app:demo", "--port", "1")
    assert changed_command(words, {}, drop=("--reload",), app="app:app") == "uvicorn app:app --port 1"


def test_a_command_fills_a_template_word_by_word() -> None:
    facts = {"x_command": "env -C '/srv/my app' gunicorn 'a;b'", "x": "a b"}
    assert fill("{x_command}", facts, quote=True) == facts["x_command"]
    assert fill("run {x}", facts, quote=True) == "run 'a b'"
    for bad in ("-rf x", "a 'b", "a '\x1b'", "''", ""):
        assert fill("{x_command}", {"x_command": bad}, quote=True) is None, bad


def through(*ids: str) -> ProxyAnswers:
    return ProxyAnswers("http://public/", True, "answers", (), app_ids=ids)


def test_replicas_that_answer_in_turn(loaded: Loaded) -> None:
    found = one(loaded, "server-live-replicas", through("1", "2"))
    assert found.seen and found.facts["workers"] == "2" and first(loaded, found)[0] == "server.multi-worker"
    assert not one(loaded, "server-live-replicas", through("1")).seen
    assert not list(named(loaded, "server-live-replicas")(through()))


def test_one_blocked_worker_of_several_while_the_others_answer(loaded: Loaded) -> None:
    servers = Servers((gunicorn(),))
    found = one(loaded, "server-live-blocked", servers, blocked(12), answered(200))
    assert found.facts["pid"] == "12" and found.location == PLACE
    assert first(loaded, found)[0] == "blocking.event-loop"
    for other in (blocked(99), blocked(12, sure=False)):
        assert not list(named(loaded, "server-live-blocked")(servers, other, answered(200)))
