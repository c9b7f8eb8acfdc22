"""Reads which instructions the CPU has, off /proc/cpuinfo."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from gradio_doctor.evidence import Absent, Processor
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.redact import clean

_MOST = 65536  # one CPU's paragraph has about 1,500 characters
_NAMES = {"flags": "flags", "Features": "flags", "model name": "model"}  # x86, ARM


def probe_processor(context: Context) -> Processor | Absent:  # noqa: ARG001 - the contract of probes
    """The first CPU's flags; all CPUs of a machine have the same."""
    if not sys.platform.startswith("linux"):
        return Absent("what instructions the CPU has is read from /proc/cpuinfo, which only Linux has")
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            text = file.read(_MOST)
    except OSError as error:
        return Absent(f"/proc/cpuinfo cannot be read: {clean(str(error), 200)}")
    return read_processor(text, platform.machine())


def read_processor(text: str, machine: str) -> Processor | Absent:
    """The first paragraph of /proc/cpuinfo that has flags."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if (kind := _NAMES.get(name.strip())) and kind not in found:
            found[kind] = value.strip()
    if not found.get("flags"):
        return Absent("/proc/cpuinfo names no flags of the CPU")
    flags = frozenset(found["flags"].split())
    return Processor(clean(machine, 40), clean(found.get("model", ""), 120), flags, "hypervisor" in flags)
