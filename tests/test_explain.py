"""`explain` and `list` speak from the same files as the diagnosis."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from gradio_doctor.commands import explain_id, list_entries
from gradio_doctor.docs import causes_page
from gradio_doctor.errors import UsageError
from gradio_doctor.flags import Chosen
from gradio_doctor.registry import Loaded
from gradio_doctor.report.words import WORDS
from tests.command import gradio_doctor
from tests.conftest import ROOT

EVERY = Chosen(plugins=False)
CHINESE = ("表现", "解决办法")
MINE = """
causes:
  mine.frobnicated:
    title: The frobnicator is on
    what: Somebody switched it on. The {{brace}} stays.
    shows: {mine.line: always}
    says: ["frobnicator {number} is on"]
    remedies:
      - text: Switch number {number} off.
        commands: ["frob --off {number}"]
signatures:
  - id: mine.line
    pattern: 'frobnicator (?P<number>\\d{1,3}) switched on'
    note: it says so itself
"""


def test_every_id_can_be_explained(loaded: Loaded) -> None:
    knowledge = loaded.knowledge
    for name in [*knowledge.causes, *knowledge.signatures, *knowledge.findings, *(c.id for c in loaded.checks)]:
        text = explain_id(name, "en", EVERY)
        assert text.startswith(f"{name}: ")
        assert "{pid}" not in text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_cause(loaded: Loaded, lang: str) -> None:
    cause = loaded.knowledge.causes["port.leftover-process"]
    text = explain_id(cause.id, lang, EVERY)
    assert text.splitlines()[0].startswith(f"{cause.id}: {cause.title.pick(lang)} (")
    assert "kill PID" in text
    for finding in cause.links:
        assert f"[{finding}]" in text
    assert all((word in text) == (lang == "zh") for word in CHINESE)


def test_nothing_is_wider_than_80_columns_but_commands_and_patterns(loaded: Loaded) -> None:
    for name in loaded.knowledge.causes:
        for lang in ("en", "zh"):
            for line in explain_id(name, lang, EVERY).splitlines()[1:]:
                assert cell_len(line) <= 80 or line.startswith("      ") or " " not in line.strip(" -"), line


def test_a_signature_and_what_it_speaks_for(loaded: Loaded) -> None:
    text = explain_id("dependency.no-module-named", "en", EVERY)
    signature = loaded.knowledge.signatures["dependency.no-module-named"]
    assert f"\n  {signature.patterns[0]}\n" in text
    assert "- dependency.missing (" in text


def test_a_check_and_a_finding() -> None:
    text = explain_id("port-holder", "en", EVERY)
    assert "Needs: WantedAddress" in text
    assert "port.held-by-other: pid PID (COMMAND; user USER" in text
    found = explain_id("port.held-by-other", "en", EVERY)
    assert "- port.foreign-process (" in found


def test_an_unknown_id_has_neighbours() -> None:
    with pytest.raises(UsageError, match=r"did you mean .*port\.leftover-process"):
        explain_id("leftover-process", "en", EVERY)
    with pytest.raises(UsageError, match="see: gradio-doctor list"):
        explain_id("§§§", "en", EVERY)


def test_explaining_what_was_added(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    ran = gradio_doctor("explain", "mine.frobnicated", "--checks", ".", cwd=tmp_path)
    assert ran.status == 0, ran.stderr
    assert "  - Switch number NUMBER off.\n      frob --off NUMBER\n" in ran.stdout
    (tmp_path / "app.log").write_text("frobnicator 7 switched on\n")
    ran = gradio_doctor("logs", "app.log", "--checks", ".", cwd=tmp_path)
    assert ran.stdout.startswith("frobnicator 7 is on\n")
    assert "      frob --off 7\n" in ran.stdout


@pytest.mark.parametrize("what", ["causes", "checks", "signatures"])
def test_list(loaded: Loaded, what: str) -> None:
    rows = json.loads(list_entries(what, "en", EVERY, as_json=True))
    wanted = {
        "causes": set(loaded.knowledge.causes), "checks": {c.id for c in loaded.checks},
        "signatures": set(loaded.knowledge.signatures),
    }
    assert set(rows) == wanted[what]
    lines = list_entries(what, "en", EVERY, as_json=False).splitlines()
    assert [line.split()[0] for line in lines] == sorted(wanted[what])


def test_list_on_the_command_line(tmp_path: Path) -> None:
    assert gradio_doctor("list", cwd=tmp_path).stdout == gradio_doctor("list", "causes", cwd=tmp_path).stdout
    assert "同一应用" in gradio_doctor("list", "--lang", "zh", cwd=tmp_path).stdout
    assert gradio_doctor("list", "checks", "--json", cwd=tmp_path).report["port-holder"]


def test_fixed_words_are_there_in_both_languages() -> None:
    for key, prose in WORDS.items():
        assert prose.en, key
        assert prose.zh, key
        assert prose.en.count("{") == prose.zh.count("{"), key


def test_the_page_of_causes_is_current(loaded: Loaded) -> None:
    page = (ROOT / "docs" / "causes.md").read_text(encoding="utf-8")
    assert page == causes_page(loaded.knowledge), "run: python -m gradio_doctor.docs > docs/causes.md"


def test_the_page_of_causes(loaded: Loaded) -> None:
    page = causes_page(loaded.knowledge)
    for name in loaded.knowledge.causes:
        assert f"\n### {name}\n" in page
    assert page.count("```") % 2 == 0
