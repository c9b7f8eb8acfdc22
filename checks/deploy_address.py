"""Where the app would listen inside a container or on a host, by its deployment files and its source together."""

from __future__ import annotations

from dataclasses import dataclass

from gradio_doctor.sdk import AppSource, Deployment, Said, ServerCommand, Unit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - a name for what is read
_REACHED = ("yes", "main-guard", "conditional")


@dataclass(frozen=True, slots=True)
class Where:
    """An address, as far as it is known: "" and None for what is not. `by` says in words what sets the host."""

    host: str = ""
    port: int | None = None
    by: str = ""


def server_of(deployment: Deployment, unit: Unit) -> ServerCommand | None:
    """The server that a unit starts: by its own command, else by that of its image."""
    image = deployment.image_of(unit)
    return unit.server or (image.server if image and not unit.command else None)


def variable(deployment: Deployment, unit: Unit, name: str) -> Said | None:
    """An environment variable in a unit: its own, else its image's."""
    image = deployment.image_of(unit)
    return unit.variable(name) or (image.variable(name) if image else None)


def where(deployment: Deployment, unit: Unit, source: AppSource) -> Where:
    """Where the app would listen in a unit."""
    server = server_of(deployment, unit)
    if server is None or not server.settled:
        return Where()
    image = deployment.image_of(unit)
    words = unit.command or (image.command if image else ())
    if variable(deployment, unit, "GRADIO_SHARE") is not None:
        return Where()  # reached through the public address
    if any(_EVERYWHERE in word for word in words) and not server.host:
        return Where()  # the app itself is told so
    if server.name in ("python", "gradio"):
        return _of_source(deployment, unit, source)
    if server.name in ("uvicorn", "fastapi"):
        return _of_uvicorn(deployment, unit, server)
    return _of_gunicorn(deployment, unit, server) if server.name == "gunicorn" else Where()


def _text(deployment: Deployment, unit: Unit, name: str) -> str | None:
    """The value of a variable; "" when it is surely not set, None when that is not known."""
    found = variable(deployment, unit, name)
    if found is not None:
        return found.value if found.known else None
    image = deployment.image_of(unit)
    built = unit if unit.kind == "dockerfile" else image
    sealed = unit.sealed and (built is None or plain_base(built))
    return "" if sealed and (built is not None or unit.kind not in ("compose", "kubernetes")) else None


def plain_base(image: Unit) -> bool:
    """True for an image on a public base, that says nothing about Gradio (python:3.12, nvidia/cuda, ubuntu)."""
    base = (image.image.value if image.image else "").partition("@")[0]
    before, _, name = base.rpartition("/")
    return name.partition(":")[0] in _BASES and (before in _HOMES or name.partition(":")[0] == "cuda")


def root_base(image: Unit) -> bool:
    """True for a public base that is known to leave the user at root."""
    base = image.image.value if image.image else ""
    return plain_base(image) and "micromamba" not in base


_BASES = frozenset({
    "python", "ubuntu", "debian", "alpine", "fedora", "cuda", "pytorch", "tensorflow", "miniconda3", "mambaforge",
    "micromamba", "miniforge3", "uv", "bookworm", "bookworm-slim", "rockylinux", "amazonlinux", "centos", "slim",
    "node",
    "anaconda3", "l4t-pytorch", "pytorch-gpu",
})


_HOMES = frozenset({  # whose images these are; others put users and variables of their own in
    "", "library", "docker.io", "docker.io/library", "public.ecr.aws/docker/library", "mirror.gcr.io/library",
    "nvidia", "docker.io/nvidia", "nvcr.io/nvidia", "pytorch", "tensorflow", "continuumio", "condaforge", "mambaorg",
    "ghcr.io/astral-sh", "astral/uv",
})


def told_elsewhere(deployment: Deployment, unit: Unit, name: str) -> bool:
    """True for a Dockerfile whose container another file here sets up, or may: that one tells a variable."""
    if unit.kind != "dockerfile":
        return False
    if any(u.built_from == unit.file for u in deployment.units if u.kind != "dockerfile"):
        return True
    if any(note.partition(": ")[0].endswith((".yaml", ".yml")) for note in deployment.unread):
        return True
    others = (u for u in deployment.units if u.kind in ("compose", "kubernetes") and u.runs != "other")
    return any(u.variable(name) is not None or not u.sealed or u.shared_network for u in others)


def _of_source(deployment: Deployment, unit: Unit, source: AppSource) -> Where:
    runs = [c for c in source.named("uvicorn.run") if c.reach in _REACHED]
    launches = [c for c in source.named("launch") if c.reach in _REACHED]
    if source.fault or len(runs) + len(launches) != 1 or any(" takes **" in note for note in source.unread):
        return Where()
    call = (runs or launches)[0]
    share = call.get("share")
    if share is not None and not (share.known and not share.value):
        return Where()
    host, port = (call.get(n) for n in (("host", "port") if runs else ("server_name", "server_port")))
    name = "" if host is None else (str(host.value or "") if host.known else None)
    number = port.value if port is not None and port.known else None
    place = f"{_base(call.file)}:{call.line}"
    if name == "":
        set_here = any(s.name == "GRADIO_SERVER_NAME" for s in source.environment_sets)
        told = "" if runs else None if set_here else _text(deployment, unit, "GRADIO_SERVER_NAME")
        name = None if told is None else told or LOOPBACK[0]
    if port is None:
        number = 8000 if runs else _gradio_port(deployment, unit, source)
    known = number if isinstance(number, int) and not isinstance(number, bool) else None
    return Where(name or "", known, f"{call.name}() in {place}")


def _gradio_port(deployment: Deployment, unit: Unit, source: AppSource) -> int | None:
    if any(s.name == "GRADIO_SERVER_PORT" for s in source.environment_sets):
        return None
    told = _text(deployment, unit, "GRADIO_SERVER_PORT")
    return 7860 if told == "" else int(told) if told and told.isascii() and told.isdigit() else None


def settings_of(deployment: Deployment, server: ServerCommand) -> dict[str, Said] | None:
    """The settings of the file that a gunicorn reads, the last of a name; None when that file is not here."""
    wanted = server.config.removeprefix("file:").removeprefix("./") or "gunicorn.conf.py"
    if wanted.startswith("python:"):
        wanted = wanted[7:].replace(".", "/") + ".py"
    found = {s.name: s for s in deployment.server_files if _base(s.file) == _base(wanted)}
    if server.config and not any(_base(f) == _base(wanted) for f, kind in deployment.files if kind == "gunicorn"):
        return None
    return found


def _of_uvicorn(deployment: Deployment, unit: Unit, server: ServerCommand) -> Where:
    if server.host in ("unix", "fd"):
        return Where()
    host = server.host or _text(deployment, unit, "UVICORN_HOST")
    port = server.port
    if port is None:
        told = _text(deployment, unit, "UVICORN_PORT")
        port = 8000 if told == "" else None
    return Where(LOOPBACK[0] if host == "" else host or "", port, f"the command of {server.name}")


def _of_gunicorn(deployment: Deployment, unit: Unit, server: ServerCommand) -> Where:
    if server.host in ("unix", "fd"):
        return Where()
    if server.host:
        return Where(server.host, server.port or 8000, "the command of gunicorn")
    settings = settings_of(deployment, server)
    if settings is None or "*" in settings or _text(deployment, unit, "GUNICORN_CMD_ARGS") != "":
        return Where()
    bound = settings.get("bind")
    if bound is not None:
        host, _, port = bound.value.rpartition(":") if bound.known and ":/" not in bound.value else ("", "", "")
        return Where(host.strip("[]"), int(port) if port.isascii() and port.isdigit() else None,
                     "gunicorn's configuration")
    told = _text(deployment, unit, "PORT")
    return Where(LOOPBACK[0], 8000, "gunicorn's default") if told == "" else Where(_EVERYWHERE if told else "")


def _base(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
