"""Compose files: the services, with the Dockerfile that each is built from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from gradio_doctor.evidence.deployment import HealthProbe, Quantity, Runs, Said, Unit
from gradio_doctor.probes.deploy.command import assignments, read_server, runs_app
from gradio_doctor.probes.deploy.compose_ports import read_ports
from gradio_doctor.probes.deploy.dockerfile import probe_of
from gradio_doctor.probes.deploy.filling import Fetch, beside, fill, read_variables, values_of
from gradio_doctor.probes.deploy.quantities import docker_bytes, number
from gradio_doctor.probes.deploy.saying import said
from gradio_doctor.probes.deploy.yaml_lines import Node, first, merged, pairs, split

_MOST = 200
_STICKY = re.compile(r"sticky|affinity", re.IGNORECASE)


def _nothing(_path: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class _File:
    """What all services of a file have in common. `values`: the .env beside it, which fills its variables."""

    path: str
    script: str
    services: Mapping[str, Node]
    values: Mapping[str, str]
    fetch: Fetch

    def sure(self, node: Node) -> str:
        """The text, filled in where nobody can say otherwise; else as it is written."""
        text, known = fill(node.value, self.values)
        return text if known else node.value

    def likely(self, node: Node) -> str:
        """The text, with the defaults of what is not set."""
        return fill(node.value, self.values)[0]

    def words(self, node: Node) -> tuple[str, ...]:
        """A command as words."""
        return tuple(self.sure(i) for i in node.items[:_MOST]) if node.items else split(self.sure(node))

    def said(self, name: str, node: Node) -> Said | None:
        """A word by its name, None for an empty one."""
        return said(name, self.sure(node), self.path, node.line) if node.value else None


def read_compose(documents: list[Node], file: str, script: str, fetch: Fetch = _nothing) -> tuple[Unit, ...]:
    """The services of a compose file; `fetch` gives files beside it. Raises ValueError when it has none."""
    services = documents[0].get("services") if documents else Node()
    if not services.keys:
        raise ValueError("has no services, so it is no compose file of a kind known here")
    whole = _File(file, script, services.keys, values_of(fetch(beside(".env", file)) or ""), fetch)
    named = [(name, node) for name, node in services.keys.items() if node.keys][:100]
    return tuple(_service(name, services.lines.get(name, node.line), node, whole) for name, node in named)


def _service(name: str, at: int, own: Node, file: _File) -> Unit:
    node, whole = _extended(own, file)
    words = (*file.words(node.get("entrypoint")), *file.words(node.get("command")))
    line = first([node.get("command"), node.get("entrypoint")]).line or at
    server = read_server(words) if words else None
    environment, sealed = _environment(node, file)
    inline = tuple(said(n, v, file.path, line) for n, v in assignments(words))
    runs: Runs = runs_app(server, file.script) if whole else "perhaps"
    network = node.get("network_mode").value
    gpu = (node.get("deploy", "resources", "reservations", "devices"), node.get("gpus"), node.get("runtime"))
    return Unit(
        "compose", file.path, at, name, runs, file.said("image", node.get("image")),
        _dockerfile(node, file) if whole else "", words, line, server, environment + inline, sealed and whole,
        read_ports(node.get("ports"), file.path, file.values), _health(node.get("healthcheck"), file.path),
        _bytes(first([node.get("deploy", "resources", "limits", "memory"), node.get("mem_limit")]), file),
        _shm(node, file), _count(first([node.get("deploy", "replicas"), node.get("scale")]), file),
        file.said("user", node.get("user")), _privileged(node, file.path),
        shared_network=network == "host" or network.startswith(("service:", "container:")),
        sticky=_sticky(node), gpu=any(gpu), settings=_settings(node, file), target=node.get("build", "target").value,
        entry=file.words(node.get("entrypoint")),
    )


def _settings(node: Node, file: _File) -> tuple[Said, ...]:
    build = node.get("build")
    built = (Said("build", "", file.path, build.line),) if build else ()
    arguments = (Said("build-arguments", "", file.path, build.line),) if build.get("args") else ()
    return built + arguments


def _extended(node: Node, file: _File) -> tuple[Node, bool]:
    """A service with what it takes from others of its file; False when a part of it lies elsewhere."""
    for _ in range(8):
        extends = node.get("extends")
        if not extends:
            return node, True
        name = extends.value or extends.get("service").value
        other = extends.get("file").value
        base = file.services.get(name)
        if base is None or (other and beside(other, file.path) != file.path):
            return node, False
        rest = Node(node.line)
        rest.keys = {k: v for k, v in node.keys.items() if k != "extends"}
        rest.lines = node.lines
        node = merged(base, rest)
    return node, False


def _environment(node: Node, file: _File) -> tuple[tuple[Said, ...], bool]:
    """The variables of a service; False when some of them stand in a file that is not to be had."""
    found: list[Said] = []
    sealed = True
    named = node.get("env_file")
    for item in (named.items or [named])[:20] if named else ():
        path = beside(item.value or item.get("path").value, file.path)
        text = file.fetch(path) if path else None
        sealed = sealed and text is not None
        found += read_variables(text or "", path)
    found += islice(_own(node.get("environment"), file), _MOST)
    return tuple(found), sealed


def _own(node: Node, file: _File) -> Iterator[Said]:
    for name, value, line in islice(pairs(node), _MOST):
        if value is None:  # it is passed through from whoever starts it
            yield Said(said(name, "", file.path, line).name, "", file.path, line, known=False)
            continue
        text, known = fill(value, file.values)
        word = said(name, text if known else value, file.path, line)
        from_default = said(name, text, file.path, line)
        yield from_default if not known and from_default.value == "***" else word


def _dockerfile(node: Node, file: _File) -> str:
    """The path of the Dockerfile that a service is built from; "" when it is built from none here."""
    build = node.get("build")
    context = file.likely(build) or file.likely(build.get("context")) or "."
    if not build or "://" in context or "$" in context or build.get("dockerfile_inline"):
        return ""
    name = file.likely(build.get("dockerfile")) or "Dockerfile"
    return beside(name, beside(f"{context}/.", file.path) + "/x")


def _health(node: Node, file: str) -> tuple[HealthProbe, ...]:
    test = node.get("test")
    if not test or node.get("disable").true or test.texts[:1] == ("NONE",):
        return ()
    shell = not test.items or test.texts[:1] == ("CMD-SHELL",)
    words = test.texts[1:50] if test.items else (test.value,)
    told = {k.replace("_", "-"): v.value for k, v in islice(node.keys.items(), 20) if v.text}
    return (probe_of(" ".join(words).replace("$$", "$"), file, test.line, told, None if shell else words),)


def _bytes(node: Node, file: _File) -> Quantity | None:
    amount = docker_bytes(file.likely(node)) if node.value else None
    return Quantity(amount, file.path, node.line) if amount else None


def _shm(node: Node, file: _File) -> Quantity | None:
    if node.get("ipc").value:
        return Quantity(float("inf"), file.path, node.get("ipc").line)
    for item in (*node.get("volumes").items[:_MOST], *node.get("tmpfs").items[:_MOST], node.get("tmpfs")):
        if "/dev/shm" in item.value or "/dev/shm" in item.get("target").value:  # noqa: S108 - a name to look for
            return Quantity(float("inf"), file.path, item.line)
    return _bytes(node.get("shm_size"), file)


def _count(node: Node, file: _File) -> Quantity | None:
    count = number(file.sure(node))
    return Quantity(count, file.path, node.line) if count is not None else None


def _privileged(node: Node, file: str) -> Said | None:
    return said("privileged", "true", file, node.get("privileged").line) if node.get("privileged").true else None


def _sticky(node: Node) -> bool:
    """Whether a label tells a proxy to keep a browser on one copy."""
    return any(_STICKY.search(name) for labels in (node.get("labels"), node.get("deploy", "labels"))
               for name, _, _ in islice(pairs(labels), _MOST))
