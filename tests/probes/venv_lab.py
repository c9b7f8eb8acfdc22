"""A real virtual environment with a few distributions in it, as an installer leaves them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradio_doctor.evidence import Interpreter, ModuleOrigin


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real virtual environment with three small distributions in it."""
    directory = tmp_path_factory.mktemp("venv") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    site = next(directory.glob("lib/python3*/site-packages"))
    install(site, "gradio", "6.31.0", [
        "gradio_client==2.0.0", "Pillow<13,>=8.0", "audioop-lts<1.0; python_version >= '9'",
        "authlib; extra == 'oauth'",
        "starlette>=0.40", "not a requirement at all ~~",
    ])
    install(site, "gradio_client", "1.9.0", ["fsspec"])
    install(site, "Starlette", "0.39.2", ["anyio<5,>=3.4.0"])
    install(site, "anyio", "6.0.0", ["never-looked-at"])
    (site / "lonely.py").write_text("")
    install(site, "brokenpkg", "1.0", [], modules=["brokenpkg", "other_name"])
    shutil.rmtree(site / "brokenpkg")
    return directory


def install(site: Path, name: str, version: str, requires: list[str], modules: list[str] | None = None) -> None:
    """What an installer leaves behind: the package and its metadata."""
    record = ""
    for module in modules or [name.lower()]:
        (site / module).mkdir()
        (site / module / "__init__.py").write_text("raise SystemExit('must never be imported')")
        record += f"{module}/__init__.py,sha256=x,1\n"
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {r}" for r in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n\nName: not this one\n")
    (info / "RECORD").write_text(record + f"{info.name}/METADATA,,\n../../bin/tool,,\n")


def python(venv: Path) -> str:
    return str(venv / "bin" / "python")


def origin(found: Interpreter, module: str) -> ModuleOrigin:
    """Where one module comes from."""
    return next(o for o in found.origins if o.module == module)
