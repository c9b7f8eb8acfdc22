"""Apps as people write them, each fault beside its correct twin: name -> (finding, faulty, correct)."""

from __future__ import annotations

_CHAT = """
import gradio as gr
from openai import {client}

client = {client}()

async def respond(message, history):
    messages = history + [{{"role": "user", "content": message}}]
    text = ""
    {loop} part in {call}client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True):
        text += part.choices[0].delta.content or ""
        yield text

gr.ChatInterface(respond).launch()
"""
_CLASSIFY = """
import gradio as gr
from transformers import pipeline

pipe = pipeline("sentiment-analysis")

{kind} classify(text):
    return pipe(text)[0]["label"]

gr.Interface(classify, "text", "label").launch()
"""
_GUARD = """
import requests, httpx
import gradio as gr
from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware

class Quota(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        {check}
        return await call_next(request)

app = FastAPI()
app.add_middleware(Quota)
demo = gr.Interface(str.upper, "text", "text")
app = gr.mount_gradio_app(app, demo, path="/")
"""
_LOCK = """
import asyncio, threading
import gradio as gr
lock = {lock}

async def generate(prompt):
    {keyword} lock:
        await asyncio.sleep(1)
    return prompt

gr.Interface(generate, "text", "text").launch()
"""
_WEATHER = """
import gradio as gr
import requests

def weather(city):
    return requests.get("https://wttr.in/" + city{limit}).text

gr.Interface(weather, "text", "text").launch()
"""
_CROWD = """
import subprocess
import gradio as gr

def convert(path):
    subprocess.run(["ffmpeg", "-i", path, "out.mp4"], check=True)
    return "out.mp4"

with gr.Blocks() as demo:
    video = gr.Video()
    video.upload(convert, video, video{limit})
demo.launch({launch})
"""
_COUNTER = """
import gradio as gr
import threading
lock = threading.Lock()
visits = 0

def visit(name):
    global visits
    {change}
    return f"{{name}} is visitor {{visits}}"

demo = gr.Interface(visit, "text", "text")
demo.queue(default_concurrency_limit={limit}).launch()
"""
_HISTORY = """
import gradio as gr
{kept}
def add(item, items):
    items = {source}
    items.append(item)
    return items, items

with gr.Blocks() as demo:
    box, state, out = gr.Textbox(), gr.State([]), gr.JSON()
    box.submit(add, [box, state], [state, out])
demo.launch()
"""
_SHARED = """
import gradio as gr
cart = []

def add(item):
    cart.append(item)
    return cart

gr.Interface(add, "text", "json").launch()
"""
_LOAD = """
import gradio as gr
from transformers import pipeline
{before}
def translate(text, language):
    {load}
    return model(text)[0]["translation_text"]

gr.Interface(translate, ["text", "text"], "text").launch()
"""

APPS: dict[str, tuple[str, str, str]] = {
    "a synchronous client in a chat": (
        "blocking.may-stop-loop", _CHAT.format(client="OpenAI", loop="for", call=""),
        _CHAT.format(client="AsyncOpenAI", loop="async for", call="await "),
    ),
    "inference in an async function": (
        "blocking.may-stop-loop", _CLASSIFY.format(kind="async def"), _CLASSIFY.format(kind="def"),
    ),
    "a request in middleware": (
        "blocking.may-stop-loop", _GUARD.format(check="requests.get('http://quota/check', timeout=3)"),
        _GUARD.format(check="async with httpx.AsyncClient() as c: await c.get('http://quota/check')"),
    ),
    "a lock of threads across an await": (
        "blocking.may-lock-loop", _LOCK.format(lock="threading.Lock()", keyword="with"),
        _LOCK.format(lock="asyncio.Lock()", keyword="async with"),
    ),
    "a request without a limit": (
        "blocking.may-wait-forever", _WEATHER.format(limit=""), _WEATHER.format(limit=", timeout=(3, 30)"),
    ),
    "any number of conversions at once": (
        "blocking.may-fill-threads", _CROWD.format(limit=", concurrency_limit=None", launch=""),
        _CROWD.format(limit="", launch=""),
    ),
    "past the queue": (
        "blocking.may-fill-threads", _CROWD.format(limit=", queue=False", launch=""),
        _CROWD.format(limit=", concurrency_limit=4", launch=""),
    ),
    "threads of their own": (
        "blocking.may-fill-threads", _CROWD.format(limit=", concurrency_limit=60", launch=""),
        _CROWD.format(limit=", concurrency_limit=60", launch="max_threads=80"),
    ),
    "a counter": (
        "app.may-lose-update", _COUNTER.format(change="visits += 1", limit=8),
        _COUNTER.format(change="visits += 1", limit=1),
    ),
    "a counter without its lock": (
        "app.may-lose-update", _COUNTER.format(change="visits = visits + 1", limit=None),
        _COUNTER.format(change="with lock: visits += 1", limit=None),
    ),
    "a cart for all": (
        "app.may-mix-users", _SHARED, _HISTORY.format(kept="", source="list(items)"),
    ),
    "a list that all append to": (
        "app.may-mix-users", _HISTORY.format(kept="every = []", source="every").replace("items.append", "every.append"),
        _HISTORY.format(kept="every = []", source="items"),
    ),
    "a model at every call": (
        "model.may-load-each-time", _LOAD.format(before="", load="model = pipeline('translation', tgt_lang=language)"),
        _LOAD.format(before="import functools\n@functools.cache\ndef get(language):\n"
                            "    return pipeline('translation', tgt_lang=language)\n", load="model = get(language)"),
    ),
}
