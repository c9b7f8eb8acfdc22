"""Which processes are the app: by script, pid, port, URL, or by looks; with launchers, forks and leftovers."""

from __future__ import annotations

import dataclasses
import os
import signal
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradio_doctor.evidence import Absent, Instances, Listener, Listeners, Process, Processes, Run, Target
from gradio_doctor.probes.families import family_of
from gradio_doctor.probes.instances import probe_instances, script_of, serving, subject
from gradio_doctor.probes.processes import probe_processes
from gradio_doctor.probes.sockets import probe_listeners

if TYPE_CHECKING:
    from tests.probes.conftest import FakeContext, Lab

Make = Callable[..., "FakeContext"]
FORKS = """\
import multiprocessing as m, sys, time
m.get_context(sys.argv[2]).Process(target=time.sleep, args=(60,)).start()
"""
LAUNCHER = "import subprocess, sys\nsubprocess.run([sys.executable, '-u', *sys.argv[1:]])\n"


@pytest.fixture
def look(make_context: Make) -> Callable[..., Instances]:
    def find(target: Target, **evidence: Any) -> Instances:
        found = probe_instances(make_context(target, {type(v): v for v in evidence.values()}))
        assert isinstance(found, Instances), found
        return found

    return find


Look = Callable[..., Instances]


def real_world() -> tuple[Processes, Listeners]:
    nothing: Any = None  # these probes ask nothing of their context
    seen, sockets = probe_processes(nothing), probe_listeners(nothing)
    assert isinstance(seen, Processes) and isinstance(sockets, Listeners)
    return seen, sockets


def script(path: Path) -> Target:
    return Target("script", path.name, script=str(path))


def pids(processes: tuple[Process, ...]) -> list[int]:
    return [p.pid for p in processes]


def made(pid: int, ppid: int, command: str, **fields: Any) -> Process:
    values: dict[str, Any] = {"session": 50, "exe": "/usr/bin/python3", "started": float(pid), "state": "sleeping"}
    return Process(pid, ppid, "python", tuple(command.split()), "user", **(values | fields))


def table(*processes: Process) -> Processes:
    return Processes({p.pid: p for p in processes}, 0.0)


def test_script_that_does_not_run(lab: Lab, look: Look) -> None:
    app = lab.write("app.py")
    assert look(script(app)) == Instances(str(app))


def test_script_that_runs_twice_oldest_first(lab: Lab, look: Look) -> None:
    app, _ = lab.write("app.py"), lab.write("other.py")
    first, second = lab.serve("app.py")[0], lab.serve(str(app))[0]
    lab.serve("other.py")
    found = look(script(app))
    assert pids(found.main) == [first, second]
    assert found.children == () and found.started_by_us is None


def test_script_through_links(lab: Lab, look: Look) -> None:
    app = lab.write("real/app.py")
    (lab.directory / "link.py").symlink_to(app)
    (lab.directory / "dir").symlink_to(app.parent)
    running = [lab.serve("link.py")[0], lab.serve("dir/app.py")[0], lab.serve("real/app.py")[0]]
    assert pids(look(script(app)).main) == running
    assert pids(look(script(lab.directory / "link.py")).main) == running


def test_same_name_elsewhere_is_another_app(lab: Lab, look: Look) -> None:
    app = lab.write("one/app.py")
    lab.write("two/app.py")
    lab.serve("two/app.py")
    assert look(script(app)).main == ()


def test_forked_child(lab: Lab, look: Look) -> None:
    app = lab.write("app.py", FORKS + lab.server)
    lab.python("app.py", "ready", "fork")
    pid, _ = lab.ready("ready")
    found = look(script(app))
    assert pids(found.main) == [pid]
    assert [p.ppid for p in found.children] == [pid]


def test_spawned_child(lab: Lab, look: Look) -> None:
    app = lab.write("app.py", "if __name__ == '__main__':\n" + textwrap.indent(FORKS + lab.server, "    "))
    lab.python("app.py", "ready", "spawn")
    pid, _ = lab.ready("ready")
    lab.wait(lambda: look(script(app)).children)
    found = look(script(app))
    assert pids(found.main) == [pid]
    assert all(p.script == "" and "--multiprocessing-fork" in p.command for p in found.children)


def test_orphaned_fork_holds_the_port_of_its_dead_parent(lab: Lab, look: Look) -> None:
    code = lab.server.replace("server.serve_", "import time\nif not os.fork(): time.sleep(60)\nserver.serve_")
    app = lab.write("app.py", code)
    pid, port = lab.serve("app.py", start_new_session=True)
    lab.wait(lambda: look(script(app)).children)
    (child,) = look(script(app)).children
    assert {pid, child.pid} == set(pids(look(Target("port", "", port=port)).all))
    os.kill(pid, signal.SIGKILL)
    lab.started[-1].wait()
    lab.wait(lambda: pids(look(script(app)).main) == [child.pid])
    left = look(Target("port", "", port=port)).main
    assert pids(left) == [child.pid] and left[0].orphan


def test_launcher_is_main_and_what_it_started_is_its_child(lab: Lab, look: Look) -> None:
    app = lab.write("app.py")
    lab.write("gradio", LAUNCHER)
    launcher = lab.python("gradio", "app.py", "ready").pid
    pid, port = lab.ready("ready")
    for target in (script(app), Target("port", "", port=port), Target("process", "", pid=pid)):
        found = look(target)
        assert (pids(found.main), pids(found.children)) == ([launcher], [pid])
        assert found.script == str(app)
        served = serving(found)
        assert served is not None and served.pid == pid


def test_pid_and_its_script(lab: Lab, look: Look) -> None:
    app = lab.write("app.py")
    first, second = lab.serve("app.py")[0], lab.serve("app.py")[0]
    found = look(Target("process", "", pid=second))
    assert found.script == str(app)
    assert pids(found.main) == [first, second]
    served = serving(found, second)
    assert served is not None and served.pid == second


def test_pid_without_a_script(lab: Lab, look: Look) -> None:
    pid = lab.python("-c", "import time; time.sleep(60)").pid
    lab.python("-c", "import time; time.sleep(60)")
    found = look(Target("process", "", pid=pid))
    assert (pids(found.main), found.script) == ([pid], "")


def test_pid_that_has_ended_is_absent(lab: Lab, make_context: Make) -> None:
    gone = lab.python("-c", "")
    gone.wait()
    found = probe_instances(make_context(Target("process", "", pid=gone.pid)))
    assert found == Absent(f"process {gone.pid} has ended")


def test_url_of_this_machine(lab: Lab, look: Look) -> None:
    lab.write("app.py")
    pid, port = lab.serve("app.py")
    assert pids(look(Target("url", "", url=f"http://127.0.0.1:{port}", port=port)).main) == [pid]


def test_url_of_another_machine_is_absent(make_context: Make) -> None:
    found = probe_instances(make_context(Target("url", "http://example.com", url="http://example.com")))
    assert isinstance(found, Absent) and "another machine" in found.why


def test_port_nobody_listens_on(look: Look) -> None:
    assert look(Target("port", "", port=7860), sockets=Listeners(())) == Instances("")


def test_hidden_holder_is_absent_with_an_unlock(make_context: Make) -> None:
    sockets = Listeners((Listener("0.0.0.0", 7860, 4, 5, 0),), hidden=True)
    found = probe_instances(make_context(Target("port", "", port=7860), {Listeners: sockets}))
    assert isinstance(found, Absent) and found.unlock.startswith("sudo")


def test_no_listeners_or_no_processes_is_absent(make_context: Make) -> None:
    absent = Absent("cannot look")
    target = Target("port", "", port=7860)
    assert probe_instances(make_context(target, {Listeners: absent})) == absent
    assert probe_instances(make_context(target, {Processes: absent})) == absent


def test_same_name_in_a_hidden_directory_is_not_taken_for_not_running(make_context: Make) -> None:
    hidden = made(60, 50, "python -u app.py")
    found = probe_instances(make_context(Target("script", "", script="/srv/app.py"), {Processes: table(hidden)}))
    assert isinstance(found, Absent) and "pid 60" in found.why and "pid:60" in found.unlock
    others = table(made(60, 50, "python other.py"), made(61, 50, "python app.py", cwd="/x", script="/x/app.py"))
    found = probe_instances(make_context(Target("script", "", script="/srv/app.py"), {Processes: others}))
    assert found == Instances("/srv/app.py")
    seen = made(62, 50, "python app.py", cwd="/srv", script="/srv/app.py")
    found = probe_instances(make_context(Target("script", "", script="/srv/app.py"), {Processes: table(hidden, seen)}))
    assert isinstance(found, Instances) and pids(found.main) == [62]


@pytest.mark.parametrize("kind", ["log", "bundle"])
def test_recorded_evidence_tells_no_processes(make_context: Make, kind: Any) -> None:
    assert isinstance(probe_instances(make_context(Target(kind, "x"))), Absent)


def test_orphaned_fork_beside_a_living_instance() -> None:
    main = made(60, 50, "python /a.py", script="/a.py")
    fork = made(70, 1, "python /a.py", script="/a.py", orphan=True)
    leftover = made(40, 1, "python /a.py", script="/a.py", orphan=True, session=30)
    later = made(80, 1, "python /a.py", script="/a.py", orphan=True, session=79)
    zombie = made(90, 60, "python /a.py", script="/a.py", state="zombie")
    everyone = table(main, fork, leftover, later, zombie)
    found = family_of(everyone.table.values(), everyone.table)
    assert (pids(found[0]), pids(found[1])) == ([40, 60, 80], [70])


def test_started_by_us(look: Look) -> None:
    app = made(60, 50, "python /a.py", script="/a.py")
    run = Run(("python", "/a.py"), "/", 60, "serving", 1.0)
    found = look(Target("script", "", script="/a.py"), table=table(app), run=run)
    assert (found.main, found.started_by_us) == ((app,), 60)
    ended = Run(("python", "/a.py"), "/", 61, "exited", 1.0)
    assert look(Target("script", "", script="/a.py"), table=table(app), run=ended).started_by_us is None


def test_gradio_apps_are_found_by_their_looks(lab: Lab, look: Look) -> None:
    lab.write("app.py", "if 0:\n    import numpy, gradio as gr\n" + lab.server)
    lab.write("plain.py", "# import of gradio_client\nif 0: import gradio_client\n" + lab.server)
    app, plain, told = lab.serve("app.py")[0], lab.serve("plain.py")[0], lab.serve(
        "plain.py", env={"GRADIO_SERVER_PORT": "7860"}
    )[0]
    silent = lab.python("-c", "import time; time.sleep(60)", env={"GRADIO_SERVER_PORT": "7860"}).pid
    lab.write("pytest", "if 0: import gradio\n" + lab.server)
    tool = lab.serve("pytest", env={"GRADIO_SERVER_PORT": "7860"})[0]
    found = pids(look(Target("none", "")).main)
    assert {app, told} <= set(found)
    assert {plain, silent, tool, os.getpid()}.isdisjoint(found)


def test_behind_the_node_front_process(lab: Lab, look: Look) -> None:
    """A process with the environment that Gradio gives its Node server (SSR), shown in the table as Node."""
    lab.write("app.py")
    lab.write("gradio/templates/node/build/index.js")
    pid, port = lab.serve("app.py")
    lab.python("gradio/templates/node/build/index.js", "front", env={"GRADIO_PYTHON_PORT": str(port)})
    front, front_port = lab.ready("front")
    seen, sockets = real_world()
    node = dataclasses.replace(seen.table[front], ppid=1, exe="/usr/bin/node", name="node")
    world = Processes({**seen.table, front: node}, seen.now)
    for target in (Target("port", "", port=front_port), Target("process", "", pid=front)):
        assert pids(look(target, table=world, sockets=sockets).main) == [pid]
    os.kill(pid, signal.SIGKILL)
    lab.started[0].wait()
    left = look(Target("port", "", port=front_port), table=world, sockets=real_world()[1])
    assert pids(left.main) == [front]  # its Python is dead, and it holds the port for ever


def test_processes_that_vanish_meanwhile_do_no_harm(look: Look) -> None:
    gone = made(2**30, 2**30 + 1, "python /a.py", script="/a.py")
    for target in (Target("script", "", script="/a.py"), Target("process", "", pid=2**30), Target("none", "")):
        found = look(target, table=table(gone), sockets=Listeners((Listener("::", 1, 6, 1, 0, holders=(5, 2**30)),)))
        assert set(pids(found.main)) <= {2**30}
    assert script_of(2**30) == ""


def test_script_of_a_running_process(lab: Lab) -> None:
    app = lab.write("app.py")
    assert script_of(lab.serve("app.py")[0]) == str(app)


def test_subject(lab: Lab, make_context: Make) -> None:
    app = lab.write("app.py")
    assert subject(make_context(script(app))) is None
    pid, _ = lab.serve("app.py")
    found = subject(make_context(script(app)))
    assert isinstance(found, Process) and found.pid == pid
    assert isinstance(subject(make_context(Target("log", ""))), Absent)
