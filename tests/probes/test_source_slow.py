"""The slow calls below handlers: which library calls are known, and what is never reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.evidence import AppSource, SlowCall
from tests.probes.source_apps import read_app

HEAD = """
import asyncio, functools, os, queue, subprocess, sqlite3, threading, time
import concurrent.futures
from concurrent.futures import ThreadPoolExecutor
from time import sleep as nap
import anyio, httpx, openai, requests
import requests as rq
import urllib.request
from openai import AsyncOpenAI, OpenAI
from anthropic import Anthropic, AsyncAnthropic
from huggingface_hub import AsyncInferenceClient, InferenceClient
from gradio_client import Client
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline
from sentence_transformers import SentenceTransformer
import joblib, onnxruntime, torch, whisper
import gradio as gr

client = OpenAI()
aclient = AsyncOpenAI()
claude = Anthropic()
hub = InferenceClient("m")
ahub = AsyncInferenceClient("m")
pipe = pipeline("text-generation", model="gpt2")
model = AutoModelForCausalLM.from_pretrained("gpt2").to("cuda").eval()
tokenizer = AutoTokenizer.from_pretrained("gpt2")
embedder = SentenceTransformer("m")
session = onnxruntime.InferenceSession("m.onnx")
forest = joblib.load("forest.pkl")
http = requests.Session()
db = sqlite3.connect("app.db", check_same_thread=False)
pool = ThreadPoolExecutor()
lock = threading.Lock()
alock = asyncio.Lock()
jobs = queue.Queue()
ajobs = asyncio.Queue()

class Net(torch.nn.Module):
    def forward(self, x): return x
net = Net()
"""
TAIL = """
with gr.Blocks() as demo:
    box = gr.Textbox()
    box.submit(handle, box, box)
demo.launch()
"""

BLOCKING: dict[str, str] = {
    "time.sleep(1)": "sleep",
    "nap(0.5)": "sleep",
    "requests.get(x)": "network",
    "rq.post(x, json={}, timeout=5)": "network",
    "requests.request('GET', x)": "network",
    "http.get(x)": "network",
    "with requests.Session() as s:\n        s.get(x)": "network",
    "urllib.request.urlopen(x).read()": "network",
    "httpx.get(x)": "network",
    "with httpx.Client() as c:\n        c.post(x)": "network",
    "client.chat.completions.create(model='m', messages=[])": "network",
    "OpenAI().responses.create(input=x)": "network",
    "openai.chat.completions.create(model='m')": "network",
    "openai.ChatCompletion.create(model='m')": "network",
    "claude.messages.create(model='m')": "network",
    "hub.chat_completion([])": "network",
    "hub.chat.completions.create(messages=[])": "network",
    "Client('user/space').predict(x)": "network",
    "for part in client.chat.completions.create(stream=True):\n        yield part": "network",
    "subprocess.run(['ffmpeg', x])": "process",
    "subprocess.check_output(x)": "process",
    "os.system(x)": "process",
    "p = subprocess.Popen(x)\n    p.wait()": "process",
    "subprocess.Popen(x).communicate()": "process",
    "db.execute('select 1').fetchall()": "database",
    "c = db.cursor()\n    c.execute('select 1')": "database",
    "pipe(x)": "model",
    "pipe(x, max_new_tokens=10)[0]": "model",
    "model.generate(**tokenizer(x, return_tensors='pt'))": "model",
    "model(x)": "model",
    "net(x)": "model",
    "embedder.encode([x])": "model",
    "session.run(None, {'x': x})": "model",
    "forest.predict([x])": "model",
    "whisper.load_model('base')": "load",
    "torch.load('m.pt')": "load",
    "AutoModelForCausalLM.from_pretrained('gpt2')": "load",
    "jobs.get()": "wait",
    "pool.submit(len, x).result()": "wait",
    "f = pool.submit(len, x)\n    f.result()": "wait",
    "t = threading.Thread(target=len)\n    t.start()\n    t.join()": "wait",
    "asyncio.run_coroutine_threadsafe(other(), loop).result()": "wait",
    "threading.Event().wait()": "wait",
    "threading.Event().wait(30)": "wait",
    "jobs.get(timeout=10)": "wait",
    "jobs.get(True)": "wait",
    "pool.submit(len, x).result(timeout=60)": "wait",
    "concurrent.futures.wait([])": "wait",
    "sum(i for i in range(50_000_000))": "cpu",
    "for i in range(10 ** 8):\n        x = i": "cpu",
    "while time.time() < end:\n        pass": "cpu",
    "with lock:\n        await asyncio.sleep(1)": "lock",
    "asyncio.create_task(other()); time.sleep(2)": "sleep",
    "if x:\n        time.sleep(3)": "sleep",
    "try:\n        time.sleep(3)\n    finally:\n        pass": "sleep",
    "[time.sleep(1) for _ in range(3)]": "sleep",
    "x = await other(requests.get(x))": "network",
}

QUIET: list[str] = [
    "await asyncio.sleep(1)",
    "await asyncio.to_thread(time.sleep, 1)",
    "await asyncio.to_thread(requests.get, x)",
    "await asyncio.to_thread(lambda: requests.get(x))",
    "await asyncio.to_thread(functools.partial(requests.get, x, timeout=3))",
    "await anyio.to_thread.run_sync(time.sleep, 1)",
    "await asyncio.get_running_loop().run_in_executor(None, time.sleep, 1)",
    "await loop.run_in_executor(pool, functools.partial(pipe, x))",
    "async with httpx.AsyncClient() as c:\n        await c.get(x)",
    "await aclient.chat.completions.create(model='m')",
    "async for part in await aclient.chat.completions.create(stream=True):\n        yield part",
    "await AsyncAnthropic().messages.create(model='m')",
    "await ahub.chat_completion([])",
    "await openai.ChatCompletion.acreate(model='m')",
    "p = await asyncio.create_subprocess_exec('ls')\n    await p.wait()",
    "await ajobs.get()",
    "jobs.get_nowait()",
    "jobs.get(timeout=0.01)",
    "jobs.get(block=False)",
    "jobs.get(False)",
    "jobs.get(timeout=limit)",
    "pool.submit(len, x).result(0)",
    "pool.submit(requests.get, x)",
    "threading.Thread(target=requests.get, args=(x,)).start()",
    "await asyncio.wrap_future(pool.submit(time.sleep, 1))",
    "async with alock:\n        await asyncio.sleep(1)",
    "with lock:\n        x = 1",
    "tokenizer(x)",
    "{}.get(x)",
    "x.get('a')",
    "x.predict(1)",
    "x.generate()",
    "time.time()",
    "time.sleep(0)",
    "time.sleep(0.001)",
    "for i in range(100):\n        x = i",
    "for i in range(10 ** 9):\n        await asyncio.sleep(0)",
    "for i in range(10 ** 9):\n        yield i",
    "for i in range(10 ** 9):\n        if i > 10:\n            break",
    "while time.time() < end:\n        await asyncio.sleep(0.1)",
    "' '.join(['a'])",
    "os.path.join('a', x)",
    "[c.get(x) for c in x]",
    "[client.chat.completions.create() for client in x]",
    "f = lambda: time.sleep(1)",
    "def inner():\n        time.sleep(1)",
    "return\n    time.sleep(1)",
    "if False:\n        time.sleep(1)",
    "run = time.sleep",
    "raise ValueError(time.sleep)",
]


def loop_calls(source: AppSource) -> list[SlowCall]:
    """What a check would report: on the event loop and not often quick."""
    return [c for c in source.slow if c.on_loop and not c.weak]


def read(tmp_path: Path, body: str, head: str = "async def handle(x):") -> AppSource:
    function = f"async def other(x=None): ...\n{head}\n    {body}\n"
    return read_app(tmp_path, HEAD + function + TAIL)


@pytest.mark.parametrize(("body", "kind"), BLOCKING.items(), ids=BLOCKING)
def test_blocking_calls_on_the_loop(body: str, kind: str, tmp_path: Path) -> None:
    source = read(tmp_path, body)
    found = loop_calls(source)
    assert [c.kind for c in found][:1] == [kind], source.unread
    assert found[0].handler is not None
    assert found[0].handler.name == "handle"
    lines = (tmp_path / "app.py").read_text().splitlines()
    assert found[0].location.text == lines[found[0].location.line - 1].strip()


@pytest.mark.parametrize("body", QUIET)
def test_what_does_not_block(body: str, tmp_path: Path) -> None:
    source = read(tmp_path, body)
    assert [h.is_async for h in source.handlers] == [True]
    assert loop_calls(source) == []


@pytest.mark.parametrize("body", [b for b, kind in BLOCKING.items() if kind not in ("lock",) and "await" not in b])
def test_a_plain_function_does_not_stop_the_loop(body: str, tmp_path: Path) -> None:
    source = read(tmp_path, body, "def handle(x):")
    assert [h.is_async for h in source.handlers] == [False]
    assert loop_calls(source) == []
    assert source.slow  # it is told all the same: time limits and models matter there as well


def test_how_long_it_sleeps(tmp_path: Path) -> None:
    found = read(tmp_path, "time.sleep(2.5)").slow
    assert [c.seconds for c in found if c.handler] == [2.5]


@pytest.mark.parametrize(("call", "unlimited"), {
    "requests.get(x)": True,
    "requests.get(x, timeout=None)": True,
    "requests.get(x, timeout=5)": False,
    "requests.get(x, timeout=LIMIT)": False,
    "requests.post(x, **options)": False,
    "http.get(x)": True,
    "http.get(x, timeout=3)": False,
    "requests.get('http://localhost:8000/x')": False,
    "urllib.request.urlopen(x)": True,
    "urllib.request.urlopen(x, timeout=3)": False,
    "urllib.request.urlopen(x, None, 3)": False,
    "httpx.get(x)": False,
    "httpx.get(x, timeout=None)": True,
    "client.chat.completions.create(model='m')": False,
    "get(x)": False,
}.items())
def test_time_limits(call: str, unlimited: bool, tmp_path: Path) -> None:
    before = "get = functools.partial(requests.get, timeout=3)\nLIMIT = 3\noptions = {}\n"
    source = read_app(tmp_path, HEAD + before + f"def handle(x):\n    return {call}\n" + TAIL)
    below = [c for c in source.slow if c.handler]
    assert [c.unlimited for c in below] == [unlimited]
