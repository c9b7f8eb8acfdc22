"""From the files beside an app to `Deployment`."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gradio_doctor.evidence import Absent, AppSource
from gradio_doctor.evidence.deployment import Deployment, Dialect, Pin, Said, Unit
from gradio_doctor.probes.base import Context
from gradio_doctor.probes.deploy.compose import read_compose
from gradio_doctor.probes.deploy.dockerfile import read_dockerfile
from gradio_doctor.probes.deploy.find import drop_ins, read_text, search
from gradio_doctor.probes.deploy.joining import joined
from gradio_doctor.probes.deploy.kubernetes import TEMPLATE, is_manifest, patched, read_manifests
from gradio_doctor.probes.deploy.pins import pins_of_project, pins_of_requirements
from gradio_doctor.probes.deploy.procfile import read_procfile
from gradio_doctor.probes.deploy.settings import read_gunicorn, read_space
from gradio_doctor.probes.deploy.systemd import read_systemd
from gradio_doctor.probes.deploy.yaml_lines import Node, read_documents
from gradio_doctor.probes.redact import clean

_CONSTRAINED = re.compile(r"^[ \t]{0,20}(?:-c|--constraint)[ =]", re.MULTILINE)
_MOST_FETCHED = 40


def probe_deployment(context: Context) -> Deployment | Absent:
    """What the files beside the app say of its deployment; Absent when it is not known where its source lies."""
    source = context.get(AppSource)
    return Absent(source.why) if isinstance(source, Absent) else read_deployment(source.path)


@dataclass
class _Reading:
    script: str
    root: str
    units: list[Unit] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)  # the texts of the Dockerfiles, for other stages of them
    documents: list[tuple[str, Node]] = field(default_factory=list)
    server_files: list[Said] = field(default_factory=list)
    space: tuple[Said, ...] = ()
    pins: list[Pin] = field(default_factory=list)
    locks: list[str] = field(default_factory=list)
    listed: str = ""  # the directory whose requirements count: the nearest that has some
    fetched: dict[str, str] = field(default_factory=dict)

    def fetch(self, path: str) -> str | None:
        """The text of a file that another one names; None outside of the directory that is searched."""
        inside = path.startswith(self.root.rstrip("/") + "/") or (self.root == "." and not path.startswith(("/", "..")))
        if path in self.fetched or not inside or len(self.fetched) >= _MOST_FETCHED:
            return self.fetched.get(path)
        try:
            self.fetched[path] = read_text(path)
        except ValueError:
            return None
        return self.fetched[path]


def read_deployment(script: str) -> Deployment:
    """Read all that lies beside a script. What cannot be read is named in `unread`; without files, it is empty."""
    root, found, locks = search(posixpath.dirname(script) or ".")
    reading = _Reading(script, root, locks=locks)
    files: list[tuple[str, Dialect]] = []
    unread: list[str] = []
    for path, dialect in found:
        try:
            text = read_text(path)
            if _READERS[dialect](reading, text, path):
                files.append((path, dialect))
        except (ValueError, RecursionError) as error:
            unread.append(clean(f"{path}: {error}", 300))
    documents, said = _plain(reading.documents)
    stages, more = _stages(reading)
    units = joined((*reading.units, *stages, *read_manifests(documents, script)), script)
    files += [(path, "environment") for path in sorted(reading.fetched)]
    return Deployment(root, tuple(files), units, tuple(reading.server_files), reading.space, tuple(reading.pins),
                      tuple(reading.locks), (*unread, *said, *more), _missing(reading.space))


def _plain(documents: list[tuple[str, Node]]) -> tuple[list[tuple[str, Node]], list[str]]:
    """The manifests that stand for themselves; of those that kustomize changes, it is said that they are not read."""
    changed = patched(documents)
    said = [f"{file}: kustomize changes what lies beside it; give its output: kubectl kustomize {folder or '.'}"
            for folder, file in changed.items()]
    return [(f, d) for f, d in documents if posixpath.dirname(f) not in changed], said


def _stages(reading: _Reading) -> tuple[list[Unit], list[str]]:
    """The stages that services are built of, where it is not the last one."""
    found: list[Unit] = []
    unread: list[str] = []
    for file, target in sorted({(u.built_from, u.target) for u in reading.units if u.target and u.built_from}):
        try:
            if file in reading.images:
                found.append(read_dockerfile(reading.images[file], file, reading.script, target)[0])
        except ValueError as error:
            unread.append(clean(f"{file}: {error}", 300))
    return found, unread


def _missing(space: tuple[Said, ...]) -> tuple[Said, ...]:
    """What the header of a Space names and does not have: the file that it would run."""
    told = {s.name: s for s in space}
    kind, file = told.get("sdk"), told.get("app_file")
    if file is None or kind is None or kind.value not in ("gradio", "streamlit"):
        return ()
    path = posixpath.join(posixpath.dirname(file.file), file.value)
    try:
        return () if os.path.lexists(path) else (file,)
    except ValueError:
        return ()


def _dockerfile(reading: _Reading, text: str, path: str) -> bool:
    unit, pins = read_dockerfile(text, path, reading.script)
    reading.units.append(unit)
    reading.images[path] = text
    reading.pins += pins
    return True


def _compose(reading: _Reading, text: str, path: str) -> bool:
    reading.units += read_compose(read_documents(text), path, reading.script, reading.fetch)
    return True


def _manifest(reading: _Reading, text: str, path: str) -> bool:
    if not is_manifest(text):
        return False
    if TEMPLATE.search(text):
        raise ValueError("a template of Helm or the like; give its output: helm template . > k8s/rendered.yaml")
    reading.documents += [(path, document) for document in read_documents(text)]
    return True


def _systemd(reading: _Reading, text: str, path: str) -> bool:
    added = [(name, read_text(name)) for name in drop_ins(path)]
    reading.units += read_systemd(text, path, reading.script, added)
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
        if not path.endswith(".toml") and _CONSTRAINED.search(text):
            reading.locks.append(path)
    reading.pins += pins
    return bool(pins)


_READERS: dict[Dialect, Callable[[_Reading, str, str], bool]] = {
    "dockerfile": _dockerfile, "compose": _compose, "kubernetes": _manifest, "systemd": _systemd,
    "procfile": _procfile, "gunicorn": _gunicorn, "space": _space, "requirements": _requirements,
}
