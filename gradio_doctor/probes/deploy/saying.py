"""A word of a file made into evidence, with its secret hidden."""

from __future__ import annotations

import re

from gradio_doctor.evidence.deployment import Said
from gradio_doctor.probes.redact import HIDDEN, clean, is_secret_name, redact_value

_LONGEST = 4000
# what stands where a secret is to be filled in, and what opens nothing but a toy of one's own
_PLACEHOLDER = re.compile(
    r"[<\[{(@#%].{0,80}|__.{0,80}|(?:your|my|insert|enter|replace|change|put|add|fake)[-_ ]?.{0,80}|x{3,}.{0,20}|\*+|"
    r"\.{2,}|(?:none|null|true|false|todo|tbd|dummy|example|placeholder|secret|password|token|test|empty|no-key|ollama|"
    r"not[-_ ]?(?:needed|used|required|set)|\d{1,5}|sk-(?:x{2,}|\.{2,}|your|no-key|1234).{0,40}|lm-studio|postgres|"
    r"admin|minioadmin|root|guest|default|local|dev|development|disabled|enabled|optional|required|session)|"
    r".{0,40}(?:_here|-here|xxxx|\.\.\.).{0,40}",
    re.IGNORECASE,
)
# a place where a secret is kept, or a way to ask for it
_PLACE = re.compile(r"(?:\.{0,2}|~)/[\w.@%+-]{1,100}(?:/[\w.@%+-]{1,100}){0,20}/?|[A-Za-z]:\\.{0,200}|"
                    r"(?:file|vault|op|sm|ssm|secretref|ref\+\w{1,20}|arn:aws|projects)[:/].{0,300}", re.IGNORECASE)
# names that sound like a secret's and tell only about one, and keys that are public
_ABOUT = re.compile(
    r".{0,100}_(?:file|path|dir|name|header|sock|ttl|secure|samesite|domain|id|url|uri|endpoint|expiry|expires|length|"
    r"lifetime|policy|provider|mode|enabled|algorithm|prefix|type|class|method)|gpg_keys?|.{0,100}gpg_key|"
    r".{0,100}(?:public|publishable|site|cache|partition|sort|primary|host)_?key|.{0,100}_auth|auth|.{0,100}_sid",
    re.IGNORECASE,
)


def said(name: str, value: str, file: str, line: int) -> Said:
    """One word of a file. What a variable fills is not known; the value of a secret is "***", "" for a placeholder."""
    known = "$" not in value
    if is_secret_name(name):
        return Said(clean(name, 100), HIDDEN if known and _opens(name, value.strip()) else "", file, line, known)
    return Said(clean(name, 100), redact_value(name, value[:_LONGEST], 300), file, line, known)


def _opens(name: str, value: str) -> bool:
    """Whether a value may well be a secret itself."""
    if len(value) < 6 or _PLACEHOLDER.fullmatch(value) or _PLACE.fullmatch(value) or value.lower() == name.lower():
        return False
    return not _ABOUT.fullmatch(name)
