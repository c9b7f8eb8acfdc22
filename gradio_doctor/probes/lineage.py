"""Who keeps a process alive: a living parent, a service, a container, a terminal multiplexer, or nobody (an orphan).

The rule: a process is an orphan when its parent is a reaper (pid 1, pid 1 of a container, a per-user systemd) but it
was not started by it. It was started by it when it belongs to a systemd service, shares the reaper's session (what an
init starts in a container does; what a terminal or a script started does not), is the very command that the reaper was
given, or when the reaper is a process manager. A process whose parent is anybody else is never an orphan.

A session in which we ourselves run below somebody else than the reaper (a CI job without a terminal) is one in which
processes come and go, and sharing it says nothing: then the reaper's command, or the script it runs, has to name the
process's file.
"""

from __future__ import annotations

import os
import re
import signal
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gradio_doctor.evidence import Process

CONTAINER = "container entry point"
_INITS = frozenset({"systemd", "init", "launchd", "openrc-init", "runit"})
_MANAGERS = ("pm2", "supervisord", "s6-svscan", "runsvdir", "circusd", "honcho")
_MULTIPLEXERS = {"tmux": "tmux", "screen": "screen", "zellij": "zellij"}
# Units inside which people run things by hand: being in one is no sign of a service.
_PEOPLE = re.compile(
    r"(?:user@|app-|sshd?[@.-]|.{0,80}terminal|.{0,20}getty@|xrdp|gdm|lightdm|sddm|vte-|code-).{0,200}"
)
_MOST_ANCESTORS = 64


@dataclass(frozen=True, slots=True)
class Traits:
    """What the kernel tells about a process beyond the process table. All unknown off Linux.

    `unit` is the systemd service it belongs to; `first` is True for pid 1 of a PID namespace; `crowded` is True when
    our own process is in its session without being its child.
    """

    ignores_hangup: bool = False
    unit: str = ""
    first: bool = False
    crowded: bool = False


def read_traits(pid: int, processes: Path = Path("/proc")) -> Traits:
    """The traits of a process; the empty ones when it has ended or they cannot be read."""
    status = _read(processes / str(pid) / "status")
    ignored = re.search(r"^SigIgn:\s+([0-9a-f]{1,32})$", status, re.MULTILINE)
    namespace = re.search(r"^NSpid:[^\n]{0,400}?\s(\d{1,10})$", status, re.MULTILINE)
    bit = 1 << (getattr(signal, "SIGHUP", 1) - 1)
    return Traits(
        ignores_hangup=bool(ignored and int(ignored[1], 16) & bit),
        unit=service_unit(_read(processes / str(pid) / "cgroup")),
        first=bool(namespace and namespace[1] == "1"),
        crowded=pid not in (os.getpid(), os.getppid()) and _session(processes / str(pid)) == os.getsid(0),
    )


def _session(process: Path) -> int:
    """The session of a process (field 6 of /proc/PID/stat, proc(5)); -1 when it cannot be read."""
    fields = _read(process / "stat").rpartition(")")[2].split()
    return int(fields[3]) if len(fields) > 3 and fields[3].isdecimal() else -1


def service_unit(cgroup: str) -> str:
    """The systemd service in the text of /proc/PID/cgroup; "" for user sessions, scopes, containers and none.

    The innermost unit decides: a login shell is in user.slice/user-0.slice/session-3.scope.
    """
    for line in cgroup.splitlines()[:64]:
        _, _, rest = line.partition(":")
        controller, _, path = rest.partition(":")
        if controller not in ("", "name=systemd"):
            continue
        units = [u for u in path.split("/") if u.endswith((".service", ".scope"))]
        if units and units[-1].endswith(".service") and not _PEOPLE.match(units[-1]):
            return units[-1]
    return ""


def keeper_of(process: Process, table: Mapping[int, Process], traits: Mapping[int, Traits]) -> str:
    """What keeps a process that has no terminal and no parent, "" when nothing known does."""
    own = traits.get(process.pid, Traits())
    if own.unit:
        return own.unit
    if own.first and process.name not in _INITS:
        return CONTAINER
    if found := _born_of_reaper(process, table, traits):
        return found
    return _multiplexer(process, table) or ("nohup" if own.ignores_hangup else "") or _own_daemon(process)


def _own_daemon(process: Process) -> str:
    """What a server that goes to the background by itself, as it was told, is called; "" for others."""
    names = {Path(word).name for word in process.command[:4]}
    asked = {"-D", "--daemon"}.intersection(process.command)
    return "gunicorn --daemon" if "gunicorn" in names and asked else ""


def is_orphan(process: Process, table: Mapping[int, Process], traits: Mapping[int, Traits]) -> bool:
    """True when the parent that started a process is gone, by the rule of this module."""
    if process.state == "zombie" or traits.get(process.pid, Traits()).unit:
        return False
    parent = table.get(process.ppid)
    if parent is None or not _is_reaper(parent, traits):
        return False
    return not (parent.name in _INITS and process.session == parent.session) and not _born_of_reaper(
        process, table, traits
    )


def _names(reaper: Process, process: Process) -> bool:
    """True when the reaper's command, or a script that it runs, names the file of a process."""
    name = Path(process.script).name
    if not name:
        return False
    root = Path(f"/proc/{reaper.pid}/root")  # of its container; where that is closed to us, the file as we see it
    files = [Path(reaper.cwd, word) for word in reaper.command[:16]]
    texts = (_read(root / f.as_posix().lstrip("/")) or _read(f) for f in files)
    return name in reaper.command_line or any(name in text for text in texts)


def _is_reaper(process: Process, traits: Mapping[int, Traits]) -> bool:
    if process.pid == 1 or traits.get(process.pid, Traits()).first:
        return True
    return process.name == "systemd" and "--user" in process.command


def _born_of_reaper(process: Process, table: Mapping[int, Process], traits: Mapping[int, Traits]) -> str:
    """What a reaper that started this process is called, "" when none did."""
    parent = table.get(process.ppid)
    if parent is None or not _is_reaper(parent, traits):
        return ""
    if parent.name not in _INITS:
        given = parent.command[-len(process.command) :] if process.command else ()
        crowded = traits.get(parent.pid, Traits()).crowded and not _names(parent, process)
        if (process.session == parent.session and not crowded) or (given == process.command != parent.command):
            return CONTAINER
    shown = parent.command_line.lower()
    return next((m for m in _MANAGERS if m in shown), "")


def _multiplexer(process: Process, table: Mapping[int, Process]) -> str:
    seen: Process | None = process
    for _ in range(_MOST_ANCESTORS):
        if seen is None or seen.pid <= 1:
            return ""
        word = re.split(r"[^a-z]", seen.name.lower(), maxsplit=1)[0]
        if word in _MULTIPLEXERS:
            return _MULTIPLEXERS[word]
        seen = table.get(seen.ppid)
    return ""


def _read(path: Path) -> str:
    """The first 16 KiB of a regular file; "" for anything else (a pipe would hold us) and when it cannot be read."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            return file.read(16_384).decode("utf-8", "replace") if regular else ""
    except (OSError, ValueError):
        return ""
