# ruff: noqa: E501 - log lines stand as programs print them
"""Limits of the system, hit for real where that is cheap, and as programs word them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from checks.limits import is_windows_directory, limits_paths
from gradio_doctor.evidence import Absent, Paths, Run
from gradio_doctor.evidence.run import PathAccess
from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab
from tests.conftest import PYTHON

OPEN_FILES = """
OSError: [Errno 24] Too many open files: '/data/img_0231.png'
OSError: [Errno 23] Too many open files in system
2024/01/02 10:11:12 [alert] 29#29: *4021 socket() failed (24: Too many open files) while connecting to upstream
2021/07/08 12:43:00 [crit] 15#15: accept4() failed (24: No file descriptors available)
socket.accept() out of system resource
http: Accept error: accept tcp [::]:8080: accept4: too many open files; retrying in 5ms
thread 'main' panicked at 'called `Result::unwrap()`: Os { code: 24, kind: Uncategorized, message: "Too many open files" }'
RuntimeError: received 0 items of ancdata
ValueError: too many file descriptors in select()
"""

INOTIFY = """
OSError: [Errno 28] inotify watch limit reached
OSError: [Errno 24] inotify instance limit reached
FileNotFoundError: OS file watch limit reached. about ["/app"]
Error: ENOSPC: System limit for number of file watchers reached, watch '/app/static'
tail: inotify cannot be used, reverting to polling: Too many open files
failed to create fsnotify watcher: too many open files
Failed to allocate directory watch: Too many open files
"""

THREADS = """
RuntimeError: can't start new thread
OpenBLAS blas_thread_init: pthread_create failed for thread 12 of 64: Resource temporarily unavailable
libgomp: Thread creation failed: Resource temporarily unavailable
OMP: Error #34: System unable to allocate necessary resources for OMP thread:
-bash: fork: retry: Resource temporarily unavailable
runtime: failed to create new OS thread (have 12 already; errno=11)
kernel: cgroup: fork rejected by pids controller in /docker/0a1b
java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached
thread '<unnamed>' panicked: The global thread pool has not been initialized.: ThreadPoolBuildError { kind: IOError(Os { code: 11, kind: WouldBlock, message: "Resource temporarily unavailable" }) }
"""

DISK = """
OSError: [Errno 28] No space left on device: '/tmp/gradio/4f2a/out.mp4'
OSError: [Errno 122] Disk quota exceeded
OSError: [WinError 112] There is not enough space on the disk
OSError: 磁盘空间不足。 (os error 112)
Error: ENOSPC: no space left on device, write
sqlite3.OperationalError: database or disk is full
2021/01/02 10:11:12 [crit] 29#29: *41 pwrite() "/var/lib/nginx/body/0000000014" failed (28: No space left on device)
safetensors_rust.SafetensorError: Error while serializing: IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })
RuntimeError: [enforce fail at inline_container.cc:471] . PytorchStreamWriter failed writing file data/812: file write failed
Workload evicted, storage limit exceeded (50G)
Warning  Evicted  kubelet  The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 0.
write /var/lib/docker/tmp/GetImageBlob12: no space left on device
"""

PERMISSION = """
PermissionError: [Errno 13] Permission denied: '/tmp/gradio/4f2a'
OSError: [Errno 30] Read-only file system: '/nonexistent'
Error: EACCES: permission denied, open '/app/flagged/log.csv'
mkdir: cannot create directory '/data/out': Permission denied
There was a problem when trying to write in your cache folder (/nonexistent/.cache/huggingface/hub). You should set the environment variable TRANSFORMERS_CACHE to a writable directory.
RuntimeError: cannot cache function '__shear_dense': no locator available for file '/usr/lib/python3/dist-packages/librosa/util/utils.py'
fatal: detected dubious ownership in repository at '/workspace/stable-diffusion-webui'
sqlite3.OperationalError: attempt to write a readonly database
2024/01/02 10:11:12 [crit] 29#29: *41 open() "/var/lib/nginx/body/0000000014" failed (13: Permission denied)
OSError: [WinError 1314] A required privilege is not held by the client: '..\\\\blobs\\\\ab' -> 'C:\\\\hub\\\\cd'
bash: ./webui.sh: Permission denied
"""

THROTTLED = """
nr_periods 4567 nr_throttled 3115
alert: CPUThrottlingHigh 61% throttling of CPU in namespace web for container app
"""

CAPACITY = """
gradio.exceptions.Error: 'You have exceeded your GPU quota (60s requested vs. 42s left). Try again in 1:02:03'
You have exceeded your free ZeroGPU quota (120s requested vs. 3s left). Try again in 20:14:09.
Space app has reached its GPU limit. Create a copy of this Space to reset it
The requested GPU duration (300s) is larger than the maximum allowed
No GPU was available after 60s. Retry later
Scheduling failure: not enough hardware capacity
Warning  FailedScheduling  default-scheduler  0/3 nodes are available: 3 Insufficient nvidia.com/gpu.
An error occurred (InsufficientInstanceCapacity) when calling the RunInstances operation
You cannot currently connect to a GPU due to usage limits in Colab.
srun: error: Unable to allocate resources: Requested node configuration is not available
"""

HARMLESS = """
Matplotlib created a temporary cache directory at /tmp/matplotlib-9k89 because the default path (/.config/matplotlib) is not a writable directory
  DiskPressure     False   Mon, 01 Jan 2024 10:11:12 +0000   KubeletHasNoDiskPressure     kubelet has no disk pressure
git@github.com: Permission denied (publickey).
nr_periods 4567 nr_throttled 0
INFO:     Will watch for changes in these directories: ['/app']
ulimit -n: 1048576
429 Quota exceeded for quota metric 'Generate Content API requests per minute' and limit 'GenerateContent request limit per minute'
tempfile: using /tmp for temporary files
2024/01/02 [warn] 29#29: *41 an upstream response is buffered to a temporary file /var/cache/nginx/proxy_temp/1/00 while reading upstream
"""

TABLE = [
    (cause, line)
    for cause, lines in {
        "limits.open-files": OPEN_FILES, "limits.inotify": INOTIFY, "limits.threads": THREADS, "limits.disk-full": DISK,
        "limits.permission": PERMISSION, "limits.cpu-throttled": THROTTLED, "platform.capacity": CAPACITY,
    }.items()
    for line in lines.strip().splitlines()
]


@pytest.fixture(scope="module")
def lab(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("limits"))


@pytest.mark.parametrize(("cause", "line"), TABLE, ids=[f"{c}-{i}" for i, (c, _) in enumerate(TABLE)])
def test_a_line_leads_to_its_cause(lab: Lab, cause: str, line: str) -> None:
    read = lab.read(line + "\n")
    assert read.first == cause, (dict(read.causes), sorted(read.findings))


@pytest.mark.parametrize("line", HARMLESS.strip().splitlines())
def test_everyday_lines_are_no_fault(lab: Lab, line: str) -> None:
    read = lab.read(f"Running on local URL:  http://127.0.0.1:7860\n{line}\n")
    assert not read.first.startswith(("limits.", "platform.")), (dict(read.causes), sorted(read.findings))


def failing(tmp_path: Path, code: str, setup: str = "true", user: int | None = None) -> str:
    script = tmp_path / "app.py"
    script.write_text(code)
    done = subprocess.run(
        ["bash", "-c", f'{setup}; exec "$1" -I "$2"', "x", PYTHON, str(script)], capture_output=True, text=True,
        timeout=60, check=False, user=user, cwd=tmp_path,
    )
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_a_real_limit_on_open_files(lab: Lab, tmp_path: Path) -> None:
    text = failing(tmp_path, "import os\nkept = [os.dup(1) for _ in range(200)]\n", "ulimit -n 40")
    assert lab.read(text).first == "limits.open-files"


def test_a_real_full_device(lab: Lab, tmp_path: Path) -> None:
    text = failing(tmp_path, "with open('/dev/full', 'w') as file:\n    file.write('x' * 100000)\n")
    assert "Errno 28" in text
    read = lab.read(text)
    assert read.first == "limits.disk-full"


@pytest.fixture
def open_place(tmp_path: Path) -> Path:
    """A directory that another user may enter, with a closed one inside."""
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    closed = tmp_path / "gradio"
    closed.mkdir(mode=0o700)
    if os.getuid() != 0:
        closed.chmod(0)
    return tmp_path


def as_nobody() -> int | None:
    return 65534 if os.getuid() == 0 else None


def reading(place: Path) -> str:
    """What a real Python prints that may not enter a directory (run as nobody when we are root)."""
    code = f"def save():\n    open({str(place / 'gradio' / 'x.png')!r}, 'w')\n\n\nsave()\n"
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-I", "-c", f"exec(compile({code!r}, '/home/me/app.py', 'exec'))"],
        capture_output=True, text=True, timeout=60, check=False, user=as_nobody(), cwd="/",
        env={"PATH": "/usr/bin:/usr/local/bin:/bin"},
    )
    return done.stderr


def test_a_real_refusal(lab: Lab, open_place: Path) -> None:
    text = reading(open_place)
    assert "PermissionError: [Errno 13]" in text, text
    read = lab.read(text)
    assert read.first == "limits.permission"
    refused = read.findings["limits.file-refused"]
    assert refused.facts["path"] == str(open_place / "gradio" / "x.png")
    assert refused.location is not None
    assert (refused.location.file, refused.location.line) == ("/home/me/app.py", 2)


def test_a_real_limit_on_threads(lab: Lab) -> None:
    code = "import threading, time\nfor _ in range(400): threading.Thread(target=time.sleep, args=(1,), daemon=True).start()"
    done = subprocess.run(
        ["/bin/bash", "-c", 'ulimit -u 1; exec /usr/bin/env python3 -I -c "$1"', "x", code], capture_output=True,
        text=True, timeout=60, check=False, user=as_nobody(), cwd="/", env={"PATH": "/usr/bin:/usr/local/bin:/bin"},
    )
    assert "can't start new thread" in done.stderr, done.stderr
    assert lab.read(done.stderr).first == "limits.threads"


def test_a_directory_on_windows_is_a_wrong_path_not_a_refusal(lab: Lab) -> None:
    read = lab.read(
        'Traceback (most recent call last):\n  File "D:\\GPT-SoVITS\\webui.py", line 9, in <module>\n    open(path)\n'
        "PermissionError: [Errno 13] Permission denied: 'D:\\\\GPT-SoVITS\\\\logs'\n"
    )
    assert "limits.file-refused" not in read.findings


@pytest.mark.parametrize(
    ("path", "expected"),
    [("D:\\a\\logs", True), ("D:/a/logs", True), ("D:\\a\\model.pth", False), ("/tmp/gradio", False), ("", False)],
)
def test_windows_directories(path: str, expected: bool) -> None:
    assert is_windows_directory(path) is expected


def test_binding_a_port_is_another_matter(lab: Lab) -> None:
    read = lab.read("ERROR:    [Errno 13] error while attempting to bind on address ('0.0.0.0', 80): permission denied\n")
    assert "limits.permission" not in read.causes


def test_a_failed_write_does_not_make_the_file_broken(lab: Lab) -> None:
    read = lab.read(DISK.strip().splitlines()[7] + "\n")
    assert read.first == "limits.disk-full"
    assert read.causes.get("model.corrupt-file", 0) < 0.3


def test_errno_28_of_inotify_is_not_the_disk(lab: Lab) -> None:
    assert "limits.disk-full" not in lab.read("OSError: [Errno 28] inotify watch limit reached\n").causes


def paths(problem: str = "", free: int | None = 10 << 30) -> Paths:
    return Paths((PathAccess("/tmp/gradio", "temp", problem, "root", free),))


def run(outcome: str) -> Run:
    return Run(("python", "app.py"), "/app", 1, outcome, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "ended", "expected"),
    [
        (paths("not writable"), run("exited"), ["limits.path-refused"]),
        (paths("not writable"), run("serving"), []),
        (paths("not writable"), Absent("no run"), []),
        (paths(), run("exited"), []),
        (paths(free=1 << 20), run("serving"), ["limits.little-space"]),
        (paths(free=None), run("exited"), []),
    ],
)
def test_directories_matter_when_the_start_failed(seen: Paths, ended: Run | Absent, expected: list[str]) -> None:
    assert [f.id for f in limits_paths(seen, ended)] == expected


def test_throttling_is_measured_in_shares(lab: Lab) -> None:
    read = lab.read("nr_periods 1000\nnr_throttled 420\nthrottled_usec 1\n")
    assert read.findings["limits.throttled-share"].facts["share"] == "42"
    assert "limits.throttled-share" not in lab.read("nr_periods 1000\nnr_throttled 5\n").findings
