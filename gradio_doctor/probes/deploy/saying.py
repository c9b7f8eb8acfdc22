"""A word of a file made into evidence, with its secret hidden."""

from __future__ import annotations

import re

from gradio_doctor.evidence.deployment import Said
from gradio_doctor.probes.redact import HIDDEN, clean, is_secret_name, redact_value

# what stands where a secret is to be filled in; none of it opens anything
_PLACEHOLDER = re.compile(
    r"[<\[{(].{0,80}|(?:your|my|insert|enter|replace|change|put|add)[-_ ]?.{0,80}|x{3,}.{0,20}|\*+|\.{2,}|"
    r"(?:none|null|true|false|todo|tbd|dummy|example|placeholder|secret|password|token|test|empty|no-key|ollama|"
    r"not[-_ ]?(?:needed|used|required|set)|\d{1,5}|sk-(?:x{2,}|\.{2,}|your).{0,40})|"
    r".{0,40}(?:_here|-here|xxxx|\.\.\.).{0,40}",
    re.IGNORECASE,
)


def said(name: str, value: str, file: str, line: int) -> Said:
    """One word of a file. What a variable fills is not known; the value of a secret is "***", "" for a placeholder."""
    known = "$" not in value
    if is_secret_name(name):
        real = known and len(value) >= 6 and not _PLACEHOLDER.fullmatch(value.strip())
        return Said(clean(name, 100), HIDDEN if real else "", file, line, known)
    return Said(clean(name, 100), redact_value(name, value, 300), file, line, known)
