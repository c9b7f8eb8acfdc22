"""What a process that does not serve yet is doing: the place in the user's code where its main thread stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradio_doctor.evidence import StackFrame
from gradio_doctor.live.frames import is_file
from gradio_doctor.live.making import of_thread
from gradio_doctor.live.model import Judgement, ProcessView, ThreadView

_LAUNCH = ("gradio/blocks.py", "gradio/http_server.py", "gradio/networking.py")
_HUB = "/huggingface_hub/"
_IMPORTERS = ("uvicorn/importer.py", "hypercorn/utils.py", "uvicorn/lifespan/on.py", "hypercorn/asyncio/lifespan.py")
_IMPORTING = (("load_wsgi", "gunicorn/workers/base.py"), ("wsgi", "gunicorn/app/base.py"))
_MASTERS = ("gunicorn/arbiter.py", "uvicorn/supervisors/multiprocess.py", "uvicorn/supervisors/basereload.py")
_WORKERS = ("gunicorn/workers/base.py", "uvicorn/_subprocess.py")  # they are forked inside the arbiter's own loop


def imports_app(frames: Sequence[StackFrame]) -> bool:
    """True for the stack of a server that is still importing the app, or running what the app wants run before it.

    uvicorn does that on its event loop; gunicorn imports before it has one, in workers that hold its port already.
    """
    return any(is_file(f, *_IMPORTERS) or any(f.at(*place) for place in _IMPORTING) for f in frames)


def still_imports(process: ProcessView) -> bool:
    """True for a process whose main thread does: it may hold the port, but has not accepted anything on it yet."""
    return any(t.main and t.stacks and imports_app(t.frames) for t in process.threads)


def serves_now(process: ProcessView) -> bool:
    """True when it has a server's thread that is past all that. The parent of a server's workers never has."""
    main = next((t for t in process.threads if t.main and t.stacks), None)
    if main is not None and _is_master(main):
        return False
    return any(t.serves and not imports_app(t.frames) for t in process.threads)


def _is_master(main: ThreadView) -> bool:
    return any(is_file(f, *_MASTERS) for f in main.frames) and not any(
        is_file(f, *_WORKERS) for f in main.frames
    ) and not imports_app(main.frames)


def judge_starting(process: ProcessView) -> Iterator[Judgement]:
    """Where the main thread stands in every look, while no thread serves. Launching itself is judged elsewhere.

    A process that starts well is there too, for a while: how long is too long is for the caller to say.
    """
    main = next((t for t in process.threads if t.main and t.stacks), None)
    if main is None or main.verdict == "idle" or serves_now(process):
        return
    if _is_master(main):  # it never serves, its workers do
        return
    holder = next((t for t in process.threads if t.holds_gil and t.steady and not t.main), None)
    importing = "yes" if imports_app(main.frames) else ""
    if main.verdict == "gil-wait" and holder is not None:
        yield of_thread("start-held", holder, sure=False, how="starves", importing=importing)
    elif main.own is not None and not any(is_file(f, *_LAUNCH) for f in main.frames):
        yield of_thread("start-held", main, sure=False, how=_how(main), hub=_hub(main.frames), importing=importing)


def _how(main: ThreadView) -> str:
    if main.verdict == "waiting" and main.wait is not None:
        return main.wait.kind
    return "computes"


def _hub(frames: Sequence[StackFrame]) -> str:
    return "yes" if any(_HUB in f.file.replace("\\", "/") for f in frames) else ""
