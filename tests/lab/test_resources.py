"""Apps that run into limits of the system, for real, each beside its healthy twin.

Some cases need root: a control group, another user, a file system of their own. They fail where that cannot be had.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import pytest

from tests.lab.harness import Lab, Report, doctor, environment, write_app
from tests.lab.resource_lab import Group, bars_of, seen_in, users, wait_up

# A leak that begins when the app is up, and goes on until the system stops it.
LEAKS_SOCKETS = """
    import resource, socket, time
    import gradio as gr

    resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))
    demo = gr.Interface(lambda x: x, "text", "text")
    demo.launch(server_port={port}, prevent_thread_lock=True)
    up, kept = open(__file__ + ".up", "w"), []
    try:
        while True:
            kept.append(socket.socket())
    except OSError:
        pass
    print("up", file=up, flush=True)
    time.sleep(600)
"""


def test_descriptors(lab: Lab, port: int) -> None:
    """A leak of sockets: the kernel still takes connections, and nobody accepts them."""
    app = write_app(lab.directory, LEAKS_SOCKETS, port=port)
    lab.start(app, wait=None)
    wait_up(app)
    report = doctor("diagnose", "app.py", cwd=lab.directory)
    top = report.assert_first("limits.open-files")
    assert "limits.descriptors-at-limit" in seen_in(top) and bars_of(top) == {"descriptors"}
    assert "160" in top["says"]


# --- a file system that is too small: root and a mount namespace of its own -------------------------------------------

GREEDY = """
    import os, resource
    from multiprocessing import shared_memory
    import gradio as gr

    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + {space}, used + {space}))
    weights = bytearray(300 * 2**20)
    with open(os.environ["GRADIO_TEMP_DIR"] + "/filler", "wb") as file:
        file.write(b"x" * {filler})
    block = shared_memory.SharedMemory(create=True, size={shared})
    block.buf[:] = bytes({shared})
    block.unlink()
    gr.Interface(lambda x: x, "text", "file").launch(server_port={port})
"""
MODEST: Mapping[str, int] = {"space": 4 * 2**30, "filler": 1000, "shared": 4096}


def squeezed(lab: Lab, port: int, **wanted: int) -> Report:
    """An app under gradio-doctor, both with 4 MiB of temporary directory and of /dev/shm: needs root (mount)."""
    write_app(lab.directory, GREEDY, port=port, **{**MODEST, **wanted})
    place = lab.directory / "tiny"
    place.mkdir()
    mounts = " && ".join(f'mount -t tmpfs -o size=4m tmpfs "{p}"' for p in (place, "/dev/shm"))
    tool = [str(Path(sys.executable).with_name("gradio-doctor")), "diagnose", "app.py", "--json"]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mounts + ' && exec "$@"', "sh", *tool], cwd=lab.directory,
        env=environment(GRADIO_TEMP_DIR=str(place)), capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL, check=False,
    )
    return Report(done)


def test_little_is_enough(lab: Lab, port: int) -> None:
    """The healthy twin of the next three: the same app, under the same limits, that needs less."""
    report = squeezed(lab, port)
    report.assert_healthy()
    assert "limits.little-space" in {p["finding"] for p in report.data["predictions"]}


def test_temporary_directory_without_room(lab: Lab, port: int) -> None:
    """It starts, and answers; nothing can be uploaded to it."""
    top = squeezed(lab, port, filler=4 * 2**20).assert_first("limits.disk-full")
    assert str(lab.directory / "tiny") in top["says"] and bars_of(top) == {"disk"}


def test_shared_memory_that_is_too_small(lab: Lab, port: int) -> None:
    """Python reserves nothing: the page that cannot be had ends the process with SIGBUS."""
    top = squeezed(lab, port, shared=16 * 2**20).assert_first("memory.shm-too-small")
    assert "4 MiB" in top["says"] and bars_of(top) == {"shm"}


def test_address_space_used_up(lab: Lab, port: int) -> None:
    top = squeezed(lab, port, space=100 * 2**20).assert_first("memory.exhausted")
    assert top["location"]["line"] == 7


# --- control groups: root and a hierarchy that can be written ---------------------------------------------------------

JOINS = """
    with open("{group}/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
"""[1:]
SPINS = """
    import os, threading
    with open("{group}/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
    import gradio as gr

    demo = gr.Interface(lambda x: x, "text", "text")
    demo.launch(server_port={port}, prevent_thread_lock=True)
    with open("{group}/{file}", "w") as file:
        file.write("{quota}")
    open(__file__ + ".up", "w").write("up")
    while {spins}:
        pass
    threading.Event().wait()
"""
STARTS_THREADS = """
    import os, threading, time, traceback
    with open("{group}/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
    import gradio as gr

    demo = gr.Interface(lambda x: x, "text", "text")
    demo.launch(server_port={port}, prevent_thread_lock=True)
    done = threading.Event()
    try:
        while True:
            threading.Thread(target=done.wait, daemon=True).start()
    except RuntimeError:
        traceback.print_exc()
    open(__file__ + ".up", "w").write("up")
    done.wait()
"""


@pytest.fixture
def cpu() -> Iterator[Group | None]:
    """A group with a CPU quota, or None where the machine allows none."""
    made = None
    with suppress(OSError):
        made = Group("cpu", {1: ("cpu.cfs_quota_us", "20000"), 2: ("cpu.max", "20000 100000")})
    yield made
    if made:
        made.close()


@pytest.fixture
def pids() -> Iterator[Group | None]:
    """A group with a limit on tasks, or None where the machine allows none."""
    made = None
    with suppress(OSError):
        made = Group("pids", {1: ("pids.max", "60"), 2: ("pids.max", "60")})
        made.set()
    yield made
    if made:
        made.close()


TOLD = """
    print("nr_periods 1000\\nnr_throttled 930\\nthrottled_time 812345678901", flush=True)
    raise SystemExit(1)
"""


def test_cpu_quota(lab: Lab, port: int, cpu: Group | None) -> None:
    """A fifth of a CPU, for an app that wants one. It is a warning: the app is slow, and works."""
    if cpu is None:  # it needs root and a hierarchy that can be written; the counters in a log tell it, too
        write_app(lab.directory, TOLD)
        assert "limits.cpu-throttled" in doctor("diagnose", "app.py", cwd=lab.directory).ids
        return
    for spins in (False, True):
        settings = {"group": cpu.path, "file": cpu.file, "quota": cpu.value}
        app = write_app(lab.directory, SPINS, f"app{spins}.py", **settings, port=port, spins=spins)
        process = lab.start(app, wait=None)
        wait_up(app)
        report = doctor("diagnose", app, cwd=lab.directory)
        if not spins:
            report.assert_healthy()
        process.kill()
        process.wait(10)
    assert report.ids[:1] == ["limits.cpu-throttled"], report.describe()
    assert report.top["role"] == "root" and "0.2 CPUs" in report.top["says"]


REFUSED = """
    import threading

    raise RuntimeError("can't start new thread")
"""


def test_threads(lab: Lab, port: int, pids: Group | None) -> None:
    if pids is None:  # it needs root and a hierarchy that can be written; what Python says of it does not
        write_app(lab.directory, REFUSED)
        doctor("diagnose", "app.py", cwd=lab.directory).assert_first("limits.threads")
        return
    app = write_app(lab.directory, STARTS_THREADS, group=pids.path, port=port)
    lab.start(app, wait=None)
    wait_up(app)
    top = doctor("diagnose", "app.py", cwd=lab.directory).assert_first("limits.threads")
    assert "60" in top["says"] and bars_of(top) == {"threads"}


# --- a leak, watched under load ---------------------------------------------------------------------------------------

KEEPS = """
    from collections import deque
    import gradio as gr

    results = deque(maxlen={most})

    def predict(text):
        results.append(bytearray(400_000))
        return text

    with gr.Blocks() as demo:
        box = gr.Textbox()
        box.submit(predict, box, box, api_name="predict", queue=False)
    demo.launch(server_port={port})
"""


def test_leak(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, KEEPS, port=port, most=None)
    lab.start(app, wait=port)
    with users(port):
        report = doctor("diagnose", "app.py", "--watch", 7, cwd=lab.directory)
    assert report.ids[:1] == ["memory.leak"] and report.top["role"] == "root", report.describe()
    curve = report.data["memory_curve"]
    assert curve["points"][-1][1] > curve["points"][0][1] + 10 * 2**20
    [served] = [e["text"] for e in report.top["evidence"] if e["finding"] == "memory.served-meanwhile"]
    assert int(served.split()[1]) >= 1


THRIFTY = """
    import os, resource, socket, threading
    with open("{group}/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))
    for _ in range(10):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    sockets = [socket.socket() for _ in range(20)]
"""


def test_what_is_kept_for_a_while_only(lab: Lab, port: int, pids: Group | None) -> None:
    """The healthy twin: a handler that keeps its last results, under the limits on descriptors and threads."""
    thrifty = THRIFTY.replace(JOINS, "") if pids is None else THRIFTY
    app = write_app(lab.directory, dedent(thrifty) + dedent(KEEPS), group=pids and pids.path, port=port, most=4)
    lab.start(app, wait=port)
    with users(port):
        report = doctor("diagnose", "app.py", "--watch", 6, cwd=lab.directory)
    report.assert_healthy()
    assert len(report.data["memory_curve"]["points"]) > 10 and not report.data["predictions"]
