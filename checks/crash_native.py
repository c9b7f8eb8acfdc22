"""Which compiled code crashed, and for an illegal instruction whether the CPU has what it was built for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gradio_doctor.sdk import Absent, Finding, KernelLog, LogEvents, Processor, Run, Source, check

_UNSEEN = Absent("nobody had to look")
_CRASHES = ("crash.segfault", "crash.abort", "crash.faulthandler", "crash.heap", "crash.illegal", "crash.exit-native")
_SIGILL = 4
_USUAL = ("sse4_2", "avx", "avx2", "fma", "f16c")
_PACKAGE = re.compile(r"/(?:site|dist)-packages/(\w{1,60})(?:\.libs)?/")
# What the builds on PyPI are made for and do not do without, in the kernel's words: TensorFlow 1.6+ (release notes),
# jaxlib (jaxlib/cpu_feature_guard.c), llama.cpp (GGML_AVX2, GGML_FMA, GGML_F16C on by default), polars
# (py-polars/polars/_cpu_check.py), MediaPipe. PyTorch, ONNX Runtime, ctranslate2 and faiss choose at run time.
_BUILT_FOR: Mapping[str, tuple[str, ...]] = {
    "tensorflow": ("avx",), "jaxlib": ("avx",), "mediapipe": ("avx",), "llama_cpp": ("avx", "avx2", "fma", "f16c"),
    "polars": ("sse4_2", "popcnt", "avx", "avx2", "fma", "bmi1", "bmi2", "abm", "movbe"),
    "_polars_runtime_32": ("sse4_2", "popcnt", "avx", "avx2", "fma", "bmi1", "bmi2", "abm", "movbe"),
}
_BY_LIBRARY = {
    "libtensorflow": "tensorflow", "libllama": "llama_cpp", "libggml": "llama_cpp", "xla_extension": "jaxlib",
}
_BY_NAME = ((re.compile(r"avx512"), ("avx512f",)), (re.compile(r"avx2"), ("avx2",)))


@check("crash-native-library", finds=("crash.native-library",))
def crash_native_library(log: LogEvents) -> Iterator[Finding]:
    """The library that faulted, from the C stack that Python 3.14 prints, else from the kernel's line in a log."""
    if (told := library_of(log)) and any(log.get(name) for name in _CRASHES):
        path, how, source = told
        yield Finding("crash.native-library", facts={"library": base(path), "path": path, "told": how}, source=source)


def library_of(log: LogEvents) -> tuple[str, str, Source] | None:
    """(path or name, which witness told it, where) of the compiled code that faulted; None when no line says."""
    frame = log.get("crash.native-frame")
    if frame is not None and (path := frame.captures.get("path")):
        return path, "C stack", frame.source
    for match in (log.get(name) for name in ("crash.segfault", "crash.illegal")):
        for sample in match.samples if match else ():
            if library := sample.captures.get("library"):
                return library, "kernel", sample.source
    return None


def base(path: str) -> str:
    """The file's name without its directories."""
    return path.rpartition("/")[2]


@check("crash-illegal-cpu", finds=("crash.cpu-lacks", "crash.cpu-lacks-usual", "crash.cpu-has-usual"))
def crash_illegal_cpu(
    processor: Processor, log: LogEvents, run: Run | Absent = _UNSEEN, kernel: KernelLog | Absent = _UNSEEN
) -> Iterator[Finding]:
    """After an illegal instruction: the CPU's flags against what the code that stopped is built for."""
    ended = isinstance(run, Run) and (run.signal == _SIGILL or run.exit_code == 128 + _SIGILL)
    if not (ended or log.get("crash.illegal")) or processor.machine not in ("x86_64", "AMD64", "i686"):
        return
    facts = {"model": processor.model or processor.machine, "where": "VM" if processor.virtual else "/proc/cpuinfo"}
    source = Source("file", "/proc/cpuinfo")
    library, told = stopped(log, run, kernel)
    wanted = built_for(library)
    if lacks := [f for f in wanted if f not in processor.flags]:
        facts |= {"library": library, "told": told, "wanted": ", ".join(wanted), "lacks": ", ".join(lacks)}
        yield Finding("crash.cpu-lacks", facts=facts, source=source)
    elif lacks := [f for f in _USUAL if f not in processor.flags]:
        yield Finding("crash.cpu-lacks-usual", facts=facts | {"lacks": ", ".join(lacks)}, source=source)
    else:
        yield Finding("crash.cpu-has-usual", facts=facts | {"has": ", ".join(_USUAL)}, source=source)


def stopped(log: LogEvents, run: Run | Absent, kernel: KernelLog | Absent) -> tuple[str, str]:
    """(package or library, which witness told it), "" when nobody does: the kernel, the C stack, Python's stack."""
    pid = run.pid if isinstance(run, Run) else None
    for event in reversed(kernel.events) if isinstance(kernel, KernelLog) else ():
        if event.pid == pid and event.library:
            return base(event.library), "kernel"
    if told := library_of(log):
        return _package(told[0]) or base(told[0]), told[1]
    for traceback in log.tracebacks:
        link = traceback.first
        if "Illegal instruction" in link.message and link.frames and (name := _package(link.frames[-1].file)):
            return name, "Python stack"
    return "", ""


def _package(path: str) -> str:
    seen = _PACKAGE.search(path.replace("\\", "/"))
    return seen[1] if seen else ""


def built_for(library: str) -> tuple[str, ...]:
    """The CPU flags that a package or library cannot do without, as far as that is known; none when it is not."""
    if library in _BUILT_FOR:
        return _BUILT_FOR[library]
    for start, package in _BY_LIBRARY.items():
        if library.startswith(start):
            return _BUILT_FOR[package]
    return next((flags for name, flags in _BY_NAME if name.search(library.lower())), ())
