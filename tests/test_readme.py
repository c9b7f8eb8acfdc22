"""README.md tells the truth: its commands exist, and CI runs its test command word for word."""

from __future__ import annotations

import os
import re
import subprocess

import click

from gradio_doctor import __version__, cli, flags
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = ROOT / ".ci" / "run"


def shell_blocks() -> list[str]:
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)]


def command_with(part: str) -> str:
    (found,) = [block for block in shell_blocks() if part in block]
    assert "\n" not in found, "one command, to be pasted at once"
    return found


def test_ci_runs_the_test_command_itself() -> None:
    command = command_with("pytest")
    assert command in CI.read_text(encoding="utf-8").splitlines()
    assert "pip install -e '.[dev]'" in command


def test_ci_is_a_sound_script() -> None:
    assert os.access(CI, os.X_OK)
    text = CI.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -eu\n" in text
    subprocess.run(["bash", "-n", str(CI)], check=True)
    assert text.strip().endswith("pytest -n 3")  # its closing line is the last one


def test_the_first_screen_has_both_commands() -> None:
    screen = "\n".join(README.splitlines()[:24])
    assert command_with("leave-one-running") in screen
    assert command_with("pytest") in screen


def test_the_example_is_there() -> None:
    command = command_with("leave-one-running")
    for path in re.findall(r"fixtures/\S+\.py", command):
        assert (ROOT / path).is_file()


def test_every_command_and_flag_named_exists() -> None:
    assert set(re.findall(r"^gradio-doctor (\w+)", README, re.MULTILINE)) == set(cli.app.commands)
    options = [p for c in cli.app.commands.values() for p in c.params if isinstance(p, click.Option)]
    known = {o for p in options for o in p.opts} | {"--help", "--debug", "--leave-one-running"}
    for flag in re.findall(r"`[^`\n]*?(--[a-z][a-z-]+)", README):
        assert flag in known, flag
    for name in re.findall(r"GRADIO_DOCTOR_[A-Z_]+", README):
        assert name in {flags.environment_name(flags.long_name(p.opts)) for p in options}


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_changelog_and_license() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "keepachangelog.com" in changelog
    assert re.search(rf"^## \[(Unreleased|{re.escape(__version__)})\]", changelog, re.MULTILINE)
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
