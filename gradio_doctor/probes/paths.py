"""The directories that Gradio uses, and whether the app's user may write them. Nothing is created."""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from gradio_doctor.evidence import Absent, HttpAnswers, PathAccess, Paths, Process, Run
from gradio_doctor.probes.access import Reader, Room, nearest_existing, room
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.environment import whole_environment
from gradio_doctor.probes.page_files import shows_files
from gradio_doctor.probes.processes import user_name
from gradio_doctor.probes.quotas import quota_of, refused, within
from gradio_doctor.probes.redact import clean

_MOST_PATH = 4096
_CAP_DAC_OVERRIDE = 1  # linux/capability.h


def probe_paths(context: Context) -> Paths | Absent:
    """The temp directory, the working directory's .gradio and the Hugging Face cache, for the app's own user."""
    if sys.platform == "win32":
        return Absent("directories are not judged on Windows, whose permissions are not mode bits")
    found = whole_environment(context)
    if isinstance(found, Absent):
        return found
    variables, process = found
    reader = _reader(process)
    if isinstance(reader, Absent):
        return reader
    directory = _directory(context, process)
    wanted = _wanted(variables, directory, reader, _log_of(process))
    entries = tuple(_access(path, role, process, reader) for role, path in wanted)
    refused = any(e.problem and e.role == "temp" for e in entries)
    return Paths(entries, shows_files(context.known(HttpAnswers)) if refused else None, process.user if process else "")


def _directory(context: Context, process: Process | None) -> str:
    """The app's working directory: the process's; where we started it; else the script's own, else ours."""
    if process is not None:
        return process.cwd
    run = context.known(Run)
    if isinstance(run, Run):
        return run.directory
    script = context.target.script
    return str(Path(script).parent if script else Path.cwd())


def _log_of(process: Process | None) -> str:
    """The file that a process writes its output to, as it calls it; "" when it is none or cannot be seen."""
    if process is None:
        return ""
    try:
        target = str(Path(f"/proc/{process.pid}/fd/2").readlink())
        return target if target.startswith("/") and Path(f"/proc/{process.pid}/fd/2").is_file() else ""
    except OSError:
        return ""


def _wanted(
    variables: Mapping[str, str], directory: str, reader: Reader, log: str = ""
) -> Iterator[tuple[str, str]]:
    """(role, absolute path) of each directory, as Gradio 4-6 and huggingface_hub choose them."""
    temp = variables.get("GRADIO_TEMP_DIR") or posixpath.join(_temp_directory(variables, directory, reader), "gradio")
    yield "temp", _absolute(temp, directory)
    if directory:
        yield "cwd", posixpath.join(directory, ".gradio")
    if examples := variables.get("GRADIO_EXAMPLES_CACHE"):
        yield "examples", _absolute(examples, directory)
    if cache := _hugging_face_home(variables):
        yield "cache", _absolute(cache, directory)
    if log:
        yield "log", posixpath.dirname(log)


def _hugging_face_home(variables: Mapping[str, str]) -> str:
    """HF_HOME, else huggingface in the user's cache; "" when the environment tells no home."""
    home = variables.get("HOME", "")
    if named := variables.get("HF_HOME"):
        return home + named[1:] if named.startswith("~/") else named
    caches = variables.get("XDG_CACHE_HOME") or (home and posixpath.join(home, ".cache"))
    return posixpath.join(caches, "huggingface") if caches else ""


def _temp_directory(variables: Mapping[str, str], directory: str, reader: Reader) -> str:
    """What tempfile.gettempdir() chooses: the first of these that exists and may be written."""
    named = [variables[n] for n in ("TMPDIR", "TEMP", "TMP") if variables.get(n)]
    candidates = [_absolute(c, directory) for c in (*named, "/tmp", "/var/tmp", "/usr/tmp")]  # noqa: S108 - Python's own
    usable = (c for c in candidates if reader.seen(c).is_dir() and not reader.problem(c))
    return next(usable, directory or candidates[0])


def _absolute(path: str, directory: str) -> str:
    return posixpath.normpath(posixpath.join(directory or "/", path[:_MOST_PATH]))


def _access(path: str, role: str, process: Process | None, reader: Reader) -> PathAccess:
    judged = "access"
    if reader.uid is not None:
        judged = f"mode bits, for user {process.user if process else reader.uid}"
    place = reader.seen(path)
    problem = clean(reader.problem(path))
    left, quota = _room(place, reader, tried=not problem)
    return PathAccess(
        clean(path, _MOST_PATH), role, problem, _owner(place), left.free, judged, left.total, left.inodes_free,
        left.inodes, quota,
    )


def _room(place: Path, reader: Reader, *, tried: bool) -> tuple[Room, str]:
    """What may still be written there, and the name of the quota that leaves no more; "" without one."""
    left = room(place, root=reader.uid == 0 or (reader.uid is None and _am_root()))
    if not hasattr(os, "geteuid"):
        return left, ""
    own = os.geteuid()
    uid, groups = (own, os.getgroups()) if reader.uid is None else (reader.uid, reader.groups)
    quota = quota_of(place, uid, groups)
    narrower = within(left, quota) if quota else left
    if narrower.free and tried and own in (0, uid) and refused(place):
        return replace(left, free=0, total=None), "a quota"
    return narrower, quota.whose if quota and narrower != left else ""


def _am_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _owner(place: Path) -> str:
    """The owner of the directory, or of the one it would be created in; "" when that cannot be seen."""
    try:
        return clean(user_name(nearest_existing(place).stat().st_uid), 100)
    except OSError:
        return ""


def _reader(process: Process | None) -> Reader | Absent:
    """On whose behalf to judge, and through which root: a container's paths are not ours."""
    if process is None:
        return Reader()
    import psutil

    try:
        uid = psutil.Process(process.pid).uids().effective
        root, overrides = _root(process.pid), overridden(process.pid)
        if uid == os.geteuid() and not root and overrides == overridden("self"):
            return Reader()
        return Reader(uid, _groups(process.pid), root, overrides)
    except psutil.NoSuchProcess:
        return Absent(f"process {process.pid} has ended")
    except (psutil.Error, OSError) as error:
        why = f"the directories of pid {process.pid} cannot be looked at: {clean(str(error), 200)}"
        return Absent(why, f'sudo "$(command -v gradio-doctor)" diagnose pid:{process.pid}')


def _root(pid: int) -> str:
    """"/proc/PID/root" for a process that sees other file systems than we do, else ""."""
    own, theirs = Path("/proc/self/ns/mnt"), Path(f"/proc/{pid}/ns/mnt")
    if not own.exists():
        return ""
    root = f"/proc/{pid}/root"
    if own.readlink() == theirs.readlink() and Path(root).readlink() == Path("/"):
        return ""
    return root


def overridden(pid: int | str) -> tuple[range, ...] | None:
    """The uids whose files a process may use whatever their permissions say, as we number them; None: not told."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
        mapped = Path(f"/proc/{pid}/uid_map").read_text(errors="replace").splitlines()
    except OSError:
        return None
    held = next((line.partition(":")[2].strip() for line in status if line.startswith("CapEff:")), "")
    if not held:
        return None
    if not int(held, 16) >> _CAP_DAC_OVERRIDE & 1:
        return ()
    rows = [[int(n) for n in line.split()] for line in mapped]
    return tuple(range(row[1], row[1] + row[2]) for row in rows if len(row) == 3)


def _groups(pid: int) -> frozenset[int]:
    """The groups of a process: the effective and the supplementary ones."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    numbers: list[int] = []
    for line in lines:
        name, _, values = line.partition(":")
        if name == "Gid":
            numbers += [int(v) for v in values.split()[1:2]]
        elif name == "Groups":
            numbers += [int(v) for v in values.split()]
    return frozenset(numbers)
