"""What is known of one cause, check or signature, as plain text."""

from __future__ import annotations

from gradio_doctor.fill import fill, placeholders
from gradio_doctor.knowledge.model import WORDS, Cause, FindingKind, Knowledge, Signature
from gradio_doctor.report.words import WORDS as FIXED
from gradio_doctor.report.wrapping import wrapped
from gradio_doctor.sdk import Check

_WIDTH = 80


def _say(key: str, lang: str) -> str:
    return FIXED[key].pick(lang)


def _word(probability: float, lang: str) -> str:
    return _say(min(WORDS, key=lambda w: abs(WORDS[w] - probability)), lang)


def _meaning(knowledge: Knowledge, finding: str, lang: str) -> str:
    if kind := knowledge.findings.get(finding):
        return shape(kind.text.pick(lang))
    signature = knowledge.signatures[finding]
    return signature.note.pick(lang) or f"{_say('line-like', lang)}: {signature.patterns[0]}"


def explain_cause(knowledge: Knowledge, cause: Cause, lang: str) -> str:
    """What it is, how it looks, how it is mended."""
    out = f"{cause.id}: {cause.title.pick(lang)} ({_say(cause.severity, lang)})\n\n"
    out += wrapped(cause.what.pick(lang), _WIDTH, "  ")
    out += f"\n{_say('how-it-looks', lang)}\n"
    for finding, probability in sorted(cause.links.items(), key=lambda item: (-item[1], item[0])):
        out += _hanging(f"- {_word(probability, lang)}: {_meaning(knowledge, finding, lang)}  [{finding}]")
    out += f"\n{_say('how-to-mend', lang)}\n"
    for remedy in cause.remedies:
        out += _hanging(f"- {shape(remedy.text.pick(lang))}")
        out += "".join(f"      {part}\n" for command in remedy.commands for part in shape(command).splitlines())
    checks = sorted({v for r in cause.remedies for v in r.verify})
    return out + (f"\n{_say('verified-by', lang)} {', '.join(checks)}\n" if checks else "")


def _hanging(text: str) -> str:
    return wrapped(text, _WIDTH, "  ", "  ")


def shape(template: str) -> str:
    """A template with its {placeholders} as manuals write them: pid PID holds port PORT."""
    try:
        names = placeholders(template)
    except ValueError:
        return template
    return fill(template, {name: name.upper() for name in names}) or template


def explain_signature(knowledge: Knowledge, signature: Signature, lang: str) -> str:
    """The pattern, which program prints it, and what it speaks for."""
    out = f"{signature.id}: {_say('a-log-line', lang)}\n\n"
    if note := signature.note.pick(lang):
        out += wrapped(note, _WIDTH, "  ") + "\n"
    out += "".join(f"  {pattern}\n" for pattern in signature.patterns)
    if signature.origin:
        out += f"\n{_say('printed-by', lang)} {signature.origin}\n"
    return out + _speaks_for(knowledge, signature.id, lang)


def explain_check(knowledge: Knowledge, check: Check, lang: str) -> str:
    """What a check looks at, what it can find, and what that speaks for."""
    out = f"{check.id}: {_say('a-check', lang)}\n\n{wrapped(check.function.__doc__ or '', _WIDTH, '  ')}"
    there = f" {_say('if-there', lang)}"
    needs = ", ".join(n.type.__name__ + (there if n.optional else "") for n in check.needs)
    out += f"\n{_say('needs', lang)} {needs}\n\n{_say('can-find', lang)}\n"
    for finding in check.finds:
        causes = [c.id for c in knowledge.causes.values() if finding in c.links]
        speaks = f" -> {', '.join(causes)}" if causes else ""
        out += _hanging(f"- {finding}: {_meaning(knowledge, finding, lang)}{speaks}")
    return out


def explain_finding(knowledge: Knowledge, kind: FindingKind, lang: str) -> str:
    """What a finding says, and what it speaks for."""
    out = f"{kind.id}: {_say('a-finding', lang)}\n\n{wrapped(shape(kind.text.pick(lang)), _WIDTH, '  ')}"
    return out + _speaks_for(knowledge, kind.id, lang)


def _speaks_for(knowledge: Knowledge, finding: str, lang: str) -> str:
    causes = [c for c in knowledge.causes.values() if finding in c.links]
    lines = [f"- {c.id} ({_word(c.links[finding], lang)}): {c.title.pick(lang)}" for c in causes]
    return f"\n{_say('speaks-for', lang)}\n{''.join(map(_hanging, lines))}" if lines else ""
