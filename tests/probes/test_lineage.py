"""The rule of orphans and keepers, on tables as real machines show them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gradio_doctor.evidence import Process
from gradio_doctor.probes.lineage import CONTAINER, Traits, is_orphan, keeper_of, read_traits, service_unit


def process(pid: int, ppid: int, session: int, name: str = "python", command: str = "python app.py") -> Process:
    return Process(pid, ppid, name, tuple(command.split()), "user", 0.0, "sleeping", session=session)


SYSTEMD = process(1, 0, 1, "systemd", "/sbin/init")
SHELL = process(50, 1, 50, "bash", "-bash")


def judge(app: Process, *others: Process, traits: dict[int, Traits] | None = None) -> tuple[bool, str]:
    table = {p.pid: p for p in (app, *others)}
    return is_orphan(app, table, traits or {}), keeper_of(app, table, traits or {})


def test_child_of_a_shell() -> None:
    assert judge(process(60, 50, 50), SHELL, SYSTEMD) == (False, "")


def test_left_behind_by_a_shell() -> None:
    assert judge(process(60, 1, 50), SYSTEMD) == (True, "")


def test_left_behind_under_a_per_user_systemd() -> None:
    user = process(40, 1, 40, "systemd", "/lib/systemd/systemd --user")
    assert judge(process(60, 40, 50), user, SYSTEMD) == (True, "")


def test_another_process_called_systemd_is_no_reaper() -> None:
    assert judge(process(60, 40, 50), process(40, 1, 40, "systemd", "systemd-something"), SYSTEMD)[0] is False


def test_service() -> None:
    assert judge(process(60, 1, 60), SYSTEMD, traits={60: Traits(unit="demo.service")}) == (False, "demo.service")


def test_worker_of_a_service_names_it_too() -> None:
    parent = process(59, 1, 59)
    assert judge(process(60, 59, 59), parent, SYSTEMD, traits={60: Traits(unit="demo.service")})[1] == "demo.service"


def test_entry_point_of_a_container() -> None:
    assert judge(process(1, 0, 1), traits={1: Traits(first=True)}) == (False, CONTAINER)


def test_entry_point_seen_from_the_host() -> None:
    shim = process(90, 1, 90, "containerd-shim", "containerd-shim -id x")
    assert judge(process(100, 90, 100), shim, SYSTEMD, traits={100: Traits(first=True)}) == (False, CONTAINER)


@pytest.mark.parametrize("reaper", ["tini -- python app.py", "bash start.sh", "docker-init -- python app.py"])
def test_child_of_a_containers_entry_point(reaper: str) -> None:
    first = process(1, 0, 1, reaper.split()[0], reaper)
    assert judge(process(7, 1, 1), first, traits={1: Traits(first=True)}) == (False, CONTAINER)


def test_child_of_dumb_init_has_a_session_of_its_own() -> None:
    first = process(1, 0, 1, "dumb-init", "dumb-init -- python app.py")
    assert judge(process(7, 1, 7), first) == (False, CONTAINER)
    assert judge(process(8, 1, 8, command="python other.py"), first) == (True, "")


def test_child_of_a_process_manager() -> None:
    first = process(1, 0, 1, "node", "node /usr/bin/pm2-runtime app.config.js")
    assert judge(process(7, 1, 7), first) == (False, "pm2")


def test_left_behind_inside_a_container() -> None:
    first = process(1, 0, 1, "tini", "tini -- sleep infinity")
    assert judge(process(70, 1, 60), first, traits={1: Traits(first=True)}) == (True, "")
    on_host = process(1000, 90, 1000, "tini", "tini -- sleep infinity")
    assert judge(process(1070, 1000, 1060), on_host, SYSTEMD, traits={1000: Traits(first=True)}) == (True, "")


def test_session_of_the_reaper_says_nothing_when_we_work_in_it(tmp_path: Path) -> None:
    """A CI job without a terminal: everything that it starts, and we, are in the session of pid 1."""
    crowded = {1: Traits(first=True, crowded=True)}
    app = replace(process(70, 1, 1), script="/srv/app.py")
    assert judge(app, process(1, 0, 1, "agent", "agent --serve"), traits=crowded) == (True, "")
    assert judge(app, process(1, 0, 1, "agent", "agent --serve"), traits={1: Traits(first=True)}) == (False, CONTAINER)
    assert judge(app, process(1, 0, 1, "sh", "sh -c python app.py & wait"), traits=crowded) == (False, CONTAINER)
    (tmp_path / "start.sh").write_text("python app.py & make check; wait")
    assert judge(app, process(1, 0, 1, "sh", f"sh {tmp_path}/start.sh"), traits=crowded) == (False, CONTAINER)


def test_crowded() -> None:
    code = "import os; from gradio_doctor.probes.lineage import read_traits as r; "
    code += "print(r(os.getpid()).crowded, r(os.getppid()).crowded, r(os.getsid(0)).crowded)"
    below = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    done = subprocess.run([sys.executable, "-c", below], capture_output=True, text=True, start_new_session=True)
    assert done.stdout.split() == ["False", "False", "False"]  # a child of the session's leader
    command = [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {below!r}])"]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    assert done.stdout.split() == ["False", "False", "True"]


def test_entered_container_has_no_parent_to_lose() -> None:
    assert judge(process(70, 0, 70), process(1, 0, 1, "tini", "tini -- x"))[0] is False


@pytest.mark.parametrize("flag", ["-D", "--daemon"])
def test_a_server_that_goes_to_the_background_as_it_was_told(flag: str) -> None:
    told = process(60, 1, 60, command=f"/v/bin/python /v/bin/gunicorn app:app {flag}")
    assert judge(told, SYSTEMD) == (True, "gunicorn --daemon")
    for other in ("/v/bin/gunicorn app:app", f"python app.py {flag}"):
        assert judge(process(60, 1, 60, command=other), SYSTEMD) == (True, "")


def test_nohup() -> None:
    assert judge(process(60, 1, 50), SYSTEMD, traits={60: Traits(ignores_hangup=True)}) == (True, "nohup")
    assert judge(process(60, 50, 50), SHELL, SYSTEMD, traits={60: Traits(ignores_hangup=True)}) == (False, "nohup")


@pytest.mark.parametrize(("name", "keeper"), [("tmux: server", "tmux"), ("SCREEN", "screen"), ("zellij", "zellij")])
def test_inside_a_terminal_multiplexer(name: str, keeper: str) -> None:
    server = process(40, 1, 40, name, name)
    shell = process(50, 40, 50, "bash", "-bash")
    assert judge(process(60, 50, 50), shell, server, SYSTEMD) == (False, keeper)


def test_screensaver_is_no_screen() -> None:
    assert judge(process(60, 40, 40), process(40, 1, 40, "screensaver", "screensaver"), SYSTEMD)[1] == ""


def test_zombie_and_hidden_parent_are_no_orphans() -> None:
    zombie = Process(60, 1, "python", (), "user", 0.0, "zombie", session=50)
    assert judge(zombie, SYSTEMD)[0] is False
    assert judge(process(60, 55, 50), SYSTEMD) == (False, "")


def test_a_loop_of_parents_ends() -> None:
    assert judge(process(60, 61, 50), process(61, 60, 50)) == (False, "")


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/demo.service", "demo.service"),
        ("0::/system.slice/demo.service/payload", "demo.service"),
        ("9:name=systemd:/system.slice/demo.service\n0::/", "demo.service"),
        ("4:memory:/system.slice/other.service\n0::/", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/demo.service", "demo.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte-spawn-1.scope", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/gnome-terminal-server.service", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/init.scope", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service", ""),
        ("0::/system.slice/ssh.service", ""),
        ("0::/system.slice/docker-0123abc.scope", ""),
        ("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-1.scope", ""),
        ("0::/", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_service_unit(cgroup: str, unit: str) -> None:
    assert service_unit(cgroup) == unit


def test_traits_of_real_processes() -> None:
    code = "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert read_traits(other.pid).ignores_hangup
        assert not read_traits(os.getpid()).ignores_hangup or signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        other.kill()
    assert read_traits(2**30) == Traits()


def test_traits_as_the_kernel_prints_them(tmp_path: Path) -> None:
    (tmp_path / "9999999").mkdir()
    (tmp_path / "9999999" / "status").write_text("Name:\tx\nNSpid:\t4711\t1\nSigIgn:\t0000000001001001\n")
    (tmp_path / "9999999" / "cgroup").write_text("0::/system.slice/demo.service\n")
    assert read_traits(9_999_999, tmp_path) == Traits(ignores_hangup=True, unit="demo.service", first=True)
    (tmp_path / "9999999" / "status").write_text("NSpid:\t11\nSigIgn:\t0000000001001000\n")
    assert read_traits(9_999_999, tmp_path) == Traits(unit="demo.service")
    (tmp_path / "9999999" / "stat").write_text(f"9999999 (a) b 1 (c) S 1 7 {os.getsid(0)} 0 -1 4194304\n")
    assert read_traits(9_999_999, tmp_path) == Traits(unit="demo.service", crowded=True)
