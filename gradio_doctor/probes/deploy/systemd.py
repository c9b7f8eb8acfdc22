"""systemd units with their drop-ins, read as systemd.syntax(7), systemd.service(5) and systemd.exec(5) say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gradio_doctor.evidence.deployment import Quantity, Said, Unit
from gradio_doctor.probes.deploy.command import assignments, read_server, runs_app
from gradio_doctor.probes.deploy.quantities import docker_bytes
from gradio_doctor.probes.deploy.saying import said
from gradio_doctor.probes.deploy.yaml_lines import split

_PREFIXES = "@-:+!|"
_MOST = 2000  # lines
_MOST_VARIABLES = 500
_KEPT = ("Type", "Restart", "TimeoutStartSec", "RuntimeMaxSec", "NotifyAccess")
_TAKEN = (*_KEPT, "User", "MemoryMax")
_SPECIFIER = re.compile(r"%[A-Za-z]")


@dataclass(frozen=True, slots=True)
class _Entry:
    section: str
    name: str
    value: str
    file: str
    line: int


def read_systemd(text: str, file: str, script: str, added: Sequence[tuple[str, str]] = ()) -> tuple[Unit, ...]:
    """The [Service] of a unit, its drop-ins (file, text) put over it in order. Raises ValueError when it has none."""
    entries = list(_entries(text, file))
    if not any(e.section == "Service" for e in entries):
        raise ValueError("has no [Service], so it is no service of systemd")
    for name, more in added:
        entries += _entries(more, name)
    told = [e for e in entries if e.section == "Service"]
    found = {e.name: e for e in told if e.name in _TAKEN}  # an empty one takes an earlier one back
    said_of = {n: _word(n, e.value, e) for n, e in found.items() if e.value}
    command = _last_command(told)
    words = split(command.value.lstrip(_PREFIXES)) if command else ()
    server = read_server(words)
    if server is not None and any(_SPECIFIER.search(w.replace("%%", "")) for w in words):
        server = replace(server, settled=False)
    limit = said_of.get("MemoryMax")
    amount = docker_bytes(limit.value) if limit else None
    place = command or _Entry("", "", "", file, 1)
    inline = tuple(said(n, v, place.file, place.line) for n, v in assignments(words))
    return (Unit(
        "systemd", place.file, place.line, "service", runs_app(server, script), command=words, server=server,
        command_line=command.line if command else 0, environment=(*_environment(told), *inline),
        sealed=not _listed(told, "EnvironmentFile"), user=said_of.get("User"),
        memory=Quantity(amount, limit.file, limit.line) if limit and amount else None,
        settings=tuple(said_of[k] for k in _KEPT if k in said_of),
    ),)


def _last_command(told: Sequence[_Entry]) -> _Entry | None:
    commands = _listed(told, "ExecStart")
    return commands[-1] if commands else None


def _listed(told: Sequence[_Entry], name: str) -> list[_Entry]:
    """The entries of a setting that is a list: an empty one clears what stood before it."""
    found: list[_Entry] = []
    for entry in told:
        if entry.name == name:
            found = [*found, entry] if entry.value else []
    return found[:_MOST_VARIABLES]


def _word(name: str, value: str, entry: _Entry) -> Said:
    """Here a `%i` is filled in later, and a `$` is an ordinary character."""
    word = said(name, value.replace("$", ""), entry.file, entry.line)
    return replace(word, known=False) if _SPECIFIER.search(value.replace("%%", "")) else word


def _environment(told: Sequence[_Entry]) -> Iterator[Said]:
    taken = {w for e in _listed(told, "UnsetEnvironment") for w in split(e.value)}
    given: list[Said] = []
    for entry in _listed(told, "PassEnvironment"):
        given += (Said(name, "", entry.file, entry.line, known=False) for name in split(entry.value))
    for entry in _listed(told, "Environment"):
        for word in split(entry.value):
            name, equals, value = word.partition("=")
            if equals:
                given.append(_word(name, value, entry))
    yield from (word for word in given[:_MOST_VARIABLES] if word.name not in taken)


def _entries(text: str, file: str) -> Iterator[_Entry]:
    """The assignments, continued lines joined; a comment within a continuation does not end it."""
    section, lines = "", text.split("\n")[:_MOST]
    at = 0
    while at < len(lines):
        begun, line = at, lines[at].strip()
        at += 1
        if line.startswith(("#", ";")):
            continue
        parts = []
        while line.endswith("\\") and at < len(lines):
            parts.append(line[:-1])
            while at < len(lines) and lines[at].strip().startswith(("#", ";")):
                at += 1
            line = lines[at].strip() if at < len(lines) else ""
            at += 1
        whole = " ".join((*parts, line)).strip()
        if whole.startswith("[") and whole.endswith("]"):
            section = whole[1:-1]
        elif "=" in whole:
            name, _, value = whole.partition("=")
            yield _Entry(section, name.strip(), value.strip(), file, begun + 1)
