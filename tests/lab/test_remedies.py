"""The first remedy mends: where the source passes an argument, Gradio's variable of the same meaning is not heeded."""

from __future__ import annotations

import subprocess
from pathlib import Path

from gradio_doctor.registry import Loaded
from tests.lab.harness import Lab, with_kill, write_app
from tests.lab.proxied import HOST, ids, informed, nginx, seen

PASSES = """
    import gradio as gr

    demo = gr.Interface(str.upper, "text", "text")
    demo.launch(
        server_port={port}, quiet=True,
        root_path="",
    )
"""
# the kernel refuses to connect there: nothing leaves this machine, as it would for another address that is not its own
NOWHERE = "location / {{ proxy_pass http://255.255.255.255:{}; {} }}"
SUB_PATH = "location /rev/ {{ proxy_pass http://127.0.0.1:{}/; {} }}"


def test_the_line_that_hides_the_variable(lab: Lab, port: int, loaded: Loaded, tmp_path: Path) -> None:
    """GRADIO_ROOT_PATH would do nothing here; the change that is offered does. Nor is it the app that a proxy misses
    which asks an address of no interface: listening on every address would not help.
    """
    app = write_app(lab.directory, PASSES, port=port)
    process = lab.start(app, wait=port)
    with nginx(tmp_path / "nowhere", NOWHERE.format(port, HOST)) as url:
        found = informed(loaded, port, url, tmp_path / "nowhere/nginx.conf")
        assert ids(found)[:1] == ["proxy.wrong-upstream"], (ids(found), seen(found))
    with nginx(tmp_path / "rev", SUB_PATH.format(port, HOST)) as url:
        found = informed(loaded, port, f"{url}/rev/", tmp_path / "rev/nginx.conf")
        assert ids(found)[:1] == ["proxy.root-path"], (ids(found), seen(found))
        fix = found.causes[0].fixes[0]
        assert f"{app}:6" in fix.text.en and 'root_path="/rev"' in fix.text.en and not fix.commands
        subprocess.run(["patch", "-p0"], cwd=fix.directory, input=fix.diff, text=True, check=True, capture_output=True)
        with_kill(process.pid)
        process.wait(10)
        lab.start(app, wait=port)
        found = informed(loaded, port, f"{url}/rev/", tmp_path / "rev/nginx.conf")
        assert not ids(found), (ids(found), seen(found))
