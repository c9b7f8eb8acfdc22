"""From findings to a diagnosis: roles, verdicts, sentences, remedies, the next look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gradio_doctor.assemble import assemble
from gradio_doctor.diagnosis import Diagnosis
from gradio_doctor.engine import Examination
from gradio_doctor.evidence import Absent, Environment, Listeners, Location, Target
from gradio_doctor.knowledge.model import Answer, Cause, Knowledge, Prose, Remedy
from gradio_doctor.probes.base import Options, Probe
from gradio_doctor.sdk import Check, Finding, Source, check
from gradio_doctor.tree import walk
from tests.world import cause, knowledge, question

LEFTOVER = cause(
    "port.leftover", 0.04, {"held": 0.85, "hangs": 0.6},
    says=(Prose("{port} is held by {pid}"), Prose("it is held")),
    remedies=(
        Remedy(Prose("stop {pid}"), ("kill {pid}", "kill {other}"), False, ("look",)),
        Remedy(Prose("only when it hangs"), when=("hangs",)),
    ),
)
OTHER = cause("port.other", 0.02, {"held": 0.1, "foreign": 0.98})
LEAKS = {"held": 0.001, "hangs": 0.02, "foreign": 0.001, "noise": 0.5}


def diagnosis(
    *found: Finding, causes: Iterable[Cause] = (LEFTOVER, OTHER), symptoms: Iterable[str] = (),
    probes: dict[type, Probe] | None = None, more: Iterable[Check] = (), select: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (), facts: dict[str, str] | None = None,
) -> Diagnosis:
    @check("look", finds=tuple(LEAKS))
    def look(target: Target) -> Iterable[Finding]:
        return found

    asked = [question("first", ("look",), Answer(Prose("asked"), rules_out=("port.other",)))]
    know: Knowledge = knowledge(list(causes), LEAKS, questions=asked, symptoms=frozenset(symptoms))
    target = Target("script", "app.py", script="/x/app.py")
    with Examination(target, Options(), probes or {}, know, (look, *more)) as examination:
        walked = walk(examination)
        return assemble(examination, walked, facts or {}, lambda place: ((place.line, "x = 1"),), select, ignore)


def held(**facts: str) -> Finding:
    return Finding("held", True, {"pid": "4711", "port": "7860", **facts}, Source("process", "pid 4711"))


def test_the_root_has_its_sentence_evidence_and_remedy() -> None:
    done = diagnosis(held())
    assert done.verdict == "diagnosed"
    root = done.root
    assert root is not None
    assert (root.id, root.says.en) == ("port.leftover", "7860 is held by 4711")
    assert [f.commands for f in root.fixes] == [("kill 4711",)]  # the other placeholder cannot be filled
    assert root.fixes[0].text.en == "stop 4711"
    assert root.evidence[0].finding == "held"
    assert root.evidence[0].weight > 5
    assert root.path[0].question.en == "first?"


def test_the_second_sentence_serves_when_the_first_cannot_be_filled() -> None:
    bare = Finding("held", True, {}, Source("process", "pid 1"))
    root = diagnosis(bare).root
    assert root is not None
    assert root.says.en == "it is held"
    about = diagnosis(bare, facts={"port": "1", "pid": "2"}).causes[0]
    assert about.says.en == "it is held"  # that the app has pid 2 does not make it the holder
    assert about.fixes[0].commands == ("kill 2",)


def test_a_remedy_is_offered_only_with_its_finding() -> None:
    root = diagnosis(held(), Finding("hangs")).root
    assert root is not None
    assert [f.text.en for f in root.fixes] == ["stop 4711", "only when it hangs"]


def test_nothing_seen_is_healthy() -> None:
    done = diagnosis(Finding("held", False), Finding("noise"))
    assert (done.verdict, done.causes, done.unknown_probability) == ("healthy", (), 1.0)
    assert not done.failing("info", 0.0)


def test_an_unexplained_symptom_is_inconclusive_and_told() -> None:
    done = diagnosis(Finding("noise"), symptoms=("noise",))
    assert done.verdict == "inconclusive"
    assert [s.text.en for s in done.symptoms] == ["noise is so"]


def test_a_weak_cause_is_no_root_and_needs_a_symptom_to_be_shown() -> None:
    weak = cause("port.weak", 0.01, {"noise": 0.6})
    assert diagnosis(Finding("noise"), causes=[weak]).verdict == "healthy"
    strong_enough = cause("port.weak", 0.04, {"noise": 0.98})
    shown = diagnosis(Finding("noise"), causes=[strong_enough], symptoms=("noise",))
    assert [c.role for c in shown.causes] == ["possible"]
    assert shown.root is None
    assert shown.verdict == "inconclusive"


def test_a_second_fault_with_evidence_of_its_own_contributes() -> None:
    apart = cause("port.other", 0.02, {"foreign": 0.98})
    done = diagnosis(held(), Finding("foreign", source=Source("process", "pid 2")), causes=[LEFTOVER, apart])
    assert sorted(c.role for c in done.causes) == ["contributing", "root"]


def test_a_cause_that_explains_both_findings_explains_the_other_away() -> None:
    done = diagnosis(held(), Finding("foreign", source=Source("process", "pid 2")))
    assert {c.id: c.role for c in done.causes} == {"port.other": "root", "port.leftover": "possible"}


def test_what_an_answer_excludes_is_told_unless_evidence_points_there() -> None:
    ruled_out = diagnosis(Finding("held", False)).ruled_out
    assert [(r.id, r.because.en) for r in ruled_out] == [("port.other", "first? asked")]
    assert not diagnosis(Finding("foreign")).ruled_out


def test_a_gate_is_told_with_its_reason() -> None:
    gated = cause("port.gated", 0.02, {"held": 0.9}, excluded_by=("noise",))
    done = diagnosis(held(), Finding("noise"), causes=[gated])
    assert done.causes == ()
    assert [(r.id, r.because.en) for r in done.ruled_out] == [("port.gated", "noise is so")]


def test_select_and_ignore_limit_the_causes() -> None:
    assert [c.id for c in diagnosis(held(), select=("port.other",)).causes] == ["port.other"]
    assert "port.leftover" not in [c.id for c in diagnosis(held(), ignore=("port.leftover",)).causes]


def test_a_location_brings_the_source_lines() -> None:
    placed = Finding("held", location=Location("/x/app.py", 10, "predict"))
    root = diagnosis(placed).root
    assert root is not None
    assert root.location == Location("/x/app.py", 10, "predict")
    assert root.snippet == ((10, "x = 1"),)


def test_severity_is_softened_by_a_finding() -> None:
    soft = cause("port.leftover", 0.04, {"held": 0.85}, softened_by={"noise": "warning"})
    assert diagnosis(held(), causes=[soft]).causes[0].severity == "error"
    softened = cause("port.leftover", 0.04, {"held": 0.85, "noise": 0.6}, softened_by={"noise": "warning"})
    done = diagnosis(held(), Finding("noise"), causes=[softened])
    assert done.causes[0].severity == "warning"
    assert not done.failing("error", 0.5)
    assert done.failing("warning", 0.5)


def test_severity_is_raised_by_a_finding_whatever_softens_it() -> None:
    links = {"held": 0.85, "noise": 0.6}
    for softer in ({}, {"held": "info"}):
        made = cause("port.leftover", 0.04, links, softened_by=softer, raised_by={"noise": "error"})
        raised = replace(made, severity="warning")
        assert diagnosis(held(), Finding("noise"), causes=[raised]).causes[0].severity == "error"
        without = diagnosis(held(), causes=[raised]).causes[0].severity
        assert without == ("info" if softer else "warning")


def test_the_next_look_is_the_one_that_tells_most_for_its_cost() -> None:
    @check("separates", finds=("foreign",), cost=0.1)
    def separates(listeners: Listeners) -> Iterable[Finding]:
        return ()

    @check("tells-nothing", finds=("noise",), cost=0.1)
    def tells_nothing(environment: Environment) -> Iterable[Finding]:
        return ()

    absent: dict[type, Probe] = {
        Listeners: lambda _: Absent("not permitted", "sudo look"), Environment: lambda _: Absent("hidden", "sudo env"),
    }
    twins = [cause("port.a", 0.02, {"held": 0.6, "foreign": 0.98}), cause("port.b", 0.02, {"held": 0.6})]
    first = question("first", ("look", "separates", "tells-nothing"), Answer(Prose("x")))
    know = knowledge(twins, LEAKS, questions=[first])

    @check("look", finds=("held",))
    def look(target: Target) -> Iterable[Finding]:
        return [held()]

    with Examination(Target("none", ""), Options(), absent, know, (look, separates, tells_nothing)) as examination:
        done = assemble(examination, walk(examination), {}, lambda _: ())
    assert done.next_look is not None
    assert (done.next_look.check, done.next_look.unlock) == ("separates", "sudo look")


def test_a_failed_check_makes_a_clean_result_inconclusive() -> None:
    @check("breaks", finds=("noise",))
    def breaks(target: Target) -> Iterable[Finding]:
        raise ZeroDivisionError

    assert diagnosis(more=(breaks,)).verdict == "inconclusive"
