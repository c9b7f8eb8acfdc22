"""What the source says may go wrong: apps as people write them, each fault beside its correct twin."""

from __future__ import annotations

import ast
from pathlib import Path

import gradio
import pytest

from gradio_doctor.evidence import Absent, AppSource, Interpreter, Run
from gradio_doctor.evidence.run import RunOutcome
from gradio_doctor.probes.source import read_source
from gradio_doctor.rank import merged, rank
from gradio_doctor.registry import Loaded
from gradio_doctor.sdk import Finding
from gradio_doctor.wording import finding_text
from tests.checks.said import named
from tests.checks.static_apps import APPS
from tests.probes.source_apps import read_app

CHECKS = ("blocking-source", "blocking-no-limit", "blocking-crowd", "app-shared-state", "model-loads-in-handler")
GRADIO = Path(gradio.__file__ or "").parent


def look(source: AppSource, loaded: Loaded, version: str = "") -> list[Finding]:
    """What the checks of the source find."""
    interpreter = Interpreter("/usr/bin/python", (3, 11, 0), "--python", (("gradio", version),)) if version else None
    found: list[Finding] = []
    for name in CHECKS:
        more = (interpreter or Absent("nobody asked"),) if name == "blocking-source" else ()
        found += named(loaded, name)(source, *more)
    return found


def seen(found: list[Finding]) -> list[str]:
    return [f.id for f in found if f.seen]


@pytest.mark.parametrize("name", APPS)
def test_a_fault_is_foreseen(name: str, tmp_path: Path, loaded: Loaded) -> None:
    expected, faulty, _ = APPS[name]
    found = [f for f in look(read_app(tmp_path, faulty), loaded) if f.seen]
    assert expected in seen(found)
    for one in found:
        assert one.location is not None
        assert one.chain
        assert one.location.line == int(one.facts["line"])
        assert "{" not in finding_text(loaded.knowledge, one).en
        assert loaded.knowledge.is_prediction(one.id)


@pytest.mark.parametrize("name", APPS)
def test_its_twin_is_fine(name: str, tmp_path: Path, loaded: Loaded) -> None:
    expected, _, correct = APPS[name]
    source = read_app(tmp_path, correct)
    assert source.handlers
    assert expected not in seen(look(source, loaded))


@pytest.mark.parametrize("name", APPS)
def test_the_apps_are_python(name: str) -> None:
    for code in APPS[name][1:]:
        ast.parse(code)


@pytest.mark.parametrize("name", APPS)
def test_a_prediction_alone_makes_no_cause(name: str, tmp_path: Path, loaded: Loaded) -> None:
    found = look(read_app(tmp_path, APPS[name][1]), loaded)
    ranking = rank(loaded.knowledge, merged(found))
    assert dict(ranking.probability) == {}
    assert ranking.unknown == pytest.approx(1.0)


def live(name: str, *, there: bool = True) -> Finding:
    return Finding(name, there, {"url": "http://127.0.0.1:7860/", "seconds": "2.0", "waiting": "4"}, witness=name)


def test_a_live_witness_raises_it_and_it_names_the_line(tmp_path: Path, loaded: Loaded) -> None:
    predicted = look(read_app(tmp_path, APPS["inference in an async function"][1]), loaded)
    alone = rank(loaded.knowledge, merged([live("blocking.loop-silent")])).probability["blocking.event-loop"]
    both = rank(loaded.knowledge, merged([live("blocking.loop-silent"), *predicted]))
    assert both.probability["blocking.event-loop"] > alone
    assert next(iter(both.probability)) == "blocking.event-loop"


def test_a_source_without_such_a_call_speaks_against_it(tmp_path: Path, loaded: Loaded) -> None:
    clean = look(read_app(tmp_path, APPS["inference in an async function"][2]), loaded)
    assert ("blocking.may-stop-loop", False) in [(f.id, f.seen) for f in clean]
    alone = rank(loaded.knowledge, merged([live("blocking.loop-silent")])).probability["blocking.event-loop"]
    less = rank(loaded.knowledge, merged([live("blocking.loop-silent"), *clean])).probability["blocking.event-loop"]
    assert less < alone


def test_a_prediction_never_outranks_what_happens(tmp_path: Path, loaded: Loaded) -> None:
    predicted = look(read_app(tmp_path, APPS["a synchronous client in a chat"][1]), loaded)
    happens = [live("blocking.pool-silent"), live("blocking.loop-silent", there=False)]
    ranking = rank(loaded.knowledge, merged([*predicted, *happens]))
    assert next(iter(ranking.probability)) == "blocking.thread-pool"
    assert "blocking.event-loop" not in ranking.probability


def test_a_source_that_could_not_be_followed_speaks_for_nothing(tmp_path: Path, loaded: Loaded) -> None:
    app = "import gradio as gr\nimport elsewhere\ngr.Interface(elsewhere.handler, 'text', 'text').launch()\n"
    app += "gr.Interface(len, 'text', 'text')\ndef f(x): ...\ngr.Interface(f, 'text', 'text')\n"
    source = read_app(tmp_path, app)
    assert source.unread
    assert look(source, loaded) == []


@pytest.mark.parametrize(
    ("version", "way", "foreseen"),
    [
        ("", "launch(auth=check)", False), ("dev", "launch(auth=check)", False),
        ("4.44.1", "launch(auth=check)", False),
        ("5.45.0", "launch(auth=check)", False), ("5.48.0", "launch(auth=check)", True),
        ("6.31.0", "launch(auth=check)", True),
        ("6.20.0", "launch(auth_dependency=check)", False),
        ("6.24.0", "launch(auth_dependency=check)", True),
    ],
)
def test_a_login_is_checked_on_the_loop_of_newer_gradios(
    version: str, way: str, foreseen: bool, tmp_path: Path, loaded: Loaded
) -> None:
    app = "import gradio as gr\nimport requests\ndef check(*who):\n"
    app += "    return requests.post('http://ldap', timeout=3).ok\n"
    app += f"gr.Interface(str.upper, 'text', 'text').{way}\n"
    assert seen(look(read_app(tmp_path, app), loaded, version)) == ["blocking.login-may-stop-loop"] * foreseen


def test_many_calls_of_one_helper_are_one_finding(tmp_path: Path, loaded: Loaded) -> None:
    app = "import time\nimport gradio as gr\ndef wait():\n" + "    time.sleep(1)\n" * 20
    app += "".join(f"async def f{i}(x):\n    wait()\ngr.Interface(f{i}, 'text', 'text')\n" for i in range(30))
    found = seen(look(read_app(tmp_path, app), loaded))
    assert found == ["blocking.may-stop-loop"] * 12


LOADS_FIRST = "import gradio as gr\nfrom transformers import pipeline\npipe = pipeline('text-generation')\n"
LOADS_FIRST += "gr.Interface(lambda x: x, 'text', 'text').launch()\n"


@pytest.mark.parametrize(("code", "outcome", "expected"), [
    (LOADS_FIRST, "timeout", [True]),
    (LOADS_FIRST, "serving", []),
    (LOADS_FIRST, "exited", []),
    (LOADS_FIRST.replace("pipe = pipeline", "pipe = lambda: pipeline"), "timeout", [False]),
])
def test_a_model_is_loaded_before_the_app_serves(
    code: str, outcome: RunOutcome, expected: list[bool], tmp_path: Path, loaded: Loaded
) -> None:
    run = Run(("python", "app.py"), str(tmp_path), 4711, outcome, 60.0)
    found = list(named(loaded, "model-loads-first")(read_app(tmp_path, code), run))
    assert [f.seen for f in found] == expected
    if expected == [True]:
        assert (found[0].facts["line"], found[0].facts["seconds"]) == ("3", "60")
        assert next(iter(rank(loaded.knowledge, merged(found)).probability)) == "model.slow-load"


def test_gradios_own_templates_are_clean(loaded: Loaded) -> None:
    paths = [*GRADIO.glob("_simple_templates/*.py"), *GRADIO.glob("test_data/**/*.py"), *GRADIO.glob("themes/*.py")]
    assert len(paths) > 5
    told = {p.name: seen(look(read_source(str(p)), loaded)) for p in paths}
    assert {name: found for name, found in told.items() if found} == {}
