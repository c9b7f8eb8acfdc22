"""Awaited network calls as the source tells them: which wait for ever, which for long, which not."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.probes.source_apps import read_app

APP = """
import asyncio
import aiohttp, asyncpg, httpx, ollama, websockets
import gradio as gr
from openai import AsyncOpenAI

kept = httpx.AsyncClient(timeout=None)
brief = httpx.AsyncClient(timeout=httpx.Timeout(None, connect=3.0))
ai, quick = AsyncOpenAI(), AsyncOpenAI(timeout=20)
LIMIT = 45
OPTIONS = {{"timeout": 3}}

async def work(text):
    {body}

gr.Interface(work, "text", "text").launch()
"""


@pytest.mark.parametrize(("body", "limit"), [
    ('return await kept.get("http://h/")', math.inf),
    ('return await kept.get("http://h/", timeout=30)', 30.0),
    ('return await kept.get("http://h/", timeout=LIMIT)', 45.0),
    ('return await kept.get("http://h/", timeout=unknown())', 0.0),
    ('return await kept.get("http://h/", **OPTIONS)', 0.0),
    ('return await brief.get("http://h/")', math.inf),
    ('return await httpx.AsyncClient().get("http://h/")', 5.0),
    ('return await httpx.AsyncClient(timeout=None).post("http://h/")', math.inf),
    ('return await ai.chat.completions.create(model="m", messages=[])', 600.0),
    ('return await quick.chat.completions.create(model="m", messages=[])', 20.0),
    ('return await (await asyncpg.connect("h")).fetch("select 1")', math.inf),
    ('return await ollama.AsyncClient().chat("m")', math.inf),
])
def test_in_one_line(body: str, limit: float, tmp_path: Path) -> None:
    found = read_app(tmp_path, APP.format(body=body)).awaited
    assert [(math.inf if c.unlimited else c.seconds, c.location.line) for c in found] == [(limit, 14)]
    assert found[0].handler is not None and found[0].handler.name == "work" and found[0].kind == "await"


BLOCKS = {
    "async with aiohttp.ClientSession() as s:\n"
    "        async with s.get('http://h') as r:\n            return await r.text()": 300.0,
    "async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as s:\n"
    "        async with s.get('http://h') as r:\n            return await r.text()": math.inf,
    "async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=9)) as s:\n"
    "        async with s.post('http://h') as r:\n            return await r.text()": 9.0,
    "reader, writer = await asyncio.open_connection('h', 1)\n    return await reader.readline()": math.inf,
    "async with websockets.connect('ws://h') as ws:\n        return await ws.recv()": math.inf,
}


@pytest.mark.parametrize(("body", "limit"), BLOCKS.items(), ids=range(len(BLOCKS)))
def test_in_several_lines(body: str, limit: float, tmp_path: Path) -> None:
    found = read_app(tmp_path, APP.format(body=body)).awaited
    assert [math.inf if c.unlimited else c.seconds for c in found] == [limit]


@pytest.mark.parametrize("body", [
    'return await asyncio.wait_for(kept.get("http://h/"), 10)',
    'async with asyncio.timeout(10):\n        return await kept.get("http://h/")',
    "return await asyncio.sleep(600)",
    "return await somebody.get(text)",
    "return text",
])
def test_with_a_deadline_or_not_of_a_network(body: str, tmp_path: Path) -> None:
    source = read_app(tmp_path, APP.format(body=body))
    assert source.awaited == () and source.slow == ()


def test_a_handler_that_cannot_be_followed(tmp_path: Path) -> None:
    """The function is known all the same, though not that it is a handler; and awaiting blocks nobody."""
    text = APP.format(body='return await kept.get("http://h/")')
    source = read_app(tmp_path, text.replace('gr.Interface(work, "text", "text")', "gr.Interface(*make())"))
    assert [(c.handler, c.location.function, c.unlimited) for c in source.awaited] == [(None, "work", True)]
    assert source.slow == ()


def test_two_handlers_one_place(tmp_path: Path) -> None:
    text = APP.format(body='return await ask(text)\n\nasync def other(text):\n    return await ask(text)\n\n'
                           'async def ask(text):\n    return await kept.get("http://h/")')
    source = read_app(tmp_path, text.replace(".launch()", "\ngr.Interface(other, 'text', 'text').launch()"))
    assert [(c.handler.name if c.handler else "", len(c.chain)) for c in source.awaited] == [("work", 2)]
