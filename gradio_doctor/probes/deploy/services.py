"""systemd units and Procfiles: the commands in them, and what a unit says of its process."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradio_doctor.evidence.deployment import Quantity, Said, Unit
from gradio_doctor.probes.deploy.command import assignments, read_server, runs_app
from gradio_doctor.probes.deploy.quantities import docker_bytes
from gradio_doctor.probes.deploy.saying import said
from gradio_doctor.probes.deploy.yaml_lines import split

_TYPE = re.compile(r"([A-Za-z][\w-]{0,60}):\s*(\S.{0,4000})")
_PREFIXES = "@-:+!|"
_MOST = 2000  # lines
_KEPT = ("Type", "Restart", "TimeoutStartSec", "RuntimeMaxSec", "NotifyAccess")


def read_systemd(text: str, file: str, script: str) -> tuple[Unit, ...]:
    """The [Service] of a unit file. Raises ValueError when it has none."""
    entries = list(_entries(text))
    if not any(section == "Service" for section, *_ in entries):
        raise ValueError("has no [Service], so it is no service of systemd")
    told = [(name, value, line) for section, name, value, line in entries if section == "Service"]
    command, at = next(((v, n) for k, v, n in reversed(told) if k == "ExecStart" and v), ("", 0))
    words = split(command.lstrip(_PREFIXES))
    server = read_server(words)
    environment = [said(n, v, file, line) for k, text, line in told if k == "Environment"
                   for word in split(text) for n, _, v in [word.partition("=")]]
    found: dict[str, Said] = {k: said(k, v, file, n) for k, v, n in told if k in (*_KEPT, "User", "MemoryMax")}
    limit = found.get("MemoryMax")
    amount = docker_bytes(limit.value) if limit else None
    return (Unit(
        "systemd", file, at or 1, "service", runs_app(server, script), command=words, command_line=at, server=server,
        environment=tuple(environment), sealed=not any(k == "EnvironmentFile" for k, *_ in told),
        memory=Quantity(amount, file, limit.line) if limit and amount else None, user=found.get("User"),
        settings=tuple(found[k] for k in _KEPT if k in found),
    ),)


def _entries(text: str) -> Iterator[tuple[str, str, str, int]]:
    """Section, name, value and line of each assignment, continued lines joined."""
    section, lines = "", text.splitlines()[:_MOST]
    at = 0
    while at < len(lines):
        begun, line = at, lines[at].strip()
        at += 1
        if line.startswith(("#", ";")):
            continue
        while line.endswith("\\") and at < len(lines):
            line = f"{line[:-1]} {lines[at].strip()}"
            at += 1
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line:
            name, _, value = line.partition("=")
            yield section, name.strip(), value.strip(), begun + 1


def read_procfile(text: str, file: str, script: str) -> tuple[Unit, ...]:
    """The process types of a Procfile. Raises ValueError when it has none."""
    units = []
    for line, content in enumerate(text.splitlines()[:_MOST], 1):
        if found := _TYPE.fullmatch(content.strip()):
            words = ("sh", "-c", found[2])
            server = read_server(words)
            variables = tuple(said(n, v, file, line) for n, v in assignments(words))
            units.append(Unit("procfile", file, line, found[1], runs_app(server, script), command=words,
                              command_line=line, server=server, environment=variables))
    if not units:
        raise ValueError("has no line TYPE: COMMAND, so it is no Procfile")
    return tuple(units)
