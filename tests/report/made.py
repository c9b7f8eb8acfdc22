"""Diagnoses made up for the tests of the reports: one whole by hand, and any that hypothesis can think of."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from gradio_doctor.diagnosis import (
    CauseFound,
    CheckRun,
    Diagnosis,
    Fix,
    Item,
    NextLook,
    Prediction,
    RuledOut,
    Step,
)
from gradio_doctor.evidence import Location, Share, SharedResource, ShareRole, Shares, Source, Target
from gradio_doctor.knowledge.model import SEVERITIES, Prose
from gradio_doctor.live.model import Group, Verdict

PATH = (Step(Prose("Is the port listening?", "端口在监听吗？"), Prose("no", "否")),)


def evidence(number: int, *, seen: bool = True, text: str = "") -> Item:
    shown = Prose(text or f"evidence number {number}", f"第 {number} 条证据")
    source = Source("log", "app.log", 10 + number, "2026-01-02T03:04:05")
    return Item(f"port.finding-{number}", seen, shown, source, 1.5)


def cause(name: str = "port.leftover-process", probability: float = 0.9, **changes: object) -> CauseFound:
    values: dict[str, object] = {
        "id": name, "probability": probability, "severity": "error", "role": "root",
        "title": Prose("An old run holds the port", "旧进程占用端口"),
        "says": Prose(f"{name} it is.", f"就是 {name}。"),
        "because": Prose("of the evidence", "有证据"), "path": PATH,
        "evidence": (evidence(1), evidence(2, seen=False)),
        "fixes": (Fix(Prose("Stop it.", "结束它。"), ("kill 4711",), False, ("port-holder",)),),
        "location": Location("/srv/app.py", 7, "predict", "x = 1"),
        "snippet": ((6, "def predict():"), (7, "    x = 1")),
    }
    return CauseFound(**{**values, **changes})  # type: ignore[arg-type]


def diagnosis(*causes: CauseFound, **changes: object) -> Diagnosis:
    values: dict[str, object] = {
        "target": Target("script", "app.py", script="/srv/app.py"), "verdict": "diagnosed" if causes else "healthy",
        "causes": causes, "ruled_out": (RuledOut("port.permission", Prose("t"), Prose("it may bind", "可以绑定")),),
        "checks": (CheckRun("port-holder", "found", 0.01),), "path": PATH, "unknown_probability": 0.05,
        "facts": {"script": "/srv/app.py", "gradio_version": "6.31.0"}, "seconds": 1.25,
    }
    return Diagnosis(**{**values, **changes})  # type: ignore[arg-type]


TEXT = st.text(max_size=60)
IDS = st.from_regex(r"[a-z]{1,8}\.[a-z][a-z0-9-]{0,12}", fullmatch=True)
PROSE = st.builds(Prose, TEXT, TEXT)
SOURCES = st.none() | st.builds(
    Source, st.sampled_from(["log", "file", "process", "http", "kernel", "socket"]), TEXT,
    st.none() | st.integers(1, 10**9), st.none() | TEXT,
)
AMOUNTS = st.floats(0, 1e13)
SHARES = st.builds(
    Shares, st.sampled_from(get_args(SharedResource)), AMOUNTS,
    st.lists(st.builds(Share, TEXT, AMOUNTS, st.sampled_from(get_args(ShareRole))), max_size=7).map(tuple), TEXT,
    st.sampled_from(["bytes", "count"]),
)
ITEMS = st.builds(
    Item, IDS, st.booleans(), PROSE, SOURCES, st.floats(-20, 20), shares=st.lists(SHARES, max_size=2).map(tuple)
)
PROBABILITIES = st.floats(0, 1)
STEPS = st.lists(st.builds(Step, PROSE, PROSE), max_size=4).map(tuple)
FIXES = st.builds(
    Fix, PROSE, st.lists(TEXT, max_size=3).map(tuple), st.booleans(), st.lists(IDS, max_size=2).map(tuple), TEXT, TEXT,
)
PLACES = st.lists(st.builds(Location, TEXT, st.integers(1, 10**6), TEXT, TEXT), max_size=4).map(tuple)
GROUPS = st.lists(
    st.builds(
        Group, st.integers(1, 99), st.sampled_from(get_args(Verdict)), TEXT, TEXT, TEXT,
        st.lists(st.integers(1, 2**22), max_size=2).map(tuple),
    ), max_size=9,
).map(tuple)
CAUSES = st.builds(
    CauseFound, id=IDS, probability=PROBABILITIES, severity=st.sampled_from(SEVERITIES),
    role=st.sampled_from(["root", "contributing", "possible"]), title=PROSE, says=PROSE, because=PROSE, path=STEPS,
    evidence=st.lists(ITEMS, max_size=8).map(tuple), fixes=st.lists(FIXES, max_size=3).map(tuple),
    location=st.none() | st.builds(Location, TEXT, st.integers(1, 10**6), TEXT, TEXT),
    snippet=st.lists(st.tuples(st.integers(1, 10**6), TEXT), max_size=4).map(tuple), stack=PLACES, threads=GROUPS,
)
RUNS = st.builds(
    CheckRun, IDS, st.sampled_from(["found", "clear", "skipped", "failed"]), st.floats(0, 100), TEXT, TEXT
)
TARGETS = st.builds(
    Target, st.sampled_from(["log", "script", "process", "port", "url", "bundle", "none"]), TEXT,
    script=st.none() | TEXT, pid=st.none() | st.integers(1, 2**22), port=st.none() | st.integers(1, 65535),
    url=st.none() | TEXT,
)
FACTS = st.dictionaries(st.sampled_from(["script", "app_pid", "url", "gradio_version", "run_log", "logs", "x"]), TEXT)
PREDICTIONS = st.builds(
    Prediction, IDS, st.sampled_from(SEVERITIES), PROSE, st.lists(IDS, max_size=2).map(tuple),
    st.lists(st.builds(Location, TEXT, st.integers(1, 10**6), TEXT, TEXT), max_size=3).map(tuple), st.none() | PROSE,
)
DIAGNOSES = st.builds(
    Diagnosis, target=TARGETS, verdict=st.sampled_from(["healthy", "diagnosed", "inconclusive"]),
    causes=st.lists(CAUSES, max_size=4).map(tuple),
    ruled_out=st.lists(st.builds(RuledOut, IDS, PROSE, PROSE), max_size=4).map(tuple),
    checks=st.lists(RUNS, max_size=4).map(tuple), path=STEPS, unknown_probability=PROBABILITIES,
    next_look=st.none() | st.builds(NextLook, IDS, TEXT, TEXT), facts=FACTS,
    symptoms=st.lists(ITEMS, max_size=3).map(tuple), notes=st.lists(TEXT, max_size=3).map(tuple),
    seconds=st.floats(0, 1e5), predictions=st.lists(PREDICTIONS, max_size=6).map(tuple),
)
