# ruff: noqa: E501 - lines of logs are as long as they are
"""Logs of what the app itself does wrong: each follows what CPython, Gradio or the named app prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.noise import NOISE
from tests.checks.said import causes, diagnose

LOGS = [
    ("app.syntax-error", """
          File "/home/user/app/app.py", line 12
            demo.launch(
                       ^
        SyntaxError: '(' was never closed
    """),
    ("app.syntax-error", """
        Traceback (most recent call last):
          File "C:\\w\\webui.py", line 3, in <module>
            from modules import ui
          File "C:\\w\\modules\\ui.py", line 80
            <<<<<<< HEAD
            ^
        SyntaxError: invalid syntax
    """),
    ("app.syntax-error", """
          File "/srv/app.py", line 7
            return x
        IndentationError: unexpected indent
    """),
    ("app.startup-exception", """
        Traceback (most recent call last):
          File "/srv/app.py", line 5, in <module>
            key = os.environ["BOT_SECRET"]
          File "<frozen os>", line 679, in __getitem__
        KeyError: 'BOT_SECRET'
    """),
    ("app.startup-exception", """
        Traceback (most recent call last):
          File "/srv/app.py", line 9, in <module>
            rows = load(Path("data/catalogue.csv"))
          File "/srv/reader.py", line 4, in load
            return open(path).read()
        FileNotFoundError: [Errno 2] No such file or directory: 'data/catalogue.csv'
    """),
    ("app.startup-exception", """
        Traceback (most recent call last):
          File "/srv/app.py", line 9, in <module>
            main()
          File "/srv/app.py", line 6, in main
            raise ValueError("the number of workers must be positive")
        ValueError: the number of workers must be positive
    """),
    ("app.startup-exception", "usage: webui.py [-h] [--port PORT]\nwebui.py: error: unrecognized arguments: --medvramm"),
    ("app.startup-exception", """
        Traceback (most recent call last):
          File "/srv/kohya/kohya_gui.py", line 30, in <module>
            config = toml.load("config.toml")
        toml.decoder.TomlDecodeError: Invalid value (line 4 column 1)
    """),
    ("app.startup-exception", """
        Traceback (most recent call last):
          File "/srv/app.py", line 3, in <module>
            cfg = yaml.safe_load(open("settings.yaml"))
          File "/srv/venv/lib/python3.10/site-packages/yaml/scanner.py", line 577, in fetch_value
            raise ScannerError(None, None,
        yaml.scanner.ScannerError: mapping values are not allowed here
          in "settings.yaml", line 4, column 9
    """),
    ("app.handler-exception", """
        Running on local URL:  http://127.0.0.1:7860
        Traceback (most recent call last):
          File "/srv/venv/lib/python3.10/site-packages/gradio/queueing.py", line 407, in call_prediction
            output = await route_utils.call_process_api(
          File "/srv/venv/lib/python3.10/site-packages/gradio/blocks.py", line 1199, in call_function
            prediction = await anyio.to_thread.run_sync(
          File "/srv/app.py", line 15, in predict
            return table[name]
        KeyError: 'cat'
    """),
    ("app.handler-exception", """
        * Running on local URL:  http://127.0.0.1:7860
        Traceback (most recent call last):
          File "C:\\w\\venv\\Lib\\site-packages\\gradio\\queueing.py", line 625, in process_events
            response = await route_utils.call_process_api(
          File "C:\\w\\venv\\Lib\\site-packages\\gradio\\blocks.py", line 2098, in process_api
            result = await self.call_function(
          File "C:\\w\\app.py", line 40, in resize
            width = image.shape[1]
        AttributeError: 'NoneType' object has no attribute 'shape'
    """),
    ("app.handler-exception", "ValueError: A  function (chat) didn't return enough output values (needed: 3, returned: 1)."),
    ("app.exits-immediately", """
        app    | Loading...
        app exited with code 0
    """),
    ("app.exits-immediately", "runtime error\nExit code: 0. Reason: application does not seem to be initialized"),
    ("app.file-access", """
        gradio.exceptions.InvalidPathError: Cannot move /mnt/out/1.png to the gradio cache dir because it was not created by the application or it is not located in either the current working directory or your system's temp directory.
    """),
    ("app.file-access", '{"detail":"File not allowed: /home/u/outputs/a.png."}'),
    ("app.shared-state-race", "RuntimeError: Already borrowed"),
    ("app.shared-state-race", """
        Traceback (most recent call last):
          File "/srv/venv/lib/python3.10/site-packages/gradio/queueing.py", line 541, in process_events
            response = await route_utils.call_process_api(
          File "/srv/app.py", line 22, in list_rooms
            for room in ROOMS:
        RuntimeError: dictionary changed size during iteration
    """),
    ("app.component-misuse", "AttributeError: Cannot call click outside of a gradio.Blocks context."),
    ("app.component-misuse", """
        Traceback (most recent call last):
          File "/srv/app.py", line 8, in <module>
            box.render()
          File "/srv/venv/lib/python3.11/site-packages/gradio/blocks.py", line 206, in render
            raise DuplicateBlockError(
        gradio.exceptions.DuplicateBlockError: A block with id: 3 has already been rendered in the current Blocks.
    """),
    ("app.component-misuse", "ValueError: Need to enable queue to use generators."),
    ("app.component-misuse", "gradio.exceptions.Error: \"Data incompatible with messages format. Each message should be a dictionary with 'role' and 'content' keys or a ChatMessage object.\""),
    ("app.module-shadowed", """
        Traceback (most recent call last):
          File "/home/u/proj/gradio.py", line 1, in <module>
            import gradio as gr
          File "/home/u/proj/gradio.py", line 3, in <module>
            with gr.Blocks() as demo:
        AttributeError: partially initialized module 'gradio' has no attribute 'Blocks' (most likely due to a circular import)
    """),
    ("app.module-shadowed", """
        Traceback (most recent call last):
          File "/home/u/proj/gradio.py", line 1, in <module>
            import gradio as gr
          File "/home/u/proj/gradio.py", line 3, in <module>
            demo = gr.Interface(fn=print, inputs="text", outputs="text")
        AttributeError: module 'gradio' has no attribute 'Interface' (consider renaming '/home/u/proj/gradio.py' if it has the same name as a library you intended to import)
    """),
    ("app.module-shadowed", "AttributeError: module 'random' has no attribute 'randint' (consider renaming '/srv/random.py' since it has the same name as the standard library module named 'random' and prevents importing that standard library module)"),
    ("app.module-shadowed", """
        Traceback (most recent call last):
          File "/w/train.py", line 3, in <module>
            from utils.audio import load_wav
        ModuleNotFoundError: No module named 'utils.audio'; 'utils' is not a package
    """),
    ("app.encoding", """
        Traceback (most recent call last):
          File "D:\\ChatGLM\\web_demo.py", line 12, in <module>
            prompts = json.load(open("prompts.json"))
          File "D:\\Python310\\lib\\json\\__init__.py", line 293, in load
            return loads(fp.read(),
        UnicodeDecodeError: 'gbk' codec can't decode byte 0xaf in position 30: illegal multibyte sequence
    """),
    ("app.encoding", "UnicodeEncodeError: 'charmap' codec can't encode character '\\u2714' in position 0: character maps to <undefined>"),
    ("app.encoding", "SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xb0 in position 4: invalid start byte"),
    ("app.slow-first-page", """
        Running on local URL:  http://127.0.0.1:7860
        Traceback (most recent call last):
          File "/srv/app.py", line 90, in <module>
            demo.launch()
          File "/srv/venv/lib/python3.10/site-packages/gradio/blocks.py", line 2081, in launch
            httpx.get(f"{self.local_url}startup-events", verify=ssl_verify)
          File "/srv/venv/lib/python3.10/site-packages/httpx/_transports/default.py", line 233, in handle_request
            resp = self._pool.handle_request(req)
        httpx.ReadTimeout: timed out
    """),
]
HEALTHY = [
    "Running on local URL:  http://127.0.0.1:7860\n\nTo create a public link, set `share=True` in `launch()`.",
    "* Running on local URL:  http://127.0.0.1:7860, with SSR ⚡ (Node proxy -> Python :7861)\n* To create a public link, set `share=True` in `launch()`.",
    "IMPORTANT: You are using gradio version 3.41.2, however version 4.29.0 is available, please upgrade.\n--------\nRunning on local URL:  http://127.0.0.1:7860",
    "Could not load library with AVX2 support due to:\nModuleNotFoundError(\"No module named 'faiss.swigfaiss_avx2'\")\nSuccessfully loaded faiss.\nRunning on local URL:  http://127.0.0.1:7860",
    "No module 'xformers'. Proceeding without it.\nLoading weights [6ce0161689] from /m/v1-5.safetensors\nModel loaded in 4.2s (load weights from disk: 1.1s).\nRunning on local URL:  http://127.0.0.1:7860",
    "Fetching 12 files: 100%|##########| 12/12 [00:00<00:00, 9.5it/s]\nLoading pipeline components...: 100%|####| 7/7 [00:03<00:00]\n* Running on local URL:  http://0.0.0.0:7860",
    "/w/lib/python3.10/site-packages/pydub/utils.py:170: RuntimeWarning: Couldn't find ffmpeg or avconv - defaulting to ffmpeg, but may not work\nRunning on local URL:  http://127.0.0.1:7860",
    "INFO:httpx:HTTP Request: GET http://127.0.0.1:7860/startup-events \"HTTP/1.1 200 OK\"\nINFO:httpx:HTTP Request: HEAD http://127.0.0.1:7860/ \"HTTP/1.1 200 OK\"\nRunning on local URL:  http://127.0.0.1:7860",
    "Some weights of BertModel were not initialized from the model checkpoint at x and are newly initialized: ['pooler.dense.weight']\nYou should probably TRAIN this model on a down-stream task.\nRunning on local URL:  http://127.0.0.1:7860",
    "Some weights of the model checkpoint at openai/clip-vit-large-patch14 were not used when initializing CLIPTextModel: ['vision_model.x']\nRunning on local URL:  http://127.0.0.1:7860",
    "/w/lib/python3.10/site-packages/huggingface_hub/file_download.py:1132: FutureWarning: `resume_download` is deprecated and will be removed in version 1.0.0.\nRunning on local URL:  http://127.0.0.1:7860",
    "ERROR: pip's dependency resolver does not currently take into account all the packages that are installed.\nxformers 0.0.20 requires torch==2.0.1, but you have torch 2.1.0 which is incompatible.\nSuccessfully installed torch-2.1.0\nRunning on local URL:  http://127.0.0.1:7860",
    "/srv/app.py:15: GradioDeprecationWarning: The `style` method is deprecated. Please set these arguments in the constructor instead.\nRunning on local URL:  http://127.0.0.1:7860",
    "Reloading app because of changes\nChanges detected in: app.py\n* Running on local URL:  http://127.0.0.1:7860",
    "Keyboard interruption in main thread... closing server.",
    "LoRA weights loaded\nloading stable diffusion model: done\nWARNING: xFormers not found, using default attention\nRunning on local URL:  http://127.0.0.1:7865",
    "The attention mask is not set and cannot be inferred from input because pad token is same as eos token.\nSetting `pad_token_id` to `eos_token_id`:2 for open-end generation.\nRunning on local URL:  http://127.0.0.1:7860",
]


@pytest.mark.parametrize(("cause", "log"), LOGS, ids=[f"{i:02d}-{c}" for i, (c, _) in enumerate(LOGS)])
def test_the_cause_leads(cause: str, log: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(log, loaded, tmp_path)[:1] == [cause]


@pytest.mark.parametrize("log", HEALTHY + NOISE, ids=[f"{i:02d}" for i in range(len(HEALTHY + NOISE))])
def test_a_healthy_log_has_no_cause(log: str, loaded: Loaded, tmp_path: Path) -> None:
    diagnosis = diagnose(log, loaded, tmp_path)
    assert [c.id for c in diagnosis.causes] == []
    assert diagnosis.verdict == "healthy"
