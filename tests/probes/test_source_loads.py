# ruff: noqa: E501 - one app a line reads best
"""Models that are loaded too often or too early, and what library calls are known to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.probes.source.slow_names import classify, has_no_limit, loads_model
from tests.probes.source_apps import read_app
from tests.probes.test_source_slow import HEAD, TAIL

LOADS: dict[str, bool] = {
    "def handle(x):\n    p = pipeline('translation')\n    return p(x)": True,
    "def handle(x):\n    return pipeline('translation')(x)": True,
    "def make():\n    return pipeline('translation')\ndef handle(x):\n    return make()(x)": True,
    "def handle(x):\n    m = whisper.load_model('base')\n    return m.transcribe(x)": True,
    "@functools.lru_cache\ndef make():\n    return pipeline('translation')\ndef handle(x):\n    return make()(x)": False,
    "@functools.cache\ndef make(n):\n    return pipeline(n)\ndef handle(x):\n    return make(x)(x)": False,
    "m = None\ndef handle(x):\n    global m\n    if m is None:\n        m = pipeline('t')\n    return m(x)": False,
    "m = None\ndef handle(x):\n    global m\n    m = pipeline(x)\n    return 'loaded'": False,
    "ms = {}\ndef make(n):\n    if n in ms:\n        return ms[n]\n    m = pipeline(n)\n    ms[n] = m\n    return m\n"
    "def handle(x):\n    return make(x)(x)": False,
    "ms = {}\ndef handle(x):\n    try:\n        m = ms[x]\n    except KeyError:\n        m = ms[x] = pipeline(x)\n"
    "    return m(x)": False,
    "class Bot:\n    def load(self, n):\n        self.m = pipeline(n)\nbot = Bot()\ndef handle(x):\n    bot.load(x)": False,
    "@some.cached_resource\ndef make():\n    return pipeline('t')\ndef handle(x):\n    return make()(x)": False,
    "def handle(x):\n    t = AutoTokenizer.from_pretrained('gpt2')\n    return t(x)": False,
    "def handle(x):\n    return pipe(x)": False,
}


@pytest.mark.parametrize(("code", "every_time"), LOADS.items())
def test_models_loaded_at_every_call(code: str, every_time: bool, tmp_path: Path) -> None:
    source = read_app(tmp_path, HEAD + "import some\n" + code + "\n" + TAIL)
    assert any(c.kind == "load" and c.always and c.handler for c in source.slow) is every_time


def test_models_loaded_before_the_app_serves(tmp_path: Path) -> None:
    files = {"models.py": "from transformers import pipeline\nfirst = pipeline('a')\ndef later():\n    return pipeline('b')\n"}
    source = read_app(tmp_path, "import gradio as gr\nimport models\ngr.Interface(len, 'text', 'text').launch()\n", files)
    early = [c for c in source.slow if c.handler is None]
    assert [(c.kind, c.location.line) for c in early] == [("load", 2)]
    assert early[0].location.file.endswith("models.py")


@pytest.mark.parametrize(("path", "kind"), {
    "openai.AsyncOpenAI().chat.completions.create": None,
    "google.genai.Client().models.generate_content": "network",
    "google.genai.Client().aio.models.generate_content": None,
    "redis.Redis().get": "database",
    "redis.asyncio.Redis().get": None,
    "pymongo.MongoClient().db.users.find_one": "database",
    "sqlalchemy.orm.Session().query().filter().all": "database",
    "sqlalchemy.ext.asyncio.AsyncSession().execute": None,
    "boto3.client().upload_file": "network",
    "torch.nn.Sequential().forward": "model",
    "diffusers.StableDiffusionPipeline.from_pretrained().to()": "model",
    "diffusers.EulerScheduler.from_pretrained": None,
    "sklearn.ensemble.RandomForestClassifier().predict": "model",
    "sklearn.ensemble.RandomForestClassifier().get_params": None,
    "x" * 400: None,
    "time.sleep" + "()" * 3: None,
    "": None,
}.items())
def test_what_a_library_call_does(path: str, kind: str | None) -> None:
    found = classify(path)
    assert (found.kind if found else None) == kind


def test_loaders_and_limits_by_name() -> None:
    assert loads_model("transformers.AutoModel.from_pretrained")
    assert not loads_model("transformers.AutoTokenizer.from_pretrained")
    assert not loads_model("transformers.AutoModel.from_pretrained()")
    assert has_no_limit("requests.get")
    assert not has_no_limit("openai.OpenAI().chat.completions.create")
