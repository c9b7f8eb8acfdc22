"""Commands that would let a look happen, completed so that they can be pasted as they stand."""

from __future__ import annotations

import shlex

from gradio_doctor.evidence import Target

_DIAGNOSE = "gradio-doctor diagnose"


def pasteable(unlock: str, target: Target) -> str:
    """The command with the target of this examination put in, where a probe (which does not know it) left it out."""
    if target.kind in ("log", "none") or not target.text:
        return f"{_DIAGNOSE} {unlock}" if unlock.startswith("--") else unlock
    if unlock.startswith("--"):
        return f"{_DIAGNOSE} {_word(target)} {unlock}"
    before, found, after = unlock.partition(_DIAGNOSE)
    if found and (not after or after.startswith(" --")):
        return f"{before}{_DIAGNOSE} {_word(target)}{after}"
    return unlock


def _word(target: Target) -> str:
    return shlex.quote(target.text)
