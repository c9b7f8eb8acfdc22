"""The variables of the app, as the app has them, without secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from gradio_doctor.evidence import Absent, Environment, Instances, Target
from gradio_doctor.probes.environment import probe_environment, whole_environment

if TYPE_CHECKING:
    from tests.probes.conftest import FakeContext, Lab

Make = Callable[..., "FakeContext"]
MATTER = {
    "GRADIO_SERVER_PORT": "7861", "GRADIO_TEMP_DIR": "/srv/tmp", "GRADIO_SHARE": "", "http_proxy": "http://proxy:3128",
    "HTTPS_PROXY": "http://proxy:3128", "all_proxy": "socks5://proxy", "no_proxy": "localhost", "NO_PROXY": "*",
    "CUDA_VISIBLE_DEVICES": "0,1", "HF_HOME": "/srv/hf", "HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "https://hf.example",
    "TRANSFORMERS_OFFLINE": "1", "PYTHONPATH": "/srv/lib", "VIRTUAL_ENV": "/srv/venv", "TMPDIR": "/tmp",
    "LANG": "C.UTF-8", "LC_ALL": "C", "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8", "PORT": "8080",
    "SPACE_ID": "me/demo", "SYSTEM": "spaces", "PYTORCH_CUDA_ALLOC_CONF": "max_split_size_mb:128",
    "PYTORCH_ALLOC_CONF": "backend:native",
}


def variables(found: Environment | Absent) -> dict[str, str]:
    assert isinstance(found, Environment), found
    return dict(found.variables)


@pytest.fixture
def of_app(lab: Lab, make_context: Make) -> Callable[[dict[str, str]], Environment | Absent]:
    """What the probe sees of an app started with these variables."""
    app = lab.write("app.py")

    def look(env: dict[str, str]) -> Environment | Absent:
        lab.serve("app.py", env=env)
        return probe_environment(make_context(Target("script", "app.py", script=str(app))))

    return look


Look = Callable[[dict[str, str]], "Environment | Absent"]


def test_variables_that_matter(of_app: Look) -> None:
    seen = variables(of_app(MATTER))
    assert {n: v for n, v in seen.items() if n in MATTER} == MATTER


def test_other_variables_stay_behind(of_app: Look) -> None:
    others = {"MY_SETTING": "1", "HF_TOKEN": "hf_AbCdEfGhIjKl", "PATH_TO": "x", "AWS_SECRET_ACCESS_KEY": "s",
              "XGRADIO_A": "1", "PORTAL": "1", "GRADIO_DOCTOR_TIMEOUT": "3"}
    seen = variables(of_app(others))
    assert not set(others) & set(seen)
    assert "hf_AbCdEfGhIjKl" not in str(seen)


def test_secrets_are_hidden(of_app: Look) -> None:
    seen = variables(
        of_app(
            {"http_proxy": "http://bob:hunter2@proxy:1", "GRADIO_AUTH_TOKEN": "t0p", "GRADIO_X": "token=abcdef",
             "PYTHONPATH": "/a\x1b[31m/b", "HF_ENDPOINT": "https://u:pw@hub"}
        )
    )
    assert seen["http_proxy"] == "http://***@proxy:1"
    assert "t0p" not in seen.values() and "GRADIO_AUTH_TOKEN" in seen
    assert seen["GRADIO_X"] == "token=***"
    assert seen["PYTHONPATH"] == "/a/b"
    assert seen["HF_ENDPOINT"] == "https://***@hub"


def test_values_are_bounded(of_app: Look) -> None:
    assert len(variables(of_app({"PYTHONPATH": "/a:" * 20_000}))["PYTHONPATH"]) == 2000


def test_whose_they_are(lab: Lab, make_context: Make) -> None:
    lab.write("app.py")
    first, _ = lab.serve("app.py", env={"PORT": "1"})
    second, port = lab.serve("app.py", env={"PORT": "2"})
    script = Target("script", "", script=str(lab.directory / "app.py"))
    for target, pid, value in [
        (script, first, "1"),
        (Target("process", "", pid=second), second, "2"),
        (Target("port", "", port=port), second, "2"),
    ]:
        found = probe_environment(make_context(target))
        assert isinstance(found, Environment)
        assert (found.of, found.variables["PORT"]) == (f"pid {pid}", value)


def test_the_python_behind_a_launcher_is_asked(lab: Lab, make_context: Make) -> None:
    app = lab.write("app.py")
    code = "import os, subprocess, sys\nos.environ['PORT'] = '2'\nsubprocess.run([sys.executable, *sys.argv[1:]])\n"
    lab.write("gradio", code)
    lab.python("gradio", "app.py", "ready", env={"PORT": "1"})
    pid, _ = lab.ready("ready")
    found = probe_environment(make_context(Target("script", "", script=str(app))))
    assert isinstance(found, Environment)
    assert (found.of, found.variables["PORT"]) == (f"pid {pid}", "2")


def test_of_this_shell_when_none_runs(lab: Lab, make_context: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7999")
    monkeypatch.setenv("https_proxy", "http://bob:hunter2@proxy:1")
    app = lab.write("app.py")
    found = probe_environment(make_context(Target("script", "", script=str(app))))
    assert isinstance(found, Environment)
    assert found.of == "this shell"
    assert found.variables["GRADIO_SERVER_PORT"] == "7999"
    assert found.variables["https_proxy"] == "http://***@proxy:1"


@pytest.mark.parametrize("target", [Target("port", ":1", port=1), Target("url", "http://h"), Target("log", "x")])
def test_this_shell_says_nothing_about_what_runs_elsewhere(make_context: Make, target: Target) -> None:
    assert isinstance(probe_environment(make_context(target)), Absent)


def test_absent_instances_are_passed_on(make_context: Make) -> None:
    absent = Absent("process 5 has ended")
    context = make_context(Target("process", "", pid=5), {Instances: absent})
    assert probe_environment(context) == absent


def test_another_users_environment_is_absent_with_an_unlock(lab: Lab, make_context: Make, monkeypatch: Any) -> None:
    """What the kernel says to an ordinary user about another's process; we may be root here."""

    def denied(self: psutil.Process) -> dict[str, str]:
        raise psutil.AccessDenied(self.pid)

    pid = lab.python("-c", "import time; time.sleep(60)").pid
    context = make_context(Target("process", "", pid=pid))
    assert isinstance(context.get(Instances), Instances)
    monkeypatch.setattr(psutil.Process, "environ", denied)
    found = probe_environment(context)
    assert isinstance(found, Absent)
    assert "may not read" in found.why and f"pid:{pid}" in found.unlock and found.unlock.startswith("sudo ")


def test_app_that_ends_meanwhile_is_absent(lab: Lab, make_context: Make) -> None:
    process = lab.python("-c", "import time; time.sleep(60)")
    context = make_context(Target("process", "", pid=process.pid))
    assert isinstance(context.get(Instances), Instances)
    process.kill()
    process.wait()
    assert probe_environment(context) == Absent(f"process {process.pid} has ended")


def test_zombie_is_absent_or_empty_never_a_crash(lab: Lab, make_context: Make) -> None:
    process = lab.python("-c", "import time; time.sleep(60)")
    context = make_context(Target("process", "", pid=process.pid))
    assert isinstance(context.get(Instances), Instances)
    process.kill()
    lab.wait(lambda: psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)
    assert isinstance(probe_environment(context), Absent)


def test_whole_environment_is_the_apps_own(lab: Lab, make_context: Make) -> None:
    pid = lab.start(sys.executable, "-c", "import time; time.sleep(60)", env={"HF_TOKEN": "hf_x", "HOME": "/srv"}).pid
    found = whole_environment(make_context(Target("process", "", pid=pid)))
    assert not isinstance(found, Absent)
    assert (found[0]["HF_TOKEN"], found[0]["HOME"]) == ("hf_x", "/srv")
    assert found[1] is not None and found[1].pid == pid
    assert "hf_x" not in os.environ.values()
