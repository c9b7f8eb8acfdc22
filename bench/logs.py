"""How fast logs are read, against ripgrep with the same expressions and against reading alone.

    python bench/logs.py --rg PATH [--size 200] [--rounds 5] [--kinds app dense long ...]

Every reading is a process of its own (start-up counted), interleaved with the others, the median of the rounds.
Ratios are what counts: seconds depend on the machine and on what else it does. The peak memory is that of the largest
process; a child counts what its parent held when it was started, so our own is also read inside (before "MB;").
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.corpus import KINDS, write  # noqa: E402
from gradio_doctor.knowledge.model import Signature  # noqa: E402
from gradio_doctor.registry import load  # noqa: E402

OURS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from gradio_doctor.knowledge.model import Prose, Signature
from gradio_doctor.logs import read, read_logs
read.LARGE = int(sys.argv[4])
table = json.load(open(sys.argv[2]))
signatures = [Signature(i, tuple(p), Prose(""), 0.01, tuple(u), tuple(l), c) for i, p, u, l, c in table]
found = read_logs([sys.argv[3]], signatures)
peak = next((l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM")), "0")
matches, tracebacks = sum(m.count for m in found.matches), sum(t.count for t in found.tracebacks)
print(int(peak) >> 10, "MB;", matches, "matches", tracebacks, "tracebacks", found.files[0].lines, "lines")
"""


@dataclass(frozen=True)
class Timing:
    """The median of the wall-clock seconds, the peak memory in MB, what it printed."""

    seconds: float
    memory: float
    says: str


def once(command: Sequence[str], output: Path) -> tuple[float, float, str]:
    """Run a command: seconds, peak MB of its largest process, what it printed."""
    with output.open("wb") as file:  # a search that writes to /dev/null may stop at the first match
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):  # 1: ripgrep found nothing
        raise SystemExit(f"{command[0]} ended with {child.returncode}")
    scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return seconds, usage.ru_maxrss / scale, output.read_text()[:200].strip()


def measure(commands: Mapping[str, Sequence[str]], rounds: int, directory: Path) -> dict[str, Timing]:
    """Run all commands in turn, several times."""
    results: dict[str, list[tuple[float, float, str]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            results[name].append(once(command, directory / "output"))
    return {
        name: Timing(statistics.median(r[0] for r in runs), max(r[1] for r in runs), runs[-1][2])
        for name, runs in results.items()
    }


def commands_for(log: Path, directory: Path, rg: str | None) -> dict[str, Sequence[str]]:
    """What is compared."""
    program, table = str(directory / "ours.py"), str(directory / "signatures.json")
    ours = [sys.executable, program, str(ROOT), table, str(log)]
    commands: dict[str, Sequence[str]] = {"ours, 1 process": [*ours, str(1 << 60)], "ours": [*ours, str(64 << 20)]}
    if rg:
        patterns = ["-f", str(directory / "patterns.txt")]
        limits = ["--dfa-size-limit", "1G", "--regex-size-limit", "1G"]
        commands["rg -c"] = [rg, "--no-unicode", "--no-config", "-c", *limits, *patterns, str(log)]
    commands["cat"] = ["cat", str(log)]
    return commands


def prepare(signatures: Sequence[Signature], directory: Path) -> None:
    """Write the signatures for both sides."""
    import json

    table = [[s.id, s.patterns, s.unless, s.layers, s.ignore_case] for s in signatures]
    (directory / "signatures.json").write_text(json.dumps(table))
    plain = ((s, _for_ripgrep(p)) for s in signatures for p in s.patterns)
    lines = [f"(?i:{p})" if s.ignore_case else p for s, p in plain]
    (directory / "patterns.txt").write_text("\n".join(lines) + "\n")
    (directory / "ours.py").write_text(OURS)


def _for_ripgrep(pattern: str) -> str:
    """The pattern without names of groups (they must be unique there) and with bytes for other than ASCII.

    ripgrep is much faster without Unicode; a class of such characters becomes one ASCII character.
    """
    pattern = re.sub(r"\(\?P<\w+>", "(?:", pattern)
    pattern = re.sub(r"\[[^\]]*[^\x00-\x7f][^\]]*\]", ":", pattern)
    return "".join(c if ord(c) < 128 else "(?:" + "".join(f"\\x{b:02x}" for b in c.encode()) + ")" for c in pattern)


def report(kind: str, size: int, timings: Mapping[str, Timing]) -> None:
    """Print one corpus."""
    print(f"\n{kind}: {size / 1e6:.0f} MB")
    reference = timings.get("rg -c")
    for name, timing in timings.items():
        ratio = f"{reference.seconds / timing.seconds:6.2f} x rg" if reference else ""
        says = timing.says if name.startswith("ours") else ""
        speed = size / timing.seconds / 1e9
        print(f"  {name:16} {timing.seconds:7.3f} s {speed:6.2f} GB/s {timing.memory:6.0f} MB {ratio}  {says}")


def small(directory: Path, rounds: int) -> None:
    """How long one small log takes in a process that has the signatures."""
    from gradio_doctor.logs import read_logs

    signatures = tuple(load(plugins=False).knowledge.signatures.values())
    for size in (1_000, 20_000, 200_000, 400_000):
        path = directory / "small.log"
        path.write_bytes((directory / "app").read_bytes()[:size])
        times = []
        for _ in range(rounds):
            begin = time.perf_counter()
            read_logs([str(path)], signatures)
            times.append(time.perf_counter() - begin)
        print(f"  {size / 1000:5.0f} KB: {min(times) * 1000:6.1f} ms (first {times[0] * 1000:.1f})")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rg", default=shutil.which("rg"), help="path of ripgrep (PyPI: ripgrep)")
    parser.add_argument("--size", type=int, default=200, help="MB of each log (1000: as in the notes)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    options = parser.parse_args()
    signatures = tuple(load(plugins=False).knowledge.signatures.values())
    print(f"{len(signatures)} signatures, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    shared = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - memory: the disk is not what is measured
    with tempfile.TemporaryDirectory(dir=shared) as name:
        directory = Path(name)
        prepare(signatures, directory)
        for kind in options.kinds:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as helper:
                size = helper.submit(write, kind, directory / kind, options.size * 1_000_000).result()
            commands = commands_for(directory / kind, directory, options.rg)
            report(kind, size, measure(commands, options.rounds, directory))
            if kind != "app":
                (directory / kind).unlink()
        if "app" in options.kinds:
            print("\nsmall logs:")
            small(directory, options.rounds)
    print(f"\npeak of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
