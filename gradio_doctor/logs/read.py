"""Reads logs and says what is in them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gradio_doctor import progress
from gradio_doctor.evidence.logs import LogEvents
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs.merge import events
from gradio_doctor.logs.reading import LogInput, open_log
from gradio_doctor.logs.rules import RuleSet
from gradio_doctor.logs.scanner import Limits, Scanner
from gradio_doctor.logs.tally import Scan

LARGE = 64 << 20  # bytes of a log from which a second process is worth its start


def read_logs(
    inputs: Sequence[LogInput | str | os.PathLike[str]], signatures: Sequence[Signature], limits: Limits | None = None
) -> LogEvents:
    """Read one or more logs whole and find the signatures and tracebacks in them.

    Raises LogError (one line that names the log) when one of them cannot be read, ValueError for a signature that
    `lint` would refuse or a bound of `limits` that is no ISO time. Never raises for what is in a log.
    """
    rules = RuleSet(signatures)
    bounds = limits or Limits()
    sources = [i if isinstance(i, LogInput) else LogInput(os.fspath(i)) for i in inputs]
    return events([_scan(source, rules, bounds) for source in sources], signatures)


def _scan(source: LogInput, rules: RuleSet, limits: Limits) -> Scan:
    if watch := progress.current():
        watch.name = source.label
    reader = open_log(source, limits.max_bytes)
    try:
        if reader.plain and LARGE <= (reader.size or 0) <= limits.max_bytes:
            return _scan_large(source, reader.size or 0, rules, limits)
        return Scanner(rules, source.label, limits, reader.changed or None).run(reader)
    finally:
        reader.close()


def _scan_large(source: LogInput, size: int, rules: RuleSet, limits: Limits) -> Scan:
    from gradio_doctor.logs import shards  # multiprocessing takes 20 ms to import

    return shards.scan_parts(source.path, source.label, shards.parts(source.path, size), rules, limits)
