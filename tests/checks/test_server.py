# ruff: noqa: E501 - the lines are printed that long
"""Workers, start commands and restarts. The gunicorn texts were printed by gunicorn 20.1.0 and 27.0.1."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gradio_doctor.evidence import HttpAnswers
from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab
from tests.checks.said import named

TIMED_OUT = """\
[2026-11-22 14:17:07 +0000] [9878] [INFO] Starting gunicorn 20.1.0
[2026-11-22 14:17:07 +0000] [9878] [INFO] Listening at: http://127.0.0.1:18951 (9878)
[2026-11-22 14:17:07 +0000] [9878] [INFO] Using worker: sync
[2026-11-22 14:17:07 +0000] [9916] [INFO] Booting worker with pid: 9916
[2026-11-22 14:17:11 +0000] [9878] [CRITICAL] WORKER TIMEOUT (pid:9916)
"""
KILLED = {
    "20": "[2026-11-22 14:17:12 +0000] [9878] [WARNING] Worker with pid {pid} was terminated due to signal 9\n",
    "21": "[2026-11-22 14:17:12 +0000] [9878] [ERROR] Worker (pid:{pid}) was sent SIGKILL! Perhaps out of memory?\n",
}
NO_MODULE = '''\
[2026-11-22 14:17:37 +0000] [12727] [ERROR] Exception in worker process
Traceback (most recent call last):
  File "/srv/lib/python3.11/site-packages/gunicorn/arbiter.py", line 752, in spawn_worker
    worker.init_process()
  File "/srv/lib/python3.11/site-packages/gunicorn/app/wsgiapp.py", line 47, in load_wsgiapp
    return util.import_app(self.app_uri)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/lib/python3.11/site-packages/gunicorn/util.py", line 420, in import_app
    mod = importlib.import_module(module)
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/importlib/__init__.py", line 126, in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "<frozen importlib._bootstrap>", line 1204, in _gcd_import
  File "<frozen importlib._bootstrap>", line 1140, in _find_and_load_unlocked
{inside}ModuleNotFoundError: No module named '{module}'
[2026-11-22 14:17:37 +0000] [12727] [INFO] Worker exiting (pid: 12727)
[2026-11-22 14:17:37 +0000] [12689] [ERROR] Worker (pid:12727) exited with code 3.
[2026-11-22 14:17:37 +0000] [12689] [ERROR] Reason: Worker failed to boot.
'''
ABORTED = '''\
[2026-11-22 14:17:20 +0000] [10735] [CRITICAL] WORKER TIMEOUT (pid:10736)
[2026-11-22 14:17:20 +0000] [10736] [ERROR] Error handling request GET /
Traceback (most recent call last):
  File "/srv/lib/python3.11/site-packages/gunicorn/workers/sync.py", line 184, in handle_request
    respiter = self.wsgi(environ, resp.start_response)
  File "/srv/app/views.py", line 6, in ask
    return session.get(url).json()
{inner}
  File "/srv/lib/python3.11/site-packages/gunicorn/workers/base.py", line 200, in handle_abort
    sys.exit(1)
SystemExit: 1
'''
SOCKET = '  File "/usr/lib/python3.11/socket.py", line 706, in readinto\n    return self._sock.recv_into(b)'
LOCK = '  File "/usr/lib/python3.11/threading.py", line 320, in wait\n    waiter.acquire()'
CASES = [
    ("server.worker-timeout", "*** HARAKIRI ON WORKER 1 (pid: 44, try: 1) ***\nDAMN ! worker 1 (pid: 44) died, killed by signal 9 :( trying respawn ..."),
    ("server.worker-timeout", "F*CK !!! i must kill myself (pid: 22 app_id: 0)..."),
    ("server.worker-timeout", "celery.exceptions.TimeLimitExceeded: Hard time limit (300s) exceeded for app.run[1]"),
    ("server.wrong-worker", "TypeError: FastAPI.__call__() missing 1 required positional argument: 'send'"),
    ("server.wrong-worker", "TypeError: __call__() missing 1 required positional argument: 'send'"),
    ("server.wrong-worker", "TypeError: Flask.__call__() missing 1 required positional argument: 'start_response'"),
    ("server.wrong-worker", "TypeError: Flask.__call__() takes 3 positional arguments but 4 were given"),
    ("server.wrong-worker", "Failed to find attribute 'demo' in 'asgi'."),
    ("server.wrong-worker", "hypercorn.utils.NoAppError: Cannot load application from 'app:demo', application not found."),
    ("server.wrong-worker", "unable to load app 0 (mountpoint='') (callable not found or import error)"),
    ("server.wrong-worker", "AttributeError: module 'my_app' has no attribute 'demo'"),
    ("server.wrong-worker", "TypeError: 'Blocks' object is not callable"),
    ("server.restart-loop", "  Warning  BackOff    2m (x10 over 5m)  kubelet  Back-off restarting failed container app in pod app-123"),
    ("server.restart-loop", "  Normal  Killing  41s  kubelet  Container triton failed liveness probe, will be restarted"),
    ("server.restart-loop", "systemd[1]: app.service: Scheduled restart job, restart counter is at 5.\nsystemd[1]: app.service: Start request repeated too quickly."),
    ("server.restart-loop", "systemd[1]: app.service: start operation timed out. Terminating."),
    ("server.restart-loop", "INFO gave up: app entered FATAL state, too many start retries too quickly"),
    ("server.restart-loop", "app_1  Restarting (1) 5 seconds ago"),
    ("memory.oom-killed", "  Last State:     Terminated\n    Reason:       OOMKilled\n    Exit Code:    137\n  Restart Count:  7"),
    ("crash.native", "[1] [ERROR] Worker (pid:77) was sent SIGSEGV!"),
]


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("read"))


@pytest.mark.parametrize(("cause", "text"), CASES)
def test_a_line_means_its_cause(cause: str, text: str, reader: Lab) -> None:
    assert reader.read(text + "\n").first == cause


@pytest.mark.parametrize("version", list(KILLED))
def test_a_kill_after_the_timeout_of_the_same_worker_is_no_memory(version: str, reader: Lab) -> None:
    read = reader.read(TIMED_OUT + KILLED[version].format(pid=9916))
    assert read.first == "server.worker-timeout"
    assert read.causes.get("memory.oom-killed", 0.0) < 0.05
    assert "server.gunicorn-sigkill" not in read.findings
    assert read.findings["server.timeout-then-kill"].facts == {"pid": "9916", "signal": "SIGKILL"}


@pytest.mark.parametrize("version", list(KILLED))
def test_a_kill_without_a_timeout_is_memory(version: str, reader: Lab) -> None:
    text = TIMED_OUT.replace(TIMED_OUT.splitlines(keepends=True)[-1], "")
    assert reader.read(text + KILLED[version].format(pid=9916)).first == "memory.oom-killed"


def test_a_kill_of_another_worker_is_not_explained_by_the_timeout(reader: Lab) -> None:
    read = reader.read(TIMED_OUT + KILLED["21"].format(pid=5555))
    assert "server.timeout-then-kill" not in read.findings
    assert "server.gunicorn-sigkill" in read.findings


def test_four_workers_that_time_out_in_turn(reader: Lab) -> None:
    lines = [f"[2022-12-17 14:33:46 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:{pid})\n" for pid in (20, 21, 22, 23)]
    lines += [KILLED["20"].format(pid=pid) for pid in (20, 23, 21, 22)]
    read = reader.read("".join(lines))
    assert read.first == "server.worker-timeout"
    assert "server.gunicorn-sigkill" not in read.findings


def test_a_timeout_alone_is_enough(reader: Lab) -> None:
    assert reader.read(TIMED_OUT).first == "server.worker-timeout"


@pytest.mark.parametrize(
    ("inner", "finding"),
    [(SOCKET, "server.timeout-while-waiting"), (LOCK, "server.timeout-while-waiting-lock")],
)
def test_what_an_aborted_worker_waited_for(inner: str, finding: str, reader: Lab) -> None:
    read = reader.read(ABORTED.format(inner=inner))
    assert read.first == "server.worker-timeout"
    assert read.findings[finding].location is not None
    assert {"server.timeout-while-waiting", "server.timeout-while-waiting-lock"} & set(read.findings) == {finding}


def test_the_app_module_that_the_server_was_told_is_not_there(reader: Lab) -> None:
    read = reader.read(NO_MODULE.format(module="wsgi", inside=""))
    assert read.first == "server.wrong-worker"
    assert read.findings["server.app-module-not-found"].facts["module"] == "wsgi"


def test_a_module_that_the_app_itself_imports_is_a_missing_package(reader: Lab) -> None:
    inside = '  File "/srv/app/main.py", line 1, in <module>\n    import torch\n'
    read = reader.read(NO_MODULE.format(module="torch", inside=inside))
    assert "server.app-module-not-found" not in read.findings
    assert read.first == "dependency.missing"


@pytest.mark.parametrize(
    ("target", "finding"), [("no_such_module_here:app", "server.app-not-importable"), ("json:demo", "server.app-attribute-missing")]
)
def test_a_real_uvicorn_cannot_load_the_app(target: str, finding: str, tmp_path: Path, reader: Lab) -> None:
    done = subprocess.run([sys.executable, "-m", "uvicorn", target], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode != 0
    read = reader.read(done.stdout + done.stderr)
    assert finding in read.findings
    assert read.first == "server.wrong-worker"


def test_a_session_that_a_worker_does_not_know(reader: Lab) -> None:
    boots = "".join(f"[2024-01-01 00:00:00 +0000] [{n}] [INFO] Booting worker with pid: {n}\n" for n in (8, 9, 10))
    read = reader.read(boots + "Invalid session 4d1bc8e2aa1f47c (further occurrences of this error will be logged with level INFO)\n")
    assert read.first == "server.multi-worker"
    assert read.findings["server.several-workers"].facts["workers"] == "3"


def test_an_event_that_is_not_found_after_a_restart_is_a_stale_page(reader: Lab) -> None:
    lines = ["INFO:     Started server process [10]", "INFO:     Finished server process [10]", "INFO:     Started server process [11]"]
    lines += ["KeyError: 'Event not found in queue. If you are deploying this Gradio app with multiple replicas, please enable'"]
    read = reader.read("\n".join(lines) + "\n")
    assert read.first == "client.stale-page"
    assert "server.several-workers" not in read.findings


def test_several_workers_alone_are_healthy(reader: Lab) -> None:
    boots = "".join(f"[2024-01-01 00:00:00 +0000] [{n}] [INFO] Booting worker with pid: {n}\n" for n in (8, 9, 10))
    assert reader.read(boots).first == ""


def test_starts_that_nobody_asked_for(reader: Lab) -> None:
    starts = "".join(f"2024-01-01 10:0{n}:00 INFO Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)\n" for n in range(6))
    assert reader.read(starts).findings["server.many-starts"].facts == {"count": "6", "seconds": "60"}
    assert "server.many-starts" not in reader.read(starts + "INFO:     Finished server process [1]\n").findings


def test_two_app_ids_are_two_processes(loaded: Loaded) -> None:
    check = named(loaded, "server-app-ids")
    assert [f.seen for f in check(HttpAnswers("http://x", (), app_ids=("1", "2", "1")))] == [True]
    assert [f.seen for f in check(HttpAnswers("http://x", (), app_ids=("1", "1")))] == [False]
    assert list(check(HttpAnswers("http://x", ()))) == []
