"""Compose files: the services, with the Dockerfile that each is built from."""

from __future__ import annotations

import posixpath
import re

from gradio_doctor.evidence.deployment import HealthProbe, Port, Quantity, Said, Unit
from gradio_doctor.probes.deploy.command import assignments, read_server, runs_app
from gradio_doctor.probes.deploy.dockerfile import probe_of
from gradio_doctor.probes.deploy.quantities import docker_bytes, number
from gradio_doctor.probes.deploy.saying import said
from gradio_doctor.probes.deploy.yaml_lines import Node, first, pairs, words_of

_PORT = re.compile(r"(?:(?P<address>\[[0-9a-f:]{2,40}\]|[\d.]{7,15}|\$\{[^}]{1,80}\}):)?(?:(?P<outside>[^:]{0,80}):)?"
                   r"(?P<inside>\d{1,5})(?:/(?P<protocol>tcp|udp))?", re.IGNORECASE)


def read_compose(documents: list[Node], file: str, script: str) -> tuple[Unit, ...]:
    """The services of a compose file. Raises ValueError when it has none."""
    services = documents[0].get("services") if documents else Node()
    if not services.keys:
        raise ValueError("has no services, so it is no compose file of a kind known here")
    named = [(name, node) for name, node in services.keys.items() if node.keys][:100]
    return tuple(_service(name, services.lines.get(name, node.line), node, file, script) for name, node in named)


def _service(name: str, at: int, node: Node, file: str, script: str) -> Unit:
    words = (*words_of(node.get("entrypoint")), *words_of(node.get("command")))
    line = first([node.get("command"), node.get("entrypoint")]).line or at
    server = read_server(words) if words else None
    environment = tuple(said(n, v, file, row) for n, v, row in pairs(node.get("environment")))
    inline = tuple(said(n, v, file, line) for n, v in assignments(words))
    image = node.get("image")
    own_network = node.get("network_mode").value
    return Unit(
        "compose", file, at, name, runs_app(server, script), _said("image", image, file),
        _dockerfile(node, file), words, line, server, environment + inline,
        not node.get("env_file") and not node.get("extends"),
        _ports(node.get("ports"), file), _health(node.get("healthcheck"), file),
        _bytes(first([node.get("deploy", "resources", "limits", "memory"), node.get("mem_limit")]), file),
        _shm(node, file), _count(first([node.get("deploy", "replicas"), node.get("scale")]), file),
        _said("user", node.get("user"), file), _privileged(node, file),
        shared_network=own_network == "host" or own_network.startswith(("service:", "container:")),
        gpu=bool(node.get("deploy", "resources", "reservations", "devices") or node.get("gpus") or node.get("runtime")),
    )


def _said(name: str, node: Node, file: str) -> Said | None:
    return said(name, node.value, file, node.line) if node.value else None


def _dockerfile(node: Node, file: str) -> str:
    """The path of the Dockerfile that a service is built from; "" when it is built from none here."""
    build = node.get("build")
    if not build or "://" in build.value or "$" in build.value:
        return ""
    context = build.value or build.get("context").value or "."
    name = build.get("dockerfile").value or "Dockerfile"
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), context, name))


def _ports(node: Node, file: str) -> tuple[Port, ...]:
    """The ports, if all of them can be read: from a part of them nothing could be concluded."""
    ports = [_port(item, file) for item in node.items[:50]]
    return tuple(p for p in ports if p) if all(ports) else ()


def _port(node: Node, file: str) -> Port | None:
    if node.keys:
        inside = number(node.get("target").value)
        outside = number(node.get("published").value)
        return Port(inside, file, node.line, outside, node.get("host_ip").value) if inside else None
    found = _PORT.fullmatch(node.value.strip())
    if not found or (found["protocol"] or "").lower() == "udp":
        return None
    outside = number(found["outside"] or "")
    return Port(int(found["inside"]), file, node.line, outside, found["address"] or "")


def _health(node: Node, file: str) -> tuple[HealthProbe, ...]:
    test = node.get("test")
    if not test or node.get("disable").true or test.texts[:1] == ("NONE",):
        return ()
    words = test.texts[1:] if test.items else (test.value,)
    told = {k.replace("_", "-"): v.value for k, v in node.keys.items() if v.text}
    return (probe_of(" ".join(words), file, test.line, told),)


def _bytes(node: Node, file: str) -> Quantity | None:
    amount = docker_bytes(node.value) if node.value else None
    return Quantity(amount, file, node.line) if amount else None


def _shm(node: Node, file: str) -> Quantity | None:
    if node.get("ipc").value:
        return Quantity(float("inf"), file, node.get("ipc").line)
    for item in (*node.get("volumes").items, *node.get("tmpfs").items, node.get("tmpfs")):
        if "/dev/shm" in item.value or "/dev/shm" in item.get("target").value:  # noqa: S108 - a name to look for
            return Quantity(float("inf"), file, item.line)
    return _bytes(node.get("shm_size"), file)


def _count(node: Node, file: str) -> Quantity | None:
    count = number(node.value)
    return Quantity(count, file, node.line) if count is not None else None


def _privileged(node: Node, file: str) -> Said | None:
    return said("privileged", "true", file, node.get("privileged").line) if node.get("privileged").true else None
