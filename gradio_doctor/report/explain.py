"""What is known of one cause, check or signature, as plain text."""

from __future__ import annotations

import textwrap

from gradio_doctor.knowledge.model import WORDS, Cause, Knowledge, Signature
from gradio_doctor.sdk import Check

_WIDTH = 80


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH, initial_indent=indent, subsequent_indent=indent) + "\n"


def _word(probability: float) -> str:
    return min(WORDS, key=lambda w: abs(WORDS[w] - probability))


def _meaning(knowledge: Knowledge, finding: str, lang: str) -> str:
    if kind := knowledge.findings.get(finding):
        return kind.text.pick(lang)
    signature = knowledge.signatures[finding]
    return signature.note.pick(lang) or f"a log line like: {signature.patterns[0]}"


def explain_cause(knowledge: Knowledge, cause: Cause, lang: str) -> str:
    """What it is, how it looks, how it is mended."""
    out = f"{cause.id}: {cause.title.pick(lang)} ({cause.severity})\n\n{_wrapped(cause.what.pick(lang))}"
    out += "\nHow it looks\n"
    for finding, probability in sorted(cause.links.items(), key=lambda item: (-item[1], item[0])):
        out += _hanging(f"- {_word(probability)}: {_meaning(knowledge, finding, lang)}  [{finding}]")
    out += "\nHow to mend it\n"
    for remedy in cause.remedies:
        out += _hanging(f"- {remedy.text.pick(lang)}")
        out += "".join(f"      {part}\n" for command in remedy.commands for part in command.splitlines())
    checks = sorted({v for r in cause.remedies for v in r.verify})
    return out + (f"\nVerified by: {', '.join(checks)}\n" if checks else "")


def _hanging(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH, initial_indent="  ", subsequent_indent="    ") + "\n"


def explain_signature(knowledge: Knowledge, signature: Signature, lang: str) -> str:
    """The pattern, which program prints it, and what it speaks for."""
    out = f"{signature.id}: a log line\n\n"
    if note := signature.note.pick(lang):
        out += _wrapped(note) + "\n"
    out += "".join(f"  {pattern}\n" for pattern in signature.patterns)
    if signature.origin:
        out += f"\nPrinted by: {signature.origin}\n"
    out += "\nSpeaks for\n"
    for cause in knowledge.causes.values():
        if signature.id in cause.links:
            out += _hanging(f"- {cause.id} ({_word(cause.links[signature.id])}): {cause.title.pick(lang)}")
    return out


def explain_check(knowledge: Knowledge, check: Check, lang: str) -> str:
    """What a check looks at, what it can find, and what that speaks for."""
    out = f"{check.id}: a check\n\n{_wrapped(check.function.__doc__ or '')}"
    out += f"\nNeeds: {', '.join(n.type.__name__ + (' (if there)' if n.optional else '') for n in check.needs)}\n"
    out += "\nCan find\n"
    for finding in check.finds:
        causes = [c.id for c in knowledge.causes.values() if finding in c.links]
        speaks = f" -> {', '.join(causes)}" if causes else ""
        out += _hanging(f"- {finding}: {_meaning(knowledge, finding, lang)}{speaks}")
    return out
