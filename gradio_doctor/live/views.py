"""Puts the kernel's view of a thread and its stacks together, and says what the thread is doing."""

from __future__ import annotations

from gradio_doctor.evidence import (
    Absent,
    KernelThread,
    ProcessStacks,
    ProcessThreads,
    StackFrame,
    Stacks,
    Threads,
    ThreadStack,
)
from gradio_doctor.live.frames import common, is_resting
from gradio_doctor.live.model import ProcessView, Role, ThreadView, Verdict, Wait
from gradio_doctor.live.roles import inner_frames, loop_by_kernel, roles, serves
from gradio_doctor.live.waits import wait_of

BUSY = 0.5  # of a core
QUIET = 0.05
GIL_RATE = (110.0, 280.0)  # who waits for the interpreter's lock asks again every 5 ms: 200 times a second
_SEEN_CPU = 0.002  # seconds between two stacks that count as having run
_AT_REST = (("block_thread", "gradio/blocks.py"), ("_shutdown", "threading.py"))


def view_processes(threads: Threads | Absent | None, stacks: Stacks | Absent | None) -> tuple[ProcessView, ...]:
    """All processes that either evidence knows, the serving one first."""
    kernel = threads if isinstance(threads, Threads) else Threads((), 0.0)
    python = stacks if isinstance(stacks, Stacks) else Stacks(())
    pids = dict.fromkeys([p.pid for p in kernel.processes] + [p.pid for p in python.processes])
    return tuple(_process(pid, kernel.of(pid), python.of(pid)) for pid in pids)


def _process(pid: int, kernel: ProcessThreads | None, stacks: ProcessStacks | None) -> ProcessView:
    known = roles(stacks) if stacks is not None and stacks.samples else {}
    by_tid = {t.tid: t for t in kernel.threads} if kernel else {}
    guess = None if known or kernel is None else loop_by_kernel(kernel.threads)
    views = []
    for tid in dict.fromkeys([*by_tid, *known]):
        role: Role = known.get(tid, "loop" if tid == guess else "main" if tid == pid else "other")
        views.append(_thread(pid, tid, role, by_tid.get(tid), stacks.of(tid) if stacks and tid in known else ()))
    return ProcessView(pid, tuple(views), bool(kernel and kernel.stopped), bool(known))


def _thread(
    pid: int, tid: int, role: Role, kernel: KernelThread | None, stacks: tuple[ThreadStack, ...]
) -> ThreadView:
    shared, steady = common(stacks)
    frames = inner_frames(role, shared)
    share = kernel.cpu_share if kernel else _stack_cpu(stacks)
    verdict = _verdict(role, kernel, stacks, share, steady)
    wait = _wait(kernel, frames if steady else (), verdict)
    server = any(serves(s.frames) for s in stacks)
    return ThreadView(pid, tid, role, verdict, wait, kernel, stacks, frames, steady, tid == pid, share, server)


def _stack_cpu(stacks: tuple[ThreadStack, ...]) -> float:
    """Whether it ran between the looks, where only the stacks are known: 0 or 1 (the time between is not)."""
    times = [s.cpu for s in stacks if s.cpu is not None]
    return float(len(times) > 1 and times[-1] - times[0] > _SEEN_CPU * (len(times) - 1) * 10)


def _verdict(
    role: Role, kernel: KernelThread | None, stacks: tuple[ThreadStack, ...], share: float, steady: bool
) -> Verdict:
    if kernel is not None and waits_for_gil(kernel):
        return "gil-wait"
    if stacks and all(_rests(role, s) for s in stacks):
        return "idle"
    if (kernel.demand if kernel else share) >= BUSY:
        return "busy-native" if steady and _in_native_code(kernel, stacks) else "busy-python"
    if steady and all(s.holds_gil for s in stacks) and share < QUIET:
        return "busy-native"  # asleep, and nobody else may run
    if _sleeps(kernel, share) if not stacks else (steady and (kernel is None or _sleeps(kernel, share))):
        return "waiting"
    return "moving" if stacks and not steady else "unknown"


def _in_native_code(kernel: KernelThread | None, stacks: tuple[ThreadStack, ...]) -> bool:
    """True when it runs without the interpreter's lock, or never hands it over (Python code does every 5 ms)."""
    if not any(s.holds_gil for s in stacks):
        return True
    never = kernel is not None and (kernel.voluntary_rate or 0.0) < 3
    return never and all(s.holds_gil for s in stacks)


def waits_for_gil(kernel: KernelThread) -> bool:
    """True when somebody else held the interpreter's lock all the time: it asked for it every 5 ms, in vain."""
    low, high = kernel.least_rate, kernel.most_rate
    if low is None or high is None or kernel.cpu_share >= 0.1:
        return False
    return GIL_RATE[0] <= low and high <= GIL_RATE[1] and _is_futex(kernel)


def _is_futex(kernel: KernelThread) -> bool:
    names = [s.call.name for s in kernel.samples if s.call]
    channels = [s.wait_channel for s in kernel.samples if s.wait_channel]
    if names:
        return names.count("futex") * 2 >= len(names)
    return not channels or sum("futex" in c for c in channels) * 2 >= len(channels)


def _sleeps(kernel: KernelThread | None, share: float) -> bool:
    if kernel is None:
        return False
    return kernel.still or (share < QUIET and (kernel.voluntary_rate or 0.0) < 25 and kernel.last.state in "SD")


def _rests(role: Role, stack: ThreadStack) -> bool:
    frames = inner_frames(role, stack.frames)
    if role in ("loop", "other-loop", "worker", "executor"):
        return is_resting(frames)
    return any(f.at(*place) for f in frames[:4] for place in _AT_REST)


def _wait(kernel: KernelThread | None, frames: tuple[StackFrame, ...], verdict: Verdict) -> Wait | None:
    if verdict not in ("waiting", "busy-native"):
        return None
    call = kernel.last.call if kernel else None
    return wait_of(call, frames)
