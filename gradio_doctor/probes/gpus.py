"""The GPUs through NVML, for apps that have anything to do with one."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from gradio_doctor.evidence import (
    Absent,
    AppSource,
    Environment,
    Gpus,
    Instances,
    Interpreter,
    LogEvents,
    Processes,
    Run,
)
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.gpus_ask import SECONDS, ask_nvml
from gradio_doctor.probes.gpus_holders import hidden_by, joined, numbering, uses_driver
from gradio_doctor.probes.redact import clean

# Libraries that compute on a GPU, or are mostly used with one that does. Their name is enough to have a look.
_GPU_MODULES = frozenset({
    "accelerate", "bitsandbytes", "ctranslate2", "cupy", "diffusers", "faster_whisper", "flax", "jax", "keras",
    "llama_cpp", "mxnet", "numba", "onnxruntime", "paddle", "paddleocr", "pycuda", "pynvml", "pytorch_lightning",
    "sentence_transformers", "tensorflow", "tensorrt", "timm", "torch", "torchaudio", "torchvision", "transformers",
    "triton", "ultralytics", "unsloth", "vllm", "whisper", "xformers",
})
_FAMILY = "gpu."
_BUILT = re.compile(r"""^cuda(?::[^=\n]{0,60})? {0,4}= {0,4}(?:None|['"](?P<version>[\d.]{1,12})['"])""", re.MULTILINE)
_MOST_TEXT = 65536


def probe_gpus(context: Context) -> Gpus | Absent:
    """All of NVML, joined with the process table and the app's environment.

    Absent when nothing about the app has to do with a GPU: then NVML is not asked. Without library or device it is
    evidence all the same, with the reason in `fault`.
    """
    if not concerned(context):
        return Absent("nothing about the app has to do with a GPU")
    processes = context.get(Processes)
    try:
        told = ask_nvml(min(SECONDS, context.options.timeout))
    except OSError as error:
        return Absent(f"NVML could not be asked: {clean(str(error), 200)}")
    if not isinstance(processes, Absent):
        how = numbering(processes)
        told = replace(told, devices=joined(told.devices, processes, how), apart=how.apart)
    torch, build = _torch(context)
    told = replace(told, wsl=is_wsl(), alert=context.options.gpu_alert, torch=torch, cuda_build=build)
    return _with_environment(told, context)


def concerned(context: Context) -> bool:
    """Whether the app imports a GPU library, its log speaks of GPUs, or a process of it uses the driver."""
    log = context.get(LogEvents)
    if isinstance(log, LogEvents) and any(m.signature.startswith(_FAMILY) for m in log.matches):
        return True
    source = context.get(AppSource)
    if isinstance(source, AppSource) and any(i.module.partition(".")[0] in _GPU_MODULES for i in source.imports):
        return True
    instances = context.get(Instances)
    run = context.known(Run)
    pids = [p.pid for p in instances.all] if isinstance(instances, Instances) else []
    return any(uses_driver(pid) for pid in [*pids, *([run.pid] if isinstance(run, Run) else [])])


def _with_environment(told: Gpus, context: Context) -> Gpus:
    environment = context.get(Environment)
    if isinstance(environment, Absent):
        return told
    value = environment.variables.get("CUDA_VISIBLE_DEVICES")
    hidden = hidden_by(value, told.devices)
    devices = tuple(replace(d, hidden=d.uuid in hidden) for d in told.devices)
    return replace(told, devices=devices, visible=value, visible_of=environment.of)


def is_wsl() -> bool:
    """True under the Windows Subsystem for Linux, where the driver tells no memory of processes."""
    if sys.platform != "linux":
        return False
    try:
        return "microsoft" in Path("/proc/sys/kernel/osrelease").read_text(errors="replace").lower()
    except OSError:
        return False


def _torch(context: Context) -> tuple[str, str | None]:
    """The version of the app's torch and the CUDA version it was built for, read off its files, never imported."""
    interpreter = context.known(Interpreter)
    if not isinstance(interpreter, Interpreter) or not (version := interpreter.installed("torch")):
        return "", None
    found = next((o.origin for o in interpreter.origins if o.module == "torch" and o.distribution), "")
    return version, built_for(found) if found else None


def built_for(origin: str) -> str | None:
    """The CUDA version in torch/version.py beside torch/__init__.py: "" without CUDA, None when it does not say."""
    try:
        with Path(origin).with_name("version.py").open(encoding="utf-8", errors="replace") as file:
            seen = _BUILT.search(file.read(_MOST_TEXT))
    except (OSError, ValueError):
        return None
    return (seen["version"] or "") if seen else None
