"""Amounts for people."""

from __future__ import annotations


def in_words(size: float) -> str:
    """A size in bytes as MiB or GiB (KiB below one MiB)."""
    if 0 < size < 2**20:
        return f"{size / 2**10:.0f} KiB"
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
