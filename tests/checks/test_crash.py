# ruff: noqa: E501 - log lines stand as programs print them
"""Processes that end without an exception: real ones, and what shells, kernels and Windows say of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from checks.crash import crash_signal, ending
from gradio_doctor.evidence import Absent, KernelLog, Run
from gradio_doctor.evidence.run import KernelEvent
from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab
from tests.conftest import PYTHON

NATIVE = """
Segmentation fault (core dumped)
./webui.sh: line 254: 15996 Segmentation fault      (core dumped) "${python_cmd}" "${LAUNCH_SCRIPT}" "$@"
zsh: segmentation fault  python app.py
fish: Job 1, 'python app.py' terminated by signal SIGSEGV (Address boundary error)
段错误 (核心已转储)
./run.sh:行 3:  4711 段错误               (核心已转储) python app.py
Ошибка сегментирования (образ памяти сброшен на диск)
Aborted (core dumped)
zsh: abort      python app.py
zsh: bus error  python app.py
free(): invalid pointer
double free or corruption (!prev)
corrupted size vs. prev_size
munmap_chunk(): invalid pointer
malloc_consolidate(): unaligned fastbin chunk detected
*** stack smashing detected ***: terminated
src/tcmalloc.cc:333] Attempt to free invalid pointer 0x55d2b7c1e0c0
terminate called after throwing an instance of 'c10::Error'
Fatal Python error: none_dealloc: deallocating None
Windows fatal exception: access violation
Process finished with exit code -1073741819 (0xC0000005)
Process finished with exit code 139 (interrupted by signal 11: SIGSEGV)
subprocess.CalledProcessError: Command '['C:\\venv\\Scripts\\python.exe', 'train.py']' returned non-zero exit status 3221225477.
subprocess.CalledProcessError: Command '['/venv/bin/python', 'train.py']' died with <Signals.SIGSEGV: 11>.
torch.multiprocessing.spawn.ProcessExitedException: process 0 terminated with signal SIGSEGV
kernel: python3[4711]: segfault at 0 ip 00007f1c2a3b4c5d sp 00007ffd1e2f3a40 error 4 in libtorch_cpu.so[7f1c28000000+9000000]
systemd[1]: app.service: Main process exited, code=dumped, status=11/SEGV
systemd-coredump[812]: Process 4711 (python) of user 1000 dumped core.
Faulting application name: python.exe, version: 3.10.11150.1013, time stamp: 0x642cc427
OMP: Error #15: Initializing libiomp5md.dll, but found libiomp5md.dll already initialized.
GGML_ASSERT: ggml-cuda.cu:7005: src0->type == GGML_TYPE_F16
"""

ILLEGAL = """
Illegal instruction (core dumped)
zsh: illegal hardware instruction  python app.py
非法指令 (核心已转储)
fish: Job 1, 'python app.py' terminated by signal SIGILL (Illegal instruction)
kernel: traps: python3[4711] trap invalid opcode ip:7f1c2a3b4c5d sp:7ffd1e2f3a40 error:0 in libllama.so[7f1c28000000+90000]
OSError: [WinError -1073741795] Windows Error 0xc000001d
container exited with code 132
The TensorFlow library was compiled to use AVX instructions, but these aren't available on your machine.
Intel MKL FATAL ERROR: This system does not meet the minimum requirements for use of the Intel(R) Math Kernel Library.
RuntimeError: NumPy was built with baseline optimizations: (X86_V2) but your machine doesn't support: (X86_V2).
"""

TERMINATED = """
slurmstepd: error: *** JOB 608 ON node3 CANCELLED AT 2022-08-12T02:06:12 DUE TO TIME LIMIT ***
slurmstepd: error: *** STEP 77.0 ON node3 CANCELLED AT 2023-01-02T03:04:05 DUE TO PREEMPTION ***
WARNING:torch.distributed.elastic.agent.server.api:Received 1 death signal, shutting down workers
torch.distributed.elastic.multiprocessing.api.SignalException: Process 2704 got signal: 1
WARNING:torch.distributed.elastic.multiprocessing.api:Sending process 2704351 closing signal SIGTERM
./run.sh: line 3:  4711 Terminated              python app.py
zsh: terminated  python app.py
systemd[1]: app.service: Main process exited, code=killed, status=15/TERM
app-1 exited with code 143
Container terminated on signal 15.
=>> PBS: job killed: walltime 3605 exceeded limit 3600
"""

FORK = """
RuntimeError: Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the 'spawn' start method
RuntimeError: Cannot re-initialize XPU in forked subprocess. To use XPU with multiprocessing, you must use the 'spawn' start method
objc[4711]: +[__NSCFConstantString initialize] may have been in progress in another thread when fork() was called. We cannot safely call it or ignore it in the fork() child process. Crashing instead.
OSError: (External) CUDA error(3), initialization error.
"""

HARMLESS = """
huggingface/tokenizers: The current process just got forked, after parallelism has already been used. Disabling parallelism to avoid deadlocks...
DeprecationWarning: This process (pid=1) is multi-threaded, use of fork() may lead to deadlocks in the child.
Keyboard interruption in main thread... closing server.
[2024-01-02 10:11:12 +0000] [7] [INFO] Handling signal: term
heroku[web.1]: Stopping all processes with SIGTERM
A worker stopped while some jobs were given to the executor. This could be caused by a segmentation fault while calling the function
This process finished with exit code 0
Press any key to continue . . .
I tensorflow/core/platform/cpu_feature_guard.cc:182] This TensorFlow binary is optimized to use available CPU instructions in performance-critical operations.
"""

TABLE = [
    (cause, line)
    for cause, lines in {
        "crash.native": NATIVE, "crash.illegal-instruction": ILLEGAL, "crash.terminated": TERMINATED, "crash.fork": FORK,
    }.items()
    for line in lines.strip().splitlines()
]


@pytest.fixture(scope="module")
def lab(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("crash"))


@pytest.mark.parametrize(("cause", "line"), TABLE, ids=[f"{c}-{i}" for i, (c, _) in enumerate(TABLE)])
def test_a_line_leads_to_its_cause(lab: Lab, cause: str, line: str) -> None:
    read = lab.read(line + "\n")
    assert read.first == cause, (dict(read.causes), sorted(read.findings))


@pytest.mark.parametrize("line", HARMLESS.strip().splitlines())
def test_orderly_ends_and_notices_are_no_crash(lab: Lab, line: str) -> None:
    read = lab.read(f"RuntimeWarning: something minor\nRunning on local URL:  http://127.0.0.1:7860\n{line}\nerror: none\n")
    assert not read.first.startswith("crash."), (dict(read.causes), sorted(read.findings))


def shell(script: str, *arguments: str) -> str:
    command = ["bash", "-c", f"ulimit -c 0; {script}", "x", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


KILL = '"$1" -c "import os; os.kill(os.getpid(), {0})"; true'


@pytest.mark.parametrize(
    ("number", "cause"), [(11, "crash.native"), (6, "crash.native"), (7, "crash.native"), (8, "crash.native"),
                          (4, "crash.illegal-instruction"), (15, "crash.terminated")],
)
def test_what_bash_really_says(lab: Lab, number: int, cause: str) -> None:
    text = shell(KILL.format(number), PYTHON)
    assert text.strip()
    assert lab.read(text).first == cause, text


def test_faulthandler_names_the_users_own_line(lab: Lab, tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text("import ctypes\n\n\ndef predict():\n    ctypes.string_at(0)\n\n\npredict()\n")
    done = subprocess.run([PYTHON, "-X", "faulthandler", str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -11
    read = lab.read(done.stderr)
    assert read.first == "crash.native"
    stack = read.findings["crash.python-stack"]
    assert (stack.facts["function"], stack.facts["line"]) == ("predict", "5")
    assert stack.location is not None
    assert stack.location.file == str(script)


def test_a_console_that_only_asks_for_a_key(lab: Lab) -> None:
    start = 'venv "C:\\webui\\venv\\Scripts\\Python.exe"\nLaunching Web UI with arguments: --xformers\nLoading weights\n'
    silent = lab.read(start + "Press any key to continue . . .\n")
    assert silent.first == "crash.native"
    assert lab.read(start + "请按任意键继续. . .\n").first == "crash.native"
    told = start + 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nKeyError: 1\nPress any key to continue . . .\n'
    assert "crash.silent-end" not in lab.read(told).findings


def run(code: int | None = None, signal: int | None = None) -> Run:
    return Run(("python", "app.py"), "/app", 77, "exited", 12.0, code, signal)


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (run(signal=11), ("crash.signal-native", "SIGSEGV")), (run(code=139), ("crash.signal-native", "SIGSEGV")),
        (run(code=134), ("crash.signal-native", "SIGABRT")), (run(signal=4), ("crash.signal-illegal", "SIGILL")),
        (run(code=132), ("crash.signal-illegal", "SIGILL")), (run(signal=15), ("crash.signal-terminated", "SIGTERM")),
        (run(code=129), ("crash.signal-terminated", "SIGHUP")), (run(code=130), ("crash.signal-terminated", "SIGINT")),
        (run(code=143), ("crash.signal-terminated", "SIGTERM")), (run(code=-1073741795), ("crash.signal-illegal", "SIGILL")),
        (run(code=0xC000013A), ("crash.signal-terminated", "Ctrl+C")), (run(code=0xC000DEAD), None),
        (run(code=0), None), (run(code=1), None), (run(code=3), None), (run(code=-1), None), (run(signal=9), None),
        (run(code=200), None), (run(), None),
    ],
)
def test_what_an_ending_says(ended: Run, expected: tuple[str, str] | None) -> None:
    assert ending(ended) == expected


@pytest.mark.parametrize("code", [-1073741819, 3221225477, 0xC0000374])
def test_windows_codes_signed_or_not(code: int) -> None:
    found = ending(run(code=code))
    assert found is not None
    assert found[0] == "crash.signal-native"


def test_a_real_process_that_dies() -> None:
    done = subprocess.run([PYTHON, "-c", "import os; os.abort()"], capture_output=True, timeout=60, check=False)
    (found,) = crash_signal(run(signal=-done.returncode), Absent("not permitted"))
    assert (found.id, found.facts["signal"]) == ("crash.signal-native", "SIGABRT")


def test_the_kernels_line_names_the_library() -> None:
    line = "python[77]: segfault at 0 ip 0 sp 0 error 4 in libonnxruntime.so[7f00+9000]"
    other = KernelEvent("segfault", 78, "chrome", "chrome[78]: segfault at 8")
    events = KernelLog((other, KernelEvent("segfault", 77, "python", line, library="libonnxruntime.so")))
    found = {f.id: f for f in crash_signal(run(signal=11), events)}
    assert found.keys() == {"crash.signal-native", "crash.kernel-fault-line"}
    assert found["crash.kernel-fault-line"].facts["library"] == "libonnxruntime.so"


def test_an_invalid_opcode_is_not_a_segmentation_fault() -> None:
    event = KernelEvent("trap", 77, "python", "traps: python[77] trap invalid opcode ip:0 sp:0 error:0 in libllama.so[0+1]")
    assert [f.id for f in crash_signal(run(signal=4), KernelLog((event,)))] == ["crash.signal-illegal", "crash.kernel-illegal-line"]


def test_a_serving_app_is_no_crash() -> None:
    serving = Run(("python", "app.py"), "/app", 77, "serving", 3.0, None, 15)
    assert list(crash_signal(serving, KernelLog(()))) == []
