"""Procfiles: the commands of the process types in them."""

from __future__ import annotations

import re

from gradio_doctor.evidence.deployment import Unit
from gradio_doctor.probes.deploy.command import assignments, read_server, runs_app
from gradio_doctor.probes.deploy.saying import said

_TYPE = re.compile(r"([A-Za-z][\w-]{0,60}):\s{0,80}(\S.{0,4000})")
_MOST = 200  # lines


def read_procfile(text: str, file: str, script: str) -> tuple[Unit, ...]:
    """The process types of a Procfile. Raises ValueError when it has none."""
    units = []
    for line, content in enumerate(text.split("\n")[:_MOST], 1):
        if found := _TYPE.fullmatch(content.strip()):
            words = ("sh", "-c", found[2])
            server = read_server(words)
            variables = tuple(said(n, v, file, line) for n, v in assignments(words))
            units.append(Unit("procfile", file, line, found[1], runs_app(server, script), command=words,
                              command_line=line, server=server, environment=variables))
    if not units:
        raise ValueError("has no line TYPE: COMMAND, so it is no Procfile")
    return tuple(units)
