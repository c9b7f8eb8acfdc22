"""Hostile logs against `gradio-doctor logs`: nothing may raise, hang, drive the terminal or break the report's schema.

    python -m bench.fuzz [--inputs 100000] [--commands 300] [--seed 1] [--jobs 2]
    python -m bench.fuzz --seed 1 --only 4711 --keep here.log       # one input again, kept as a file

Input N of a seed is always the same bytes (bench/fuzz_inputs.py); what is asked of the answers is in
bench/fuzz_look.py. The inputs run inside of processes of this program, through the function that the command line is;
a few hundred more run through the real command. A process that gets stuck is ended, and its input named.
"""

from __future__ import annotations

import argparse
import faulthandler
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from random import Random
from types import FrameType

from bench.fuzz_inputs import Inputs
from bench.fuzz_look import SLOW, complaints, look, prepare

STUCK, ARMED = 120.0, 20  # seconds after which a process is ended from outside of Python, in so many inputs
_ROUND = 500  # inputs that a process reports at once


@dataclass
class Share:
    """What became of some inputs."""

    inputs: int = 0
    bytes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[tuple[int, str]] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)
    memory: float = 0.0  # MB

    def add(self, other: Share) -> None:
        """Count another share in."""
        self.inputs += other.inputs
        self.bytes += other.bytes
        self.statuses += other.statuses
        self.wrong += other.wrong
        self.slowest = max(self.slowest, other.slowest)
        self.memory = max(self.memory, other.memory)


class TooSlow(BaseException):
    """An input took longer than it may."""


@contextmanager
def watchdog(seconds: float = SLOW) -> Iterator[None]:
    """Raises TooSlow in what takes too many seconds of this process: the machine may have other work as well."""
    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def write(inputs: Inputs, number: int, directory: Path) -> list[Path]:
    """The files of one input: sometimes the next inputs are further logs beside it."""
    count = Random(number).choice((1, 1, 1, 1, 1, 1, 1, 2, 2, 3))
    files = [directory / f"input{n}.log" for n in range(count)]
    for extra, file in enumerate(files):
        file.write_bytes(inputs.make(number + extra))
    return files


def one(inputs: Inputs, number: int, directory: Path) -> Share:
    """Run one input."""
    files = write(inputs, number, directory)
    share = Share(1, sum(f.stat().st_size for f in files))
    begin = time.process_time()
    try:
        with watchdog():
            seen = look(files, directory, Random(number))
        share.statuses[seen.status] += 1
        share.wrong = [(number, text) for text in seen.wrong]
    except TooSlow:
        share.wrong = [(number, f"took longer than {SLOW:g} s of the processor")]
    except Exception as error:
        share.wrong = [(number, f"{type(error).__name__}: {error}"[:800])]
    share.slowest = (time.process_time() - begin, number)
    return share


def work(seed: int, first: int, end: int, step: int, sender: Connection) -> None:
    """A process: every `step`-th input from `first` on. Each message is the input that comes next, and a share."""
    prepare()
    inputs = Inputs(seed)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:  # noqa: S108
        os.chdir(name)
        share = Share()
        for count, number in enumerate(range(first, end, step), 1):
            if count % ARMED == 1:
                faulthandler.dump_traceback_later(STUCK, exit=True, file=2)  # each time takes 5 ms
            share.add(one(inputs, number, Path(name)))
            if count % _ROUND == 0 or number + step >= end:
                share.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                sender.send((number + step, share))
                share = Share()
    sender.close()


def run(seed: int, inputs: int, jobs: int) -> Share:
    """All inputs, in several processes. One that dies is reported with where it was, and its share goes on behind."""
    context = multiprocessing.get_context("spawn")
    total, begin = Share(), time.perf_counter()
    lanes: dict[Connection, tuple[SpawnProcess, int, int]] = {}  # receiver: process, number of the lane, next input

    def start(lane: int, first: int) -> None:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(seed, first, inputs, jobs, sender))
        process.start()
        sender.close()
        lanes[receiver] = (process, lane, first)

    for lane in range(min(jobs, inputs)):
        start(lane, lane)
    while lanes:
        for receiver in [c for c in wait(list(lanes)) if isinstance(c, Connection)]:
            process, lane, first = lanes[receiver]
            try:
                reached, share = receiver.recv()
                lanes[receiver] = (process, lane, reached)
                total.add(share)
                _progress(total, inputs, begin)
            except EOFError:
                process.join()
                del lanes[receiver]
                if process.exitcode:
                    last = first + _ROUND * jobs
                    total.wrong.append((first, f"a process died ({process.exitcode}) between this and input {last}"))
                    if last < inputs:
                        start(lane, last)
    return total


def _progress(total: Share, inputs: int, begin: float) -> None:
    rate = total.inputs / (time.perf_counter() - begin)
    text = f"{total.inputs:>8,} of {inputs:,}, {rate:.0f} a second, {len(total.wrong)} wrong"
    print(text, file=sys.stderr, flush=True)


def through_the_command(inputs: Inputs, first: int, count: int) -> Share:
    """The real command as a process: standard input or a file, text or JSON."""
    share = Share()
    with tempfile.TemporaryDirectory() as name:
        for number in range(first, first + count):
            data, rng = inputs.make(number), Random(number)
            (Path(name) / "x.log").write_bytes(data)
            as_json, piped = rng.random() < 0.5, rng.random() < 0.5
            words = ["logs", "-" if piped else "x.log", "--no-plugins", *(["--json"] if as_json else ["-v"])]
            begin = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "gradio_doctor", *words], cwd=name, input=data if piped else b"",
                capture_output=True, timeout=60, check=False, env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            )
            share.add(Share(1, len(data), Counter([done.returncode]), slowest=(time.perf_counter() - begin, number)))
            out, err = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
            shown, raw = ("", out) if as_json else (out, "")
            found = complaints(done.returncode, shown, err, raw)
            share.wrong += [(number, f"command: {t}") for t in found if as_json or "without a report" not in t]
    return share


def tell(title: str, share: Share) -> None:
    """Print the figures."""
    seconds, number = share.slowest
    statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(share.statuses.items()))
    print(f"{title}: {share.inputs:,} inputs, {share.bytes / 1e6:.0f} MB; exit status {statuses}")
    print(f"  slowest {seconds:.2f} s (input {number}); peak memory {share.memory:.0f} MB; {len(share.wrong)} wrong")
    kinds: dict[str, list[tuple[int, str]]] = {}
    for entry in share.wrong:
        kinds.setdefault(entry[1][:60], []).append(entry)
    for entries in kinds.values():
        print(f"  {len(entries)} x, first input {entries[0][0]}: {entries[0][1]}")


def main() -> int:
    """The command line; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--commands", type=int, default=300, help="inputs through the real command")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, metavar="N", help="run input N alone")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="with --only: keep the input")
    options = parser.parse_args()
    inputs = Inputs(options.seed)
    if options.only is not None:
        if options.keep:
            options.keep.write_bytes(inputs.make(options.only))
        prepare()
        with tempfile.TemporaryDirectory() as name:
            share = one(inputs, options.only, Path(name))
        tell("one", share)
        return int(bool(share.wrong))
    inside = run(options.seed, options.inputs, options.jobs)
    tell("inside", inside)
    outside = through_the_command(inputs, options.inputs, options.commands)
    tell("as a command", outside)
    return int(bool(inside.wrong or outside.wrong))


if __name__ == "__main__":
    sys.exit(main())
