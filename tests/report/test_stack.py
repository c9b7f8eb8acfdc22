"""The guilty stack, the other threads and the patch, in the text and the JSON report."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gradio_doctor.diagnosis import CauseFound, Fix
from gradio_doctor.evidence import Location
from gradio_doctor.knowledge.model import Prose
from gradio_doctor.live.model import Group
from gradio_doctor.report.json_report import render_json
from gradio_doctor.report.text import render_plain, render_rich
from tests.report.made import cause, diagnosis

STACK = (
    Location("/srv/app.py", 31, "predict", "return ask(x)"), Location("/srv/lib/ask.py", 4, "ask", "r = get(URL)"),
    Location("/v/lib/python3.11/site-packages/requests/api.py", 73, "get"),
)
OLD = "import time\n\n\n\nasync def f():\n    time.sleep(1)\n\n\n# end\n"
DIFF = (
    "--- app.py\n+++ app.py\n@@ -2,7 +2,7 @@\n \n \n \n-async def f():\n+def f():\n     time.sleep(1)\n \n \n"
)


def group(count: int = 40, does: str = "waiting", place: str = "/srv/app.py:31 predict", wait: str = "sleep") -> Group:
    return Group(count, does, "worker", place, wait, tuple(range(count)))  # type: ignore[arg-type]


def made(**changes: object) -> CauseFound:
    values: dict[str, Any] = {"stack": STACK, "threads": (group(),), **changes}
    return cause(**values)


def part(text: str, heading: str) -> list[str]:
    """The lines below a heading."""
    lines = text.splitlines()
    start = lines.index(heading) + 1
    return lines[start : lines.index("", start)]


def test_the_stack_is_told_outermost_first() -> None:
    text = render_plain(diagnosis(made()))
    assert part(text, "The guilty stack (outermost first, as Python prints it)") == [
        "    app.py:31 predict | return ask(x)",
        "    lib/ask.py:4 ask | r = get(URL)",
        "    requests/api.py:73 get",
    ]
    assert text.index("In your code") < text.index("The guilty stack") < text.index("What to do")


def test_one_frame_is_not_told_twice() -> None:
    text = render_plain(diagnosis(made(stack=STACK[:1])))
    assert "The guilty stack" not in text
    assert "In your code" in text


def test_the_other_threads_take_one_line_for_each_kind() -> None:
    others = (
        group(12, "idle", "", ""), group(), group(1, "gil-wait", "", ""), group(2, "busy-python", "/x/y.py:3 f", ""),
    )
    text = render_plain(diagnosis(made(threads=others)))
    assert part(text, "What the other threads do") == [
        "    40 × waiting on sleep in app.py:31 predict",
        "    2 × computing in /x/y.py:3 f",
        "    1 × waiting for Python's global lock (worker thread)",
        "    12 × idle (worker thread)",
    ]


@pytest.mark.parametrize(("verbosity", "shown", "left"), [(0, 6, 4), (1, 10, 0)])
def test_not_more_than_six_of_them(verbosity: int, shown: int, left: int) -> None:
    others = tuple(group(1, place=f"/srv/app.py:{n} f") for n in range(10, 20))
    text = render_plain(diagnosis(made(threads=others)), "en", verbosity)
    assert text.count("1 × waiting on sleep") == shown
    assert ("... and 4 more threads (-v shows them)" in text) is bool(left)


def test_in_chinese() -> None:
    text = render_plain(diagnosis(made()), "zh")
    assert "40 × 等待（sleep），位于 app.py:31 predict" in text
    assert "出问题的调用栈" in text


def with_patch() -> CauseFound:
    return made(fixes=(Fix(Prose("Make it a def.", "改成 def。"), ("kill 1",), False, ("a-b",), DIFF, "/srv"),))


@pytest.mark.parametrize("verbosity", [-1, 0, 1])
def test_the_patch_stands_below_its_remedy(verbosity: int) -> None:
    lines = render_plain(diagnosis(with_patch()), "en", verbosity).splitlines()
    start = lines.index("  - Make it a def.")
    assert lines[start + 1] == "    as a patch (in /srv: patch -p0 < FILE):"
    assert lines[start + 2 : start + 4] == ["      --- app.py", "      +++ app.py"]
    assert "      -async def f():" in lines and "      +def f():" in lines
    assert lines.index("      kill 1") > lines.index("      +def f():")


def test_patch_reads_it_out_of_the_report(tmp_path: Path) -> None:
    """Indented as it is, and with the report around it."""
    (tmp_path / "app.py").write_text(OLD)
    report = render_plain(diagnosis(with_patch()))
    subprocess.run(["patch", "-p0"], cwd=tmp_path, input=report, text=True, check=True, capture_output=True)
    assert (tmp_path / "app.py").read_text() == OLD.replace("async def", "def")


def test_the_lines_of_a_patch_are_never_broken() -> None:
    long = DIFF.replace("time.sleep(1)", "time.sleep(1)  # " + "x" * 150)
    fix = Fix(Prose("Make it a def."), (), False, (), long, "/srv")
    drawn = render_rich(diagnosis(made(fixes=(fix,))), width=80)
    assert "x" * 150 in drawn


def test_on_a_terminal_the_rest_stays_inside_of_eighty_columns() -> None:
    from rich.text import Text

    wide = Location("/srv/" + "d/" * 30 + "app.py", 31, "predict", "return " + "word " * 30)
    drawn = render_rich(diagnosis(made(stack=(wide, *STACK), threads=(group(place="/elsewhere/" + "e " * 60),))))
    told = [Text.from_ansi(line).plain for line in drawn.splitlines()]
    start, end = (next(n for n, line in enumerate(told) if line.startswith(w)) for w in ("The guilty", "What to do"))
    assert max(map(len, told[start:end])) <= 80


def test_nothing_of_it_drives_the_terminal() -> None:
    evil = Location("/srv/\x1b[2Japp.py", 3, "f\x07", "x = '\x1b]0;title\x07' \u202e")
    text = render_plain(diagnosis(made(stack=(evil, evil), threads=(group(place="\x1b[31m:1 f", wait="\r\n"),))))
    assert not {c for c in text if ord(c) < 32 and c != "\n"}
    assert "\u202e" not in text


def test_a_cause_beside_the_root_shows_its_frames_as_well() -> None:
    other = made(id="blocking.event-loop", role="contributing", probability=0.9)
    text = render_plain(diagnosis(cause(), other))
    assert "          app.py:31 predict | return ask(x)" in text[text.index("Also possible") :]


def test_as_json(schema: Draft202012Validator) -> None:
    data = json.loads(render_json(diagnosis(made(fixes=with_patch().fixes))))
    schema.validate(data)
    (told,) = data["causes"]
    assert len(told["stack"]) == 3
    assert told["stack"][0] == {
        "file": "/srv/app.py", "line": 31, "function": "predict", "text": "return ask(x)"
    }
    assert told["threads"] == [
        {"count": 40, "does": "waiting", "role": "worker", "place": "/srv/app.py:31 predict", "wait": "sleep"}
    ]
    assert told["remedies"][0]["diff"] == DIFF
    assert told["remedies"][0]["directory"] == "/srv"


def test_without_them_json_has_none(schema: Draft202012Validator) -> None:
    data = json.loads(render_json(diagnosis(cause())))
    schema.validate(data)
    assert not {"stack", "threads"} & set(data["causes"][0])
    assert "diff" not in data["causes"][0]["remedies"][0]
