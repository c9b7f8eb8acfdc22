"""A quota that is used up where Gradio keeps its files, on a real file system: root, a loop device and btrfs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.harness import Lab, Report, environment, write_app
from tests.lab.resource_lab import bars_of, seen_in

APP = """
    import os
    import gradio as gr

    filler = os.environ["GRADIO_TEMP_DIR"] + "/weights"
    try:
        with open(filler, "wb") as file:
            file.write(os.urandom({filler}))
    except OSError as error:
        print(error)
    gr.Interface(lambda x: x, "text", "file").launch(server_port={port})
"""
KERNEL = "btrfs" in Path("/proc/filesystems").read_text() and Path("/dev/loop-control").exists()
# No package brings a kernel; where this part of it is missing, tests/probes/test_quotas.py has a stand-in.
pytestmark = pytest.mark.skipif(not KERNEL, reason="this kernel has no btrfs, or no loop devices")
MIB = 2**20
IMAGE = 128 * MIB  # btrfs takes 109 MiB at least
# A subvolume that may take 8 MiB, in a file system with room for more; it is gone with its mount namespace.
MAKES = """
set -e
exec 3>&1 >&2
mkfs.btrfs -q -f "$1"
mount -o loop "$1" "$2"
btrfs quota enable "$2"
btrfs subvolume create "$2/tmp"
btrfs qgroup limit 8M "$2/tmp"
shift 2
exec "$@" >&3
"""


def limited(lab: Lab, port: int, filler: int) -> Report:
    """An app under gradio-doctor whose temporary directory has a quota."""
    write_app(lab.directory, APP, port=port, filler=filler)
    image, place = lab.directory / "disk.img", lab.directory / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(IMAGE)
    tool = [str(Path(sys.executable).with_name("gradio-doctor")), "diagnose", "app.py", "--json"]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", MAKES, "sh", str(image), str(place), *tool], cwd=lab.directory,
        env=environment(GRADIO_TEMP_DIR=str(place / "tmp")), capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL, check=False,
    )
    return Report(done)


def test_used_up(lab: Lab, port: int) -> None:
    """It starts, and answers; df shows room, and no file can be written."""
    report = limited(lab, port, 20 * MIB)
    top = report.assert_first("limits.disk-full")
    assert "limits.quota-used-up" in seen_in(top) and not bars_of(top)
    assert str(lab.directory / "disk" / "tmp") in top["says"] and "quota" in top["says"]


def test_with_room(lab: Lab, port: int) -> None:
    """The healthy twin: the same quota, and an app that needs less."""
    limited(lab, port, MIB).assert_healthy()
