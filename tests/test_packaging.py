"""The wheel, the source distribution and the editable install: each in a clean environment, each the same inside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.command import MISSING_MODULE
from tests.conftest import ROOT

UV = str(Path(sys.executable).with_name("uv"))
PARTS = ("gradio_doctor", "checks", "tests", "fixtures", "bench", ".ci", "docs")
FILES = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
HEAVY = ("httpx", "psutil", "yaml", "rich", "hyperscan", "typer", "pydantic", "gradio")
SLOW = pytest.mark.timeout(600)


def run(*command: object, cwd: Path) -> str:
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=kept, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=500, check=False,
    )
    assert done.returncode in (0, 1), f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Installed:
    """gradio-doctor in an environment of its own, and an empty folder to run it from."""

    environment: Path
    elsewhere: Path

    def command(self, *arguments: object) -> str:
        return run(self.environment / "bin" / "gradio-doctor", *arguments, cwd=self.elsewhere)

    def python(self, code: str) -> str:
        return run(self.environment / "bin" / "python", "-c", code, cwd=self.elsewhere)

    @property
    def site_packages(self) -> Path:
        (found,) = self.environment.glob("lib/python*/site-packages")
        return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, as a clone would have it."""
    copy = tmp_path_factory.mktemp("clone") / "project"
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    for file in FILES:
        shutil.copy(ROOT / file, copy / file)
    return copy


@pytest.fixture(scope="module")
def distributions(project: Path) -> tuple[Path, Path]:
    """The wheel and the source distribution; the wheel is built from the latter, as for PyPI."""
    run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", project / "dist", project, cwd=project)
    (wheel,), (sdist,) = (list((project / "dist").glob(f"*{end}")) for end in (".whl", ".tar.gz"))
    return wheel, sdist


def install(folder: Path, *what: object) -> Installed:
    run(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    run(UV, "pip", "install", "--quiet", "--python", folder / "venv" / "bin" / "python", *what, cwd=folder)
    (folder / "elsewhere").mkdir()
    return Installed(folder / "venv", folder / "elsewhere")


@pytest.fixture(scope="module")
def wheel(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("wheel"), distributions[0])


@pytest.fixture(scope="module")
def editable(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("editable"), "-e", project)


def counts(installed: Installed) -> dict[str, int]:
    return {w: len(json.loads(installed.command("list", w, "--json"))) for w in ("causes", "checks", "signatures")}


def expected(loaded: Loaded) -> dict[str, int]:
    knowledge = loaded.knowledge
    return {"causes": len(knowledge.causes), "checks": len(loaded.checks), "signatures": len(knowledge.signatures)}


@SLOW
def test_the_installed_wheel_does_its_work(wheel: Installed, loaded: Loaded) -> None:
    assert wheel.command("--version").startswith("gradio-doctor ")
    (wheel.elsewhere / "app.log").write_text(MISSING_MODULE)
    report = json.loads(wheel.command("logs", "app.log", "--json"))
    assert report["causes"][0]["id"] == "dependency.missing"
    assert counts(wheel) == expected(loaded)
    assert wheel.command("explain", "port.leftover-process").startswith("port.leftover-process: ")


@SLOW
def test_only_our_own_package_lands_in_site_packages(wheel: Installed) -> None:
    names = {path.name for path in wheel.site_packages.iterdir()}
    assert "gradio_doctor" in names
    assert names.isdisjoint({"checks", "tests", "bench", "fixtures", "docs"})
    assert "ModuleNotFoundError" in run(
        wheel.environment / "bin" / "python", "-c",
        "try:\n import checks\nexcept ImportError as error:\n print(type(error).__name__)", cwd=wheel.elsewhere,
    )


@SLOW
def test_the_wheel_holds_every_file_it_needs(distributions: tuple[Path, Path]) -> None:
    inside = set(zipfile.ZipFile(distributions[0]).namelist())
    for path in [*(ROOT / "checks").glob("*.py"), *(ROOT / "checks").glob("*.yaml")]:
        assert f"gradio_doctor/checks/{path.name}" in inside
    for path in (ROOT / "gradio_doctor").rglob("*.py"):
        assert str(path.relative_to(ROOT)) in inside
    assert {"gradio_doctor/py.typed", "gradio_doctor/report/schema.json"} <= inside
    assert any(name.endswith("/licenses/LICENSE") for name in inside)
    assert {name.partition("/")[0] for name in inside if ".dist-info/" not in name} == {"gradio_doctor"}


@SLOW
def test_the_source_distribution_can_be_worked_with(distributions: tuple[Path, Path]) -> None:
    with tarfile.open(distributions[1]) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {*FILES, "checks/fault_tree.yaml", "tests/conftest.py", ".ci/run"} <= inside
    assert not [name for name in inside if "__pycache__" in name or name.startswith(".venv")]


@SLOW
def test_the_editable_install_is_the_checkout(editable: Installed, loaded: Loaded, project: Path) -> None:
    """hatchling leaves a copy of checks/ in site-packages/gradio_doctor; it must never be what is loaded."""
    assert counts(editable) == expected(loaded)
    before = json.loads(editable.command("list", "causes", "--json"))
    assert "port.made-up" not in before
    with (project / "checks" / "mine.yaml").open("w") as file:
        file.write("causes:\n  port.made-up:\n    title: Made up\n    shows: {port.made-up-seen: always}\n")
        file.write("findings:\n  port.made-up-seen:\n    text: it is made up\n")
    try:
        assert json.loads(editable.command("list", "causes", "--json"))["port.made-up"] == "Made up"
    finally:
        (project / "checks" / "mine.yaml").unlink()
    code = "from gradio_doctor.registry import builtin_directory as d; print(d())"
    assert Path(editable.python(code).strip()) == project / "checks"


@SLOW
@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("diagnose", "--help")])
def test_asking_for_help_imports_nothing_heavy(wheel: Installed, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [str(wheel.environment / "bin" / "python"), "-X", "importtime", "-m", "gradio_doctor", *arguments],
        cwd=wheel.elsewhere, capture_output=True, text=True, check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "gradio_doctor" in imported
    assert not [name for name in imported if name.partition(".")[0] in HEAVY]
