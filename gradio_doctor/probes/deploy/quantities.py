"""Amounts of memory and spans of time as deployment files write them."""

from __future__ import annotations

import re

_MEMORY = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s{0,2}([A-Za-z]{0,3})")
# Kubernetes: M is 10^6, Mi 2^20. Docker and systemd: k, m, g (kb, mb, gb) are powers of 1024.
_KUBERNETES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30,
               "Ti": 2**40, "m": 1e-3}
_DOCKER = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ns|us|µs|ms|min|h|m|s|)")
_SECONDS = {"h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0, "": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def kubernetes_bytes(text: str) -> float | None:
    """Bytes of a Kubernetes quantity (512Mi, 1G, 1.5Gi), None when it is none."""
    found = _MEMORY.fullmatch(text.strip())
    return float(found[1]) * _KUBERNETES[found[2]] if found and found[2] in _KUBERNETES else None


def docker_bytes(text: str) -> float | None:
    """Bytes as Docker, compose and systemd write them (512m, 1gb, 64M), None for anything else."""
    found = _MEMORY.fullmatch(text.strip())
    if not found:
        return None
    unit = found[2].lower()
    unit = unit[:-1] if len(unit) == 2 and unit.endswith("b") else unit.removesuffix("ib") if len(unit) == 3 else unit
    return float(found[1]) * _DOCKER[unit] if unit in _DOCKER else None


def span(text: str, default: float) -> float:
    """Seconds of a span (30s, 1m30s, 2min, 5), the default when it is none."""
    text = text.strip()
    parts = list(_SPAN.finditer(text))
    if not text or "".join(p[0] for p in parts) != text:
        return default
    return sum(float(p[1]) * _SECONDS[p[2]] for p in parts if p[1])


def number(text: str) -> int | None:
    """A plain whole number, None for anything else."""
    text = text.strip()
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None
