"""The walk: which questions are asked, what they cost, what they exclude."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.engine import Examination
from gradio_doctor.evidence import Absent, KernelLog, Listeners, Run, Target
from gradio_doctor.knowledge.model import Answer, Knowledge, Prose
from gradio_doctor.probes.base import Context, Options, Probe
from gradio_doctor.sdk import Finding, check
from gradio_doctor.tree import walk
from tests.world import cause, knowledge, question

RUN = Run(("python", "app.py"), "/", 1, "serving", 1.0)


def tree_of(*listening: str) -> Knowledge:
    first = question(
        "listening", ("sockets",),
        Answer(Prose("yes, on {port}"), when=("up",), rules_out=("start",), then=("logs",)),
        Answer(Prose("no"), rules_out=("port.*",), then=("start",)), blind=("logs",),
    )
    rest = [
        question("start", ("launch",), Answer(Prose("yes"), then=("logs",)), blind=("logs",), required=True),
        question("logs", ("kernel",), Answer(Prose("read"))),
    ]
    causes = [cause("port.a", 0.1, {"held": 0.9}), cause("start.b", 0.1, {"crash": 0.9})]
    return knowledge(causes, dict.fromkeys(("up", "held", "crash"), 0.01), questions=[first, *rest])


@check("sockets", finds=("up", "held"))
def sockets(listeners: Listeners) -> Iterator[Finding]:
    yield Finding("up", bool(listeners.hidden), {"port": "7860"})


@check("launch", finds=("crash",))
def launch(run: Run) -> Iterator[Finding]:
    yield Finding("crash", run.outcome == "exited")


@check("kernel", finds=())
def kernel(log: KernelLog) -> Iterator[Finding]:
    yield from ()


def exam(know: Knowledge, listeners: object, started: list[str]) -> Examination:
    def start(context: Context) -> object:
        started.append("started")
        return RUN

    probes: dict[type, Probe] = {Listeners: lambda _: listeners, Run: start, KernelLog: lambda _: KernelLog(())}
    return Examination(Target("none", ""), Options(), probes, know, (sockets, launch, kernel))


def test_only_the_branch_that_the_answers_lead_to_is_paid_for() -> None:
    started: list[str] = []
    with exam(tree_of(), Listeners((), hidden=True), started) as examination:
        walked = walk(examination)
    assert not started
    assert [s.id for s in walked.path] == ["listening", "logs"]
    assert walked.path[0].answer.en == "yes, on 7860"
    assert [e.causes for e in walked.exclusions] == [("start.b",)]
    assert walked.exclusions[0].because.en == "listening? yes, on 7860"


def test_the_other_branch_starts_the_app() -> None:
    started: list[str] = []
    with exam(tree_of(), Listeners(()), started) as examination:
        walked = walk(examination)
    assert started == ["started"]
    assert [s.id for s in walked.path] == ["listening", "start", "logs"]
    assert [e.causes for e in walked.exclusions] == [("port.a",)]
    assert not walked.unanswered


def test_a_question_nobody_could_look_into_goes_on_blind() -> None:
    started: list[str] = []
    with exam(tree_of(), Absent("no permission", "sudo"), started) as examination:
        walked = walk(examination)
    assert [s.id for s in walked.path] == ["listening", "logs"]
    assert walked.path[0].answer.en == "could not look: no permission"
    assert not walked.exclusions


def test_a_required_question_without_answer_is_told() -> None:
    know = tree_of()
    probes: dict[type, Probe] = {Listeners: lambda _: Listeners(()), Run: lambda _: Absent("--no-run", "without it")}
    with Examination(Target("none", ""), Options(), probes, know, (sockets, launch, kernel)) as examination:
        walked = walk(examination)
    assert [q.id for q in walked.unanswered] == ["start"]


def test_questions_that_lead_in_a_circle_are_asked_once() -> None:
    circle = [question(n, (), Answer(Prose("on"), then=("b", "a"))) for n in ("a", "b")]
    know = knowledge([], {}, questions=circle)
    with Examination(Target("none", ""), Options(), {}, know, ()) as examination:
        assert [s.id for s in walk(examination).path] == ["a", "b"]


def test_a_question_whose_checks_are_left_out_is_not_answered() -> None:
    """With --ignore nobody looked: neither yes nor no, and nothing is ruled out by it."""
    probes: dict[type, Probe] = {Listeners: lambda _: Listeners((), hidden=True), KernelLog: lambda _: KernelLog(())}
    with Examination(Target("none", ""), Options(), probes, tree_of(), (launch, kernel)) as examination:
        walked = walk(examination)
    assert walked.path[0].id == "listening" and "left out" in walked.path[0].answer.en
    assert not [e for e in walked.exclusions if "start.b" in e.causes]
    assert [s.id for s in walked.path] == ["listening", "logs"]
