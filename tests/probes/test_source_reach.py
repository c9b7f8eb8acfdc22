"""How launch() is reached: the forms that people write."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.probes.source_apps import reaches, read_app

HEAD = "import gradio as gr\nimport sys, os, time\ndemo = gr.Blocks()\n"

ONE_FILE = {
    "module level": ("demo.launch()", "yes"),
    "chained after queue": ("demo.queue(max_size=2).launch()", "yes"),
    "main guard": ("if __name__ == '__main__':\n    demo.launch()", "main-guard"),
    "main guard turned round": ("if '__main__' == __name__:\n    demo.launch()", "main-guard"),
    "main guard with in": ("if __name__ in {'__main__', '__mp_main__'}:\n    demo.launch()", "main-guard"),
    "not the main guard": ("if __name__ != '__main__':\n    demo.launch()", "unreachable"),
    "else of the negated guard": ("if __name__ != '__main__':\n    pass\nelse:\n    demo.launch()", "main-guard"),
    "negation of the guard": ("if not __name__ == '__main__':\n    demo.launch()", "unreachable"),
    "under a condition": ("if os.getenv('X'):\n    demo.launch()", "conditional"),
    "else of a condition": ("if os.getenv('X'):\n    pass\nelse:\n    demo.launch()", "conditional"),
    "condition in the guard": (
        "if __name__ == '__main__':\n    if len(sys.argv) > 1:\n        demo.launch()", "conditional"),
    "guard and another test": ("if __name__ == '__main__' and sys.argv:\n    demo.launch()", "conditional"),
    "if True": ("if True:\n    demo.launch()", "yes"),
    "if 0": ("if 0:\n    demo.launch()", "unreachable"),
    "type checking only": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    demo.launch()", "unreachable"),
    "try": ("try:\n    demo.launch()\nexcept OSError:\n    pass", "yes"),
    "except": ("try:\n    pass\nexcept OSError:\n    demo.launch()", "conditional"),
    "finally": ("try:\n    pass\nfinally:\n    demo.launch()", "yes"),
    "with": ("with open(os.devnull) as f:\n    demo.launch()", "yes"),
    "for": ("for i in range(3):\n    demo.launch()", "yes"),
    "while True": ("while True:\n    demo.launch()", "yes"),
    "while False": ("while False:\n    demo.launch()", "unreachable"),
    "match": ("match sys.argv:\n    case []:\n        demo.launch()", "conditional"),
    "conditional expression": ("demo.launch() if sys.argv else None", "conditional"),
    "and": ("sys.argv and demo.launch()", "conditional"),
    "assigned": ("app, local, share = demo.launch(prevent_thread_lock=True)", "yes"),
    "after sys.exit": ("sys.exit(0)\ndemo.launch()", "unreachable"),
    "after os._exit": ("os._exit(0)\ndemo.launch()", "unreachable"),
    "after quit": ("quit()\ndemo.launch()", "unreachable"),
    "after raise": ("raise SystemExit\ndemo.launch()", "unreachable"),
    "after while True": ("while True:\n    time.sleep(1)\ndemo.launch()", "unreachable"),
    "after while True with break": ("while True:\n    if sys.argv:\n        break\ndemo.launch()", "yes"),
    "a break of an inner loop": (
        "while True:\n    for i in range(3):\n        break\ndemo.launch()", "unreachable"),
    "both branches exit": ("if sys.argv:\n    sys.exit(1)\nelse:\n    raise OSError\ndemo.launch()", "unreachable"),
    "one branch exits": ("if sys.argv:\n    sys.exit(1)\ndemo.launch()", "yes"),
    "all of an elif chain exit": (
        "if sys.argv:\n    sys.exit(1)\nelif os:\n    exit()\nelse:\n    quit()\ndemo.launch()", "unreachable"),
    "try that exits": ("try:\n    import x\nexcept ImportError:\n    sys.exit(1)\ndemo.launch()", "yes"),
    "try that always exits": (
        "try:\n    sys.exit(1)\nexcept OSError:\n    raise\ndemo.launch()", "unreachable"),
    "with that exits": ("with open(os.devnull):\n    sys.exit()\ndemo.launch()", "unreachable"),
    "suppressed exit": (
        "import contextlib\nwith contextlib.suppress(SystemExit):\n    sys.exit()\ndemo.launch()", "yes"),
    "never called": ("def main():\n    demo.launch()", "function"),
    "called": ("def main():\n    demo.launch()\nmain()", "yes"),
    "called in the guard": ("def main():\n    demo.launch()\nif __name__ == '__main__':\n    main()", "main-guard"),
    "called in the guard, exit code passed on": (
        "def main():\n    demo.launch()\nif __name__ == '__main__':\n    sys.exit(main())", "main-guard"),
    "called under a condition": ("def main():\n    demo.launch()\nif sys.argv:\n    main()", "conditional"),
    "called after exit": ("def main():\n    demo.launch()\nsys.exit()\nmain()", "unreachable"),
    "condition in a called function": (
        "def main(share):\n    if share:\n        demo.launch()\nmain(True)", "conditional"),
    "after return": ("def main():\n    return 1\n    demo.launch()\nmain()", "unreachable"),
    "two calls deep": ("def a():\n    b()\ndef b():\n    demo.launch()\na()", "yes"),
    "through itself only": ("def a():\n    a()\n    demo.launch()", "function"),
    "better of two calls": ("def a():\n    demo.launch()\nif sys.argv:\n    a()\na()", "yes"),
    "asyncio.run": ("import asyncio\nasync def main():\n    demo.launch()\nasyncio.run(main())", "yes"),
    "in a thread": ("import threading\ndef s():\n    demo.launch()\nthreading.Thread(target=s).start()", "yes"),
    "handed to a process": ("import multiprocessing as mp\ndef s():\n    demo.launch()\nmp.Process(target=s)", "yes"),
    "typer.run": ("import typer\ndef main():\n    demo.launch()\ntyper.run(main)", "yes"),
    "fire": (
        "import fire\ndef main():\n    demo.launch()\nif __name__ == '__main__':\n    fire.Fire(main)", "main-guard"),
    "click command": (
        "import click\n@click.command()\n@click.option('--port')\ndef main(port):\n    demo.launch()\nmain()", "yes"),
    "click group": (
        "import click\n@click.group()\ndef cli(): ...\n@cli.command()\ndef run():\n    demo.launch()\ncli()", "yes"),
    "typer app": (
        "import typer\ncli = typer.Typer()\n@cli.command()\ndef run():\n    demo.launch()\n"
        "if __name__ == '__main__':\n    cli()", "main-guard"),
    "typer app never run": (
        "import typer\ncli = typer.Typer()\n@cli.command()\ndef run():\n    demo.launch()", "function"),
    "method": ("class App:\n    def run(self):\n        demo.launch()\nApp().run()", "yes"),
    "method of an object": ("class App:\n    def run(self):\n        demo.launch()\na = App()\na.run()", "yes"),
    "method called by a method": (
        "class App:\n    def run(self):\n        self.go()\n"
        "    def go(self):\n        demo.launch()\nApp().run()", "yes"),
    "constructor": ("class App:\n    def __init__(self):\n        demo.launch()\nApp()", "yes"),
    "inherited method": (
        "class A:\n    def run(self):\n        demo.launch()\nclass B(A): ...\nB().run()", "yes"),
    "called object": ("class A:\n    def __call__(self):\n        demo.launch()\na = A()\na()", "yes"),
    "class body": ("class A:\n    demo.launch()", "yes"),
    "nested function": ("def a():\n    def b():\n        demo.launch()\n    b()\na()", "yes"),
    "nested function not called": ("def a():\n    def b():\n        demo.launch()\n    return b\na()", "function"),
    "lambda": ("go = lambda: demo.launch()", "function"),
    "handler": ("with demo:\n    b = gr.Button()\n    def f():\n        demo.launch()\n    b.click(f)", "function"),
}


@pytest.mark.parametrize("name", ONE_FILE)
def test_reach_in_one_file(name: str, tmp_path: Path) -> None:
    body, expected = ONE_FILE[name]
    source = read_app(tmp_path, HEAD + body + "\n")
    assert source.fault is None
    assert reaches(source) == [expected]


def test_each_of_two_branches_is_conditional(tmp_path: Path) -> None:
    source = read_app(tmp_path, HEAD + "if sys.argv:\n    demo.launch(share=True)\nelse:\n    demo.launch()\n")
    assert reaches(source) == ["conditional", "conditional"]


def test_launch_in_own_module_called_from_the_main_guard(tmp_path: Path) -> None:
    source = read_app(
        tmp_path,
        "from ui.pages import start\nif __name__ == '__main__':\n    start()\n",
        {"ui/__init__.py": "", "ui/pages.py": "import gradio as gr\ndef start():\n    gr.Blocks().launch()\n"},
    )
    assert reaches(source) == ["main-guard"]
    assert source.named("launch")[0].file == str(tmp_path / "ui/pages.py")


def test_launch_by_importing_a_module(tmp_path: Path) -> None:
    source = read_app(tmp_path, "import ui\n", {"ui.py": "import gradio as gr\ngr.Blocks().launch()\n"})
    assert reaches(source) == ["yes"]


def test_importing_a_package_runs_its_init(tmp_path: Path) -> None:
    files = {"ui/__init__.py": "import gradio as gr\ngr.Blocks().launch()\n", "ui/a.py": ""}
    assert reaches(read_app(tmp_path, "import ui.a\n", files)) == ["yes"]


def test_the_main_guard_of_an_imported_module_never_runs(tmp_path: Path) -> None:
    ui = "import gradio as gr\ndemo = gr.Blocks()\nif __name__ == '__main__':\n    demo.launch()\n"
    assert reaches(read_app(tmp_path, "import ui\n", {"ui.py": ui})) == ["unreachable"]


def test_module_imported_in_a_function_nobody_calls(tmp_path: Path) -> None:
    files = {"ui.py": "import gradio as gr\ngr.Blocks().launch()\n"}
    assert reaches(read_app(tmp_path, "def f():\n    import ui\n", files)) == ["function"]


@pytest.mark.parametrize(("text", "call"), [
    ("import ui", "ui.start()"), ("import ui as u", "u.start()"), ("from ui import *", "start()"),
    ("from ui import start as go", "go()"), ("from pack import ui2", "ui2.start()"),
    ("import pack.ui2", "pack.ui2.start()"), ("from pack import start", "start()"),
])
def test_ways_to_import_the_function(text: str, call: str, tmp_path: Path) -> None:
    code = "import gradio as gr\ndef start():\n    gr.Blocks().launch()\n"
    files = {"ui.py": code, "pack/__init__.py": "from .ui2 import start\n", "pack/ui2.py": code}
    source = read_app(tmp_path, f"{text}\n{call}\n", files)
    assert "yes" in reaches(source)


def test_object_from_another_module(tmp_path: Path) -> None:
    files = {"ui.py": "import gradio as gr\nwith gr.Blocks() as demo:\n    pass\n"}
    assert reaches(read_app(tmp_path, "from ui import demo\ndemo.launch()\n", files)) == ["yes"]


def test_circular_imports_end(tmp_path: Path) -> None:
    files = {"a.py": "import b\nimport app\n", "b.py": "import a\nfrom app import demo\n"}
    assert reaches(read_app(tmp_path, HEAD + "import a\ndemo.launch()\n", files)) == ["yes"]
