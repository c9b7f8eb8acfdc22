"""The JSON report, schema version 1 (schema.json beside this file)."""

from __future__ import annotations

import json
from typing import Any

from gradio_doctor import __version__
from gradio_doctor.diagnosis import CauseFound, CheckRun, Diagnosis, Fix, Item, Prediction
from gradio_doctor.evidence import Location, MemoryCurve, Shares, Source, Target
from gradio_doctor.report.unlock import pasteable
from gradio_doctor.timeline import Event

SCHEMA_VERSION = 1


def to_dict(diagnosis: Diagnosis, lang: str = "en") -> dict[str, Any]:
    """The report as plain data. Ids, keys and commands are never translated."""
    out: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "gradio-doctor", "version": __version__},
        "target": _target(diagnosis),
        "verdict": diagnosis.verdict,
        "causes": [cause_dict(c, lang) for c in diagnosis.causes],
        "ruled_out": [{"id": r.id, "because": r.because.pick(lang)} for r in diagnosis.ruled_out],
        "checks": [_check(c, diagnosis.target) for c in diagnosis.checks],
        "unknown_probability": round(diagnosis.unknown_probability, 4),
        "path": [{"question": s.question.pick(lang), "answer": s.answer.pick(lang)} for s in diagnosis.path],
        "symptoms": [_item(i, lang) for i in diagnosis.symptoms],
        "timeline": [_event(e) for e in diagnosis.timeline],
        "chain": [_event(e) for e in diagnosis.chain],
        "predictions": [_prediction(p, lang) for p in diagnosis.predictions],
        "notes": list(diagnosis.notes),
        "seconds": round(diagnosis.seconds, 3),
    }
    if diagnosis.memory:
        out["memory_curve"] = _curve(diagnosis.memory)
    if diagnosis.next_look:
        look = diagnosis.next_look
        unlock = pasteable(look.unlock, diagnosis.target)
        out["next_look"] = {"check": look.check, "reason": look.reason, "unlock": unlock}
    return out


def render_json(diagnosis: Diagnosis, lang: str = "en") -> str:
    """The report as JSON text. Only ASCII: no control character of the input can reach a terminal."""
    return json.dumps(to_dict(diagnosis, lang), indent=2, ensure_ascii=True) + "\n"


def _target(diagnosis: Diagnosis) -> dict[str, Any]:
    target = diagnosis.target
    fields = {"script": target.script, "pid": target.pid, "port": target.port, "url": target.url}
    named = {k: v for k, v in fields.items() if v is not None}
    return {"kind": target.kind, "text": target.text, **named, "facts": dict(diagnosis.facts)}


def cause_dict(cause: CauseFound, lang: str) -> dict[str, Any]:
    """One cause as plain data."""
    out: dict[str, Any] = {
        "id": cause.id,
        "probability": cause.probability,
        "severity": cause.severity,
        "role": cause.role,
        "title": cause.title.pick(lang),
        "says": cause.says.pick(lang),
        "because": cause.because.pick(lang),
        "path": [{"question": s.question.pick(lang), "answer": s.answer.pick(lang)} for s in cause.path],
        "evidence": [_item(i, lang) for i in cause.evidence],
        "remedies": [_remedy(f, lang) for f in cause.fixes],
    }
    if cause.location:
        place = cause.location
        out["location"] = {"file": place.file, "line": place.line, "function": place.function}
        if lines := cause.code:
            out["location"]["snippet"] = [{"line": n, "text": text} for n, text in lines]
    if cause.stack:
        out["stack"] = [_place(p) for p in cause.stack]
    if cause.threads:
        out["threads"] = [
            {"count": g.count, "does": g.verdict, "role": g.role, "place": g.place, "wait": g.wait}
            for g in cause.threads
        ]
    return out


def _remedy(fix: Fix, lang: str) -> dict[str, Any]:
    out = {"text": fix.text.pick(lang), "commands": list(fix.commands), "safe": fix.safe, "verify": list(fix.verify)}
    return out | ({"diff": fix.diff, "directory": fix.directory} if fix.diff else {})


def _place(place: Location) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "function": place.function, "text": place.text}


def _prediction(one: Prediction, lang: str) -> dict[str, Any]:
    out: dict[str, Any] = {
        "finding": one.finding, "severity": one.severity, "text": one.text.pick(lang), "causes": list(one.causes),
        "chain": [_place(p) for p in one.chain],
    }
    return out | ({"fix": one.fix.pick(lang)} if one.fix else {})


def _item(item: Item, lang: str) -> dict[str, Any]:
    out: dict[str, Any] = {"finding": item.finding, "seen": item.seen, "text": item.text.pick(lang)}
    out["weight"] = item.weight
    if item.source:
        out["source"] = _source(item.source)
    if item.shares:
        out["shares"] = [_shares(s) for s in item.shares]
    return out | ({"context": list(item.context)} if item.context else {})


def _curve(curve: MemoryCurve) -> dict[str, Any]:
    points = [[round(at, 3), size] for at, size in curve.points]
    return {"pid": curve.pid, "points": points, "cpu_seconds": round(curve.cpu, 2), "limit": curve.limit}


def _shares(shares: Shares) -> dict[str, Any]:
    held = [{"who": s.who, "role": s.role, "amount": s.amount} for s in shares.held]
    return {"resource": shares.resource, "name": shares.name, "unit": shares.unit, "total": shares.total, "held": held}


def _event(event: Event) -> dict[str, Any]:
    out = {"finding": event.finding, "layer": event.layer, "text": event.text, "source": _source(event.source)}
    return out | {"count": event.count, "until": event.until, "per_second": round(event.rate, 4)}


def _source(source: Source) -> dict[str, Any]:
    fields = {"line": source.line, "time": source.time}
    return {"kind": source.kind, "name": source.name, **{k: v for k, v in fields.items() if v is not None}}


def _check(run: CheckRun, target: Target) -> dict[str, Any]:
    out: dict[str, Any] = {"id": run.id, "outcome": run.outcome, "seconds": round(run.seconds, 4)}
    if run.reason:
        out["reason"] = run.reason
    if run.unlock:
        out["unlock"] = pasteable(run.unlock, target)
    return out
