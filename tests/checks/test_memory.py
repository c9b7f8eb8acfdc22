# ruff: noqa: E501 - log lines stand as programs print them
"""Killed for memory, refused it, growing: what programs print, and what a run of the app shows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from checks.memory import memory_growth, memory_oom_kill
from gradio_doctor.evidence import Absent, KernelLog, Run
from gradio_doctor.evidence.run import KernelEvent
from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab
from tests.conftest import PYTHON

KILLED = """
[69600.171634] Out of memory: Killed process 48807 (python3.10) total-vm:32734412kB, anon-rss:13482224kB, file-rss:65752kB, shmem-rss:14340kB, UID:1000 pgtables:37700kB oom_score_adj:0
kernel: Out of memory: Kill process 1234 (python) score 912 or sacrifice child
kernel: Memory cgroup out of memory: Killed process 59 (python) total-vm:38974820kB, anon-rss:98544kB, file-rss:319140kB, shmem-rss:6144kB
kernel: oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/docker/ab,task_memcg=/docker/ab,task=python,pid=3356,uid=0
kernel: python3 invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, oom_score_adj=0
systemd-oomd[712]: Killed /user.slice/user-1000.slice/user@1000.service/app.slice/app.scope due to memory pressure for /user.slice being 61.97% > 50.00% for > 20s with reclaim activity
systemd[1]: app.service: A process of this unit has been killed by the OOM killer.
systemd[1]: app.service: Failed with result 'oom-kill'.
earlyoom[733]: sending SIGTERM to process 4321 uid 1000 "python": badness 812, VmRSS 14012 MiB
      Reason:       OOMKilled
app-7d4b9c-xk2p   0/1     OOMKilled          3 (41s ago)   4m
    "OOMKilled": true,
Warning  SystemOOM  kubelet  System OOM encountered, victim process: python, pid: 21903
Memory limit of 2048 MiB exceeded with 2071 MiB used. Consider increasing the memory limit, see https://cloud.google.com/run/docs/configuring/memory-limits
Memory limit exceeded (16Gi)
2024-03-29T07:46:09.724617+00:00 heroku[web.1]: Error R15 (Memory quota vastly exceeded)
==> Ran out of memory (used over 512MB) while running your code.
slurmstepd: error: Detected 1 oom_kill event in StepId=123.batch. Some of the step tasks have been OOM Killed.
Your session crashed after using all available RAM.
./webui.sh: line 255: 29175 Killed                  "${python_cmd}" -u "${LAUNCH_SCRIPT}" "$@"
zsh: killed     python app.py
[1]+  Killed                  python app.py
./run.sh:行 12:  4711 已杀死               python app.py
Killed
subprocess.CalledProcessError: Command '['/venv/bin/python', 'train_network.py']' died with <Signals.SIGKILL: 9>.
torch.distributed.elastic.multiprocessing.errors.ChildFailedError: exitcode: -9 (pid: 4711)
torch.multiprocessing.spawn.ProcessExitedException: process 1 terminated with signal SIGKILL
RuntimeError: DataLoader worker (pid 221) is killed by signal: Killed.
systemd[1]: app.service: Main process exited, code=killed, status=9/KILL
app-1 exited with code 137
"""

EXHAUSTED = """
OSError: [WinError 1455] The paging file is too small for this operation to complete. Error loading "C:\\app\\venv\\lib\\site-packages\\torch\\lib\\cufft64_11.dll" or one of its dependencies.
OSError: 页面文件太小，无法完成操作。 (os error 1455)
RuntimeError: [enforce fail at ..\\c10\\core\\impl\\alloc_cpu.cpp:72] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9437184 bytes.
RuntimeError: [enforce fail at alloc_cpu.cpp:83] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4294967296 bytes. Error code 12 (Cannot allocate memory)
numpy.core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB for an array with shape (1000000000,) and data type float64
OSError: [Errno 12] Cannot allocate memory
terminate called after throwing an instance of 'std::bad_alloc'
RuntimeError: bad allocation
memory allocation of 4294967296 bytes failed
FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
cv2.error: OpenCV(4.8.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 1194393600 bytes in function 'OutOfMemoryError'
ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 17179869184
bash: fork: Cannot allocate memory
OpenBLAS error: Memory allocation still failed after 10 retries, giving up.
"""

SHM = """
ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).
RuntimeError: DataLoader worker (pid 1234) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory. Please try to raise your shared memory limit.
RuntimeError: unable to write to file </torch_3291_1842957034_0>: No space left on device (28)
box:1:42 [0] include/shm.h:28 NCCL WARN Call to posix_fallocate failed : No space left on device
box:1:42 [0] misc/shmutils.cc:72 NCCL WARN Error: failed to extend /dev/shm/nccl-8YQ2ZA to 9637892 bytes, error: No space left on device
NCCL WARN Error while creating shared memory segment /dev/shm/nccl-Kx1Y2z (size 9637888)
"""

TABLE = [
    (cause, line)
    for cause, lines in {"memory.oom-killed": KILLED, "memory.exhausted": EXHAUSTED, "memory.shm-too-small": SHM}.items()
    for line in lines.strip().splitlines()
]


@pytest.fixture(scope="module")
def lab(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("memory"))


@pytest.mark.parametrize(("cause", "line"), TABLE, ids=[f"{c}-{i}" for i, (c, _) in enumerate(TABLE)])
def test_a_line_leads_to_its_cause(lab: Lab, cause: str, line: str) -> None:
    read = lab.read(line + "\n")
    assert read.first == cause, (dict(read.causes), sorted(read.findings))


@pytest.mark.parametrize(
    "line",
    [
        "heroku[web.1]: Process running mem=212M(41.4%)",
        "Total VRAM 24564 MB, total RAM 65276 MB",
        "/usr/lib/python3.11/multiprocessing/resource_tracker.py:254: UserWarning: resource_tracker: There appear to be 1 leaked semaphore objects to clean up at shutdown",
        "[INFO] Killed 3 idle sessions after 600 s",
        "RuntimeWarning: More than 20 figures have been opened. Figures created through the pyplot interface are retained",
        '    "OOMKilled": false,',
    ],
)
def test_everyday_lines_are_no_fault(lab: Lab, line: str) -> None:
    read = lab.read(f"Running on local URL:  http://127.0.0.1:7860\n{line}\n")
    assert read.first not in ("memory.oom-killed", "memory.exhausted", "memory.leak"), dict(read.causes)


def shell(script: str, *arguments: str) -> str:
    done = subprocess.run(["bash", "-c", script, "x", *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_bash_really_says_killed(lab: Lab) -> None:
    text = shell('"$1" -c "import os; os.kill(os.getpid(), 9)"; true', PYTHON)
    assert "Killed" in text
    read = lab.read(text)
    assert read.first == "memory.oom-killed"
    assert read.findings["memory.shell-killed"].facts["line_text"].strip() == text.strip()


@pytest.mark.parametrize("code", ["x = bytearray(4 << 30)", "import numpy; numpy.ones(1 << 29)"])
def test_a_real_address_space_limit(lab: Lab, tmp_path: Path, code: str) -> None:
    script = tmp_path / "app.py"
    script.write_text(code + "\n")
    text = shell('export OPENBLAS_NUM_THREADS=1; ulimit -v 2000000; "$1" "$2"', PYTHON, str(script))
    assert "MemoryError" in text
    assert lab.read(text).first == "memory.exhausted"


def test_a_loader_that_calls_the_file_broken(lab: Lab) -> None:
    read = lab.read(
        "Error verifying pickled file from /models/open_clip.bin:\nTraceback (most recent call last):\n"
        '  File "/app/modules/safe.py", line 131, in load_with_extra\n    check_pt(filename, extra_handler)\n'
        "RuntimeError: [enforce fail at alloc_cpu.cpp:83] . DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 26214400 bytes.\n\nThe file may be malicious, so the program is not going to read it.\n"
    )
    assert read.first == "memory.exhausted"
    assert read.causes.get("model.corrupt-file", 0) < 0.2


def run(code: int | None = None, signal: int | None = None, kills: int | None = None, pid: int = 77) -> Run:
    return Run(("python", "app.py"), "/app", pid, "exited", 12.0, code, signal, peak_memory=3 << 30, cgroup_kills=kills)


OOM = KernelLog((KernelEvent("oom-kill", 77, "python", "Killed process 77 (python)", constraint="CONSTRAINT_MEMCG"),))


def test_two_witnesses_of_a_kill() -> None:
    found = {f.id: f for f in memory_oom_kill(run(signal=9, kills=1), OOM)}
    assert found.keys() == {"memory.kill-recorded", "memory.killed-in-cgroup"}
    assert len({f.witness_key for f in found.values()}) == 2
    assert found["memory.kill-recorded"].facts["process"] == "python"


def test_a_kill_that_nobody_recorded_may_have_come_from_anybody(lab: Lab) -> None:
    found = [f.id for f in memory_oom_kill(run(signal=9, kills=0), Absent("not permitted"))]
    assert found == ["memory.killed-alone"]
    links = {c: lab.knowledge.causes[c].links for c in ("memory.oom-killed", "crash.terminated")}
    assert all("memory.killed-alone" in known for known in links.values())


@pytest.mark.parametrize(
    "ended", [run(code=0), run(code=1), run(code=137, kills=0), run(signal=11), run(signal=15, kills=None)]
)
def test_other_ends_are_no_kill_for_memory(ended: Run) -> None:
    other = KernelLog((KernelEvent("oom-kill", 1, "chrome", "Killed process 1 (chrome)"),))
    assert list(memory_oom_kill(ended, other)) == []


def test_a_wrapper_that_reports_137_is_believed_with_the_counter() -> None:
    assert [f.id for f in memory_oom_kill(run(code=137, kills=2), Absent("?"))] == ["memory.killed-in-cgroup"]


@pytest.mark.parametrize(
    "why",
    [
        "heroku[web.1]: Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 60 seconds of launch",
        '            "OOMKilled": false,',
    ],
)
def test_status_137_that_something_else_explains(lab: Lab, why: str) -> None:
    read = lab.read(f"{why}\nheroku[web.1]: Process exited with status 137\n")
    assert "crash.killed-otherwise" in read.findings
    assert "crash.exit-137" not in read.findings
    assert read.first != "memory.oom-killed"


def test_a_notebook_cell_that_ends_with_a_caret(lab: Lab) -> None:
    start = "Loading weights [6ce0161689] from /content/model.safetensors\n"
    assert lab.read(start + "^C\n").first == "memory.oom-killed"
    stopped = start + "^CTraceback (most recent call last):\n  File \"/content/app.py\", line 3, in <module>\nKeyboardInterrupt\n"
    assert lab.read(stopped).first != "memory.oom-killed"


def test_growth_is_more_than_noise(lab: Lab) -> None:
    def log(*sizes: int) -> str:
        return "".join(f"heroku[web.1]: Process running mem={s}M(50.0%)\n" for s in sizes)

    (found,) = memory_growth(lab.events(log(576, 690, 807)))
    assert (found.facts["from"], found.facts["to"]) == ("576M", "807M")
    free = "".join(f"Mem:        4015124     {used}      261324         908     2083664     2049372\n" for used in (900, 1200, 1500))
    assert [f.facts["to"] for f in memory_growth(lab.events(free))] == ["1500"]
    assert list(memory_growth(lab.events(log(576, 580, 590)))) == []
    assert list(memory_growth(lab.events(log(576, 900, 600)))) == []


def test_kubernetes_names_another_reason(lab: Lab) -> None:
    read = lab.read("    Last State:     Terminated\n      Reason:       Error\n      Exit Code:    137\n")
    assert "crash.killed-otherwise" in read.findings
    assert lab.read("    Last State:     Terminated\n      Exit Code:    137\n").first == "memory.oom-killed"
