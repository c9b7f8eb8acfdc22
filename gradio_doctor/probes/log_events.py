"""Probe: what the logs at hand say. Named files, the output of our own run, the running app's files, its journal."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from gradio_doctor.evidence import OUTPUT_OF_RUN, Absent, Instances, Listeners, LogEvents, Run
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs import Limits, LogError, LogInput, read_logs
from gradio_doctor.probes.base import Context, Probe
from gradio_doctor.probes.journal import read_journal, unit_of, unit_that_runs, writes_to_socket
from gradio_doctor.probes.log_run import this_run


def make_log_probe(signatures: Sequence[Signature]) -> Probe:
    """The probe for a set of signatures."""
    return partial(probe_log_events, signatures=tuple(signatures))


def probe_log_events(context: Context, signatures: Sequence[Signature]) -> LogEvents | Absent:
    """Read every log that is at hand: the matches, tracebacks and versions in them.

    Raises LogError for a log that the person named and that cannot be read; others make it Absent.
    """
    named = [LogInput(path) for path in context.options.logs]
    if context.target.kind == "log" and context.target.path:
        named.append(LogInput(context.target.path))
    found = list(_unique([*named, *_of_run(context), *_of_process(context), *_of_service(context)]))
    ports = _ports(context)
    parts = [(log, 0) if log in named else this_run(log, ports) for log in found]
    inputs = [log for log, _ in parts]
    if not inputs:
        return Absent("no log is at hand", "gradio-doctor diagnose --log FILE")
    options = context.options
    limits = Limits(seconds=options.timeout, context=options.context, since=options.since, until=options.until)
    try:
        events = read_logs(inputs, signatures, limits)
    except LogError as error:
        if named:
            raise
        return Absent(str(error), "gradio-doctor diagnose --log FILE")
    left_out = {log.label: lines for log, lines in parts if lines}
    return replace(events, files=tuple(replace(f, earlier=left_out.get(f.name, 0)) for f in events.files))


def _ports(context: Context) -> frozenset[int]:
    """The ports that the running app listens on; none where it is not up, or was started by us."""
    known, listeners = context.known(Instances), context.known(Listeners)
    if not isinstance(known, Instances) or not isinstance(listeners, Listeners):
        return frozenset()
    return frozenset(s.port for p in known.all if p.pid != known.started_by_us for s in listeners.held_by(p.pid))


def _unique(inputs: Sequence[LogInput]) -> Iterator[LogInput]:
    """Without second names of the same file."""
    seen: set[object] = set()
    for entry in inputs:
        key: object = entry.path
        try:
            status = Path(entry.path).stat()
            key = (status.st_dev, status.st_ino)
        except (OSError, ValueError):
            pass
        if key not in seen:
            seen.add(key)
            yield entry


def _of_run(context: Context) -> Iterator[LogInput]:
    """The captured output of the app that we started, if we did."""
    run = context.known(Run)
    if isinstance(run, Run) and run.output and Path(run.output).is_file():
        yield LogInput(run.output, OUTPUT_OF_RUN)


def _of_process(context: Context) -> Iterator[LogInput]:
    """The files that the standard output and error of the running app go to."""
    pids = [context.target.pid] if context.target.pid else []
    known = context.known(Instances)
    if isinstance(known, Instances):
        pids += [p.pid for p in known.all if p.pid != known.started_by_us]
    for pid in dict.fromkeys(pids):
        for descriptor in (1, 2):
            path = output_file(pid, descriptor)
            if path:
                yield LogInput(path)


def _of_service(context: Context) -> Iterator[LogInput]:
    """The journal of the systemd service that the app runs in, or ran in where it is not running."""
    known = context.known(Instances)
    if isinstance(known, Absent) or known is None:
        return
    running = [p.pid for p in known.all if p.pid != known.started_by_us]
    units = {unit_of(pid) for pid in running if writes_to_socket(pid)}
    if not running and context.target.script:
        units = {unit_that_runs(context.target.script)}
    for unit in sorted(u for u in units if u):
        if text := read_journal(unit):
            yield LogInput(f"journal:{unit[0]}", f"journal of {unit[0]}", io.BytesIO(text))


def output_file(pid: int, descriptor: int) -> str:
    """The regular file that a process writes on a descriptor to (Linux), "" when it is none or cannot be seen."""
    link = Path(f"/proc/{pid}/fd/{descriptor}")
    try:
        if not stat.S_ISREG(link.stat().st_mode):
            return ""
        name = str(link.readlink())
        return name if Path(name).is_file() else str(link)  # deleted or in another mount: still open under /proc
    except OSError:
        return ""
