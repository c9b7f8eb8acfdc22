"""Killed for memory: by a real memory cgroup where one can be made, else by the kernel's words about a real kill."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.lab.harness import Lab, doctor, write_app

LIMIT = 400 * 2**20
_CGROUPS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),  # version 1
    (Path("/sys/fs/cgroup"), "memory.max"),  # version 2
)
GREEDY = """
    import os, sys
    if "{group}":
        with open("{group}/cgroup.procs", "w") as file:
            file.write(str(os.getpid()))
    import gradio as gr

    model = [bytearray(2**20) for _ in range({mebibytes})]
    gr.Interface(lambda x: x, "text", "text").launch(server_port={port})
"""
KILLED = """
    import os, signal
    import gradio as gr

    with open("kernel.log", "w") as file:
        pid = os.getpid()
        file.write(f"[ 4711.25] python invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\\n")
        file.write(f"[ 4711.42] Out of memory: Killed process {{pid}} (python) total-vm:21474836kB, "
                   f"anon-rss:15728640kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:30820kB oom_score_adj:0\\n")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def cgroup() -> Iterator[Path | None]:
    """A memory cgroup of our own, or None where none can be made."""
    made = None
    for parent, limit in _CGROUPS:
        group = parent / f"gradio-doctor-lab-{os.getpid()}"
        with suppress(OSError):
            group.mkdir()
            made = group
            (group / limit).write_text(str(LIMIT))
            break
        if made:
            made.rmdir()
            made = None
    yield made
    if made:
        for pid in (made / "cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with suppress(OSError):
            made.rmdir()


def test_killed_in_a_memory_cgroup(lab: Lab, port: int, cgroup: Path | None) -> None:
    if cgroup is None:  # it needs root and a writable hierarchy; the next test kills without one
        write_app(lab.directory, KILLED)
    else:
        write_app(lab.directory, GREEDY, group=cgroup, mebibytes=1000, port=port)
    flags = [] if cgroup else ["--log", "kernel.log"]
    if not cgroup:
        (lab.directory / "kernel.log").touch()
    top = doctor("diagnose", "app.py", *flags, cwd=lab.directory).assert_first("memory.oom-killed")
    assert "memory" in top["says"]
    if cgroup:  # two witnesses that know nothing of each other
        seen = {e["finding"] for e in top["evidence"] if e["seen"]}
        assert seen >= {"memory.kill-recorded", "memory.killed-in-cgroup"}, top["evidence"]
    write_app(lab.directory, GREEDY, group=cgroup or "", mebibytes=1, port=port)
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()


def test_killed_and_the_kernel_says_so(lab: Lab) -> None:
    """The kernel's log is handed in, as from a machine where only root may read it."""
    write_app(lab.directory, KILLED)
    (lab.directory / "kernel.log").touch()
    top = doctor("diagnose", "app.py", "--log", "kernel.log", cwd=lab.directory).assert_first("memory.oom-killed")
    assert "Killed process" in top["because"]
    assert any("dmesg" in c or "journalctl" in c for r in top["remedies"] for c in r["commands"])


def test_kernel_log_alone(lab: Lab) -> None:
    app = write_app(lab.directory, KILLED)
    lab.start(app, wait=None).wait(90)
    doctor("logs", "app.log", "kernel.log", cwd=lab.directory).assert_first("memory.oom-killed")


def test_status_137_of_its_own_is_no_kill(lab: Lab) -> None:
    """os._exit(137) looks like a kill to a shell; our own look at the process knows better."""
    write_app(lab.directory, "import os\nprint('bye')\nos._exit(137)\n")
    report = doctor("diagnose", "app.py", cwd=lab.directory)
    assert "memory.oom-killed" not in report.ids[:1], report.describe()
