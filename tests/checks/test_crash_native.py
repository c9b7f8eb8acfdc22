"""Which compiled code crashed: faulthandler's output of real crashes, C stacks, and the CPU against what was built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from checks.crash_native import built_for, crash_illegal_cpu, crash_native_library
from gradio_doctor.evidence import Absent, KernelLog, LogEvents, Processor, Run
from gradio_doctor.evidence.run import KernelEvent
from gradio_doctor.probes.processor import read_processor
from tests.lab.harness import doctor

OLD = Processor("x86_64", "Intel Pentium G4400", frozenset({"sse4_2", "popcnt"}))
NEW = Processor("x86_64", "AMD EPYC", frozenset({"sse4_2", "popcnt", "avx", "avx2", "fma", "f16c"}), virtual=True)
ENDED = Run(("python", "app.py"), "/srv", 4711, "exited", 1.0, signal=4)
NOTHING = LogEvents(())
CRASHES = """
    import ctypes, faulthandler, threading
    import {module}
    faulthandler.enable()

    def compute():
        {crash}

    {how}
"""
C_STACK = """
Fatal Python error: Segmentation fault

Current thread 0x00007f1d5b7fe6c0 [worker] (most recent call first):
  File "/srv/app.py", line 7 in compute
  File "/usr/lib/python3.14/threading.py", line 1024 in run

Current thread's C stack trace (most recent call first):
  Binary file "/usr/bin/python3.14", at _Py_DumpStack+0x42 [0x5581d2d4ac12]
  Binary file "/usr/bin/python3.14", at +0x19b1c1 [0x5581d2d5c1c1]
  Binary file "/lib/x86_64-linux-gnu/libc.so.6", at +0x3fdf0 [0x7f1d5d03fdf0]
  Binary file "/lib/x86_64-linux-gnu/libc.so.6", at +0x15b2d0 [0x7f1d5d15b2d0]
  Binary file "/srv/venv/lib/python3.14/site-packages/faiss/_swigfaiss.so", at faiss::search+0x1c [0x7f1d41c0a0dc]
  Binary file "/usr/bin/python3.14", at _PyEval_EvalFrameDefault+0x2c [0x5581d2c1f0ec]

Extension modules: numpy._core._multiarray_umath, faiss._swigfaiss (total: 2)
"""


def crashed(directory: Path, crash: str, how: str = "compute()", module: str = "json") -> None:
    """A real crash of Python's, its last words in app.log."""
    (directory / "app.py").write_text(dedent(CRASHES).format(crash=crash, how=how, module=module))
    with (directory / "app.log").open("wb") as log:
        command = [sys.executable, "app.py"]
        assert subprocess.run(command, cwd=directory, stderr=log, stdout=log, check=False, timeout=60).returncode < 0


@pytest.mark.parametrize(
    ("how", "thread"),
    [("compute()", "MainThread"), ("thread = threading.Thread(target=compute)\nthread.start()\nthread.join()", "0x")],
)
def test_thread_and_frame_of_a_real_crash(tmp_path: Path, how: str, thread: str) -> None:
    crashed(tmp_path, "ctypes.string_at(0)", how)
    top = doctor("logs", "app.log", cwd=tmp_path).assert_first("crash.native")
    assert thread in top["says"] and "compute" in top["says"]
    assert (top["location"]["function"], top["location"]["line"]) == ("compute", 7)
    assert any("innermost string_at" in e["text"] for e in top["evidence"])


def test_compiled_modules_of_a_real_crash(tmp_path: Path) -> None:
    crashed(tmp_path, "ctypes.string_at(0)", module="numpy")
    top = doctor("logs", "app.log", cwd=tmp_path).assert_first("crash.native")
    assert any("numpy." in e["text"] for e in top["evidence"] if e["finding"] == "crash.extension-modules")


def test_the_library_on_the_c_stack(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(C_STACK)
    top = doctor("logs", "app.log", cwd=tmp_path).assert_first("crash.native")
    told = "The process crashed in _swigfaiss.so, in thread worker; Python was in compute (/srv/app.py:7)."
    assert top["says"] == told


def test_a_kernel_line_names_the_library(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(
        "Segmentation fault (core dumped)\n"
        "kernel: python3[4711]: segfault at 8 ip 00007f04 sp 00007ffc error 4 in libtorch_cpu.so[167ad8,7f04+156000]\n"
    )
    assert "libtorch_cpu.so" in doctor("logs", "app.log", cwd=tmp_path).assert_first("crash.native")["says"]


def test_a_kernel_line_names_the_library_that_the_cpu_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(
        "[7.5] traps: python3[47] trap invalid opcode ip:7f1c2a sp:7ffd1e error:0 in libllama.so[7f1c28000000+90000]\n"
    )
    assert "libllama.so" in doctor("logs", "app.log", cwd=tmp_path).assert_first("crash.illegal-instruction")["says"]


def test_no_library_without_a_crash() -> None:
    assert not list(crash_native_library(NOTHING))


def kernel(library: str, pid: int = 4711) -> KernelLog:
    return KernelLog((KernelEvent("trap", pid, "python", "traps: ... invalid opcode", library=library),))


@pytest.mark.parametrize(
    ("processor", "told", "finding", "lacks"),
    [
        (OLD, kernel("libtensorflow_framework.so.2"), "crash.cpu-lacks", "avx"),
        (OLD, kernel("libggml-cpu.so"), "crash.cpu-lacks", "avx, avx2, fma, f16c"),
        (NEW, kernel("libmylib_avx512.so"), "crash.cpu-lacks", "avx512f"),
        (OLD, kernel("libunknown.so"), "crash.cpu-lacks-usual", "avx, avx2, fma, f16c"),
        (OLD, kernel("libtensorflow_framework.so.2", pid=1), "crash.cpu-lacks-usual", "avx, avx2, fma, f16c"),
        (NEW, kernel("libtensorflow_framework.so.2"), "crash.cpu-has-usual", None),
        (NEW, Absent("no kernel log"), "crash.cpu-has-usual", None),
    ],
)
def test_the_cpu_against_what_was_built(
    processor: Processor, told: KernelLog | Absent, finding: str, lacks: str | None
) -> None:
    [one] = crash_illegal_cpu(processor, NOTHING, ENDED, told)
    assert (one.id, one.facts.get("lacks")) == (finding, lacks)


def test_nothing_is_said_of_a_cpu_that_met_no_such_instruction() -> None:
    served = Run(("python",), "/", 1, "serving", 1.0)
    assert not list(crash_illegal_cpu(OLD, NOTHING, served, Absent("")))
    arm = Processor("aarch64", "", frozenset({"asimd"}))
    assert not list(crash_illegal_cpu(arm, NOTHING, ENDED, Absent("")))
    assert built_for("libc.so.6") == () == built_for("")


def test_flags_as_kernels_print_them() -> None:
    intel = "processor\t: 0\nmodel name\t: Intel X\nflags\t\t: fpu avx hypervisor\n\nprocessor\t: 1\nflags\t\t: other\n"
    flags = frozenset({"fpu", "avx", "hypervisor"})
    assert read_processor(intel, "x86_64") == Processor("x86_64", "Intel X", flags, virtual=True)
    arm = "processor\t: 0\nFeatures\t: fp asimd sve\n"
    assert read_processor(arm, "aarch64") == Processor("aarch64", "", frozenset({"fp", "asimd", "sve"}))
    assert isinstance(read_processor("processor : 0\n", "riscv64"), Absent)
