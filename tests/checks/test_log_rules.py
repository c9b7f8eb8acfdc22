# ruff: noqa: E501 - lines of logs are as long as they are
"""Rules that weigh several lines of a log: who asked, who caught, what follows, what was printed in passing."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.said import causes, events, named

SITE = "/opt/venv/lib/python3.11/site-packages"


def raised(*frames: tuple[str, str], error: str, own: str = "/srv/ui/app.py") -> str:
    """A traceback from the app's module through the given library frames."""
    lines = ["Traceback (most recent call last):", f'  File "{own}", line 7, in <module>', "    main()"]
    lines += [f'  File "{SITE}/{file}", line 10, in {name}\n    return step()' for file, name in frames]
    return "\n".join([*lines, error]) + "\n"


@pytest.mark.parametrize(("file", "error"), [
    ("huggingface_hub/hf_api.py", "httpx2.ConnectError: [Errno -3] Temporary failure in name resolution"),
    ("huggingface_hub/file_download.py", "httpx.ConnectTimeout: timed out"),
    ("datasets/load.py", "ConnectionError: Couldn't do it"),
    ("nltk/downloader.py", "urllib.error.URLError: <urlopen error timed out>"),
    ("torch/hub.py", "TimeoutError: [Errno 110] Connection timed out"),
    ("gradio/external.py", "httpx.ReadTimeout: The read operation timed out"),
])
def test_a_download_that_does_not_reach_its_hub(file: str, error: str, loaded: Loaded, tmp_path: Path) -> None:
    log = raised((file, "fetch"), ("httpx/_client.py", "send"), error=error)
    assert causes(log, loaded, tmp_path)[0] == "network.hub-unreachable"


@pytest.mark.parametrize(("file", "error"), [
    ("huggingface_hub/inference/_client.py", "httpx.ConnectError: [Errno 111] Connection refused"),
    ("redis/connection.py", "redis.exceptions.ConnectionError: Error 111 connecting to 127.0.0.1:6399. Connection refused."),
    ("urllib3/connection.py", "ConnectionRefusedError: [Errno 111] Connection refused"),
    ("psycopg2/__init__.py", "psycopg2.OperationalError: connection to server at \"db\" (10.0.0.5), port 5432 failed: Connection refused"),
    ("pymongo/topology.py", "pymongo.errors.ServerSelectionTimeoutError: db:27017: timed out"),
])
def test_a_service_that_is_not_reached(file: str, error: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(raised((file, "connect"), error=error), loaded, tmp_path)[0] == "network.api-unreachable"


def test_a_hub_that_refuses_is_reached(loaded: Loaded, tmp_path: Path) -> None:
    log = raised(("transformers/utils/hub.py", "cached_files"), error=(
        "OSError: There was a specific connection error when trying to load acme/llm:\n"
        "Client error '401 Unauthorized' for url 'https://hub.corp.example/acme/llm/resolve/main/config.json'"))
    assert causes(log, loaded, tmp_path)[0] == "network.hub-auth"


CAUGHT = f"""\
Plugin configuration error: Exception when calling initialize()
Traceback (most recent call last):
  File "{SITE}/jax/_src/xla_bridge.py", line 508, in discover_pjrt_plugins
    plugin_module.initialize()
RuntimeError: operation cuInit(0) failed
"""


@pytest.mark.parametrize(("after", "gone_on"), [
    ("[CpuDevice(id=0)]\n3.0\n", True),
    ("2024-05-05 10:00:00 INFO serving\n", True),
    ("", False),
    ("ERROR:    Application startup failed. Exiting.\n", False),
    ("root@box:/srv# \n", False),
    ("Press any key to continue . . .\n", False),
])
def test_a_traceback_that_a_library_caught(after: str, gone_on: bool, loaded: Loaded, tmp_path: Path) -> None:
    """The rule: it begins in a library's function, and the program prints more that speaks of no end."""
    assert (causes(CAUGHT + after, loaded, tmp_path)[:1] != ["app.startup-exception"]) == gone_on


def test_an_uncaught_one_begins_in_the_module_that_was_run(loaded: Loaded, tmp_path: Path) -> None:
    log = raised(("acme/x.py", "step"), error="RuntimeError: no") + "bye\n"
    assert causes(log, loaded, tmp_path)[0] == "app.startup-exception"


def test_the_line_above_a_logged_traceback_explains_it(loaded: Loaded, tmp_path: Path) -> None:
    log = (
        "2025-11-14 11:49:23.014 | ERROR    | __main__:generate:198 - Error: HTTPConnectionPool(host='127.0.0.1', port=8081): Max retries exceeded with url: /t2i (Caused by NewConnectionError('x: Failed to establish a new connection: [Errno 111] Connection refused'))\n"
        "Traceback (most recent call last):\n\n"
        f'  File "{SITE}/acme/pool.py", line 198, in _new_conn\n    sock = create()\n'
        "ValueError: no socket\n"
    )
    assert "app.startup-exception" not in causes(log, loaded, tmp_path)[:1]


@pytest.mark.parametrize(("log", "expected"), [
    ("* Running on local URL:  http://127.0.0.1:7860\nexit code: 0\n", True),
    ("Running on local URL:  http://127.0.0.1:7860\n\nProcess finished with exit code 0\n", True),
    ("Running on local URL:  http://127.0.0.1:7860\n[Done] exited with code=0 in 1.9 seconds\n", True),
    ("Running on local URL:  http://127.0.0.1:7860\nKeyboard interruption in main thread... closing server.\nexit code: 0\n", False),
    ("exit code: 0\nRunning on local URL:  http://127.0.0.1:7860\n", False),
    ("Process finished with exit code 0\n", False),
])
def test_an_app_that_came_up_and_ended_with_status_zero(log: str, expected: bool, loaded: Loaded, tmp_path: Path) -> None:
    assert (causes(log, loaded, tmp_path)[:1] == ["app.exits-immediately"]) == expected


@pytest.mark.parametrize("line", [
    "启动.sh: 行 2: ffmpeg: 未找到命令",
    "start.sh: Zeile 2: ffmpeg: Befehl nicht gefunden.",
    "start.sh: ligne 2: ffmpeg : commande introuvable",
    "start.sh: línea 2: ffmpeg: orden no encontrada",
    "start.sh: строка 2: ffmpeg: команда не найдена",
    "start.sh: 行 2: ffmpeg: コマンドが見つかりません",
    "bash: ffmpeg: 未找到命令",
    "zsh: command not found: ffmpeg",
    "ERROR: Cannot find command 'git' - do you have 'git' installed and in your PATH?",
    "RuntimeError: gr.Video requires ffmpeg, but could not find ffmpeg on PATH. Install FFmpeg and make sure its executables are on PATH.",
])
def test_a_program_that_a_shell_does_not_find(line: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(line + "\n", loaded, tmp_path)[0] == "dependency.system-binary"


@pytest.mark.parametrize("line", ["bash: ping: command not found", "bash: 行 3: lsof: 未找到命令", "sh: 1: netstat: not found"])
def test_a_tool_of_the_person_who_looks_is_no_fault(line: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(line + "\n", loaded, tmp_path) == []


def test_an_argument_that_gradio_hands_on(loaded: Loaded, tmp_path: Path) -> None:
    log = (
        'Traceback (most recent call last):\n  File "/srv/ui/app.py", line 2, in <module>\n'
        '    gr.Interface(fn, "text", "text", allow_flagging="never").launch()\n'
        f'  File "{SITE}/gradio/interface.py", line 171, in __init__\n    super().__init__(\n'
        f'  File "{SITE}/gradio/blocks.py", line 1426, in __init__\n    super().__init__(render=False, **kwargs)\n'
        "TypeError: BlockContext.__init__() got an unexpected keyword argument 'allow_flagging'\n"
    )
    assert causes(log, loaded, tmp_path)[0] == "dependency.api-removed"
    between = log.replace('allow_flagging="never"', "")
    assert causes(between, loaded, tmp_path)[0] == "dependency.conflict"


def test_a_shadowed_module_told_in_passing(loaded: Loaded, tmp_path: Path) -> None:
    log = "Error importing huggingface_hub.hf_api: module 'queue' has no attribute 'LifoQueue'\n" + raised(
        ("gradio_client/client.py", "<module>"),
        error=f"ImportError: cannot import name 'CommitOperationAdd' from 'huggingface_hub' ({SITE}/huggingface_hub/__init__.py)")
    assert causes(log, loaded, tmp_path)[0] == "app.module-shadowed"


def test_uvicorn_was_given_the_blocks(loaded: Loaded, tmp_path: Path) -> None:
    log = raised(("uvicorn/config.py", "load"), ("gradio/blocks.py", "__call__"), ("gradio/blocks.py", "is_callable"),
                 error="KeyError: 0", own="/opt/venv/bin/uvicorn")
    assert causes(log, loaded, tmp_path)[0] == "server.wrong-worker"
    assert [f.id for f in named(loaded, "server-blocks-served")(events(log, loaded, tmp_path))]


@pytest.mark.parametrize(("line", "first"), [
    ("Loading checkpoint shards:  33% 1/3 [00:21<00:42, 21.18s/it]^C", "memory.oom-killed"),
    ("ValueError: Did you install Gradio from source files? You need to build the frontend by running /scripts/build_frontend.sh", "dependency.broken-install"),
    ("Error: '$PORT' is not a valid port number.", "app.startup-exception"),
    ("Error: No application module specified.", "server.wrong-worker"),
    ("Error: '/var/log/ui/access.log' isn't writable [PermissionError(13, 'Permission denied')]", "limits.permission"),
    ('Error response from daemon: Get "https://registry-1.docker.io/v2/": net/http: request canceled while waiting for connection', "network.hub-unreachable"),
    ("Error response from daemon: pull access denied for acme/ui, repository does not exist or may require 'docker login'", "dependency.upstream-removed"),
    ("exec /usr/bin/python3: exec format error", "dependency.native-abi"),
    ("  cause: error sending request for url (https://github.com/astral-sh/x.tar.gz)", "network.hub-unreachable"),
    ("urllib.error.HTTPError: HTTP Error 404: File not found", "dependency.upstream-removed"),
    ("< WWW-Authenticate: Basic realm=\"staff\"", "proxy.auth"),
    ("[worker] Process 'ForkPoolWorker-1' Worker exited prematurely: signal 9 (SIGKILL) Job: 0.", "memory.oom-killed"),
    ("  ValueError: All inputs to a batch function must have the same length but instead have sizes: {1, 2}.", "app.component-misuse"),
    ("Failed to load resource: the server responded with a status of 413 (Request Entity Too Large)", "proxy.body-too-large"),
    ("docker: Error response from daemon: ports are not available: exposing port TCP 0.0.0.0:7860 -> 127.0.0.1:0: listen tcp 0.0.0.0:7860: bind: Normalmente, é permitido apenas um uso de cada endereço.", "port.foreign-process"),
    ("rocBLAS error: Cannot read /opt/x/TensileLibrary.dat: No such file or directory for GPU arch : gfx1031\nAborted (core dumped)", "gpu.unsupported-arch"),
    ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\nbash: line 1: 27024 Aborted                 node x.js", "memory.exhausted"),
    ("POST https://ui.example.org/run/predict 504 (Gateway Time-out)", "proxy.timeout"),
    ("POST https://ui.example.org/run/predict 502 (Bad Gateway)", "proxy.upstream-down"),
    ("[12.3] NVRM: Xid (PCI:0000:65:00): 79, pid=1, GPU has fallen off the bus.\nRuntimeError: CUDA error: unspecified launch failure", "gpu.hardware"),
])
def test_lines_that_nothing_covered(line: str, first: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(line + "\n", loaded, tmp_path)[:1] == [first]


def test_one_failed_readiness_probe_is_how_pods_start(loaded: Loaded, tmp_path: Path) -> None:
    line = '  Warning  Unhealthy  {age}   kubelet   Readiness probe failed: Get "http://10.2.0.14:7860/": context deadline exceeded\n'
    assert causes(line.format(age="31s"), loaded, tmp_path) == []
    assert causes(line.format(age="4m (x40 over 9m)"), loaded, tmp_path) != []
