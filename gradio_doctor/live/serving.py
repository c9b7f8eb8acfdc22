"""Whether anything serves at all: a process that is stopped, has lost its server thread, or still loads its model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradio_doctor.evidence import Listener, Listeners, StackFrame
from gradio_doctor.live.frames import is_file
from gradio_doctor.live.making import of_thread
from gradio_doctor.live.model import Judgement, JudgementKind, ProcessView, ThreadView
from gradio_doctor.live.starting import imports_app

_MASTERS = ("uvicorn/supervisors/multiprocess.py", "gunicorn/arbiter.py", "uvicorn/supervisors/basereload.py",
            "gradio/cli/commands/reload.py")
_LOADS = (
    ("download", ("huggingface_hub/file_download.py", "huggingface_hub/_snapshot_download.py", "torch/hub.py",
                  "requests/models.py", "urllib/request.py")),
    ("weights", ("transformers/modeling_utils.py", "diffusers/pipelines/pipeline_utils.py", "torch/serialization.py",
                 "diffusers/models/modeling_utils.py", "safetensors/torch.py", "transformers/core_model_loading.py",
                 "joblib/numpy_pickle.py", "tensorflow/python/saved_model/load.py", "onnxruntime/capi/"
                 "onnxruntime_inference_collection.py")),
)
_LOADERS = frozenset({"from_pretrained", "load_model", "load_state_dict", "from_single_file"})
_NO_MODELS = ("gradio/blocks.py", "gradio/networking.py", "gradio/http_server.py")


def judge_serving(processes: Sequence[ProcessView], listeners: Listeners | None) -> Iterator[Judgement]:
    """Stopped processes, listening sockets without a server, and models that are being loaded."""
    for process in processes:
        if process.stopped:
            yield Judgement("process-stopped", process.pid, True)
    if listeners is not None:
        yield from _without_server(processes, listeners)
    for process in processes:
        yield from _loading(process)


def _without_server(processes: Sequence[ProcessView], listeners: Listeners) -> Iterator[Judgement]:
    """Sockets that listen while none of their holders has an event loop. All holders' stacks must be known."""
    known = {p.pid: p for p in processes if p.complete and not p.stopped}
    told: set[int] = set()
    for socket in listeners.sockets:
        holders = [known.get(pid) for pid in socket.holders]
        views = [h for h in holders if h is not None]
        if not views or len(views) != len(holders) or any(_may_serve(v) for v in views):
            continue
        if views[0].pid not in told:
            told.add(views[0].pid)
            yield _lost(views[0], socket)


def _may_serve(process: ProcessView) -> bool:
    """True when it has a loop, or is of a kind that answers without one that we would know."""
    main = _main(process)
    if main is None or any(t.serves for t in process.threads):
        return True
    if any(is_file(f, *_MASTERS) or f.at("serve_forever", "socketserver.py") for f in main.frames):
        return True
    launched = any(f.at("block_thread", "gradio/blocks.py") for f in main.frames)
    return process.loop is not None and not launched  # Gradio's own server is uvicorn, no other


def _main(process: ProcessView) -> ThreadView | None:
    return next((t for t in process.threads if t.main and t.stacks), None)


def _lost(process: ProcessView, socket: Listener) -> Judgement:
    main = _main(process)
    assert main is not None  # noqa: S101 - _may_serve is True without one
    frames: tuple[StackFrame, ...] = main.frames
    launched = any(f.at("block_thread", "gradio/blocks.py") or f.at("_shutdown", "threading.py") for f in frames)
    kind: JudgementKind = "server-thread-gone" if launched else "listener-without-server"
    return of_thread(kind, main, sure=launched, port=str(socket.port), waiting=str(socket.backlog))


def _loading(process: ProcessView) -> Iterator[Judgement]:
    """A model that the same thread loads in every look, before the app serves or inside a handler."""
    for view in process.threads:
        if not view.stacks or view.verdict in ("idle", "gil-wait"):
            continue
        what = _what_loads(view.frames)
        if what:
            start = process.loop is None or imports_app(view.frames)
            when = "start" if start else "handler" if view.role in ("worker", "loop") else "background"
            yield of_thread("loading", view, sure=start and view.main, what=what, when=when)
            return


def _what_loads(frames: Sequence[StackFrame]) -> str:
    if any(is_file(f, *_NO_MODELS) for f in frames[:8]):
        return ""
    names = {what for what, files in _LOADS for f in frames if is_file(f, *files)}
    if "download" in names and ("weights" in names or any(is_file(f, *_LOADS[0][1][:3]) for f in frames)):
        return "download"
    if "weights" in names:
        return "weights"
    if any(not f.own and f.name in _LOADERS for f in frames):
        return "weights"
    return "import" if any("importlib._bootstrap" in f.file for f in frames) else ""
