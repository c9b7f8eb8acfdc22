"""From the files beside an app to `Deployment`."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gradio_doctor.evidence import Absent, AppSource
from gradio_doctor.evidence.deployment import Deployment, Dialect, Pin, Said, Unit
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.deploy.compose import read_compose
from gradio_doctor.probes.deploy.dockerfile import read_dockerfile
from gradio_doctor.probes.deploy.find import read_text, search
from gradio_doctor.probes.deploy.kubernetes import TEMPLATE, is_manifest, read_manifests
from gradio_doctor.probes.deploy.pins import pins_of_project, pins_of_requirements
from gradio_doctor.probes.deploy.services import read_procfile, read_systemd
from gradio_doctor.probes.deploy.settings import read_gunicorn, read_space
from gradio_doctor.probes.deploy.yaml_lines import Node, read_documents
from gradio_doctor.probes.redact import clean


def probe_deployment(context: Context) -> Deployment | Absent:
    """What the files beside the app say of its deployment; Absent when it is not known where its source lies."""
    source = context.get(AppSource)
    return Absent(source.why) if isinstance(source, Absent) else read_deployment(source.path)


@dataclass
class _Reading:
    script: str
    units: list[Unit] = field(default_factory=list)
    documents: list[tuple[str, Node]] = field(default_factory=list)
    server_files: list[Said] = field(default_factory=list)
    space: tuple[Said, ...] = ()
    pins: list[Pin] = field(default_factory=list)
    listed: str = ""  # the directory whose requirements count: the nearest that has some


def read_deployment(script: str) -> Deployment:
    """Read all that lies beside a script. What cannot be read is named in `unread`; without files, it is empty."""
    root, found, locks = search(posixpath.dirname(script) or ".")
    reading = _Reading(script)
    files: list[tuple[str, Dialect]] = []
    unread: list[str] = []
    for path, dialect in found:
        try:
            text = read_text(path)
            if _READERS[dialect](reading, text, path):
                files.append((path, dialect))
        except ValueError as error:
            unread.append(clean(f"{path}: {error}", 300))
    units = (*reading.units, *read_manifests(reading.documents, script))
    return Deployment(root, tuple(files), _settled(units), tuple(reading.server_files), reading.space,
                      tuple(reading.pins), tuple(locks), tuple(unread))


def _dockerfile(reading: _Reading, text: str, path: str) -> bool:
    unit, pins = read_dockerfile(text, path, reading.script)
    reading.units.append(unit)
    reading.pins += pins
    return True


def _compose(reading: _Reading, text: str, path: str) -> bool:
    reading.units += read_compose(read_documents(text), path, reading.script)
    return True


def _manifest(reading: _Reading, text: str, path: str) -> bool:
    if not is_manifest(text):
        return False
    if TEMPLATE.search(text):
        raise ValueError("a template of Helm or the like; give its output: helm template . > k8s/rendered.yaml")
    reading.documents += [(path, document) for document in read_documents(text)]
    return True


def _systemd(reading: _Reading, text: str, path: str) -> bool:
    reading.units += read_systemd(text, path, reading.script)
    return True


def _procfile(reading: _Reading, text: str, path: str) -> bool:
    reading.units += read_procfile(text, path, reading.script)
    return True


def _gunicorn(reading: _Reading, text: str, path: str) -> bool:
    if path == reading.script:
        return False
    reading.server_files += read_gunicorn(text, path)
    return True


def _space(reading: _Reading, text: str, path: str) -> bool:
    if reading.space or not (header := read_space(text, path)):
        return False
    reading.space = header
    return True


def _requirements(reading: _Reading, text: str, path: str) -> bool:
    if reading.listed not in ("", posixpath.dirname(path)):
        return False
    read: Callable[[str, str], tuple[Pin, ...]] = pins_of_project if path.endswith(".toml") else pins_of_requirements
    pins = read(text, path)
    if pins:
        reading.listed = posixpath.dirname(path)
    reading.pins += pins
    return bool(pins)


_READERS: dict[Dialect, Callable[[_Reading, str, str], bool]] = {
    "dockerfile": _dockerfile, "compose": _compose, "kubernetes": _manifest, "systemd": _systemd,
    "procfile": _procfile, "gunicorn": _gunicorn, "space": _space, "requirements": _requirements,
}


def _settled(units: tuple[Unit, ...]) -> tuple[Unit, ...]:
    """Services take what they run from the Dockerfile that they are built from, where they do not say it themselves."""
    images = {u.file: u for u in units if u.kind == "dockerfile"}
    ours = [u.file for u in images.values() if u.runs == "app"]
    out = []
    for unit in units:
        image = images.get(unit.built_from)
        if image is None and unit.kind == "kubernetes" and len(ours) == 1 and _plausible(unit, units):
            image = images[ours[0]]
            unit = replace(unit, built_from=image.file)
        if image is not None and not unit.command:
            unit = replace(unit, runs=image.runs, server=image.server, command_line=unit.command_line)
        out.append(unit)
    return tuple(out)


def _plausible(unit: Unit, units: tuple[Unit, ...]) -> bool:
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
    "qdrant",
    "milvus", "chroma", "weaviate", "oauth2-proxy", "vllm-openai", "text-generation-inference", "tritonserver", "kafka",
})
