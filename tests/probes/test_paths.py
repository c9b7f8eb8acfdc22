"""The directories Gradio uses: found as Gradio finds them, judged for the app's own user, and left untouched."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from gradio_doctor.evidence import Absent, Instances, PathAccess, Paths, Process, Run, Target
from gradio_doctor.probes.access import Reader, nearest_existing, room
from gradio_doctor.probes.paths import _groups, probe_paths

if TYPE_CHECKING:
    from tests.probes.conftest import FakeContext, Lab

Make = Callable[..., "FakeContext"]
Shell = Callable[..., dict[str, PathAccess]]
NOBODY = 65534
SLEEP = "import time; time.sleep(60)"
STRANGER = Reader(NOBODY, frozenset({NOBODY}))


@pytest.fixture
def open_tmp() -> Iterator[Path]:
    """A directory that every user can reach (pytest's own are closed to others)."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def entries(found: Paths | Absent) -> dict[str, PathAccess]:
    assert isinstance(found, Paths), found
    return {e.role: e for e in found.entries}


@pytest.fixture
def of_shell(make_context: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shell:
    """The paths of an app that does not run, with these variables in our own environment."""
    for name in ("GRADIO_TEMP_DIR", "TMPDIR", "TEMP", "TMP", "HF_HOME", "XDG_CACHE_HOME", "GRADIO_EXAMPLES_CACHE"):
        monkeypatch.delenv(name, raising=False)

    def look(**variables: str) -> dict[str, PathAccess]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return entries(probe_paths(make_context(Target("script", "", script=str(tmp_path / "app.py")))))

    return look


def test_defaults(of_shell: Shell, tmp_path: Path) -> None:
    seen = of_shell(HOME="/srv/home")
    assert {r: e.path for r, e in seen.items()} == {
        "temp": "/tmp/gradio", "cwd": f"{tmp_path}/.gradio", "cache": "/srv/home/.cache/huggingface",
    }
    assert all(e.judged == "access" for e in seen.values())


def test_variables_move_them(of_shell: Shell, tmp_path: Path) -> None:
    seen = of_shell(
        GRADIO_TEMP_DIR=str(tmp_path / "t"), HF_HOME="~/models", HOME=str(tmp_path), GRADIO_EXAMPLES_CACHE="examples"
    )
    assert seen["temp"].path == str(tmp_path / "t")
    assert seen["cache"].path == str(tmp_path / "models")
    assert seen["examples"].path == str(tmp_path / "examples")
    assert of_shell(XDG_CACHE_HOME="/x", HF_HOME="")["cache"].path == "/x/huggingface"


def test_relative_temp_directory_is_the_apps_own(of_shell: Shell, tmp_path: Path) -> None:
    assert of_shell(GRADIO_TEMP_DIR="sub/../tmp")["temp"].path == str(tmp_path / "tmp")


def test_temp_directory_is_chosen_as_python_does(of_shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert of_shell(TMPDIR=str(tmp_path))["temp"].path == str(tmp_path / "gradio")
    assert of_shell(TMPDIR=str(tmp_path / "missing"), TEMP=str(tmp_path / "file"), TMP=str(tmp_path))[
        "temp"
    ].path == str(tmp_path / "gradio")
    code = "import tempfile; print(tempfile.gettempdir())"
    real = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True)
    assert of_shell()["temp"].path == real.stdout.strip() + "/gradio"


def test_writable_directories_have_no_problem_and_nothing_is_created(of_shell: Shell, tmp_path: Path) -> None:
    seen = of_shell(GRADIO_TEMP_DIR=str(tmp_path / "a" / "b"), HOME=str(tmp_path))
    assert {e.problem for e in seen.values()} == {""}
    assert list(tmp_path.iterdir()) == []
    assert all((e.free or 0) > 0 for e in seen.values())
    assert seen["cwd"].owner == psutil.Process().username()


def test_a_file_in_the_way(of_shell: Shell, tmp_path: Path) -> None:
    (tmp_path / ".gradio").write_text("")
    (tmp_path / "x").write_text("")
    seen = of_shell(GRADIO_TEMP_DIR=str(tmp_path / "x" / "gradio"))
    assert seen["cwd"].problem == "not a directory"
    assert seen["temp"].problem == f"{tmp_path}/x is not a directory"


def test_dangling_link_and_link_loop(of_shell: Shell, tmp_path: Path) -> None:
    (tmp_path / ".gradio").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    seen = of_shell(GRADIO_TEMP_DIR=str(tmp_path / "loop"))
    assert "dangling link" in seen["cwd"].problem
    assert seen["temp"].problem.startswith("cannot be looked at")


@pytest.mark.parametrize(
    ("flags", "free_inodes", "problem"),
    [(os.ST_RDONLY, 5, "read-only file system"), (0, 0, "no inodes left on its file system"), (0, 5, "")],
)
def test_file_system_that_takes_nothing(
    of_shell: Shell, monkeypatch: pytest.MonkeyPatch, flags: int, free_inodes: int, problem: str
) -> None:
    """As the kernel tells of such a mount; making one needs privileges that a test may not have."""
    told = os.statvfs_result((4096, 4096, 9, 9, 9, 9, 9, free_inodes, flags, 255))
    monkeypatch.setattr(os, "statvfs", lambda _path: told)
    seen = of_shell(GRADIO_TEMP_DIR="/tmp")["temp"]
    assert (seen.problem, seen.free) == (problem, 9 * 4096)


OWN_UID, OWN_GID = os.geteuid(), os.getegid()
OTHER_UID, OTHER_GID = (NOBODY, NOBODY) if OWN_UID != NOBODY else (NOBODY - 1, NOBODY - 1)


@pytest.mark.parametrize(
    ("mode", "reader", "problem"),
    [
        (0o755, STRANGER, "no permission to write"),
        (0o777, STRANGER, ""),
        (0o1777, STRANGER, ""),
        (0o776, STRANGER, "no permission to write"),
        (0o773, STRANGER, ""),
        (0o770, Reader(OTHER_UID, frozenset({OTHER_GID, OWN_GID})), ""),
        (0o707, Reader(OTHER_UID, frozenset({OWN_GID})), "no permission to write"),
        (0o770, Reader(OTHER_UID, frozenset({OTHER_GID})), "no permission to write"),
        (0o700, Reader(0), ""),
    ],
)
def test_mode_bits_decide_for_another_user(open_tmp: Path, mode: int, reader: Reader, problem: str) -> None:
    place = open_tmp / "gradio"
    place.mkdir()
    place.chmod(mode)
    assert reader.problem(str(place)) == problem
    if OWN_UID == 0 and reader.uid:  # then the kernel can be asked what that user may really do
        who = {"user": reader.uid, "group": OTHER_GID, "extra_groups": sorted(reader.groups)}
        made: Any = {"cwd": "/", **who}
        really = subprocess.run(["mkdir", str(place / "x")], capture_output=True, **made)
        assert (really.returncode == 0) is (problem == "")


@pytest.mark.parametrize(("mode", "problem"), [(0o700, ""), (0o300, ""), (0o577, "no permission to write")])
def test_the_owners_bits_decide_for_the_owner(open_tmp: Path, mode: int, problem: str) -> None:
    place = open_tmp / "gradio"
    place.mkdir()
    if OWN_UID == 0:  # root is above mode bits, so give it away
        os.chown(place, NOBODY, NOBODY)
    place.chmod(mode)
    assert Reader(place.stat().st_uid).problem(str(place)) == problem
    place.chmod(0o700)


def test_a_closed_directory_above_closes_everything_below(open_tmp: Path) -> None:
    (open_tmp / "closed" / "gradio").mkdir(parents=True)
    (open_tmp / "closed" / "gradio").chmod(0o777)
    (open_tmp / "closed").chmod(0o700)
    assert STRANGER.problem(str(open_tmp / "closed" / "gradio")) == "no permission to write"
    assert STRANGER.problem(str(open_tmp / "closed" / "new")).startswith("does not exist and cannot be created")


def test_what_cannot_be_created_names_the_directory_that_forbids_it(open_tmp: Path) -> None:
    problem = STRANGER.problem(str(open_tmp / "a" / "b"))
    assert problem == f"does not exist and cannot be created: no permission to write in {open_tmp}"


def test_another_root_is_looked_through_and_never_named(open_tmp: Path) -> None:
    (open_tmp / "srv").mkdir(mode=0o755)
    reader = Reader(NOBODY, frozenset(), str(open_tmp))
    assert reader.problem("/srv/x") == "does not exist and cannot be created: no permission to write in /srv"
    (open_tmp / "srv").chmod(0o777)
    assert reader.problem("/srv/x") == ""
    assert reader.problem("srv") == "not an absolute path"


def test_app_of_another_user(lab: Lab, make_context: Make, open_tmp: Path) -> None:
    """The usual one: /tmp/gradio was made by root, and the service user may not write it."""
    if OWN_UID:  # an ordinary user may not look into others' processes at all
        found = probe_paths(make_context(Target("process", "", pid=1)))
        assert isinstance(found, Absent) and found.unlock.startswith("sudo")
        return
    (open_tmp / "gradio").mkdir(mode=0o755)
    pid = stranger(lab, {"TMPDIR": str(open_tmp)}).pid
    open_tmp.chmod(0o777)
    seen = entries(probe_paths(make_context(Target("process", "", pid=pid))))
    assert seen["temp"].path == str(open_tmp / "gradio")
    assert seen["temp"].problem == "no permission to write"
    assert (seen["temp"].owner, seen["temp"].judged) == ("root", "mode bits, for user nobody")
    assert seen["cwd"].path == "/.gradio"
    assert "no permission to write in /" in seen["cwd"].problem


def stranger(lab: Lab, env: dict[str, str], groups: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    """A process of another user; root only."""
    return lab.start("sleep", "60", cwd="/", user=NOBODY, group=NOBODY, extra_groups=list(groups), env=env)


def test_supplementary_groups_count(lab: Lab, make_context: Make, open_tmp: Path) -> None:
    place = open_tmp / "shared"
    place.mkdir(mode=0o770)
    place.chmod(0o770)
    assert _groups(os.getpid()) == {OWN_GID, *os.getgroups()}
    if OWN_UID == 0:
        os.chown(place, 0, 54321)
        for groups, problem in (((54321,), ""), ((), "no permission to write")):
            pid = stranger(lab, {"GRADIO_TEMP_DIR": str(place)}, groups).pid
            assert entries(probe_paths(make_context(Target("process", "", pid=pid))))["temp"].problem == problem


def test_running_app_gives_its_own_variables_and_directory(lab: Lab, make_context: Make) -> None:
    pid = lab.python("-c", SLEEP, env={"GRADIO_TEMP_DIR": "rel", "HF_HOME": "/srv/\x1b[1mhf"}).pid
    seen = entries(probe_paths(make_context(Target("process", "", pid=pid))))
    assert seen["temp"].path == str(lab.directory / "rel")
    assert seen["cache"].path == "/srv/hf"
    assert seen["cwd"].judged == "access"


def test_supervised_run_tells_the_directory(make_context: Make, tmp_path: Path) -> None:
    run = Run(("python", "app.py"), str(tmp_path / "elsewhere"), 1, "exited", 1.0)
    target = Target("script", "", script=str(tmp_path / "app.py"))
    seen = entries(probe_paths(make_context(target, {Run: run})))
    assert seen["cwd"].path == str(tmp_path / "elsewhere" / ".gradio")


def test_absent_is_passed_on(make_context: Make) -> None:
    absent = Absent("process 5 has ended")
    assert probe_paths(make_context(Target("process", "", pid=5), {Instances: absent})) == absent


def test_app_that_has_ended_is_absent(make_context: Make) -> None:
    gone = Process(2**30, 1, "python", ("python", "/a.py"), "u", 0.0, "sleeping", script="/a.py")
    context = make_context(Target("process", "", pid=2**30), {Instances: Instances("/a.py", (gone,))})
    assert isinstance(probe_paths(context), Absent)


def test_room_and_nearest_existing(tmp_path: Path) -> None:
    left = room(tmp_path / "a" / "b")
    assert left.free is not None and abs(left.free - psutil.disk_usage(str(tmp_path)).free) < 500_000_000
    assert left.total is not None and left.total >= left.free
    assert left.inodes is None or (left.inodes_free or 0) <= left.inodes
    assert nearest_existing(tmp_path / "a" / "b") == tmp_path


def test_root_may_use_what_is_kept_back(tmp_path: Path) -> None:
    """A file system that is full for everybody else is not full for root."""
    everybody, root = room(tmp_path), room(tmp_path, root=True)
    assert root.free is not None and everybody.free is not None and root.free >= everybody.free
    assert root.total == everybody.total


def test_file_system_that_is_not_there_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert room(tmp_path / "link").free is None
