"""Makes text from outside safe to show: secrets out, nothing that drives a terminal, bounded length.

Every pattern is linear in its input: each starts at a literal or behind a look-behind that admits one start per run of
characters, and repeats only classes that exclude what follows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

HIDDEN = "***"
LIMIT = 2000
ARGUMENT_LIMIT = 256

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f\n]{0,4096}(?:\x07|\x1b\\|\x9c)"  # OSC, DCS...
    r"|\x1b[ -/]{0,16}[0-Z\\^-~]"  # two-character sequences, character sets
)
# C0, DEL, C1; bidirectional marks, embeddings, overrides and isolates; other invisible characters; lone surrogates.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
_LINE_ENDS = re.compile("[\t\n\r\x85\u2028\u2029]")

_USERINFO = re.compile(r"://[^/?#\s\"'<>]{0,1024}@")
_TOKENS = re.compile(
    r"(?<![A-Za-z0-9_])(?:hf_[A-Za-z0-9]{8,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}"
    r"|AKIA[0-9A-Z]{12,}|ASIA[0-9A-Z]{12,}|r8_[A-Za-z0-9]{16,}|gsk_[A-Za-z0-9]{16,})"
    r"|(?<![A-Za-z0-9_-])(?:sk-[A-Za-z0-9_-]{12,}|xox[abeprs]-[A-Za-z0-9-]{8,}|glpat-[A-Za-z0-9_-]{12,}"
    r"|AIza[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]{0,4096})?)"
)
_SCHEME = re.compile(r"\b(Bearer|Basic|Digest)[ \t]{1,8}(?=[^\s,;\"']{0,256}[0-9=+/_.~-])[^\s,;\"']{6,}", re.IGNORECASE)
_HEADER = re.compile(
    r"\b((?:set-)?cookies?|(?:proxy-)?authorization|x-api-key)\b([\"']?[ \t]{0,8}[:=][ \t]{0,8})"
    r"(?:\"[^\"\n]{1,8192}\"|'[^'\n]{1,8192}'|[^\"'\n][^\"\n]{0,8191})",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"(passw(?:or)?d|passphrase|secret(?:[_-]?(?:access[_-]?)?key)?|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credentials?)"
    r"([\"']?[ \t]{0,8}(?:=|:(?!:))[ \t]{0,8})"
    r"(?!(?:None|True|False|null|true|false)\b|[A-Za-z_][\w.]{0,80}[(\[]|[=:])"  # code, not a value
    r"(?:\"[^\"\n]{1,8192}\"|'[^'\n]{1,8192}'|[^\s&;,\"'<>(){}\[\]]{3,})",
    re.IGNORECASE,
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,16384}")

_SECRET_PARTS = frozenset(
    [
        "password", "passwd", "passphrase", "secret", "secrets", "apikey", "credential", "credentials", "cookie",
        "cookies", "authorization",
    ]
)
_SECRET_ENDS = frozenset(["token", "key", "auth", "pass", "pwd", "sid", "signature"])
_SPLIT = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])")


def clean(text: str, limit: int = LIMIT) -> str:
    """One line without escape sequences, control, bidirectional or invisible characters, at most `limit` long."""
    room = 4 * limit + 64
    plain = tame(text[:room])
    if len(plain) <= limit and len(text) <= room:
        return plain
    return plain[: max(limit - 1, 0)] + "…"


def tame(text: str) -> str:
    """One line without escape sequences, control, bidirectional or invisible characters, of whatever length."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROLS.sub("", _LINE_ENDS.sub(" ", _ESCAPES.sub("", text)))


def redact_url(url: str) -> str:
    """The URL with its user name and password hidden."""
    return _USERINFO.sub(f"://{HIDDEN}@", url)


def redact_text(text: str) -> str:
    """Text with tokens, keys, passwords, cookies and credentials in URLs hidden. Code that names them stays."""
    text = _PRIVATE_KEY.sub(HIDDEN, text)
    text = redact_url(text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    text = _TOKENS.sub(HIDDEN, text)
    return _ASSIGNED.sub(rf"\1\2{HIDDEN}", text)


def is_secret_name(name: str) -> bool:
    """True when a variable, option or field of that name usually holds a secret (HF_TOKEN, --api-key, apiKey)."""
    parts = [p.lower() for p in _SPLIT.split(name[:200]) if p]
    if not parts or name.upper() in ("PWD", "OLDPWD") or parts[0] == "no":
        return False
    if parts[-1] in ("file", "path", "dir"):
        return False
    return parts[-1] in _SECRET_ENDS or not _SECRET_PARTS.isdisjoint(parts)


def redact_value(name: str, value: str, limit: int = LIMIT) -> str:
    """The value of a named field, cleaned: hidden when the name tells a secret, else with the secrets in it hidden."""
    if value and is_secret_name(name):
        return HIDDEN
    return redact_text(clean(value, limit))


def redact_command(command: Sequence[str], limit: int = LIMIT) -> tuple[str, ...]:
    """A command's arguments, cleaned: values of secret options (`--token X`, `--token=X`, `TOKEN=X`) are hidden."""
    shown: list[str] = []
    hide_next = False
    for argument in command[:ARGUMENT_LIMIT]:
        name, equals, value = argument.partition("=")
        if hide_next and not argument.startswith("-"):
            shown.append(HIDDEN)
        elif equals and len(name) <= 200 and not any(c.isspace() for c in name):
            shown.append(f"{clean(name, 200)}={redact_value(name, value, limit)}")
        else:
            shown.append(redact_text(clean(argument, limit)))
        hide_next = not equals and argument.startswith("-") and is_secret_name(argument)
    return tuple(shown)
