"""The loader of checks: one id is one check, and whoever breaks that rule is told where."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradio_doctor import registry
from gradio_doctor.knowledge.model import KnowledgeError
from gradio_doctor.registry import Loaded, load

YAML = """
causes:
  port.mine:
    title: {en: My port}
    what: {en: "It is mine."}
    severity: error
    prior: 0.01
    shows: {port.mine-seen: usually}
findings:
  port.mine-seen:
    text: {en: "port {port} is mine"}
    leak: 0.01
"""
CHECK = """
from collections.abc import Iterator
from gradio_doctor.sdk import Finding, Target, check

@check({id!r}, finds=({finds!r},))
def look(target: Target) -> Iterator[Finding]:
    yield Finding({finds!r}, facts={{"port": "1"}})
"""


@pytest.fixture(autouse=True)
def _own_packages() -> Iterator[None]:
    """Each test's directories are packages of their own; none is left behind for the next."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("gradio_doctor_checks_"):
            del sys.modules[name]


def family(directory: Path, **checks: str) -> Path:
    """A directory with the family and some files of one check each: name of the file and id of the check."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "mine.yaml").write_text(YAML)
    for name, check in checks.items():
        (directory / f"{name}.py").write_text(CHECK.format(id=check, finds="port.mine-seen"))
    return directory


def ids(loaded: Loaded) -> list[str]:
    return [c.id for c in loaded.checks]


def test_two_checks_of_one_id_in_different_files_are_refused(tmp_path: Path) -> None:
    """Neither wins silently: which one did would depend on the order of the files."""
    directory = family(tmp_path / "a", first="mine-look", second="mine-look")
    with pytest.raises(KnowledgeError, match="second: two checks are called 'mine-look'"):
        load([directory], plugins=False)


def test_an_id_of_the_built_in_checks_is_taken(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="two checks are called 'port-holder'"):
        load([family(tmp_path / "a", mine="port-holder")], plugins=False)


def test_two_directories_may_not_share_an_id_either(tmp_path: Path) -> None:
    one, other = family(tmp_path / "a", mine="mine-look"), tmp_path / "b"
    other.mkdir()
    (other / "theirs.py").write_text(CHECK.format(id="mine-look", finds="port.mine-seen"))
    with pytest.raises(KnowledgeError, match="two checks are called 'mine-look'"):
        load([one, other], plugins=False)


def test_a_check_that_another_file_imports_is_still_one(tmp_path: Path) -> None:
    directory = family(tmp_path / "a", first="mine-look")
    (directory / "second.py").write_text("from .first import look\nagain = look\n")
    assert ids(load([directory], plugins=False)).count("mine-look") == 1


def test_two_checks_in_two_files_are_two(tmp_path: Path) -> None:
    loaded = load([family(tmp_path / "a", first="mine-look", second="mine-other")], plugins=False)
    assert {"mine-look", "mine-other", "port-holder"} <= set(ids(loaded))
    assert loaded.broken == ()


def test_a_finding_without_prose_is_refused(tmp_path: Path) -> None:
    directory = family(tmp_path / "a")
    (directory / "mine.py").write_text(CHECK.format(id="mine-look", finds="port.of-nobody"))
    with pytest.raises(KnowledgeError, match=r"mine-look: finding 'port\.of-nobody' has no prose"):
        load([directory], plugins=False)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="wants a directory"):
        load([tmp_path / "gone"], plugins=False)


def test_a_file_of_the_same_name_in_another_directory_is_another_file(tmp_path: Path) -> None:
    first = load([family(tmp_path / "a", mine="mine-first")], plugins=False)
    second = load([family(tmp_path / "b", mine="mine-second")], plugins=False)
    assert "mine-first" in [c.id for c in first.checks]
    assert "mine-second" in [c.id for c in second.checks] and "mine-first" not in [c.id for c in second.checks]


def test_other_directories_in_one_process_do_not_mix(tmp_path: Path) -> None:
    """The second examination of a long-lived process has its own checks, not those of the first."""
    first = load([family(tmp_path / "a", mine="mine-first")], plugins=False)
    second = load([family(tmp_path / "b", theirs="mine-second")], plugins=False)
    assert "mine-first" in ids(first) and "mine-first" not in ids(second)
    assert "mine-second" in ids(second)


# -- plugins: installed distributions, whose faults cost their own findings only


def install(directory: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A distribution with an entry point, as pip leaves it."""
    info = directory / "doctor_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: doctor-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.PLUGIN_GROUP}]\nmine = {value}\n")
    monkeypatch.syspath_prepend(str(directory))


def test_a_plugin_brings_its_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (family(tmp_path / "doctor_plugin_a", mine="mine-look") / "__init__.py").write_text("")
    install(tmp_path, monkeypatch, "doctor_plugin_a")
    loaded = load()
    assert "mine-look" in ids(loaded) and "port.mine" in loaded.knowledge.causes and loaded.broken == ()
    assert "mine-look" not in ids(load(plugins=False))


@pytest.mark.parametrize(("text", "says"), [
    ("raise RuntimeError('at import')\n", "RuntimeError: at import"), ("import nothing_of_that_name\n", "nothing_of"),
])
def test_a_broken_plugin_is_named_and_left_out(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = family(tmp_path / "doctor_plugin_b")
    (directory / "__init__.py").write_text("")
    (directory / "mine.py").write_text(text)
    install(tmp_path, monkeypatch, "doctor_plugin_b")
    loaded = load()
    assert len(loaded.broken) == 1 and says in loaded.broken[0] and "port-holder" in ids(loaded)


def test_a_plugin_that_is_one_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "doctor_plugin_c.py").write_text("")
    install(tmp_path, monkeypatch, "doctor_plugin_c")
    assert ["is not a package" in text for text in load().broken] == [True]


def test_checks_are_ignored_by_id_and_by_pattern(loaded: Loaded) -> None:
    every = {c.id for c in loaded.checks}
    proxies = {i for i in every if i.startswith("proxy-")}
    assert proxies and {c.id for c in loaded.kept(["proxy-*", "vitals-log"])} == every - proxies - {"vitals-log"}
    assert {c.id for c in loaded.kept(["proxy.timeout", "nothing*"])} == every
