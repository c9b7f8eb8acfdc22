"""Deployment files: containers whose app nobody reaches, with too little memory, or with a proxy in its own way.

All of it is prediction: about another place than the one that is examined, and so never a cause by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gradio_doctor.sdk import AppSource, Deployment, Finding, Location, Source, Unit, check

from .deploy_address import LOOPBACK, Where, root_base, server_of, told_elsewhere, variable, where

# resident memory of an app of one text box, measured: Gradio 5.50 101 MiB, 6.31 141 MiB; torch 2.x adds 200 and more
_GRADIO_BYTES, _TORCH_BYTES = 96 << 20, 160 << 20
_BILLIONS = re.compile(r"""["'/_-][\w./-]{0,80}?[-_](\d{1,3}(?:\.\d)?)[bB](?![a-zA-Z0-9])""")
_ELSEWHERE = re.compile(r"cuda|device_map|offload|gguf|mmap|Tokenizer|Processor|Config\.|Client", re.IGNORECASE)
_LEAST_BYTES = 0.5  # of a parameter: quantised to four bits
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_EXEMPT = ("*", "localhost", "127.0.0.1")
_DROPPING = frozenset({"gosu", "su-exec", "setpriv", "setuidgid", "s6-setuidgid", "chpst", "sudo", "su", "runuser"})
_SPACE_PORT = "7860"
_WORKERS = frozenset({"vllm", "deepspeed"})  # a DataLoader passes nothing through it by default


def finding(identifier: str, file: str, line: int, /, **facts: str) -> Finding:
    """A finding about a line of a deployment file."""
    place = f"{file.rpartition('/')[2]}:{line}"
    return Finding(identifier, facts={"place": place, "file": file, "line": str(line), **facts},
                   source=Source("file", file, line), location=Location(file, line))


def once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding of a kind for a line: an image and the services made of it have that line in common."""
    seen: set[tuple[str, str]] = set()
    for found in findings:
        key = (found.id, found.witness_key)
        if key not in seen:
            seen.add(key)
            yield found


def is_proxy(unit: Unit) -> bool:
    """True for a service that is a reverse proxy, by its image or its name."""
    name = unit.image.value if unit.image else unit.name
    return any(word in name for word in ("nginx", "caddy", "traefik", "haproxy", "proxy", "apache", "httpd", "envoy"))


@check("deploy-reach", cost=0.02, finds=(
    "deploy.loopback-in-container", "deploy.port-leads-nowhere", "deploy.port-declared-wrong",
))
def deploy_reach(deployment: Deployment, source: AppSource) -> Iterator[Finding]:
    """Would the app be reached in its container: bound to 127.0.0.1, or on another port than the one led to it?"""
    told: set[object] = set()
    for unit in deployment.ours:
        at = where(deployment, unit, source)
        elsewhere = told_elsewhere(deployment, unit, "GRADIO_SERVER_NAME")
        if unit.in_container and at.host in LOOPBACK and not elsewhere:
            image = deployment.image_of(unit)
            key = ("loopback", image.file if image else unit.file)
            if key not in told:
                told.add(key)
                line = unit.command_line or (image.command_line if image and image is unit else 0) or unit.line
                yield finding("deploy.loopback-in-container", unit.file, line, host=at.host, by=at.by, unit=unit.name,
                              port=str(at.port or ""))
        if not told_elsewhere(deployment, unit, "GRADIO_SERVER_PORT"):
            yield from _ports(unit, at)
            yield from _space_port(deployment, unit, at)


def _space_port(deployment: Deployment, unit: Unit, at: Where) -> Iterator[Finding]:
    """A Space of kind Docker leads to app_port, 7860 unless told (huggingface.co/docs/hub/spaces-sdks-docker)."""
    kind, told = deployment.header("sdk"), deployment.header("app_port")
    built = unit.kind == "dockerfile" and not unit.target and unit.file.rpartition("/")[2] == "Dockerfile"
    if kind is None or kind.value != "docker" or not built or at.port is None:
        return
    led = told.value if told and told.known else _SPACE_PORT
    if led != str(at.port):
        line = told or kind
        yield finding("deploy.port-leads-nowhere", line.file, line.line, led=led, port=str(at.port), unit="the Space")


def _ports(unit: Unit, at: Where) -> Iterator[Finding]:
    if at.port is None or not unit.in_container:
        return
    leading = [p for p in unit.ports if p.leads]
    declared = [p for p in unit.ports if not p.leads]
    if leading and all(p.inside != at.port for p in leading):
        port = leading[0]
        yield finding("deploy.port-leads-nowhere", port.file, port.line, led=str(port.inside), port=str(at.port),
                      unit=unit.name)
    elif not leading and declared and all(p.inside != at.port for p in declared):
        port = declared[0]
        yield finding("deploy.port-declared-wrong", port.file, port.line, led=str(port.inside), port=str(at.port),
                      unit=unit.name)


@check("deploy-memory", cost=0.02, finds=(
    "deploy.no-memory-limit", "deploy.memory-below-start", "deploy.memory-below-model", "deploy.small-shm",
))
def deploy_memory(deployment: Deployment, source: AppSource) -> Iterator[Finding]:
    """Is the memory that a container gets enough for what the source plainly loads?"""
    modules = {i.module.partition(".")[0] for i in source.imports if not i.optional}
    names = {n for i in source.imports for n in (*i.names, i.module.partition(".")[0])}
    for unit in deployment.ours:
        if unit.kind not in ("compose", "kubernetes", "systemd"):
            continue
        if unit.memory is None:
            if unit.kind != "systemd":
                yield finding("deploy.no-memory-limit", unit.file, unit.line, unit=unit.name)
        else:
            yield from _too_little(unit, source, modules)
        if unit.kind != "systemd" and unit.shm is None and _WORKERS & names:
            what = sorted(_WORKERS & names)[0]
            yield finding("deploy.small-shm", unit.file, unit.line, unit=unit.name, what=what)


def _too_little(unit: Unit, source: AppSource, modules: set[str]) -> Iterator[Finding]:
    limit = unit.memory
    if limit is None:
        return
    need = _GRADIO_BYTES + (_TORCH_BYTES if modules & {"torch", "transformers", "diffusers"} else 0)
    facts = {"limit": _size(limit.amount), "unit": unit.name}
    if limit.amount < need:
        yield finding("deploy.memory-below-start", limit.file, limit.line, need=_size(need), **facts)
        return
    for call in source.slow:
        model = _BILLIONS.search(call.location.text) if call.kind == "load" else None
        if _ELSEWHERE.search(call.location.text):
            continue
        if model and not unit.gpu and limit.amount < float(model[1]) * 1e9 * _LEAST_BYTES:
            facts["need"] = _size(float(model[1]) * 1e9 * _LEAST_BYTES)
            yield finding("deploy.memory-below-model", limit.file, limit.line, model=model[0].strip("\"'/_-"),
                          call=call.what, at=f"{call.location.file}:{call.location.line}", **facts)
            return


def _size(amount: float) -> str:
    return f"{amount / 2**30:.1f} GiB" if amount >= 2**30 else f"{amount / 2**20:.0f} MiB"


@check("deploy-environment", cost=0.02, finds=("deploy.proxy-without-exemption",))
def deploy_environment(deployment: Deployment, source: AppSource) -> Iterator[Finding]:
    """A proxy in the app's environment without an exemption for localhost: launch() asks itself through it."""
    yield from once(_proxied(source, deployment))


def _proxied(source: AppSource, deployment: Deployment) -> Iterator[Finding]:
    if not any(c.reach in ("yes", "main-guard") for c in source.named("launch")):
        return
    if any(s.name.lower() == "no_proxy" or s.name.lower().endswith("_proxy") for s in source.environment_sets):
        return
    for unit in deployment.ours:
        server = server_of(deployment, unit)
        if server is None or server.name not in ("python", "gradio") or not unit.sealed:
            continue
        proxy = next((s for n in _PROXIES if (s := variable(deployment, unit, n))), None)
        exempt = [s for n in ("no_proxy", "NO_PROXY") if (s := variable(deployment, unit, n))]
        if proxy is None or not proxy.known or not proxy.value:
            continue
        open_ways = {p.strip() for s in exempt for p in s.value.split(",")}
        if all(s.known for s in exempt) and open_ways.isdisjoint(_EXEMPT):
            yield finding("deploy.proxy-without-exemption", proxy.file, proxy.line, variable=proxy.name, unit=unit.name)


@check("deploy-rights", cost=0.02, finds=("deploy.runs-as-root", "deploy.privileged"))
def deploy_rights(deployment: Deployment, source: AppSource) -> Iterator[Finding]:  # noqa: ARG001 - no app, no question
    """Does the container run as root, or with the rights of the host?"""
    spaces = (kind := deployment.header("sdk")) is not None and kind.value == "docker"  # they run it as user 1000
    yield from once(found for unit in deployment.ours for found in _rights(unit, deployment, spaces=spaces))


def _rights(unit: Unit, deployment: Deployment, *, spaces: bool) -> Iterator[Finding]:
    if unit.privileged is not None:
        yield finding("deploy.privileged", unit.privileged.file, unit.privileged.line, unit=unit.name)
    image = unit if unit.kind == "dockerfile" else deployment.image_of(unit)
    user = unit.user or (image.user if image else None)
    words = unit.command or (image.command if image else ())
    if drops_rights(words) or told_elsewhere(deployment, unit, "") or (spaces and unit.kind == "dockerfile"):
        return
    if user is None and image is not None and root_base(image):
        yield finding("deploy.runs-as-root", image.file, image.line, unit=image.name)
    elif user is not None and user.known and user.value.partition(":")[0] in ("root", "0"):
        yield finding("deploy.runs-as-root", user.file, user.line, unit=unit.name)


def drops_rights(words: Iterable[str]) -> bool:
    """True when a command goes on as another user by itself (gosu, su-exec, setpriv...)."""
    return any(name.rpartition("/")[2] in _DROPPING for word in words for name in word.split())
