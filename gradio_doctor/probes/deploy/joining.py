"""What several files say of one thing: overlays of compose, images and the services made of them, scripts elsewhere."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gradio_doctor.evidence.deployment import Unit
from gradio_doctor.probes.deploy.command import read_server, runs_app


def joined(units: Sequence[Unit], script: str) -> tuple[Unit, ...]:
    """Services take what they run from the Dockerfile that they are built from, where they do not say it themselves."""
    own = tuple(_elsewhere(u, script) for u in _overlaid(units))
    images = {(u.file, u.target): u for u in own if u.kind == "dockerfile"}
    ours = [u for u in images.values() if u.runs == "app"]
    out = []
    for unit in own:
        image = images.get((unit.built_from, unit.target))
        if image is None and unit.kind == "kubernetes" and len(ours) == 1 and _plausible(unit, own):
            image = ours[0]
            unit = replace(unit, built_from=image.file, target=image.target)
        if image is not None and unit.kind != "dockerfile":
            unit = _made_of(unit, image, script)
        elif _public(unit) and not unit.command:
            unit = replace(unit, runs="other")
        out.append(unit)
    return tuple(out)


def _made_of(unit: Unit, image: Unit, script: str) -> Unit:
    """A service without a command runs its image's; with `command:` alone, that image's ENTRYPOINT stays in front."""
    if not unit.command:
        return replace(unit, runs=image.runs, server=image.server)
    if image.entry and not unit.entry:
        words = (*image.entry, *unit.command)
        server = read_server(words)
        return replace(unit, command=words, server=server, runs=runs_app(server, script))
    return unit


def _overlaid(units: Sequence[Unit]) -> list[Unit]:
    """Services of compose files that change one of another file there (no image, no build) go into that one."""
    whole = [u for u in units if not _is_overlay(u)]
    for over in (u for u in units if _is_overlay(u)):
        found = [n for n, u in enumerate(whole) if u.kind == "compose" and u.name == over.name
                 and posixpath.dirname(u.file) == posixpath.dirname(over.file)]
        for at in found:
            whole[at] = _laid_over(whole[at], over)
        if not found:
            whole.append(over)
    return whole


def _is_overlay(unit: Unit) -> bool:
    return unit.kind == "compose" and unit.image is None and unit.setting("build") is None


def _laid_over(base: Unit, over: Unit) -> Unit:
    """A service with what another file adds to it or changes in it."""
    names = ("memory", "shm", "replicas", "user", "probes")
    changed = {name: value for name in names if (value := getattr(over, name))}
    if over.command:
        changed |= {"command": over.command, "command_line": over.command_line, "server": over.server,
                    "runs": over.runs}
    return replace(
        base, **changed, environment=base.environment + over.environment, ports=base.ports + over.ports,
        sealed=base.sealed and over.sealed, shared_network=base.shared_network or over.shared_network,
        sticky=base.sticky or over.sticky, gpu=base.gpu or over.gpu,
    )


def _elsewhere(unit: Unit, script: str) -> Unit:
    """A unit that runs a script of the same name in its own directory does not run this one."""
    target = unit.server.target.partition(":")[0] if unit.server else ""
    if unit.runs != "app" or not target or posixpath.isabs(target):
        return unit
    path = target if target.endswith(".py") else target.replace(".", "/") + ".py"
    there = posixpath.normpath(posixpath.join(posixpath.dirname(unit.file), path))
    try:
        other = there != posixpath.normpath(script) and Path(there).is_file()
    except ValueError:
        return unit
    return replace(unit, runs="other") if other else unit


def _plausible(unit: Unit, units: Sequence[Unit]) -> bool:
    """One container among the manifests that says no command: it is made from the one Dockerfile that runs the app."""
    silent = [u for u in units if u.kind == "kubernetes" and not u.command and not _public(u)]
    return not unit.command and silent == [unit]


def _public(unit: Unit) -> bool:
    """True for a well-known program's own image: nobody's app."""
    name = (unit.image.value if unit.image else "").rpartition("/")[2].partition(":")[0].partition("@")[0]
    return name in _PUBLIC


_PUBLIC = frozenset({
    "redis", "postgres", "mysql", "mariadb", "mongo", "nginx", "traefik", "caddy", "haproxy", "envoy", "rabbitmq",
    "minio", "elasticsearch", "kibana", "prometheus", "grafana", "busybox", "alpine", "valkey", "memcached", "ollama",
    "qdrant", "milvus", "chroma", "weaviate", "oauth2-proxy", "vllm-openai", "text-generation-inference",
    "tritonserver", "kafka",
})
