"""Virtual environments with other versions of Gradio, made once and kept: making one takes seconds, and disk space."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "lab-venvs"
FITTING = ("gradio==4.44.1", "huggingface_hub==0.25.2", "starlette==0.41.3", "fastapi==0.115.14", "pydantic==2.10.6")


def instead(*requirements: str) -> tuple[str, ...]:
    """The fitting requirements of Gradio 4.44.1, with some distributions in other versions."""
    names = {r.partition("==")[0] for r in requirements}
    return (*(r for r in FITTING if r.partition("==")[0] not in names), *requirements)


def python_with(requirements: tuple[str, ...]) -> Path:
    """The Python of an environment with these requirements, in the cache (GRADIO_DOCTOR_LAB_VENVS, .cache/lab-venvs).

    Two workers of pytest may ask at once: the second waits for the first.
    """
    version = "{}.{}".format(*sys.version_info[:2])
    key = hashlib.sha256("\n".join([version, *sorted(requirements)]).encode()).hexdigest()[:16]
    directory = Path(os.environ.get("GRADIO_DOCTOR_LAB_VENVS") or _CACHE) / key
    directory.parent.mkdir(parents=True, exist_ok=True)
    done, python = directory / "requirements.txt", directory / "bin" / "python"
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "-q", "--allow-existing", "-p", sys.executable, str(directory)], check=True)
            if requirements:
                subprocess.run([*uv, "pip", "install", "-q", "-p", str(python), *requirements], check=True)
            done.write_text("\n".join(requirements) + "\n")
    return python
