"""Errors that a person can mend, and the exit statuses."""

from __future__ import annotations

OK, FOUND, USAGE, INCONCLUSIVE, DEFECT, INTERRUPTED = 0, 1, 2, 3, 4, 130


class UsageError(ValueError):
    """Bad input or configuration: one clear line that names it and says what to do (exit status 2)."""
