"""Large plain files are scanned in parts, one process a part.

Processes, not threads: every hit takes a little Python, and the threads would wait for each other (measured: two
threads take longer than one on logs full of errors).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gradio_doctor.logs.merge import append
from gradio_doctor.logs.reading import Reader
from gradio_doctor.logs.rules import RuleSet
from gradio_doctor.logs.scanner import Limits, Scanner
from gradio_doctor.logs.tally import Scan

_LEAST = 32 << 20  # bytes of one part
_MOST = 4
_SEARCH = 1 << 20  # bytes behind the place of a cut in which a line must end
_SPILL = 1 << 16  # bytes behind a part that its last traceback may go on in


def parts(path: str, size: int) -> list[tuple[int, int]]:
    """Where to cut a file: at the ends of lines, into as many parts as processors and size allow."""
    count = min(_processors(), _MOST, max(1, size // _LEAST))
    if multiprocessing.current_process().daemon:  # may not have children
        count = 1
    cuts = [0]
    with Path(path).open("rb") as file:
        for number in range(1, count):
            place = size * number // count
            file.seek(place)
            end = file.read(_SEARCH).find(b"\n")
            if end >= 0 and place + end + 1 > cuts[-1]:
                cuts.append(place + end + 1)
    return list(zip(cuts, [*cuts[1:], size], strict=True))


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def scan_parts(path: str, name: str, ranges: Sequence[tuple[int, int]], rules: RuleSet, limits: Limits) -> Scan:
    """Scan the parts of a file at the same time: the first here, each other one in a process of its own.

    A part whose process dies is scanned here.
    """
    context: Any = multiprocessing.get_context(_start_method())
    running = []
    for begin, end in ranges[1:]:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(sender, path, name, begin, end, rules, limits), daemon=True)
        process.start()
        sender.close()
        running.append((process, receiver, begin, end))
    try:
        scan = scan_range(path, name, *ranges[0], rules, limits)
        for process, receiver, begin, end in running:
            append(scan, _received(receiver) or scan_range(path, name, begin, end, rules, limits))
            process.join()
    finally:
        for process, receiver, _, _ in running:
            receiver.close()
            if process.is_alive():
                process.terminate()
                process.join()
    return scan


def _start_method() -> str:
    """Forking is quick but only safe while there is one thread."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


def _work(
    sender: Connection, path: str, name: str, begin: int, end: int, rules: RuleSet, limits: Limits
) -> None:
    """The process of one part."""
    sender.send(scan_range(path, name, begin, end, rules, limits))
    sender.close()


def _received(receiver: Connection) -> Scan | None:
    try:
        scan = receiver.recv()
    except (EOFError, OSError):
        return None
    return scan if isinstance(scan, Scan) else None


def scan_range(path: str, name: str, begin: int, end: int, rules: RuleSet, limits: Limits) -> Scan:
    """Scan one part of a file. A traceback at its end is read on into the next part."""
    with Path(path).open("rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        file.seek(end)
        behind = file.read(_SPILL) if end < status.st_size else b""
        file.seek(begin)
        reader = Reader(file, end - begin, status.st_mtime, limits.max_bytes)
        return Scanner(rules, name, limits, status.st_mtime).run(reader, behind)
