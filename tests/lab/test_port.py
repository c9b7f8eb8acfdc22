"""Ports: who holds them, may the app have them. Each fault beside its healthy twin."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.harness import (
    CAP_NET_BIND_SERVICE,
    HEALTHY,
    Lab,
    doctor,
    until,
    wait_serving,
    with_kill,
    without_capabilities,
    write_app,
)
from tests.ports import free_ports

ANY_PORT = """
    import gradio as gr

    gr.Interface(lambda x: x, "text", "text").launch()
"""
FORKING = """
    import os, signal, sys, time
    import gradio as gr

    demo = gr.Interface(lambda x: x, "text", "text")
    demo.launch(server_port={port}, prevent_thread_lock=True)
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(600)
"""


def test_running_app_is_healthy(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    process = lab.start(app, wait=port)
    for target in (app, port, process.pid, f"http://127.0.0.1:{port}"):
        doctor("diagnose", target, cwd=lab.directory).assert_healthy()


def test_orphaned_earlier_run(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    pid = lab.orphan(app, wait=port)
    top = doctor("diagnose", app, cwd=lab.directory).assert_first("port.leftover-process")
    assert f"kill {pid}" in top["remedies"][0]["commands"]
    assert str(pid) in top["says"]
    assert str(port) in top["says"]


def test_port_of_a_connection(lab: Lab, port: int) -> None:
    """Nobody listens there, and nobody else can bind it: the near end of somebody's connection."""
    (far,) = free_ports(1)
    app = write_app(lab.directory, HEALTHY, port=port)
    with socket.create_server(("127.0.0.1", far)), socket.socket() as client:
        client.bind(("127.0.0.1", port))
        client.connect(("127.0.0.1", far))
        top = doctor("diagnose", app, cwd=lab.directory).assert_first("port.foreign-process")
    assert f"127.0.0.1:{far}" in top["says"] and str(os.getpid()) in top["says"]
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()


def test_suspended_run(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    process = lab.start(app, wait=port)
    process.send_signal(signal.SIGSTOP)
    top = doctor("diagnose", app, cwd=lab.directory).assert_first("port.leftover-process")
    assert f"kill -CONT {process.pid} && kill {process.pid}" in top["remedies"][0]["commands"]
    process.send_signal(signal.SIGCONT)
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()


def test_forked_child_that_inherited_the_socket(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, FORKING, port=port)
    parent = lab.start(app, wait=port)
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()
    with_kill(parent.pid)
    parent.wait()
    top = doctor("diagnose", app, cwd=lab.directory).assert_first("port.leftover-process")
    command = top["remedies"][0]["commands"][0]
    os.kill(int(command.split()[-1]), signal.SIGKILL)  # the remedy frees the port
    until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) != 0, 5, "the port is still held")


def test_foreign_program(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY, port=port)
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"], cwd="/", stderr=subprocess.DEVNULL,
    )
    lab.started.append(server.pid)
    wait_serving(port)
    top = doctor("diagnose", app, cwd=lab.directory).assert_first("port.foreign-process")
    assert str(server.pid) in top["says"]
    assert "http.server" in top["says"]


def test_range_exhausted(lab: Lab) -> None:
    ports = free_ports(3)
    app = write_app(lab.directory, ANY_PORT)
    env = {"GRADIO_SERVER_PORT": str(ports[0]), "GRADIO_NUM_PORTS": "3"}
    holders = [socket.create_server(("127.0.0.1", p)) for p in ports]
    try:
        doctor("diagnose", app, cwd=lab.directory, env=env).assert_first("port.range-exhausted")
        holders.pop().close()  # one free port is enough
        doctor("diagnose", app, cwd=lab.directory, env=env).assert_healthy()
    finally:
        for holder in holders:
            holder.close()


def test_a_port_taken_by_another_program_is_told_when_the_app_moves_on(lab: Lab) -> None:
    ports = free_ports(3)
    app = write_app(lab.directory, ANY_PORT)
    with socket.create_server(("127.0.0.1", ports[0])):
        report = doctor("diagnose", app, cwd=lab.directory, env={"GRADIO_SERVER_PORT": str(ports[0])})
    report.assert_healthy()
    assert f"the app came up on port {ports[1]}, because {ports[0]} was taken when it started" in report.data["notes"]


def test_port_not_permitted(lab: Lab) -> None:
    app = write_app(lab.directory, HEALTHY, port=81)
    preexec = without_capabilities(CAP_NET_BIND_SERVICE)
    top = doctor("diagnose", app, cwd=lab.directory, preexec=preexec).assert_first("port.permission")
    assert "81" in top["says"]


@pytest.mark.parametrize("host", ["192.0.2.77", "no-such-host.invalid"])
def test_address_of_another_machine(lab: Lab, port: int, host: str) -> None:
    source = HEALTHY.replace("server_port={port}", "server_port={port}, server_name='{host}'")
    app = write_app(lab.directory, source, port=port, host=host)
    top = doctor("diagnose", app, cwd=lab.directory).assert_first("port.bad-address")
    assert host in top["says"]


def test_address_of_this_machine_is_healthy(lab: Lab, port: int) -> None:
    source = HEALTHY.replace("server_port={port}", "server_port={port}, server_name='0.0.0.0'")
    app = write_app(lab.directory, source, port=port)
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()


def test_moved_to_the_next_port_because_an_old_run_still_answers(lab: Lab) -> None:
    ports = free_ports(4)
    app = write_app(lab.directory, ANY_PORT)
    env = {"GRADIO_SERVER_PORT": str(ports[0])}
    old = lab.start(app, wait=ports[0], env=env)
    doctor("diagnose", app, cwd=lab.directory, env=env).assert_healthy()
    lab.start(app, wait=ports[1], env=env)
    top = doctor("diagnose", app, cwd=lab.directory, env=env).assert_first("port.leftover-process")
    assert str(old.pid) in top["says"]
    assert str(ports[0]) in top["says"]


def test_readme_app(lab: Lab) -> None:
    """The app of the README's first command, on a port of its own."""
    shipped = Path(__file__).parents[2] / "fixtures" / "apps" / "leftover_port.py"
    port = free_ports()[0]
    app = lab.directory / "leftover_port.py"
    app.write_text(shipped.read_text().replace("7868", str(port)))
    subprocess.run([sys.executable, str(app), "--leave-one-running"], cwd=lab.directory, timeout=90, check=True)
    doctor("diagnose", app, cwd=lab.directory).assert_first("port.leftover-process")
