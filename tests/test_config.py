"""Settings from flags, the environment and files: which wins, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.command import MISSING_MODULE, Ran, gradio_doctor, write_log


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_log(tmp_path)
    return tmp_path


def configure(project: Path, text: str, name: str = "gradio-doctor.toml") -> Path:
    path = project / name
    path.write_text(text, encoding="utf-8")
    return path


def logs(project: Path, *flags: str, **env: str) -> Ran:
    return gradio_doctor("logs", "app.log", *flags, cwd=project, env=env)


def is_json(ran: Ran) -> bool:
    return ran.stdout.startswith("{")


def test_flag_over_environment_over_file_over_default(project: Path) -> None:
    assert logs(project).status == 1
    configure(project, 'fail-on = "none"\n')
    assert logs(project).status == 0
    assert logs(project, GRADIO_DOCTOR_FAIL_ON="error").status == 1
    assert logs(project, "--fail-on", "none", GRADIO_DOCTOR_FAIL_ON="error").status == 0


def test_the_form_of_the_report_follows_the_same_order(project: Path) -> None:
    """--json, --format and --output say the same thing three ways: the strongest source alone counts."""
    configure(project, "json = true\n")
    assert is_json(logs(project))
    assert not is_json(logs(project, "--format", "text"))
    assert not is_json(logs(project, "--output", "text"))
    assert not is_json(logs(project, GRADIO_DOCTOR_FORMAT="text"))
    assert is_json(logs(project, "--json", GRADIO_DOCTOR_FORMAT="text"))


def test_quiet_on_the_line_wins_over_verbose_in_the_file(project: Path) -> None:
    configure(project, "verbose = true\n")
    assert "How it was found" in logs(project).stdout
    assert "How it was found" not in logs(project, "-q").stdout


@pytest.mark.parametrize("key", ["min-probability", "min_probability"])
def test_numbers_and_both_spellings(project: Path, key: str) -> None:
    configure(project, f"{key} = 1\n")
    assert logs(project).status == 0


def test_lists(project: Path) -> None:
    configure(project, 'select = ["port", "gpu.*"]\n')
    assert logs(project, "--json").report["causes"] == []
    configure(project, 'ignore = "dependency"\n')
    ids = [c["id"] for c in logs(project, "--json").report["causes"]]
    assert not [i for i in ids if i.startswith("dependency.")]
    configure(project, 'output = ["text", "json=out.json"]\n')
    assert "pandas" in logs(project).stdout
    assert (project / "out.json").read_text().startswith("{")


def test_the_environment_sets_every_kind_of_flag(project: Path) -> None:
    assert is_json(logs(project, GRADIO_DOCTOR_JSON="1"))
    assert not is_json(logs(project, GRADIO_DOCTOR_JSON="0"))
    assert logs(project, GRADIO_DOCTOR_MIN_PROBABILITY="1").status == 0
    assert logs(project, "--json", GRADIO_DOCTOR_SELECT="port gpu").report["causes"] == []
    assert "没有安装" in logs(project, GRADIO_DOCTOR_LANG="zh").stdout


def test_log_files_in_the_environment_are_divided_like_a_path(tmp_path: Path) -> None:
    one, two = write_log(tmp_path, name="one log.txt"), write_log(tmp_path, "fine\n", name="two.txt")
    (tmp_path / "app.py").write_text("print(1)\n")
    ran = gradio_doctor("diagnose", "--json", cwd=tmp_path, env={"GRADIO_DOCTOR_LOG": f"{one}:{two}"})
    assert ran.report["causes"][0]["id"] == "dependency.missing", ran.stdout


def test_a_bad_value_in_the_environment(project: Path) -> None:
    logs(project, GRADIO_DOCTOR_FAIL_ON="sometimes").assert_one_line("--fail-on", "sometimes")
    gradio_doctor("diagnose", cwd=project, env={"GRADIO_DOCTOR_TIMEOUT": "soon"}).assert_one_line("--timeout", "soon")


def test_pyproject(project: Path) -> None:
    configure(project, '[project]\nname = "x"\n[tool.gradio-doctor]\njson = true\n', "pyproject.toml")
    assert is_json(logs(project))
    below = project / "src" / "deep"
    below.mkdir(parents=True)
    ran = gradio_doctor("logs", "-", cwd=below, stdin=MISSING_MODULE)
    assert is_json(ran)


def test_the_nearest_file_wins_and_our_own_before_pyproject(project: Path) -> None:
    configure(project, "[tool.gradio-doctor]\njson = true\n", "pyproject.toml")
    configure(project, 'lang = "zh"\n')
    ran = logs(project)
    assert not is_json(ran)
    assert "没有安装" in ran.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jsn = true\n", "unknown key 'jsn'; known are "),
        ('json = "yes"\n', "json: wants true or false"),
        ("fail-on = true\n", "fail-on: True is no value"),
        ('fail-on = "never"\n', "fail-on: 'never' is not one of"),
        ("timeout = -1\n", "timeout: -1"),
        ('timeout = "long"\n', "timeout: 'long'"),
        ("select = [1]\n", "select: wants a list of texts"),
        ("select = {port = 1}\n", "select: wants a list of texts"),
        ('checks = ["mine"]\n', "'checks' cannot be set in a file, because it runs code"),
        ('python = "/tmp/python"\n', "'python' cannot be set in a file"),
        ("json = \n", "cannot be read as TOML"),
        ("x" * 1_100_000, "too large"),
    ],
)
def test_a_bad_file_is_named(project: Path, text: str, said: str) -> None:
    path = configure(project, text)
    logs(project).assert_one_line(str(path), said)


def test_help_and_version_do_not_need_a_good_file(project: Path) -> None:
    configure(project, "nonsense")
    assert gradio_doctor("diagnose", "--help", cwd=project).status == 0
    assert gradio_doctor("--version", cwd=project).status == 0


def test_a_bad_pyproject_is_our_business_only_when_it_speaks_of_us(project: Path) -> None:
    configure(project, "this is = = not toml\n", "pyproject.toml")
    assert logs(project).status == 1
    path = configure(project, "[tool.gradio-doctor]\n= =\n", "pyproject.toml")
    logs(project).assert_one_line(str(path), "TOML")
    path = configure(project, "[tool]\ngradio-doctor = 3\n", "pyproject.toml")
    logs(project).assert_one_line(str(path), "must be a table")
    configure(project, "tool = 3 # gradio-doctor\n", "pyproject.toml")
    assert logs(project).status == 1


def test_settings_reach_the_other_commands(project: Path) -> None:
    configure(project, 'lang = "zh"\njson = true\n')
    titles: dict[str, Any] = gradio_doctor("list", cwd=project).report
    assert titles["dependency.missing"] == "缺少 Python 模块"
