"""One examination from target to diagnosis: what both `diagnose` and `logs` do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gradio_doctor.assemble import assemble
from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.engine import Examination
from gradio_doctor.evidence import (
    AppSource,
    Deployment,
    HttpAnswers,
    Instances,
    Interpreter,
    LogEvents,
    MemoryCurve,
    Proxies,
    Run,
    Target,
    WantedAddress,
)
from gradio_doctor.probes.base import Options, Probe
from gradio_doctor.probes.behind import look_behind, public_address
from gradio_doctor.probes.snippet import read_snippet
from gradio_doctor.probes.table import live_probes, log_probes
from gradio_doctor.registry import Loaded
from gradio_doctor.timeline import chain, skews, timeline
from gradio_doctor.tree import walk

_MOST_UNREAD = 5  # places of configurations that are told


def examine(
    target: Target, options: Options, loaded: Loaded, *, note: Callable[[str], None] = lambda _: None,
    select: Sequence[str] = (), ignore: Sequence[str] = (), given: Mapping[type, object] | None = None,
) -> Diagnosis:
    """Examine a target. Whatever was started for it is stopped before this returns or raises.

    `given` is evidence that is there already, by its type: it is not gathered again.
    """
    started = time.monotonic()
    signatures = tuple(loaded.knowledge.signatures.values())
    probes = log_probes(signatures) if target.kind == "log" else live_probes(signatures)
    checks = loaded.kept(ignore)
    probes |= {kind: _giving(value) for kind, value in (given or {}).items()}
    if (public := public_address(target)) and not options.proxy:
        with Examination(target, replace(options, proxy=public), probes, loaded.knowledge, ()) as scout:
            behind = look_behind(scout)
        if behind is not None:
            where = f"port {behind.port}" if behind.port else f"a socket of pid {behind.pid}"
            note(f"{public} is a proxy, which passes requests to {where}")
            target, options = behind, replace(options, proxy=public)
    with Examination(target, options, probes, loaded.knowledge, checks, note) as examination:
        for kind in given or {}:
            examination.get(kind)
        walked = walk(examination)
        diagnosis = assemble(examination, walked, facts_of(examination), read_snippet, select, ignore)
        notes = loaded.broken + notes_of(examination)
        run = examination.known(Run)
        log = examination.known(LogEvents)
        curve = examination.known(MemoryCurve)
    if isinstance(curve, MemoryCurve):
        diagnosis = replace(diagnosis, memory=curve)
    if isinstance(log, LogEvents):
        diagnosis = _with_timeline(diagnosis, log)
    facts = dict(diagnosis.facts)
    if isinstance(run, Run) and run.output:
        facts["run_log"] = _kept(run.output, wanted=diagnosis.verdict != "healthy")
    facts = {k: v for k, v in facts.items() if v}
    return replace(diagnosis, notes=notes, facts=facts, seconds=time.monotonic() - started)


def _giving(value: object) -> Probe:
    return lambda _: value


def _with_timeline(diagnosis: Diagnosis, log: LogEvents) -> Diagnosis:
    items = [i for c in diagnosis.causes for i in c.evidence if i.seen] + list(diagnosis.symptoms)
    places = {(i.source.name, i.source.line) for i in items if i.source}
    told = {i.finding for i in items}
    told |= {m.signature for m in log.matches if (m.source.name, m.source.line) in places}
    events = timeline(log, told)
    return replace(diagnosis, timeline=events, chain=chain(events))


def _kept(output: str, *, wanted: bool) -> str:
    """The captured output is worth keeping when something is wrong. Only after the app has been stopped."""
    from gradio_doctor.supervise.capture import keep

    return keep(output, wanted)


def facts_of(examination: Examination) -> dict[str, str]:
    """Plain facts about the target, to fill sentences and commands with."""
    facts = {"target": examination.target.text, "python": "python"}
    if examination.target.script:
        facts["script"] = examination.target.script
    if isinstance(wanted := examination.known(WantedAddress), WantedAddress):
        facts |= {"host": wanted.host, "port": str(wanted.first)}
    if isinstance(instances := examination.known(Instances), Instances) and instances.main:
        main = instances.main[-1]
        facts |= {"app_pid": str(main.pid), "script": main.script or facts.get("script", "")}
    if isinstance(interpreter := examination.known(Interpreter), Interpreter):
        facts |= {"python": interpreter.path, "python_version": ".".join(map(str, interpreter.version))}
        facts["gradio_version"] = interpreter.installed("gradio")
    if isinstance(run := examination.known(Run), Run):
        facts |= {"run_log": run.output, "run_seconds": f"{run.seconds:.1f}", "run_memory": str(run.peak_memory)}
        facts["url"] = run.url
    if isinstance(http := examination.known(HttpAnswers), HttpAnswers):
        facts["url"] = http.base
        facts["socket"] = http.socket
        facts["gradio_version"] = http.version or facts.get("gradio_version", "")
    if isinstance(log := examination.known(LogEvents), LogEvents):
        facts["logs"] = ", ".join(f.name for f in log.files)
        facts["gradio_version"] = facts.get("gradio_version") or log.gradio_version
    return {k: v for k, v in facts.items() if v}


def notes_of(examination: Examination) -> tuple[str, ...]:
    """What could not be read off the app's source, logs that were not read to the end, and a port that moved."""
    out: list[str] = []
    run, wanted = examination.known(Run), examination.known(WantedAddress)
    if isinstance(run, Run) and isinstance(wanted, WantedAddress) and run.port in wanted.ports[1:]:
        out.append(f"the app came up on port {run.port}, because {wanted.first} was taken when it started")
    if isinstance(source := examination.known(AppSource), AppSource):
        out += [f"not read off the source: {text}" for text in source.unread]
    if isinstance(proxies := examination.known(Proxies), Proxies):
        allow = f" ({proxies.unlock} would let us)" if proxies.unlock else ""
        out += [f"not read of the proxies here: {text}{allow}" for text in proxies.unread[:_MOST_UNREAD]]
    if isinstance(deployment := examination.known(Deployment), Deployment):
        out += [f"not read of the deployment files: {text}" for text in deployment.unread[:_MOST_UNREAD]]
    if isinstance(log := examination.known(LogEvents), LogEvents):
        out += [f"{f.name} was not read to its end: {f.truncated}" for f in log.files if f.truncated]
        out += [f"{f.name}: its first {f.earlier} lines are of earlier runs and were left out (gradio-doctor logs "
                f"{f.name} reads them)" for f in log.files if f.earlier]
        out += skews(log)
    return tuple(out)
