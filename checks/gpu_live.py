"""Who fills the GPU's memory, from the driver's own books: the app itself, an earlier run of it, or somebody else.

A full card is no fault: many servers take all of it when they start. It is a reason only beside an out-of-memory
error, or where the app did not come up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from gradio_doctor.sdk import Absent, Finding, Gpu, Gpus, Instances, LogEvents, Run, Source, check, in_words

from .gpu import Account, full_afterwards, told_account, verdict
from .gpu_shares import (
    Holder,
    HolderKind,
    Runs,
    account_now,
    card_of,
    holders,
    is_crowded,
    of_others,
    runs_of,
    shares_of,
)

NO_MEMORY = (
    "gpu.torch-oom", "gpu.torch-oom-async", "gpu.oom-class", "gpu.cuda-oom-error", "gpu.library-alloc-failed",
    "gpu.library-not-initialized", "gpu.tensorflow-oom", "gpu.paddle-oom", "gpu.onnx-oom", "gpu.ggml-oom",
    "gpu.webui-oom", "gpu.vllm-memory-taken", "gpu.bare-oom",
)
_EMPTY = 0.1  # of a card in use: then nobody else was in the way
_WORTH = 0.25  # of what others hold: who has less is not named
_FINDING: Mapping[HolderKind, str] = {
    "leftover": "gpu.held-by-leftover", "zombie": "gpu.held-by-ended", "program": "gpu.held-by-program",
    "hidden": "gpu.held-by-hidden",
}
_WITNESS = "gpu-driver"


@check(
    "gpu-live-memory", cost=0.1,
    finds=(*_FINDING.values(), "gpu.app-fills-card", "gpu.card-empty-afterwards", "gpu.card-full-at-start"),
)
def gpu_live_memory(
    gpus: Gpus, log: LogEvents, instances: Instances | Absent, run: Run | Absent
) -> Iterator[Finding]:
    """Whose memory it is that fills the card, when the app ran out of it or did not start."""
    told = told_account(log)
    runs = runs_of(instances, told, gpus.devices)
    card = card_of(gpus, runs, told)
    if card is None:
        return
    if not any(log.get(name) for name in NO_MEMORY):
        if _came_to_nothing(run, log) and full_afterwards(card.used or 0, card.total or 0):
            yield from _named(card, runs, None, only="gpu.card-full-at-start")
        return
    if told is None and isinstance(instances, Absent):
        return  # the app itself may be among those on the card
    whose = verdict(told) if told is not None else _whose(card, runs)
    if whose == "gpu.others-hold-memory" and is_crowded(card, runs):
        yield from _named(card, runs, told)
    elif whose == "gpu.own-allocation-too-large" and _fills(card, runs):
        facts = _card_facts(card, runs)
        yield Finding("gpu.app-fills-card", facts=facts, source=_source(card), witness=_WITNESS,
                      shares=(shares_of(card, runs),))
    elif not runs.now and (card.used or 0) < _EMPTY * (card.total or 0):
        yield Finding("gpu.card-empty-afterwards", facts=_card_facts(card, runs), source=_source(card))
        yield from (Finding(name, seen=False, source=_source(card)) for name in _FINDING.values())


def _whose(card: Gpu, runs: Runs) -> str | None:
    """Whose fault it is, without numbers in the log: by what the card holds now."""
    if not runs.now:
        return "gpu.others-hold-memory" if full_afterwards(card.used or 0, card.total or 0) else None
    now = account_now(card, runs)
    return verdict(now) if now is not None else None


def _fills(card: Gpu, runs: Runs) -> bool:
    now = account_now(card, runs)
    return now is not None and now.own > 0.5 * now.total


def _came_to_nothing(run: Run | Absent, log: LogEvents) -> bool:
    """The app did not come up, and no exception says why."""
    failed = not isinstance(run, Absent) and run.outcome in ("exited", "timeout")
    return failed and not log.tracebacks


def _named(card: Gpu, runs: Runs, told: Account | None, only: str = "") -> Iterator[Finding]:
    """A finding for each kind of holder that has a good part of what others hold, with the biggest of that kind."""
    others = holders(card, runs)
    whole = sum(h.amount for h in others)
    seen: set[HolderKind] = set()
    for holder in others:
        if holder.kind in seen or holder.amount < _WORTH * whole:
            continue
        facts = _card_facts(card, runs, told)
        facts |= {"amount": facts["others"]} if not whole else {}  # the driver does not say who has how much of it
        facts |= _holder_facts(holder, others)
        shares = () if seen else (shares_of(card, runs),)
        seen.add(holder.kind)
        yield Finding(only or _FINDING[holder.kind], facts=facts, source=_source(card), witness=_WITNESS, shares=shares)
        if only:
            return


def _holder_facts(holder: Holder, others: tuple[Holder, ...]) -> dict[str, str]:
    alike = [h for h in others if h.kind == holder.kind and h.pid]
    amount = sum(h.amount for h in others if h.kind == holder.kind)
    facts = {"amount": in_words(amount)} if amount else {}
    if alike:
        pids = [str(h.process.pid if h.process else h.pid) for h in alike]  # ours: they are for commands
        facts |= {"pids": ", ".join(pids), f"{holder.kind}_pid": pids[0]}
    process = holder.process
    if process is not None:
        started = time.strftime("%Y-%m-%d %H:%M", time.localtime(process.started))
        facts |= {"pid": str(process.pid), "command": process.command_line[:160], "user": process.user,
                  "started": started, "parent": str(process.ppid)}
    if holder.seen is not None and holder.seen.container:
        facts["container"] = holder.seen.container
    return facts


def _card_facts(card: Gpu, runs: Runs, told: Account | None = None) -> dict[str, str]:
    own = told.own if told is not None else card.share(runs.now)
    facts = {"device": card.label, "index": str(card.index), "total": in_words(card.total or 0),
             "used": in_words(card.used or 0), "free": in_words(card.free or 0)}
    facts["others"] = in_words(of_others(card, runs))
    if own is not None and (runs.now or told is not None):
        facts["own"] = in_words(own)
    return facts


def _source(card: Gpu) -> Source:
    return Source("process", f"NVML GPU {card.index}")
