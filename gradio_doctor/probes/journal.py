"""What a systemd service wrote: its standard output is a socket of the journal, and no file has it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from gradio_doctor.probes.bounded_process import run_bounded

_SECONDS = 3.0
_MOST_LINES = 2000
_MOST_BYTES = 8 << 20
_MOST_UNITS, _MOST_UNIT_BYTES = 500, 1 << 16
_SERVICE = re.compile(r"(?:^|/)((?!user@)[\w@.:\\-]{1,200}\.service)(?:/|$)")
_UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system")
_USER_UNITS = ".config/systemd/user"

Unit = tuple[str, bool]  # its name, and whether it is one of a user's own manager


def unit_of(pid: int) -> Unit | None:
    """The service whose control group a process is in (systemd.resource-control(5)); None outside of one."""
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text(errors="replace")[:_MOST_UNIT_BYTES]
    except OSError:
        return None
    return unit_in(groups)


def unit_in(groups: str) -> Unit | None:
    """The service that the lines of /proc/PID/cgroup name, of any version; the innermost one."""
    for line in groups.splitlines():
        path = line.partition(":")[2].partition(":")[2]
        if found := _SERVICE.findall(path):
            return found[-1], "/user@" in path
    return None


def writes_to_socket(pid: int) -> bool:
    """True when a process's standard output or error is a socket, as systemd makes it for the journal."""
    for descriptor in (1, 2):
        try:
            if stat.S_ISSOCK(Path(f"/proc/{pid}/fd/{descriptor}").stat().st_mode):
                return True
        except OSError:
            continue
    return False


def unit_that_runs(script: str) -> Unit | None:
    """The service whose file says that it runs a script; None when none does, or several do."""
    path = Path(script)
    named = [u for u in _unit_files() if starts(u[2], path)]
    return named[0][:2] if len(named) == 1 else None


def _unit_files() -> Iterator[tuple[str, bool, str]]:
    folders = [(Path(f), False) for f in _UNITS] + [(_home() / _USER_UNITS, True)]
    left = _MOST_UNITS
    for folder, own in folders:
        try:
            files = [f for f in sorted(folder.glob("*.service")) if f.is_file()]  # a FIFO would hang us
        except OSError:
            continue
        for file in files[:left]:
            left -= 1
            try:
                with file.open(errors="replace") as text:
                    yield file.name, own, text.read(_MOST_UNIT_BYTES)
            except (OSError, ValueError):
                continue


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def starts(text: str, script: Path) -> bool:
    """True when a unit starts that file: by its path, or by its name from its folder ("app.py", "app:app")."""
    lines = [line for line in text.splitlines() if line.lstrip().startswith("ExecStart=")]
    if any(re.search(rf"(?<![\w./-]){re.escape(str(script))}(?![\w./-])", line) for line in lines):
        return True
    folder = rf"^\s*WorkingDirectory=[-!]?{re.escape(str(script.parent))}/?\s*$"
    short = rf"(?<![\w./-]){re.escape(script.stem)}(?:\.py(?![\w./-])|:\w)"
    return bool(re.search(folder, text, re.MULTILINE)) and any(re.search(short, line) for line in lines)


def read_journal(unit: Unit) -> bytes:
    """The last 2,000 lines of a service since the machine started; b"" when there are none, or we may not see them."""
    name, own = unit
    choice = f"--user-unit={name}" if own else f"--unit={name}"
    command = ["journalctl", choice, "-b", "-n", str(_MOST_LINES), "-o", "short-iso", "--no-pager", "-q"]
    try:
        done = run_bounded(command, seconds=_SECONDS, limit=_MOST_BYTES)
    except (OSError, ValueError, TimeoutError):
        return b""
    return done.output if done.code == 0 else b""
