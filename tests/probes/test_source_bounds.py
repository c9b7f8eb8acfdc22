# ruff: noqa: E501 - one app a line reads best
"""Looking ahead is bounded in time and in what it keeps, whatever the app; what was cut is noted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gradio_doctor.evidence import AppSource
from gradio_doctor.probes.source import probe
from tests.probes.source_apps import read_app

HEAD = "import time\nimport gradio as gr\nN = []\n"
CHAIN = "".join(f"def f{i}(x):\n    N.append(x)\n    return f{i + 1}(x)\n" for i in range(300)) + "def f300(x):\n    time.sleep(1)\n"
MANY = CHAIN + "".join(f"async def h{i}(x):\n    return f0(x)\n" for i in range(600))
DENSE = "".join(f"def f{i}(x):\n" + "".join(f"    f{j}(x)\n" for j in range(90)) for i in range(90))
LONG = "def f0(x):\n    global y\n" + "".join(f"    a{i} = a{max(i - 1, 0)} + x\n    N.append(a{i})\n" for i in range(3000)) + "    y = a1\n"
DEEP = "def f0(x):\n    " + "x(" * 80 + ")" * 80 + "\n"
APPS = {
    "many handlers, a long way": MANY + "b = gr.Button()\n" + "".join(f"b.click(h{i}, b)\n" for i in range(600)),
    "everything calls everything": DENSE + "b = gr.Button()\n" + "".join(f"b.click(f{i}, b)\n" for i in range(90)),
    "one long function": LONG + "b = gr.Button()\nb.click(f0, b)\n",
    "deeply nested calls": DEEP + "b = gr.Button()\nb.click(f0, b)\n",
}


@pytest.mark.parametrize("code", APPS.values(), ids=APPS)
def test_time_is_bounded(code: str, tmp_path: Path) -> None:
    started = time.process_time()  # the machine may be busy with others
    source = read_app(tmp_path, HEAD + code)
    assert time.process_time() - started < 8
    assert source.handlers or source.unread
    assert len(source.slow) <= probe.MAX_FOUND


def test_what_time_cut_off_is_noted_and_the_rest_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "FORESIGHT_SECONDS", -1.0)
    app = HEAD + "async def f(x):\n    time.sleep(1)\ngr.Interface(f, 'text', 'text').launch(server_port=7861)\n"
    source: AppSource = read_app(tmp_path, app)
    assert source.slow == ()
    assert source.shared == ()
    assert [h.name for h in source.handlers] == ["f"]
    assert source.named("launch")
    assert any("time" in note for note in source.unread)


def test_one_change_of_a_kind_is_told_for_a_function(tmp_path: Path) -> None:
    source = read_app(tmp_path, HEAD + LONG + "b = gr.Button()\nb.click(f0, b)\nprint(N, y)\n")
    assert len([w for w in source.shared if w.name == "N"]) <= 1
