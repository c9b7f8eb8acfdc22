"""Running apps in every state that looks like "it accepts connections and nothing happens", and healthy ones beside.

Each scenario is a small Gradio app and what is done to it. `expected` is the cause that is really there, "" for none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.live_drive import Driver

HEAD = """
import asyncio, gc, os, re, sys, threading, time
import gradio as gr

PORT = int(sys.argv[1])
"""
TAIL = """
with gr.Blocks() as demo:
    box = gr.Textbox()
    for handler in ({handlers},):
        gr.Button(handler.__name__).click(handler, box, box, api_name=handler.__name__)
demo.queue({queue})
demo.launch(server_port=PORT{launch})
"""
ECHO = """
def echo(text):
    return text
"""
Press = Callable[[Driver], None]


AWAITS = """
import httpx

async def work(text):
    async with httpx.AsyncClient(timeout={limit}) as client:
        return (await client.get("http://127.0.0.1:" + text)).text
"""


@dataclass(frozen=True)
class Scenario:
    """One state of a running app. `modules` are further files of the app, by name."""

    name: str
    expected: str
    body: str
    handlers: str
    press: Press
    queue: str = "default_concurrency_limit=None"
    launch: str = ""
    modules: tuple[tuple[str, str], ...] = ()
    whole: bool = False  # the body is the whole app

    @property
    def source(self) -> str:
        """The app's file."""
        if self.whole:
            return HEAD + self.body
        return HEAD + self.body + TAIL.format(handlers=self.handlers, queue=self.queue, launch=self.launch)


def _send(*names: str, count: int = 1, server: str = "", silent: str = "", rest: float = 1.0) -> Press:
    """Events that nobody waits for; then `silent` stops answering, or `rest` seconds pass."""

    def press(driver: Driver) -> None:
        value = driver.silent_server() if server == "silent" else driver.slow_server() if server else "x"
        for name in names or ("work",):
            driver.send(name, count, value)
        if silent:
            driver.until_silent(silent)
        else:
            driver.rest(rest)

    return press


def _fill(driver: Driver) -> None:
    """One event that runs, and then more than a queue of four takes: sent at once, the first may still be queued."""
    _send()(driver)
    _send(count=7)(driver)


def _load(clients: int, *, pause: float = 0.0, server: bool = False) -> Press:
    """Clients that call the handler all the time."""
    return lambda driver: driver.load("work", clients, pause=pause, value=driver.silent_server() if server else "x")


def _stuck_page(driver: Driver) -> None:
    driver.get_and_leave("/slow")
    driver.until_silent()


def _echo(driver: Driver) -> None:
    driver.call("echo")


def _nothing(_: Driver) -> None:
    pass


_HANG = _send(silent="/nothing-here")


FAULTS = (
    Scenario("async handler sleeps", "blocking.event-loop", """
async def work(text):
    time.sleep(600)
    return text
""", "work", _HANG),
    Scenario("async handler computes", "blocking.event-loop", """
def crunch(number):
    return sum(i * i for i in range(number))

async def work(text):
    while True:
        crunch(200_000)
""", "work", _HANG),
    Scenario("blocking call two helpers deep", "blocking.event-loop", """
from helpers import fetch_all

async def work(text):
    return fetch_all(text)
""", "work", _HANG, modules=(("helpers.py", """
import time

def fetch_all(text):
    return [fetch_one(part) for part in [text]]

def fetch_one(part):
    time.sleep(600)
    return part
"""),)),
    Scenario("middleware of a mounted app", "blocking.event-loop", """
import uvicorn
from fastapi import FastAPI

app = FastAPI()

@app.middleware("http")
async def slow(request, call_next):
    if request.url.path == "/slow":
        time.sleep(600)
    return await call_next(request)

app = gr.mount_gradio_app(app, gr.Interface(lambda x: x, "text", "text"), path="/")
uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
""", "", _stuck_page, whole=True),
    Scenario("native call holds the GIL", "blocking.event-loop", """
def work(text):
    return str(re.match(r"(a+)+$", "a" * 64 + "b"))
""", "work", _HANG),
    Scenario("self-call on the loop", "blocking.event-loop", """
import urllib.request

async def work(text):
    return urllib.request.urlopen(f"http://127.0.0.1:{PORT}/config").read().decode()[:20]
""", "work", _HANG),
    Scenario("forty busy workers", "blocking.thread-pool", """
def work(text):
    time.sleep(600)
    return text
""", "work", _send(count=44, silent="/config")),
    Scenario("two locks", "blocking.deadlock", """
A, B = threading.Lock(), threading.Lock()
BOTH = threading.Barrier(2)  # however slow the machine is

def first(text):
    with A:
        BOTH.wait(20)
        with B:
            return text

def second(text):
    with B:
        BOTH.wait(20)
        with A:
            return text
""", "first, second", _send("first", "second", rest=1.5)),
    Scenario("upstream never answers", "blocking.upstream-wait", """
import urllib.request

def work(text):
    return urllib.request.urlopen("http://127.0.0.1:" + text).read().decode()
""", "work", _send(count=3, server="silent")),
    Scenario("awaited upstream never answers", "blocking.upstream-wait", AWAITS.format(limit=None), "work",
             _send(count=3, server="silent")),
    Scenario("connection pool is used up", "blocking.connection-pool", """
import httpx

client = httpx.Client(limits=httpx.Limits(max_connections=1), timeout=None)

def work(text):
    with client.stream("GET", "http://127.0.0.1:" + text) as answer:
        return answer.read().decode()
""", "work", _send(count=6, server="slow", rest=1.5)),
    Scenario("queue grows", "queue.backlog", """
def work(text):
    time.sleep(3)
    return text
""", "work", _send(count=60), queue=""),
    Scenario("queue is full", "queue.full", """
def work(text):
    time.sleep(60)
    return text
""", "work", _fill, queue="max_size=4"),
    Scenario("queue is stopped", "queue.stuck", """
def work(text):
    demo._queue.close()
    return text
""", "work", _send()),
    Scenario("sys.exit in a handler", "app.handler-exception", """
def work(text):
    sys.exit(3)
""", "work", _HANG),
    Scenario("suspended", "port.leftover-process", ECHO, "echo", Driver.suspend),
    Scenario("child inherited the socket", "port.leftover-process", """
if len(sys.argv) > 2:
    raise SystemExit

demo = gr.Interface(lambda x: x, "text", "text")
demo.launch(server_port=PORT, prevent_thread_lock=True)
if os.fork() == 0:
    time.sleep(600)
time.sleep(600)
""", "", Driver.kill_parent, whole=True),
)

HEALTHY = (
    Scenario("awaits with a near limit", "", AWAITS.format(limit=20), "work", _send(count=3, server="silent")),
    Scenario("idle", "", ECHO, "echo", _echo),
    Scenario("never asked", "", ECHO, "echo", _nothing),
    Scenario("just started", "", ECHO, "echo", Driver.restart),
    Scenario("many quick events", "", ECHO, "echo", lambda d: d.load("echo", 8)),
    Scenario("eight busy handlers", "", """
def work(text):
    return str(sum(i * i for i in range(400_000)))
""", "work", _load(8)),
    Scenario("pages under load", "", ECHO, "echo", lambda d: d.load_pages(16)),
    Scenario("awaiting handler", "", """
async def work(text):
    await asyncio.sleep(600)
    return text
""", "work", _send(count=5)),
    Scenario("twenty sleeping handlers", "", """
def work(text):
    time.sleep(600)
    return text
""", "work", _send(count=20)),
    Scenario("garbage collection", "", """
junk = [[i] for i in range(1_000_000)]

def work(text):
    gc.collect()
    return text
""", "work", _load(1, pause=0.5)),
    Scenario("streaming answer", "", """
def work(text):
    for i in range(6000):
        time.sleep(0.1)
        yield str(i)
""", "work", _send(count=3)),
    Scenario("threads take turns at a lock", "", """
lock = threading.Lock()

def work(text):
    with lock:
        time.sleep(0.02)
    return text
""", "work", _load(6)),
    Scenario("short blocks", "", """
async def work(text):
    time.sleep(0.05)
    return text
""", "work", _load(2, pause=0.2)),
    Scenario("queue that moves", "", """
def work(text):
    time.sleep(0.05)
    return text
""", "work", _load(4), queue=""),
    Scenario("upstream with a time-out", "", """
import urllib.request

def work(text):
    try:
        return urllib.request.urlopen("http://127.0.0.1:" + text, timeout=0.4).read().decode()
    except OSError:
        return "late"
""", "work", _load(2, server=True)),
    Scenario("own server-rendered pages off, background thread", "", ECHO + """
def tick():
    while True:
        time.sleep(0.2)

threading.Thread(target=tick, daemon=True).start()
""", "echo", _echo),
)
SCENARIOS = FAULTS + HEALTHY
