"""Model files that are not there, and models that load for too long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from gradio_doctor.sdk import Absent, ExceptionLink, Finding, LogEvents, Run, Source, check

from .app_tracebacks import finding, library_of, slashes

_MISSING = re.compile(
    r"(?:No such file or directory|Errno 2\]|WinError [23]\]|does not exist|not found|not exist)"
    r"(?:[^\"']{0,120}[\"'](?P<path>[^\"'\n]{2,300})[\"']?|[^\"':]{0,60}[: ] ?(?P<bare>[^\"'\s]{2,300}))\s*$"
)
_WEIGHTS = (
    ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".gguf", ".ggml", ".index", ".npz", ".tflite", ".h5",
    ".pb", ".engine", ".t7", ".caffemodel",
)
_SETTINGS = (".json", ".yaml", ".yml", ".txt", ".model", ".vocab", ".npy", ".pkl", "")
_FILE_ERRORS = ("FileNotFoundError", "OSError", "IOError", "NotADirectoryError", "AssertionError", "ValueError")
_FOLDERS = re.compile(r"(?:^|/)(?:models?|checkpoints?|ckpts?|weights?|pretrained\w{0,20}|hubert|vae|lora|loras|logs|"
                      r"Stable-diffusion|snapshots|embeddings|tokenizer)(?:/|$)", re.IGNORECASE)
_LOADERS = frozenset({
    "from_pretrained", "load_state_dict", "torch_load", "load_checkpoint", "load_model", "safe_open", "load_file",
    "load_model_ensemble_and_task", "_load_from_pretrained", "load_from_checkpoint", "load_lora_weights",
    "read_state_dict",
})
_LOADING = re.compile(
    r"Loading (?:checkpoint shards|pipeline components|weights|model|pretrained|CLIP|safetensors)"
    r"|Fetching \d{1,6} files|Downloading|\.safetensors|\.bin|\.ckpt|\.gguf", re.IGNORECASE)


@check("model-missing-file", finds=("model.file-not-found",))
def model_missing_file(log: LogEvents) -> Iterator[Finding]:
    """A file that is missing: weights or a model's settings, not the app's own data."""
    for index, traceback in enumerate(log.tracebacks):
        for link in traceback.links:
            path = missing_path(link)
            if path and _is_model(path, link):
                found = finding("model.file-not-found", index, traceback, link, path=path)
                yield replace(found, replaces=("model.no-such-weights",))
                return


def missing_path(link: ExceptionLink) -> str:
    """The path that an exception says is not there, "" when it says no such thing."""
    if link.short_type not in _FILE_ERRORS:
        return ""
    found = _MISSING.search(link.message.partition("\n")[0])
    return (found["path"] or found["bare"]).strip() if found else ""


def _is_model(path: str, link: ExceptionLink) -> bool:
    name = slashes(path)
    extension = "." + name.rpartition(".")[2].lower() if "." in name.rpartition("/")[2] else ""
    if library_of(name):
        return False
    if extension in _WEIGHTS:
        return True
    loading = any(f.function in _LOADERS or library_of(f.file) in ("transformers", "diffusers", "safetensors")
                  for f in link.frames)
    return extension in _SETTINGS and "/" in name and (loading or bool(_FOLDERS.search(name)))


@check("model-loading-log", finds=("model.still-loading",))
def model_loading(log: LogEvents, run: Run | Absent) -> Iterator[Finding]:
    """The log ends while a model is loading, and a deadline has passed."""
    late = log.get("model.not-healthy-in-time") is not None or (isinstance(run, Run) and run.outcome == "timeout")
    if not late:
        return
    for text in reversed(log.tail):
        if _LOADING.search(text):
            name = log.files[-1].name if log.files else ""
            yield Finding("model.still-loading", facts={"line_text": text[:200]}, source=Source("log", name))
            return
