"""The configuring calls and the values of their settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.probes.source_apps import known, only, read_app, setting

HEAD = "import gradio as gr\nimport os, sys\ndemo = gr.Blocks()\n"


@pytest.mark.parametrize("code", [
    "import gradio as gr\ngr.Blocks().launch(share=True)",
    "import gradio\ngradio.Blocks().launch(share=True)",
    "import gradio as g\nd = g.Interface(str, 'text', 'text')\nd.launch(share=True)",
    "from gradio import Blocks\nwith Blocks() as demo:\n    pass\ndemo.launch(share=True)",
    "from gradio import Blocks as B\nB().launch(share=True)",
    "from gradio import *\nInterface(str, 'text', 'text').launch(share=True)",
    "import gradio as gr\ngr.Interface(lambda x: x, 'text', 'text').queue().launch(share=True)",
    "import gradio as gr\ngr.ChatInterface(str).queue(max_size=3).launch(share=True)",
    "import gradio as gr\ngr.TabbedInterface([], []).launch(share=True)",
    "import gradio as gr\ngr.load('models/x').launch(share=True)",
    "import gradio as gr\ngr.Interface.from_pipeline(p).launch(share=True)",
    "import gradio.blocks\ngradio.blocks.Blocks().launch(share=True)",
    "def f():\n    import gradio as gr\n    return gr.Blocks()\nf().launch(share=True)",
    "import gradio as gr\ndef f():\n    with gr.Blocks() as d:\n        pass\n    return d, 1\n"
    "d, n = f()\nd.launch(share=True)",
    "import gradio as gr\nclass App(gr.Blocks): ...\nApp().launch(share=True)",
    "import gradio as gr\nclass App:\n    def __init__(self):\n        self.d = gr.Blocks()\n    def go(self):\n"
    "        self.d.launch(share=True)\nApp().go()",
    "import gradio as gr\n(demo := gr.Blocks()).launch(share=True)",
    "import gradio as gr\na = b = gr.Blocks()\nb.launch(share=True)",
    "def start(demo):\n    demo.launch(share=True)",
])
def test_launch_is_recognised(code: str, tmp_path: Path) -> None:
    assert known(read_app(tmp_path, code)) == {"share": True}


@pytest.mark.parametrize("code", [
    "from playwright.sync_api import sync_playwright\nwith sync_playwright() as p:\n    p.chromium.launch()",
    "def f(p):\n    p.chromium.launch(headless=True)",
    "import torch\ntorch.distributed.launch()",
    "class Rocket:\n    def launch(self): ...\nRocket().launch()",
    "import subprocess\nx = subprocess.Popen([])\nx.launch()",
    "'text'.launch()",
    "def f(job):\n    job.launch(1, 2)",
])
def test_launch_of_others_is_left_out(code: str, tmp_path: Path) -> None:
    assert read_app(tmp_path, code).calls == ()


VALUES: dict[str, tuple[str, object]] = {
    "7860": ("", 7860), "'0.0.0.0'": ("", "0.0.0.0"), "None": ("", None), "True": ("", True), "0.5": ("", 0.5),
    "PORT": ("PORT = 7861", 7861), "PORT + 1": ("PORT = 7861", 7862), "-PORT": ("PORT = 3", -3),
    "PORT * 2 - 1": ("PORT = 10", 19), "7 // 2": ("", 3), "7 % 4": ("", 3), "not True": ("", False),
    "f'{HOST}:{PORT}'": ("HOST = 'h'\nPORT = 1", "h:1"), "'a' + 'b'": ("", "ab"), "int('7860')": ("", 7860),
    "str(78)": ("", "78"), "C.PORT": ("class C:\n    PORT = 5", 5), "A": ("A: int = 4", 4), "B": ("A = 4\nB = A", 4),
    "1 if True else 2": ("", 1), "None or 5": ("", 5), "conf.PORT": ("import conf", 9000),
    "PORT2": ("from conf import PORT as PORT2", 9000), "HOST2": ("from conf import *", "h2"),
}


@pytest.mark.parametrize("expression", VALUES)
def test_values_that_the_source_tells(expression: str, tmp_path: Path) -> None:
    before, expected = VALUES[expression]
    code = f"{HEAD}{before}\ndemo.launch(server_port={expression})\n"
    source = read_app(tmp_path, code, {"conf.py": "PORT = 9000\nHOST2 = 'h2'\n"})
    found = setting(source, "server_port")
    assert (found.known, found.value, found.text) == (True, expected, expression)
    assert source.unread == ()


UNKNOWN: dict[str, tuple[str, object, str]] = {
    "os.getenv('PORT')": ("", None, "the environment variable PORT"),
    "int(os.getenv('PORT', 7860))": ("", 7860, "the environment variable PORT, default 7860"),
    "int(os.environ.get('PORT', '7860'))": ("", 7860, "the environment variable PORT, default 7860"),
    "int(os.environ.get('PORT') or 7860)": ("", 7860, "the environment variable PORT, default 7860"),
    "int(os.environ['PORT'])": ("", None, "the environment variable PORT"),
    "PORT": ("PORT = int(os.environ.get('PORT', 7870))", 7870, "the environment variable PORT, default 7870"),
    "int(sys.argv[1])": ("", None, "the command line"),
    "P": ("P = 1\nP = 2", 1, "P, which is assigned more than once, default 1"),
    "Q": ("Q = 1\nQ += 1", 1, "Q, which is assigned more than once, default 1"),
    "find_free_port()": ("", None, ""),
    "9 ** 9": ("", None, ""), "1 / 0": ("", None, ""), "'a' * 10 ** 9": ("", None, ""), "-'a'": ("", None, ""),
    "x": ("for x in range(3): pass", None, ""), "y": ("y = y", None, ""), "int('port')": ("", None, ""),
}


@pytest.mark.parametrize("expression", UNKNOWN)
def test_values_that_the_source_does_not_tell(expression: str, tmp_path: Path) -> None:
    before, default, origin = UNKNOWN[expression]
    source = read_app(tmp_path, f"{HEAD}{before}\ndemo.launch(server_port={expression})\n")
    found = setting(source, "server_port")
    assert (found.known, found.value, found.default, found.origin) == (False, None, default, origin)
    assert found.text == expression
    line = only(source).line
    taken = f" (taken from {origin})" if origin else ""
    assert source.unread == (f"app.py:{line}: server_port comes from {expression}{taken}",)


ARGPARSE = """
import argparse
import gradio as gr
from conf import PORT
parser = argparse.ArgumentParser()
parser.add_argument("--port", "-p", type=int, default=PORT)
parser.add_argument("--share", action="store_true")
parser.add_argument("--server-name", dest="host", default="0.0.0.0")
parser.add_argument("--root-path")
"""


@pytest.mark.parametrize("after", [
    "args = parser.parse_args()\n",
    "args, rest = parser.parse_known_args()\n",
    "args = parser.parse_known_args()[0]\n",
    "def build(args):\n    demo = gr.Blocks()\n    LAUNCH\nbuild(parser.parse_args())\n",
])
def test_argparse(after: str, tmp_path: Path) -> None:
    launch = "demo.launch(server_port=args.port, share=args.share, server_name=args.host, root_path=args.root_path)"
    after = after if "LAUNCH" in after else f"{after}demo = gr.Blocks()\nLAUNCH\n"
    code = ARGPARSE + after.replace("LAUNCH", launch)
    source = read_app(tmp_path, code, {"conf.py": "PORT = 7862\n"})
    read = {s.name: (s.known, s.default, s.origin) for s in only(source).settings}
    assert read == {
        "server_port": (False, 7862, "the command line (--port), default 7862"),
        "share": (False, False, "the command line (--share), default False"),
        "server_name": (False, "0.0.0.0", "the command line (--server-name), default '0.0.0.0'"),
        "root_path": (False, None, "the command line (--root-path)"),
    }
    assert any(u.endswith("server_port comes from args.port (taken from the command line (--port), default 7862)")
               for u in source.unread)


def test_positional_arguments_of_launch(tmp_path: Path) -> None:
    assert known(read_app(tmp_path, HEAD + "demo.launch(False, True, share=True)\n")) == {
        "inline": False, "inbrowser": True, "share": True}


def test_positional_arguments_without_a_sure_name(tmp_path: Path) -> None:
    source = read_app(tmp_path, HEAD + "demo.queue(3, share=1)\n")
    assert source.unread == ("app.py:4: queue() has arguments without a name (3)",)


def test_constructors(tmp_path: Path) -> None:
    source = read_app(tmp_path, """
        import gradio as gr
        gr.Blocks(title="t", analytics_enabled=False)
        gr.Interface(str, "text", "text", api_name="a")
        gr.ChatInterface(str, type="messages")
        gr.TabbedInterface([], ["x"], "title")
    """)
    assert [c.name for c in source.calls] == ["Blocks", "Interface", "ChatInterface", "TabbedInterface"]
    assert known(source, "Blocks") == {"title": "t", "analytics_enabled": False}
    assert known(source, "Interface") == {"inputs": "text", "outputs": "text", "api_name": "a"}
    assert known(source, "ChatInterface") == {"type": "messages"}
    assert known(source, "TabbedInterface") == {"title": "title"}


@pytest.mark.parametrize("how", [
    "import gradio as gr\nadd = gr.mount_gradio_app", "from gradio import mount_gradio_app as add",
    "from gradio.routes import mount_gradio_app as add",
])
def test_mount_and_uvicorn(how: str, tmp_path: Path) -> None:
    source = read_app(tmp_path, f"{how}\n" + """
import uvicorn
from fastapi import FastAPI
app = FastAPI()
app = add(app, demo, "/gradio", root_path="/x")
if __name__ == "__main__":
    uvicorn.run("app:app", host="0.0.0.0", port=8000, workers=2)
""")
    assert known(source, "mount_gradio_app") == {"path": "/gradio", "root_path": "/x"}
    assert known(source, "uvicorn.run") == {"app": "app:app", "host": "0.0.0.0", "port": 8000, "workers": 2}
    assert only(source, "uvicorn.run").reach == "main-guard"


def test_uvicorn_config(tmp_path: Path) -> None:
    source = read_app(tmp_path, "from uvicorn import Config, Server\nServer(Config(app, '0.0.0.0', 8001)).run()\n")
    assert known(source, "uvicorn.run") == {"host": "0.0.0.0", "port": 8001}


@pytest.mark.parametrize("settings", [
    "settings = {'server_port': 1, 'share': False}", "settings = dict(server_port=1, share=False)",
])
def test_settings_from_a_dict(settings: str, tmp_path: Path) -> None:
    source = read_app(tmp_path, f"{HEAD}{settings}\ndemo.launch(**settings)\n")
    assert known(source) == {"server_port": 1, "share": False}
    assert source.unread == ()


@pytest.mark.parametrize("settings", [
    "settings = {'share': False}\nsettings['share'] = True", "settings = {}\nsettings.update(share=True)",
    "settings = {}\nsettings = {'a': 1}", "settings = read()", "from x import settings", "settings = {KEY: 1}",
])
def test_settings_from_a_dict_that_cannot_be_read(settings: str, tmp_path: Path) -> None:
    source = read_app(tmp_path, f"{HEAD}{settings}\ndemo.launch(quiet=True, **settings)\n")
    assert known(source) == {"quiet": True}
    assert [u.partition(": ")[2] for u in source.unread] == ["launch() takes **settings"]


def test_secrets_stay_in_the_source(tmp_path: Path) -> None:
    source = read_app(tmp_path, HEAD + """
os.environ["OPENAI_API_KEY"] = "sk-abcdefghijklmnopqrstuvwxyz"
PASSWORD = "hunter22"
demo.launch(auth=("admin", "hunter22"), ssl_keyfile_password="hunter22", favicon_path="hf_abcdefghijklmnop")
""")
    assert "hunter22" not in repr(source)
    assert "sk-abc" not in repr(source)
    assert "hf_abc" not in repr(source)
    found = setting(source, "auth")
    assert (found.known, found.text, found.origin) == (False, "***", "a secret in the source")


def test_auth_none_is_known(tmp_path: Path) -> None:
    assert known(read_app(tmp_path, HEAD + "demo.launch(auth=None)\n")) == {"auth": None}


def test_control_characters_do_not_get_out(tmp_path: Path) -> None:
    source = read_app(tmp_path, HEAD + "demo.launch(server_name='a\\x1b[31mb\\ud800', server_port=p('\x1b[2J'))\n")
    assert setting(source, "server_name").value == "ab"
    assert "\x1b" not in repr(source).encode("unicode_escape").decode() + "".join(source.unread)


def test_the_text_of_a_setting_counts_bytes_right(tmp_path: Path) -> None:
    source = read_app(tmp_path, HEAD + "demo.launch(x='é' + 'ü', server_port=größe,\n  server_name=[\n 'a',\n 'b'])\n")
    texts = {s.name: s.text for s in only(source).settings}
    assert texts == {"x": "'é' + 'ü'", "server_port": "größe", "server_name": "[ 'a', 'b']"}


def test_the_line_is_that_of_launch(tmp_path: Path) -> None:
    source = read_app(tmp_path, HEAD + "(\n  demo\n  .queue()\n  .launch(\n    share=True)\n)\n")
    assert only(source, "queue").line == 6
    assert only(source).line == 7
    assert setting(source, "share").line == 8


@pytest.mark.parametrize(("call", "default"), [("main(1)", 7000), ("main()", 7000)])
def test_parameters(call: str, default: int, tmp_path: Path) -> None:
    code = HEAD + f"def main(port=7000, *, host='h'):\n    demo.launch(server_port=port, server_name=host)\n{call}\n"
    source = read_app(tmp_path, code)
    assert setting(source, "server_port").default == default
    assert setting(source, "server_name").origin == "the parameter host of main(), default 'h'"
