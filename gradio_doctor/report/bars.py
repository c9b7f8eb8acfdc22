"""A resource that ran out as a bar: who holds how much of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradio_doctor.diagnosis import Item
from gradio_doctor.evidence import Share, Shares
from gradio_doctor.report.line import Line
from gradio_doctor.report.words import WORDS
from gradio_doctor.sizes import in_words

WIDTH = 50  # columns of a bar: with the widest indent and its brackets, well inside of 80
_NOISE = 1e-12  # sums of floats
_FILLS, _FREE = "█▓▒░", "·"


def bars_for(items: Sequence[Item]) -> list[list[Shares]]:
    """Which resources to draw under each piece of evidence: each once, as measured where a log tells of it, too."""
    measured = {s.resource for item in items if not _is_log(item) for s in item.shares}
    told: set[tuple[str, str]] = set()
    out: list[list[Shares]] = []
    for item in items:
        new = [s for s in item.shares if (s.resource, s.name) not in told
               and not (_is_log(item) and s.resource in measured)]  # fmt: skip
        told |= {(s.resource, s.name) for s in new}
        out.append(new)
    return out


def _is_log(item: Item) -> bool:
    return item.source is not None and item.source.kind == "log"


def bar_lines(shares: Shares, lang: str, indent: int = 6) -> Iterator[Line]:
    """The resource with its use, the bar, and a line for each holder: the app first, then the biggest.

    Holders for whom no fill is left are told together. A resource without a limit has no bar.
    """
    if shares.total <= 0:
        return
    held = _few(shares.held, lang)
    yield Line(_head(shares, lang), "", indent, 4)
    yield Line(f"[{bar([s.amount for s in held], shares.total)}]", "code", indent)
    for fill, share in zip(_FILLS, held, strict=False):
        amount = _amount(share.amount, shares.unit)
        yield Line(f"{fill} {amount}  {_who(share, lang)}", "", indent, 4)
    free = _amount(shares.total - shares.used, shares.unit)
    yield Line(f"{_FREE} {free}  {WORDS['share-free'].pick(lang)}", "dim", indent, 4)


def bar(amounts: Sequence[float], total: float, width: int = WIDTH) -> str:
    """Exactly `width` characters, in proportion; who holds anything at all gets at least one, and so does what is free.

    A cell is free only when something is: full is drawn full, however it rounds.
    """
    whole = max(total, sum(amounts))
    cells = [max(round(width * a / whole), 1) if a > 0 else 0 for a in amounts]
    most = width - 1 if sum(amounts) < whole * (1 - _NOISE) else width
    while sum(cells) > most:
        cells[cells.index(max(cells))] -= 1
    while most == width and 0 < sum(cells) < width:
        cells[cells.index(max(cells))] += 1
    used = "".join(fill * count for fill, count in zip(_FILLS, cells, strict=False))
    return used + _FREE * (width - len(used))


def _few(held: Sequence[Share], lang: str) -> list[Share]:
    """As many holders as there are fills, the last one for all that are left over."""
    ordered = sorted(filter(_holds, held), key=lambda s: (s.role != "app", -s.amount))
    if len(ordered) <= len(_FILLS):
        return ordered
    rest = ordered[len(_FILLS) - 1 :]
    who = WORDS["share-rest"].pick(lang).format(count=len(rest))
    return [*ordered[: len(_FILLS) - 1], Share(who, sum(s.amount for s in rest))]


def _holds(share: Share) -> bool:
    return share.amount > 0


def _head(shares: Shares, lang: str) -> str:
    name = " ".join(WORDS[f"share-{shares.resource}"].pick(lang).format(name=shares.name).split())
    words = WORDS["share-used"].pick(lang)
    used, total = _amount(shares.used, shares.unit), _amount(shares.total, shares.unit)
    return words.format(name=name, used=used, total=total, percent=f"{100 * shares.used / shares.total:.0f} %")


def _amount(amount: float, unit: str) -> str:
    return in_words(amount) if unit == "bytes" else f"{amount:.0f}"


def _who(share: Share, lang: str) -> str:
    role = WORDS[f"share-{share.role}"].pick(lang)
    if not share.who or share.role == "other":
        return share.who or role
    return WORDS["share-who"].pick(lang).format(role=role, who=share.who)
