"""Building and telling the stand-in for NVML (fakenvml.c), and the words of apps that run out of GPU memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("fakenvml.c")
CARD = "23034"  # MiB of an NVIDIA L4


def build(directory: Path) -> Path:
    """Compile the stand-in; the directory to put on LD_LIBRARY_PATH. Fails where there is no C compiler."""
    command = [
        "cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,-soname,libnvidia-ml.so.1", "-o",
        str(directory / "libnvidia-ml.so.1"), str(SOURCE),
    ]
    subprocess.run(command, check=True, timeout=60)
    return directory


class Nvml:
    """What the stand-in says."""

    def __init__(self, library: Path, file: Path) -> None:
        self.library, self.file = library, file
        self.say("")

    def say(self, *lines: str) -> Nvml:
        self.file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return self

    @property
    def environment(self) -> dict[str, str]:
        there = os.environ.get("LD_LIBRARY_PATH", "")
        path = f"{self.library}:{there}" if there else str(self.library)
        return {"LD_LIBRARY_PATH": path, "FAKE_NVML": str(self.file)}


def out_of_memory(tried: str, free: str, own: str, allocated: str, others: str = "", total: str = "22.49 GiB") -> str:
    """PyTorch's message from 2.1 on (c10/cuda/CUDACachingAllocator.cpp), in its own order of clauses."""
    return (
        f"CUDA out of memory. Tried to allocate {tried}. GPU 0 has a total capacity of {total} of which {free} is "
        f"free. {others}Including non-PyTorch memory, this process has {own} memory in use. Of the allocated memory "
        f"{allocated} is allocated by PyTorch, and 10.00 MiB is reserved by PyTorch but unallocated. If reserved but "
        "unallocated memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid "
        "fragmentation."
    )


def failing(message: str, kind: str = "OutOfMemoryError", module: str = "torch") -> str:
    """An app whose start ends with an exception of a library's class, as if a model had been loaded."""
    return f"""
        class {kind}(RuntimeError):
            __module__ = {module!r}

        def load():
            raise {kind}({message!r})

        model = load()  # before Gradio is imported, which takes seconds
        import gradio as gr
        gr.Interface(lambda text: text, "text", "text").launch(server_port={{port}})
    """


SERVING = """
    import gradio as gr

    try:
        import torch
    except ImportError:
        torch = None

    gr.Interface(lambda text: text, "text", "text").launch(server_port={port})
"""
