"""Frames, line ends and what is no traceback, on made-up texts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradio_doctor.evidence import LogEvents

Read = Callable[..., LogEvents]


@pytest.mark.parametrize(("file", "own"), [
    ("/srv/app/app.py", True), (r"C:\Users\me\app\webui.py", True), ("app.py", True), ("./lib/tools.py", True),
    ("/srv/venv/lib/python3.10/site-packages/gradio/blocks.py", False), ("/usr/lib/python3/dist-packages/x.py", False),
    ("/usr/lib/python3.10/threading.py", False),
    ("/root/.pyenv/versions/3.11.7/lib/python3.11/asyncio/runners.py", False),
    ("/opt/conda/envs/x/lib/python3.9/runpy.py", False), (r"C:\Python311\lib\runpy.py", False),
    (r"C:\Users\me\AppData\Local\Programs\Python\Python310\Lib\json\decoder.py", False), ("<string>", False),
    (r"D:\w\venv\Lib\site-packages\torch\nn\modules\module.py", False), ("<frozen importlib._bootstrap>", False),
    ("threading.py", False), ("gradio\\blocks.py", False), ("json\\decoder.py", False),
    ("/tmp/ipykernel_123/456.py", True), ("/home/me/python/app.py", True), ("/home/me/lib/app.py", True),
])
def test_whose_code_it_is(read: Read, file: str, own: bool) -> None:
    text = f'Traceback (most recent call last):\n  File "{file}", line 3, in f\n    x\nValueError: no\n'
    [found] = read(text).tracebacks
    assert found.last.frames[0].own is own


def test_windows_line_ends_and_paths(read: Read) -> None:
    text = (
        'Traceback (most recent call last):\r\n  File "E:\\forge\\webui.py", line 86, in webui_worker\r\n'
        "    app = demo.launch(\r\nValueError: When localhost\r\n"
    )
    [found] = read(text).tracebacks
    assert found.last.frames[0].file == "E:\\forge\\webui.py" and found.last.message == "When localhost"


def test_matches_know_their_traceback(read: Read) -> None:
    text = (
        "boom happened in outside\n" 'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in f\n    x\n'
        "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB\n\nINFO:     later\n"
    )
    events = read(text)
    oom, boom = events.get("gpu.oom"), events.get("app.boom")
    assert oom and oom.tracebacks == (0,) and oom.captures == {"want": "2.00 GiB"}
    assert boom and boom.tracebacks == ()


@pytest.mark.parametrize("text", [
    'parse error in "config.yaml", line 3, column 5\n', "Call stack:\nnothing\n", '  File "x\n', "KeyError: 'a'\n",
    "The above exception was the direct cause of the following exception:\n", "Fatal Python error: \n",
])
def test_no_traceback(read: Read, text: str) -> None:
    assert read(text).tracebacks == ()
