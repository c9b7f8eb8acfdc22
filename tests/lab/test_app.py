"""The app's own code: it does not parse, raises while starting, or just ends. Each fault beside its healthy twin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lab.harness import HEALTHY, Lab, doctor, write_app, write_files

USES_HELPER = """
    import gradio as gr
    from helpers import greet

    with gr.Blocks() as demo:
        name = gr.Textbox()
        name.submit(greet, name, gr.Textbox())

    if __name__ == "__main__":
        demo.launch(server_port={port})
"""
HELPER = """
    def greet(name):
        return f"Hello, {{name}}!"
"""


def root_of(lab: Lab, cause: str, app: object = "app.py", **env: str) -> dict[str, Any]:
    """Diagnose an app of the lab, expecting a cause."""
    return doctor("diagnose", app, cwd=lab.directory, env=env).assert_first(cause)


def assert_place(top: dict[str, Any], path: Path, line: int) -> None:
    """The user's own file and line, also in the sentence."""
    assert (top["location"]["file"], top["location"]["line"]) == (str(path), line), top
    assert path.name in top["says"]


# ---- app.syntax-error

def test_main_file_does_not_parse(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, HEALTHY.replace('"text", "text")', '"text", "text"'), port=port)
    top = root_of(lab, "app.syntax-error")
    assert_place(top, app, 6)
    assert "was never closed" in top["says"]
    write_app(lab.directory, HEALTHY, port=port)
    doctor("diagnose", "app.py", cwd=lab.directory).assert_healthy()


@pytest.mark.parametrize(("broken", "line"), [
    ("    def greet(name)\n        return name\n", 1),
    ("    def greet(name):\n    return name\n", 2),
    ("    def greet(name):\n<<<<<<< HEAD\n        return name\n=======\n        return 1\n>>>>>>> main\n", 2),
], ids=["colon", "indentation", "merge-conflict"])
def test_own_module_does_not_parse(lab: Lab, port: int, broken: str, line: int) -> None:
    write_app(lab.directory, USES_HELPER, port=port)
    helper = lab.directory / "helpers.py"
    helper.write_text("\n".join(text.removeprefix("    ") for text in broken.split("\n")))
    assert_place(root_of(lab, "app.syntax-error"), helper, line)


def test_app_of_two_files_is_healthy(lab: Lab, port: int) -> None:
    """In a folder of its own, examined from elsewhere, with line ends of Windows."""
    write_files(lab.directory, {"web/app.py": USES_HELPER, "web/helpers.py": HELPER}, port=port)
    for path in (lab.directory / "web").iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    doctor("diagnose", "web/app.py", cwd=lab.directory).assert_healthy()


# ---- app.startup-exception

NEEDS_VARIABLE = """
    import os
    import gradio as gr

    MODEL = os.environ["DEMO_MODEL"]
    gr.Interface(lambda x: MODEL + x, "text", "text").launch(server_port={port})
"""
NEEDS_FILE = """
    import json
    import gradio as gr

    def load():
        with open("data.json") as file:
            return json.load(file)

    data = load()
    gr.Interface(lambda x: data.get(x), "text", "text").launch(server_port={port})
"""


def test_missing_environment_variable(lab: Lab, port: int) -> None:
    app = write_app(lab.directory, NEEDS_VARIABLE, port=port)
    top = root_of(lab, "app.startup-exception")
    assert_place(top, app, 4)
    assert "DEMO_MODEL" in top["says"]
    assert any("DEMO_MODEL" in c for r in top["remedies"] for c in r["commands"])
    doctor("diagnose", app, cwd=lab.directory, env={"DEMO_MODEL": "tiny"}).assert_healthy()


def test_missing_data_file(lab: Lab, port: int) -> None:
    """Examined from another directory: the app is started in its own, so that only the missing file counts."""
    write_files(lab.directory, {"web/app.py": NEEDS_FILE}, port=port)
    app = lab.directory / "web" / "app.py"
    top = root_of(lab, "app.startup-exception", "web/app.py")
    assert_place(top, app, 5)
    assert "data.json" in top["says"]
    app.with_name("data.json").write_text("{}")
    doctor("diagnose", "web/app.py", cwd=lab.directory).assert_healthy()


VARIANTS = {
    "empty-settings": (
        {"app.py": NEEDS_FILE, "data.json": ""}, "app.py", 6, "JSON"),
    "raised-by-hand": ({"app.py": """
        import os
        key = os.getenv("DEMO_KEY")
        if not key:
            raise ValueError("DEMO_KEY is not set")
        import gradio as gr
        """}, "app.py", 4, "DEMO_KEY"),
    "in-own-module": ({"app.py": "from core.settings import limit\nimport gradio as gr\n", "core/__init__.py": "",
                       "core/settings.py": "options = dict()\n\nlimit = options['limit']\n"},
                      "core/settings.py", 3, "limit"),
    "wrong-type": ({"app.py": "import os\nport = int(os.environ.get('DEMO_PORT', 'none'))\nimport gradio as gr\n"},
                   "app.py", 2, "invalid literal"),
    "in-the-blocks": ({"app.py": """
        import gradio as gr
        styles = None
        with gr.Blocks() as demo:
            gr.Dropdown(choices=styles.keys())
        demo.launch(server_port={port})
        """}, "app.py", 4, "NoneType"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_other_exceptions_while_starting(lab: Lab, port: int, variant: str) -> None:
    files, name, line, word = VARIANTS[variant]
    write_files(lab.directory, files, port=port)
    top = root_of(lab, "app.startup-exception")
    assert (top["location"]["file"], top["location"]["line"]) == (str(lab.directory / name), line)
    assert word in top["says"] + top["because"]


def test_required_arguments_are_missing(lab: Lab) -> None:
    """It exits with status 2 and no traceback."""
    write_app(lab.directory, """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--model", required=True)
        arguments = parser.parse_args()
        import gradio as gr
        """)
    assert "--model" in root_of(lab, "app.startup-exception")["because"]


def test_exit_with_a_message(lab: Lab) -> None:
    """sys.exit("words") prints the words, exits with 1, and leaves no traceback."""
    write_app(lab.directory, """
        import os, sys
        if "DEMO_TOKEN" not in os.environ:
            sys.exit("Please set the environment variable DEMO_TOKEN.")
        """)
    assert "DEMO_TOKEN" in root_of(lab, "app.startup-exception")["because"]


def test_exit_with_a_status(lab: Lab) -> None:
    """Nothing but a status, and words that no signature knows: the source has the place."""
    write_app(lab.directory, """
        import os, sys
        if not os.path.exists("settings.ini"):
            print("please copy the sample first")
            sys.exit(3)
        """)
    top = root_of(lab, "app.startup-exception")
    assert top["location"]["line"] == 4 and "copy the sample" in top["says"]


def test_log_of_a_failed_start(lab: Lab, port: int) -> None:
    """The same from the log alone, with the app not at hand."""
    app = write_app(lab.directory, NEEDS_VARIABLE, port=port)
    lab.start(app, wait=None).wait(90)
    top = doctor("logs", "app.log", cwd=lab.directory).assert_first("app.startup-exception")
    assert "DEMO_MODEL" in top["says"]


# ---- app.exits-immediately

NEVER_LAUNCHED = {
    "no-launch": HEALTHY.replace(".launch(server_port={port})", ""),
    "main-is-never-called": """
        import gradio as gr

        def main():
            gr.Interface(lambda x: x, "text", "text").launch(server_port={port})
        """,
    "wrong-guard": """
        import gradio as gr
        demo = gr.Interface(lambda x: x, "text", "text")
        if __name__ == "main":
            demo.launch(server_port={port})
        """,
    "mounted-and-not-run": """
        import gradio as gr
        from fastapi import FastAPI
        app = gr.mount_gradio_app(FastAPI(), gr.Interface(lambda x: x, "text", "text"), path="/demo")
        """,
}


@pytest.mark.parametrize("variant", NEVER_LAUNCHED)
def test_never_launched(lab: Lab, port: int, variant: str) -> None:
    write_app(lab.directory, NEVER_LAUNCHED[variant], port=port)
    assert "app.py" in root_of(lab, "app.exits-immediately")["says"]


def test_launch_does_not_block(lab: Lab, port: int) -> None:
    source = HEALTHY.replace("server_port={port}", "server_port={port}, prevent_thread_lock=True")
    app = write_app(lab.directory, source, port=port)
    top = root_of(lab, "app.exits-immediately")
    assert_place(top, app, 6)
    assert "prevent_thread_lock" in top["says"]
    app.write_text(app.read_text() + "import time\ntime.sleep(600)\n")
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()


HEALTHY_SHAPES = {
    "uvicorn": """
        import uvicorn
        import gradio as gr
        from fastapi import FastAPI

        web = FastAPI()
        demo = gr.Interface(lambda x: x, "text", "text")
        web = gr.mount_gradio_app(web, demo, path="/demo")
        if __name__ == "__main__":
            uvicorn.run(web, port={port})
        """,
    "chat": """
        import argparse
        import gradio as gr

        def answer(message, history):
            return message

        def main(arguments):
            gr.ChatInterface(answer).queue(max_size=5).launch(server_port=arguments.port)

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--port", type=int, default={port})
            main(parser.parse_args())
        """,
    "port-of-the-environment": """
        import os
        import gradio as gr
        demo = gr.TabbedInterface([gr.Interface(lambda x: x, "text", "text")], ["one"])
        demo.launch(server_name="0.0.0.0", server_port=int(os.environ.get("DEMO_PORT", "{port}")), quiet=True)
        """,
}


@pytest.mark.parametrize("shape", HEALTHY_SHAPES)
def test_other_shapes_of_healthy_apps(lab: Lab, port: int, shape: str) -> None:
    app = write_app(lab.directory, HEALTHY_SHAPES[shape], port=port)
    doctor("diagnose", app, cwd=lab.directory).assert_healthy()
