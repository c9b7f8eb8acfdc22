"""Loading families: every error names file and line; what is built in is complete and consistent."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.knowledge.model import KnowledgeError
from gradio_doctor.knowledge.parse import build
from gradio_doctor.knowledge.yaml_file import read_yaml
from gradio_doctor.registry import Loaded, builtin_directory, load

GOOD = """\
causes:
  port.mine:
    title: {en: Mine, zh: 我的}
    severity: warning
    prior: 0.02
    says: ["Port {port} is mine.", {en: It is mine.}]
    shows: {port.mine-seen: always}
    remedies:
      - text: Do it.
        commands: ["kill {pid}"]
        when: [port.mine-seen]
findings:
  port.mine-seen:
    text: {en: "seen on {port}"}
    leak: 0.001
signatures:
  - id: port.mine-line
    pattern: 'this is mine: (?P<port>\\d{1,5})'
    means: {port.mine: usually}
"""


def parse(text: str, tmp_path: Path) -> object:
    file = tmp_path / "family.yaml"
    file.write_text(text, encoding="utf-8")
    return build({str(file): read_yaml(file)})


def test_a_good_family_is_typed(tmp_path: Path) -> None:
    know = parse(GOOD, tmp_path)
    cause = know.causes["port.mine"]  # type: ignore[attr-defined]
    assert cause.links == {"port.mine-seen": 0.98, "port.mine-line": 0.85}
    assert cause.title.pick("zh") == "我的"
    assert cause.says[1].pick("zh") == "It is mine."  # English where there is no Chinese
    assert cause.severity == "warning"
    assert cause.remedies[0].commands == ("kill {pid}",)
    assert cause.place.endswith("family.yaml:3")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("prior: 0.02", "prior: 2", 3, "prior must be a number"),
        ("prior: 0.02", "priro: 0.02", 3, "unknown key 'priro'"),
        ("severity: warning", "severity: fatal", 3, "severity must be one of"),
        ("always}", "certainly}", 3, "'certainly' is none of"),
        ("port.mine-seen: always", "port.no-such: always", 3, "'port.no-such' is declared nowhere"),
        ("means: {port.mine:", "means: {port.yours:", 17, "no file describes"),
        ("text: Do it.", "text: [1]", 9, "text"),
        ("- id: port.mine-line", "- id: port.mine-seen", 17, "is taken by"),
        ("causes:", "causes: [1]\nbad:", 1, "unknown key 'bad'"),
        ("    leak: 0.001", "    leak: 0.001\n    leak: 0.002", 16, "stands there twice"),
        ("findings:", "findings: {", 13, "not valid YAML"),
        ("    pattern: 'this is mine: (?P<port>\\\\d{1,5})'\n", "", 17, "a pattern is missing"),
        ("port.mine:\n", "mine:\n", 3, "family.name"),
    ],
)
def test_every_error_names_file_and_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    text = GOOD.replace("\\\\", "\\")
    old = old.replace("\\\\", "\\")
    assert old in text
    with pytest.raises(KnowledgeError) as caught:
        parse(text.replace(old, new, 1), tmp_path)
    message = str(caught.value)
    assert words in message
    where, _, rest = message.partition("family.yaml:")
    assert where.startswith(str(tmp_path))
    assert abs(int(rest.split(":")[0]) - line) <= 2
    assert "\n" not in message


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe\x00", b"- a\n- b\n", b"a: !!python/object:os.system x\n", b"a: &x [*x]\n" * 2]
)
def test_what_is_no_family_is_refused(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(raw)
    with pytest.raises(KnowledgeError, match=r"bad\.yaml"):
        build({str(file): read_yaml(file)})


def test_a_directory_of_checks_joins_the_built_in_ones(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD.replace("\\\\", "\\"), encoding="utf-8")
    (tmp_path / "mine.py").write_text(
        "from collections.abc import Iterator\n"
        "from gradio_doctor.sdk import Finding, Target, check\n\n"
        "@check('mine-look', finds=('port.mine-seen',))\n"
        "def look(target: Target) -> Iterator[Finding]:\n"
        "    yield Finding('port.mine-seen', facts={'port': '1'})\n"
    )
    loaded = load([tmp_path], plugins=False)
    assert "port.mine" in loaded.knowledge.causes
    assert "port.leftover-process" in loaded.knowledge.causes
    assert "mine-look" in {c.id for c in loaded.checks}


def test_checks_that_do_not_import_are_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(KnowledgeError, match="nothing_of_that_name"):
        load([tmp_path], plugins=False)


def test_a_signature_that_could_run_away_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("signatures:\n  - {id: port.slow, pattern: '(a+)+b long enough'}\n")
    with pytest.raises(KnowledgeError, match=r"mine\.yaml:2: port\.slow"):
        load([tmp_path], plugins=False)


def test_built_in_knowledge_covers_every_cause_of_the_contract(loaded: Loaded) -> None:
    """root-causes.yaml of the design is copied into fixtures/root-causes.txt, an id a line."""
    contract = (Path(__file__).parent.parent / "fixtures" / "root-causes.txt").read_text().split()
    assert set(contract) <= set(loaded.knowledge.causes)


def test_built_in_knowledge_speaks_both_languages_and_offers_a_remedy(loaded: Loaded) -> None:
    for cause in loaded.knowledge.causes.values():
        assert cause.title.zh, cause.id
        assert cause.what.zh, cause.id
        assert cause.remedies, cause.id
        assert all(r.text.zh for r in cause.remedies), cause.id
        assert cause.links, cause.id


def test_remedies_name_checks_that_exist(loaded: Loaded) -> None:
    known = {c.id for c in loaded.checks} | {"log-signatures"}
    for cause in loaded.knowledge.causes.values():
        for remedy in cause.remedies:
            assert set(remedy.verify) <= known, cause.id


def test_every_pair_of_a_family_stands_beside_its_kin() -> None:
    stems = {p.stem.partition("_")[0] for p in builtin_directory().glob("*.py")} - {""}
    families = {p.stem.partition("_")[0] for p in builtin_directory().glob("*.yaml")}
    assert stems <= families


def test_the_cache_gives_the_same_knowledge(loaded: Loaded) -> None:
    assert load(plugins=False).knowledge == loaded.knowledge
