"""Whose memory fills the card, end to end: the real binding, real processes, and the stand-in for the driver."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil

from tests.gpu.standin import CARD, SERVING, Nvml, failing, out_of_memory
from tests.lab.harness import Lab, Report, doctor, environment, until, write_app

FULL_OF_OTHERS = out_of_memory("2.00 GiB", "28.00 MiB", "496.00 MiB", "80.00 MiB")
TOO_BIG = out_of_memory("12.00 GiB", "9.00 GiB", "13.20 GiB", "12.70 GiB")


def shares(report: Report) -> list[tuple[str, str]]:
    """(role, who) of the live bar."""
    items = [i for i in report.top["evidence"] if i["finding"].startswith(("gpu.held-by", "gpu.app-fills"))]
    return [(s["role"], s["who"]) for i in items for bar in i.get("shares", []) for s in bar["held"]]


def ahead(report: Report) -> list[str]:
    return [p["finding"] for p in report.data["predictions"]]


def test_another_program_holds_the_card(lab: Lab, port: int, nvml: Nvml, holder: subprocess.Popen[bytes]) -> None:
    nvml.say(f"gpu {CARD} 22300", f"proc {holder.pid} 22200 c")
    app = write_app(lab.directory, failing(FULL_OF_OTHERS), port=port)
    report = doctor("diagnose", app, cwd=lab.directory, env=nvml.environment)
    top = report.assert_first("gpu.held-by-other")
    assert f"pid {holder.pid}" in top["says"]
    assert "sleep 300" in top["says"]
    ends = [r for r in top["remedies"] if f"kill {holder.pid}" in r["commands"]]
    assert ends and not any(r["safe"] for r in ends)
    assert any(role == "other" and who.startswith(f"pid {holder.pid} sleep 300") for role, who in shares(report))


def test_without_numbers_in_the_message(lab: Lab, port: int, nvml: Nvml, holder: subprocess.Popen[bytes]) -> None:
    nvml.say(f"gpu {CARD} 21000", f"proc {holder.pid} 20900 c")
    app = write_app(lab.directory, failing("CUDA error: out of memory", "AcceleratorError"), port=port)
    report = doctor("diagnose", app, cwd=lab.directory, env=nvml.environment)
    assert f"pid {holder.pid}" in report.assert_first("gpu.held-by-other")["says"]


def test_the_same_message_on_an_empty_card(lab: Lab, port: int, nvml: Nvml) -> None:
    nvml.say(f"gpu {CARD} 0")
    app = write_app(lab.directory, failing("CUDA error: out of memory", "AcceleratorError"), port=port)
    report = doctor("diagnose", app, cwd=lab.directory, env=nvml.environment)
    report.assert_first("gpu.out-of-memory")
    assert "gpu.held-by-other" not in report.ids


def test_a_request_that_never_fits_beside_a_neighbour(
    lab: Lab, port: int, nvml: Nvml, holder: subprocess.Popen[bytes]
) -> None:
    nvml.say(f"gpu {CARD} 4000", f"proc {holder.pid} 3900 c")
    app = write_app(lab.directory, failing(TOO_BIG), port=port)
    doctor("diagnose", app, cwd=lab.directory, env=nvml.environment).assert_first("gpu.out-of-memory")


def test_a_left_over_run_of_the_app(lab: Lab, port: int, nvml: Nvml) -> None:
    """The old run holds the card and has no port any more; the log is of the new one, which failed."""
    app = write_app(lab.directory, "import pathlib, time\npathlib.Path('up').touch()\ntime.sleep(300)\n")
    old = lab.start(app, wait=None)
    until((lab.directory / "up").exists, 20, "the old run does not come up")
    write_app(lab.directory, failing(FULL_OF_OTHERS), port=port)
    nvml.say(f"gpu {CARD} 22300", f"proc {old.pid} 22000 c")
    log = lab.directory / "new.log"
    with log.open("wb") as file:
        subprocess.run(
            [Path(environment()["PATH"].partition(":")[0]) / "python", app], stdout=file, stderr=file, check=False,
            env=environment(), cwd=lab.directory,
        )
    report = doctor("diagnose", app, "--log", log, cwd=lab.directory, env=nvml.environment)
    top = report.assert_first("gpu.held-by-other")
    assert f"pid {old.pid}" in top["says"]
    assert any(f"kill {old.pid}" in r["commands"] and not r["safe"] for r in top["remedies"])
    assert [role for role, _ in shares(report)][:2] == ["app", "leftover"]


def test_a_process_that_ended_and_still_holds_memory(lab: Lab, port: int, nvml: Nvml) -> None:
    with subprocess.Popen(["sleep", "0"]) as dead:
        until(lambda: psutil.Process(dead.pid).status() == psutil.STATUS_ZOMBIE, 20, "it does not end")
        nvml.say(f"gpu {CARD} 22300", f"proc {dead.pid} 22000 c")
        app = write_app(lab.directory, failing(FULL_OF_OTHERS), port=port)
        top = doctor("diagnose", app, cwd=lab.directory, env=nvml.environment).assert_first("gpu.held-by-other")
    assert top["says"].startswith(f"A process that has ended (pid {dead.pid})")
    assert not any(command.startswith("kill") for r in top["remedies"] for command in r["commands"])


def test_a_server_that_fills_its_card_is_healthy(lab: Lab, port: int, nvml: Nvml) -> None:
    app = write_app(lab.directory, SERVING, port=port)
    running = lab.start(app, wait=port)
    nvml.say(f"gpu {CARD} 21800", f"proc {running.pid} 21700 c")
    report = doctor("diagnose", app, cwd=lab.directory, env=nvml.environment)
    report.assert_healthy()
    assert "gpu.memory-short" in ahead(report)
    (lab.directory / "gradio-doctor.toml").write_text("gpu-alert = 99\n")
    silent = doctor("diagnose", app, cwd=lab.directory, env=nvml.environment)
    silent.assert_healthy()
    assert "gpu.memory-short" not in ahead(silent)
    loud = doctor("diagnose", app, "--gpu-alert", 50, cwd=lab.directory, env=nvml.environment)
    loud.assert_healthy()
    assert "gpu.memory-short" in ahead(loud)
