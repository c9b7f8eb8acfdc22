# ruff: noqa: E501 - lines of logs are as long as they are
"""Logs of missing, unfitting and broken packages: each follows what the named program prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.said import causes

# (cause, log): the cause must lead.
LOGS = [
    ("dependency.missing", """
        Traceback (most recent call last):
          File "/home/user/app/webui.py", line 3, in <module>
            import cv2
        ModuleNotFoundError: No module named 'cv2'
    """),
    ("dependency.missing", """
        venv "C:\\sd\\venv\\Scripts\\Python.exe"
        Launching Web UI with arguments: --xformers
        Traceback (most recent call last):
          File "C:\\sd\\launch.py", line 48, in <module>
            main()
          File "C:\\sd\\modules\\shared.py", line 12, in <module>
            import k_diffusion
        ModuleNotFoundError: No module named 'k_diffusion'
    """),
    ("dependency.missing", "/usr/bin/python3: No module named gradio"),
    ("dependency.missing", """
        Traceback (most recent call last):
          File "demo.py", line 1, in <module>
            import gradio as gr
        ImportError: No module named gradio
    """),
    ("dependency.missing", """
        Traceback (most recent call last):
          File "/srv/chat/app.py", line 14, in <module>
            model = AutoModel.from_pretrained(path, trust_remote_code=True)
          File "/srv/venv/lib/python3.10/site-packages/transformers/dynamic_module_utils.py", line 180, in check_imports
            raise ImportError(
        ImportError: This modeling file requires the following packages that were not found in your environment: cpm_kernels. Run `pip install cpm_kernels`
    """),
    ("dependency.missing", """
        ImportError:
        LlamaTokenizer requires the SentencePiece library but it was not found in your environment. Check out the instructions on the
        installation page of its repo: https://github.com/google/sentencepiece#installation
    """),
    ("dependency.missing", """
        Traceback (most recent call last):
          File "/work/oobabooga/server.py", line 9, in <module>
            from modules import shared
          File "/work/oobabooga/modules/shared.py", line 6, in <module>
            import yaml
        ModuleNotFoundError: No module named 'yaml'
    """),
    ("dependency.missing", "importlib.metadata.PackageNotFoundError: No package metadata was found for bitsandbytes"),
    ("dependency.system-binary", """
        Traceback (most recent call last):
          File "/home/user/rvc/infer-web.py", line 88, in load_audio
            out, _ = ffmpeg.input(file).output("-").run(cmd=["ffmpeg", "-nostdin"], capture_stdout=True)
          File "/usr/lib/python3.10/subprocess.py", line 1863, in _execute_child
            raise child_exception_type(errno_num, err_msg, err_filename)
        FileNotFoundError: [Errno 2] No such file or directory: 'ffmpeg'
    """),
    ("dependency.system-binary", """
        Traceback (most recent call last):
          File "C:\\gpt\\webui.py", line 120, in open1a
            p = Popen(cmd)
          File "C:\\Python310\\lib\\subprocess.py", line 1456, in _execute_child
            hp, ht, pid, tid = _winapi.CreateProcess(executable, args,
        FileNotFoundError: [WinError 2] 系统找不到指定的文件。
    """),
    ("dependency.system-binary", "./webui.sh: line 12: git: command not found"),
    ("dependency.system-binary", "'git' is not recognized as an internal or external command,\noperable program or batch file."),
    ("dependency.system-binary", "'git' 不是内部或外部命令，也不是可运行的程序"),
    ("dependency.system-binary", "OSError: sndfile library not found"),
    ("dependency.upstream-removed", """
        Cloning Stable Diffusion into /content/stable-diffusion-webui/repositories/stable-diffusion-stability-ai...
        remote: Repository not found.
        fatal: repository 'https://github.com/Stability-AI/stablediffusion.git/' not found
        RuntimeError: Couldn't clone Stable Diffusion.
    """),
    ("dependency.upstream-removed", "fatal: could not read Username for 'https://github.com': No such device or address"),
    ("dependency.upstream-removed", """
        Traceback (most recent call last):
          File "/app/download.py", line 8, in <module>
            urllib.request.urlretrieve(url, target)
          File "/usr/lib/python3.10/urllib/request.py", line 643, in http_error_default
            raise HTTPError(req.full_url, code, msg, hdrs, fp)
        urllib.error.HTTPError: HTTP Error 404: Not Found
    """),
    ("dependency.conflict", """
        Traceback (most recent call last):
          File "/home/user/app.py", line 2, in <module>
            import gradio as gr
          File "/home/user/venv/lib/python3.10/site-packages/gradio/__init__.py", line 3, in <module>
            import gradio._simple_templates
          File "/home/user/venv/lib/python3.10/site-packages/gradio/oauth.py", line 11, in <module>
            from huggingface_hub import HfFolder, whoami
        ImportError: cannot import name 'HfFolder' from 'huggingface_hub' (/home/user/venv/lib/python3.10/site-packages/huggingface_hub/__init__.py)
    """),
    ("dependency.conflict", """
          File "/usr/local/lib/python3.10/site-packages/basicsr/data/degradations.py", line 8, in <module>
            from torchvision.transforms.functional_tensor import rgb_to_grayscale
        ModuleNotFoundError: No module named 'torchvision.transforms.functional_tensor'
    """),
    ("dependency.conflict", """
        ERROR:    Exception in ASGI application
        Traceback (most recent call last):
          File "/opt/venv/lib/python3.11/site-packages/starlette/templating.py", line 125, in TemplateResponse
            template = self.get_template(name)
          File "/opt/venv/lib/python3.11/site-packages/jinja2/utils.py", line 515, in __getitem__
            rv = self._mapping[key]
        TypeError: unhashable type: 'dict'
        Traceback (most recent call last):
          File "/srv/app.py", line 44, in <module>
            demo.launch()
          File "/opt/venv/lib/python3.11/site-packages/gradio/blocks.py", line 2368, in launch
            raise ValueError(
        ValueError: When localhost is not accessible, a shareable link must be created. Please set share=True or check your proxy settings to allow access to localhost.
    """),
    ("dependency.conflict", """
          File "/srv/venv/lib/python3.10/site-packages/openai/_base_client.py", line 738, in __init__
            super().__init__(**kwargs)
        TypeError: Client.__init__() got an unexpected keyword argument 'proxies'
    """),
    ("dependency.conflict", """
        Traceback (most recent call last):
          File "/w/app.py", line 1, in <module>
            import gradio as gr
          File "/w/venv/lib/python3.10/site-packages/gradio/documentation.py", line 4, in <module>
            from gradio_client.documentation import document, set_documentation_group
        ImportError: cannot import name 'set_documentation_group' from 'gradio_client.documentation' (/w/venv/lib/python3.10/site-packages/gradio_client/documentation.py)
    """),
    ("dependency.conflict", "ImportError: tokenizers>=0.11.1,!=0.11.3,<0.14 is required for a normal functioning of this module, but found tokenizers==0.15.2."),
    ("dependency.conflict", """
        ERROR: Cannot install -r requirements.txt (line 3) and pydantic==1.10.2 because these package versions have conflicting dependencies.
        ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/
    """),
    ("dependency.conflict", "TypeError: Descriptors cannot be created directly."),
    ("dependency.conflict", "RuntimeError: operator torchvision::nms does not exist"),
    ("dependency.conflict", "AttributeError: module 'httpcore' has no attribute 'SyncHTTPTransport'"),
    ("dependency.conflict", "pydantic.errors.PydanticImportError: `BaseSettings` has been moved to the `pydantic-settings` package."),
    ("dependency.api-removed", """
        Traceback (most recent call last):
          File "app.py", line 31, in <module>
            inp = gr.inputs.Textbox(lines=3)
        AttributeError: module 'gradio' has no attribute 'inputs'
    """),
    ("dependency.api-removed", """
        Traceback (most recent call last):
          File "/root/ChatGLM-6B/web_demo.py", line 78, in <module>
            user_input = gr.Textbox(show_label=False, placeholder="Input...", lines=10).style(container=False)
        AttributeError: 'Textbox' object has no attribute 'style'
    """),
    ("dependency.api-removed", """
        Traceback (most recent call last):
          File "/srv/webui.py", line 210, in <module>
            demo.queue(concurrency_count=3).launch()
        TypeError: Blocks.queue() got an unexpected keyword argument 'concurrency_count'
    """),
    ("dependency.api-removed", """
        Traceback (most recent call last):
          File "C:\\rvc\\infer-web.py", line 1500, in <module>
            audio = gr.Audio(source="microphone", type="filepath")
          File "C:\\rvc\\venv\\lib\\site-packages\\gradio\\component_meta.py", line 155, in wrapper
            return fn(self, **kwargs)
        TypeError: Audio.__init__() got an unexpected keyword argument 'source'
    """),
    ("dependency.api-removed", """
        You tried to access openai.ChatCompletion, but this is no longer supported in openai>=1.0.0 - see the README at https://github.com/openai/openai-python for the API.
    """),
    ("dependency.api-removed", """
        Traceback (most recent call last):
          File "/app/main.py", line 4, in <module>
            from moviepy.editor import VideoFileClip
        ModuleNotFoundError: No module named 'moviepy.editor'
    """),
    ("dependency.api-removed", """
        Traceback (most recent call last):
          File "/w/ui/dropdown.py", line 8, in refresh
            return gr.Dropdown.update(choices=names)
        AttributeError: type object 'Dropdown' has no attribute 'update'
    """),
    ("dependency.native-abi", "ImportError: DLL load failed while importing _multiarray_umath: 找不到指定的模块。"),
    ("dependency.native-abi", """
        A module that was compiled using NumPy 1.x cannot be run in
        NumPy 2.0.1 as it may crash. To support both 1.x and 2.x
        Traceback (most recent call last):
          File "/srv/app.py", line 3, in <module>
            import cv2
        ImportError: numpy.core.multiarray failed to import
    """),
    ("dependency.native-abi", "OSError: /opt/venv/lib/python3.10/site-packages/torch/lib/../../nvidia/cublas/lib/libcublas.so.11: undefined symbol: cublasLtGetStatusString, version libcublasLt.so.11"),
    ("dependency.native-abi", "ImportError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.32' not found (required by /srv/venv/lib/python3.9/site-packages/x.so)"),
    ("dependency.native-abi", "ImportError: dlopen(/Users/u/venv/lib/python3.9/site-packages/numpy/core/_m.so, 0x0002): tried: '/x.so' (mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64'))"),
    ("dependency.native-abi", 'OSError: [WinError 127] Не найдена указанная процедура. Error loading "C:\\sd\\venv\\lib\\site-packages\\torch\\lib\\caffe2_detectron_ops.dll" or one of its dependencies.'),
    ("dependency.native-abi", "ImportError: libcudart.so.11.0: cannot open shared object file: No such file or directory"),
    ("dependency.native-abi", "ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject"),
    ("dependency.python-version", """
        Traceback (most recent call last):
          File "/w/app.py", line 1, in <module>
            import gradio as gr
          File "/w/venv/lib/python3.13/site-packages/pydub/utils.py", line 16, in <module>
            import pyaudioop as audioop
        ModuleNotFoundError: No module named 'pyaudioop'
    """),
    ("dependency.python-version", "ModuleNotFoundError: No module named 'distutils'"),
    ("dependency.python-version", """
        Python 3.12.3 (tags/v3.12.3:f6650f9, Apr  9 2024, 14:05:25) [MSC v.1938 64 bit (AMD64)]
        Installing torch and torchvision
        ERROR: Could not find a version that satisfies the requirement torch==2.1.2 (from versions: 2.2.0, 2.2.0+cu121)
        ERROR: No matching distribution found for torch==2.1.2
        RuntimeError: Couldn't install torch.
    """),
    ("dependency.python-version", "ERROR: Package 'gradio' requires a different Python: 3.7.9 not in '>=3.8'"),
    ("dependency.python-version", "AttributeError: module 'pkgutil' has no attribute 'ImpImporter'. Did you mean: 'zipimporter'?"),
    ("dependency.python-version", "TypeError: unsupported operand type(s) for |: 'type' and 'NoneType'"),
    ("dependency.python-version", "ImportError: cannot import name 'Mapping' from 'collections' (/usr/lib/python3.10/collections/__init__.py)"),
    ("dependency.broken-install", """
        Traceback (most recent call last):
          File "/w/app.py", line 2, in <module>
            import torch
          File "/w/venv/lib/python3.10/site-packages/torch/__init__.py", line 30, in <module>
            from torch.torch_version import __version__
        ModuleNotFoundError: No module named 'torch.torch_version'
    """),
    ("dependency.broken-install", "ImportError: cannot import name 'Tensor' from 'torch' (unknown location)"),
    ("dependency.broken-install", "AttributeError: partially initialized module 'cv2' has no attribute 'gapi_wip_gst_GStreamerPipeline' (most likely due to a circular import)"),
    ("dependency.broken-install", "ModuleNotFoundError: No module named 'pydantic_core._pydantic_core'"),
    ("dependency.system-binary",  # gradio/processing_utils.py audio_from_file()
     "RuntimeError: Cannot load audio from file: `ffprobe` not found. Please install `ffmpeg` in your system to use "
     "non-WAV audio file formats and make sure `ffprobe` is in your PATH."),
    ("dependency.conflict",  # of an excerpt, only the last line of what the page failed of
     "TypeError: argument of type 'bool' is not iterable\n"
     "ValueError: When localhost is not accessible, a shareable link must be created. Please set share=True or check "
     "your proxy settings to allow access to localhost."),
]


@pytest.mark.parametrize(("cause", "log"), LOGS, ids=[f"{i:02d}-{c}" for i, (c, _) in enumerate(LOGS)])
def test_the_cause_leads(cause: str, log: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(log, loaded, tmp_path)[:1] == [cause]


@pytest.mark.parametrize("log", [
    # TensorFlow and JAX try what may be there, and say so
    "W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could not load dynamic library 'cudart64_110.dll'; "
    "dlerror: cudart64_110.dll not found",
    "W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could not load dynamic library 'libcudart.so.11.0'; "
    "dlerror: libcudart.so.11.0: cannot open shared object file: No such file or directory",
    "I0101 00:00:00.000000 1 xla_bridge.py:1] Unable to initialize backend 'tpu': module 'jaxlib.xla_extension' has "
    "no attribute 'get_tpu_client'",
])
def test_what_is_only_tried(log: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(log, loaded, tmp_path) == []


@pytest.mark.parametrize(("cause", "log"), [
    ("gpu.unavailable", "AssertionError: \nThe NVIDIA driver on your system is too old (found version 9000).\n"),
    ("gpu.hardware", "[    1.000000] NVRM: The NVIDIA GPU 0000:01:00.0\n"
     "               NVRM: (PCI ID: 10de:0000) installed in this system has\n"
     "               NVRM: fallen off the bus and is not responding to commands.\n"),
])
def test_words_of_the_driver(cause: str, log: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(log, loaded, tmp_path)[:1] == [cause]
