"""What a sleeping thread waits on: the kernel knows the socket, pipe, file or child, the frames know what a lock is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradio_doctor.evidence import StackFrame, SystemCall
from gradio_doctor.live.model import Wait, WaitKind

_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")
_LIBRARY_FRAMES = 16  # of the innermost, those looked at
_POOLS = (
    ("wait_for_connection", "httpcore/_sync/connection_pool.py", "httpx"),
    ("_get_conn", "urllib3/connectionpool.py", "urllib3"),
    ("_do_get", "sqlalchemy/pool/impl.py", "SQLAlchemy"),
    ("getconn", "psycopg_pool/pool.py", "psycopg"),
    ("get_connection", "redis/connection.py", "redis"),
    ("_get_conn", "pymongo/pool.py", "pymongo"),
    ("_get_conn", "pymongo/synchronous/pool.py", "pymongo"),
    ("_raise_wait_queue_timeout", "pymongo/pool.py", "pymongo"),
)
_IN_PYTHON: tuple[tuple[str, str, WaitKind], ...] = (
    ("result", "concurrent/futures/_base.py", "future"), ("join", "threading.py", "join"),
    ("_wait_for_tstate_lock", "threading.py", "join"), ("get", "queue.py", "queue"), ("put", "queue.py", "queue"),
    ("wait", "multiprocessing/popen_fork.py", "child"), ("poll", "multiprocessing/popen_fork.py", "child"),
    ("communicate", "subprocess.py", "child"), ("_wait", "subprocess.py", "child"), ("wait", "subprocess.py", "child"),
    ("_recv", "multiprocessing/connection.py", "pipe-read"), ("getaddrinfo", "socket.py", "name-lookup"),
    ("readinto", "socket.py", "socket"), ("read", "ssl.py", "socket"), ("recv", "ssl.py", "socket"),
    ("create_connection", "socket.py", "socket"), ("acquire", "threading.py", "lock"),
    ("wait", "threading.py", "event"),  # a semaphore's acquire() is made of it
)
_READS = frozenset({"read", "readv", "recvfrom", "recvmsg", "recvmmsg"})
_TAKES = re.compile(r"([A-Za-z_][\w.\[\]'\"]{0,100})\.acquire\(")
_ENTERS = re.compile(r"(?:async )?with (.{1,150}?):(?:\s|$)")
_WAITS_OTHERWISE = re.compile(r"\.(?:get|put|wait|join|result)\(")


def wait_of(call: SystemCall | None, frames: Sequence[StackFrame]) -> Wait | None:
    """What a sleeping thread waits on; None when neither its system call nor its frames (innermost first) tell."""
    if call is None or not call.name:
        return _by_frames(frames, None)
    resource = call.resource
    if call.name in ("futex", "futex_waitv"):
        return _by_frames(frames, call) or Wait("other", resource, call.endless, call.lock)
    if call.name in ("clock_nanosleep", "nanosleep") or (resource is not None and resource.kind == "time"):
        return _by_frames(frames, call, only=("child", "pool")) or Wait("sleep", resource)
    if call.name in ("wait4", "waitid"):
        return Wait("child", resource, True)
    if call.name in ("flock", "fcntl"):
        return Wait("file-lock", resource, call.endless)
    return _on_resource(call, frames)


def _on_resource(call: SystemCall, frames: Sequence[StackFrame]) -> Wait:
    resource, kind = call.resource, call.resource.kind if call.resource else "other"
    if kind == "pipe" and resource is not None:
        found = _by_frames(frames, None, only=("child",))
        return found or Wait("pipe-full" if resource.full else "pipe-read", resource, call.endless)
    if kind == "socket" or (resource is None and call.name in ("recvfrom", "connect", "sendto", "recvmsg")):
        lookup = _by_frames(frames, None, only=("name-lookup",))
        return Wait("name-lookup" if lookup else "socket", resource, call.endless)
    if kind == "file" and resource is not None:
        return Wait("terminal" if resource.name.startswith(_TERMINALS) else "file", resource, call.endless)
    found = _by_frames(frames, None)
    return found or Wait("other", resource, call.endless)


def _by_frames(
    frames: Sequence[StackFrame], call: SystemCall | None, only: tuple[WaitKind, ...] = ()
) -> Wait | None:
    endless, lock = (call.endless, call.lock) if call else (False, 0)
    resource = call.resource if call else None
    library = _library_frames(frames)
    pool = next((p[2] for f in library for p in _POOLS if f.at(p[0], p[1])), "")
    waits = [kind for f in library for name, file, kind in _IN_PYTHON if f.at(name, file)]
    if pool and set(waits) & {"event", "queue", "future"} and _wanted("pool", only):
        return Wait("pool", resource, endless, lock, library=pool)
    for kind in (k for k in waits if k != "event"):  # an Event is in most of the others
        if _wanted(kind, only):
            return Wait(kind, resource, endless, lock)
    if "event" in waits and _wanted("event", only):
        return Wait("event", resource, endless, lock)
    if not only and frames and (name := lock_name(frames)):
        return Wait("lock", resource, endless, lock, name)
    return None


def _wanted(kind: WaitKind, only: tuple[WaitKind, ...]) -> bool:
    return not only or kind in only


def _library_frames(frames: Sequence[StackFrame]) -> list[StackFrame]:
    """The innermost frames up to the first of the user's."""
    found: list[StackFrame] = []
    for frame in frames[:_LIBRARY_FRAMES]:
        if frame.own:
            break
        found.append(frame)
    return found


def lock_name(frames: Sequence[StackFrame]) -> str:
    """The lock that the innermost line takes: "LOCK" of `with LOCK:` and of `LOCK.acquire()`; "" when it takes none."""
    top = frames[0]
    if not top.own or not top.text:
        return ""
    if found := _TAKES.search(top.text):
        return found[1]
    entered = _ENTERS.match(top.text)
    if entered is None or _WAITS_OTHERWISE.search(top.text):
        return ""
    names = [part.partition(" as ")[0].strip() for part in entered[1].split(",")]
    return names[0] if len(names) == 1 else next((n for n in names if "lock" in n.lower()), names[0])
