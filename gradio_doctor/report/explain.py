"""What is known of one cause, check or signature, as plain text."""

from __future__ import annotations

import textwrap

from gradio_doctor.knowledge.model import WORDS, Cause, Knowledge, Signature
from gradio_doctor.report.words import WORDS as FIXED
from gradio_doctor.sdk import Check

_WIDTH = 80


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH, initial_indent=indent, subsequent_indent=indent) + "\n"


def _say(key: str, lang: str) -> str:
    return FIXED[key].pick(lang)


def _word(probability: float, lang: str) -> str:
    return _say(min(WORDS, key=lambda w: abs(WORDS[w] - probability)), lang)


def _meaning(knowledge: Knowledge, finding: str, lang: str) -> str:
    if kind := knowledge.findings.get(finding):
        return kind.text.pick(lang)
    signature = knowledge.signatures[finding]
    return signature.note.pick(lang) or f"{_say('line-like', lang)}: {signature.patterns[0]}"


def explain_cause(knowledge: Knowledge, cause: Cause, lang: str) -> str:
    """What it is, how it looks, how it is mended."""
    out = f"{cause.id}: {cause.title.pick(lang)} ({_say(cause.severity, lang)})\n\n{_wrapped(cause.what.pick(lang))}"
    out += f"\n{_say('how-it-looks', lang)}\n"
    for finding, probability in sorted(cause.links.items(), key=lambda item: (-item[1], item[0])):
        out += _hanging(f"- {_word(probability, lang)}: {_meaning(knowledge, finding, lang)}  [{finding}]")
    out += f"\n{_say('how-to-mend', lang)}\n"
    for remedy in cause.remedies:
        out += _hanging(f"- {remedy.text.pick(lang)}")
        out += "".join(f"      {part}\n" for command in remedy.commands for part in command.splitlines())
    checks = sorted({v for r in cause.remedies for v in r.verify})
    return out + (f"\n{_say('verified-by', lang)} {', '.join(checks)}\n" if checks else "")


def _hanging(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), _WIDTH, initial_indent="  ", subsequent_indent="    ") + "\n"


def explain_signature(knowledge: Knowledge, signature: Signature, lang: str) -> str:
    """The pattern, which program prints it, and what it speaks for."""
    out = f"{signature.id}: {_say('a-log-line', lang)}\n\n"
    if note := signature.note.pick(lang):
        out += _wrapped(note) + "\n"
    out += "".join(f"  {pattern}\n" for pattern in signature.patterns)
    if signature.origin:
        out += f"\n{_say('printed-by', lang)} {signature.origin}\n"
    out += f"\n{_say('speaks-for', lang)}\n"
    for cause in knowledge.causes.values():
        if signature.id in cause.links:
            out += _hanging(f"- {cause.id} ({_word(cause.links[signature.id], lang)}): {cause.title.pick(lang)}")
    return out


def explain_check(knowledge: Knowledge, check: Check, lang: str) -> str:
    """What a check looks at, what it can find, and what that speaks for."""
    out = f"{check.id}: {_say('a-check', lang)}\n\n{_wrapped(check.function.__doc__ or '')}"
    there = f" {_say('if-there', lang)}"
    needs = ", ".join(n.type.__name__ + (there if n.optional else "") for n in check.needs)
    out += f"\n{_say('needs', lang)} {needs}\n\n{_say('can-find', lang)}\n"
    for finding in check.finds:
        causes = [c.id for c in knowledge.causes.values() if finding in c.links]
        speaks = f" -> {', '.join(causes)}" if causes else ""
        out += _hanging(f"- {finding}: {_meaning(knowledge, finding, lang)}{speaks}")
    return out
