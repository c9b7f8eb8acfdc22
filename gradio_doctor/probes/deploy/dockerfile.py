"""Dockerfiles: stages, instructions with continuations and heredocs, ARG and ENV filled in as far as they are known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from gradio_doctor.evidence.deployment import HealthProbe, Pin, Port, Said, Unit
from gradio_doctor.probes.deploy.command import assignments, read_server, runs_app
from gradio_doctor.probes.deploy.pins import pins_of_command
from gradio_doctor.probes.deploy.quantities import number, span
from gradio_doctor.probes.deploy.saying import said
from gradio_doctor.probes.deploy.yaml_lines import split

_DIRECTIVE = re.compile(r"#\s*escape\s*=\s*([\\`])\s*", re.IGNORECASE)
_HEREDOC = re.compile(r"<<-?\s*[\"']?([A-Za-z_]\w{0,60})[\"']?")
_VARIABLE = re.compile(r"(?<!\\)\$(?:\{(\w{1,80})(?::?[-+]([^}]{0,200}))?\}|(\w{1,80}))")
_WORDS = frozenset({
    "FROM", "RUN", "CMD", "ENTRYPOINT", "ENV", "ARG", "EXPOSE", "USER", "WORKDIR", "COPY", "ADD", "HEALTHCHECK",
    "LABEL", "SHELL", "STOPSIGNAL", "VOLUME", "ONBUILD", "MAINTAINER",
})
_MOST = 2000  # instructions
_ADDRESS = re.compile(r"https?://(?:127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1\]):?(\d{0,5})(/[^\s\"'|;)]{0,200})?")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its keyword in capitals, the text behind it with lines joined, and its first line."""

    word: str
    text: str
    line: int


@dataclass(slots=True)
class _Stage:
    name: str
    base: Said
    arguments: dict[str, str]
    unit: Unit
    entry: tuple[str, ...] = ()
    pins: list[Pin] = field(default_factory=list)


def read_dockerfile(text: str, file: str, script: str) -> tuple[Unit, tuple[Pin, ...]]:
    """The image of the last stage, and what it installs by name. Raises ValueError when it has no FROM."""
    stages: list[_Stage] = []
    outer: dict[str, str] = {}
    for instruction in instructions(text):
        if instruction.word == "FROM":
            stages.append(_begun(instruction, stages, outer, file))
        elif not stages:
            if instruction.word == "ARG":
                name, _, value = instruction.text.partition("=")
                outer[name.strip()] = value.strip("\"' ")
        else:
            _apply(stages[-1], instruction, file)
    if not stages:
        raise ValueError("has no FROM, so it is no Dockerfile that is known here")
    last = stages[-1]
    unit = last.unit
    command = (*last.entry, *unit.command)
    server = read_server(command)
    variables = tuple(said(n, v, file, unit.command_line) for n, v in assignments(command))
    # without any words, the command is the base image's: nobody can say what it runs
    runs = runs_app(server, script)
    unit = replace(unit, command=command, server=server, runs=runs, image=last.base,
                   environment=(*unit.environment, *variables))
    return unit, tuple(last.pins)


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile. Lines that are none are passed over; at most 2,000."""
    lines = text.splitlines()
    found = _DIRECTIVE.fullmatch(lines[0].strip()) if lines else None
    escape = found[1] if found else "\\"
    at = made = 0
    while at < len(lines) and made < _MOST:
        begun, at = at, at + 1
        parts = [lines[begun].strip()]
        if not parts[0] or parts[0].startswith("#"):
            continue
        while parts[-1].endswith(escape) and at < len(lines):
            parts[-1] = parts[-1][:-1]
            following = lines[at].strip()
            at += 1
            parts.append(escape if not following or following.startswith("#") else following)
        whole = " ".join(p for p in parts if p != escape)
        word, _, rest = whole.partition(" ")
        if word.upper() in _WORDS:
            end, body = _heredocs(word.upper(), rest, lines, at)
            made, at = made + 1, end
            yield Instruction(word.upper(), (rest + body).strip(), begun + 1)


def _heredocs(word: str, text: str, lines: Sequence[str], at: int) -> tuple[int, str]:
    """Where the instruction ends, and the text of its here-documents."""
    body: list[str] = []
    for name in _HEREDOC.findall(text) if word in ("RUN", "COPY", "ADD") else ():
        end = next((n for n in range(at, len(lines)) if lines[n].strip() == name), None)
        if end is not None:
            body += lines[at:end]
            at = end + 1
    return at, "".join(f"\n{line}" for line in body)


def _begun(instruction: Instruction, stages: Sequence[_Stage], outer: dict[str, str], file: str) -> _Stage:
    words = [w for w in instruction.text.split() if not w.startswith("--")]
    image = _filled(words[0] if words else "", outer)
    name = words[2] if len(words) > 2 and words[1].lower() == "as" else ""
    before = next((s for s in stages if s.name and s.name == image), None)
    if before is not None:  # built on an earlier stage: all of its settings hold on
        return replace(before, name=name, pins=list(before.pins), arguments=dict(outer))
    base = said("image", image, file, instruction.line)
    return _Stage(name, base, dict(outer), Unit("dockerfile", file, instruction.line, "image"))


def _filled(text: str, values: dict[str, str]) -> str:
    """The text with its variables filled in where they are known."""
    def fill(found: re.Match[str]) -> str:
        value = values.get(found[1] or found[3])
        return value if value else found[2] if found[2] is not None else found[0]

    return _VARIABLE.sub(fill, text)


def _apply(stage: _Stage, instruction: Instruction, file: str) -> None:
    word, line, unit = instruction.word, instruction.line, stage.unit
    known = {**stage.arguments, **{s.name: s.value for s in unit.environment if s.known}}
    text = instruction.text if word in ("CMD", "ENTRYPOINT", "RUN", "HEALTHCHECK") else _filled(instruction.text, known)
    if word == "ARG":
        for part in split(text):
            name, equals, value = part.partition("=")
            if equals:
                stage.arguments[name] = value
    elif word == "ENV":
        added = tuple(said(n, v, file, line) for n, v in _pairs(text))
        stage.unit = replace(unit, environment=unit.environment + added)
    elif word == "EXPOSE":
        ports = tuple(Port(n, file, line, leads=False) for w in text.split()
                      if not w.endswith("/udp") and (n := number(w.partition("/")[0])))
        stage.unit = replace(unit, ports=unit.ports + ports)
    elif word == "USER":
        stage.unit = replace(unit, user=said("user", text.strip(), file, line))
    elif word in ("CMD", "ENTRYPOINT"):
        _command(stage, word, _exec(text), line)
    elif word == "HEALTHCHECK":
        stage.unit = replace(unit, probes=_health(text, file, line))
    elif word == "RUN":
        stage.pins += pins_of_command(text, file, line)


def _command(stage: _Stage, word: str, words: tuple[str, ...], line: int) -> None:
    if word == "ENTRYPOINT":  # it takes away the CMD of the base image
        stage.entry = words
        stage.unit = replace(stage.unit, command_line=line)
    else:
        stage.unit = replace(stage.unit, command=words, command_line=line)


def _exec(text: str) -> tuple[str, ...]:
    """The words of an exec form (JSON), or of a shell form."""
    if text.startswith("["):
        try:
            words = json.loads(text)
        except (ValueError, RecursionError):
            words = None
        if isinstance(words, list):
            return tuple(w for w in words if isinstance(w, str))
    return ("sh", "-c", text)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """NAME=value ..., or the old form: NAME value."""
    words = split(text)
    if words and "=" not in words[0]:
        yield words[0], " ".join(words[1:])
        return
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            yield name, value


def _health(text: str, file: str, line: int) -> tuple[HealthProbe, ...]:
    if text.strip().upper() == "NONE":
        return ()
    options, _, command = re.split(r"(\bCMD\b)", text, maxsplit=1) if "CMD" in text else (text, "", "")
    told = dict(re.findall(r"--([a-z-]{1,20})=(\S{1,40})", options))
    return (probe_of(command.strip(), file, line, told),)


def probe_of(command: str, file: str, line: int, told: dict[str, str]) -> HealthProbe:
    """A health check of Docker: what it asks, by the address in its command; its defaults are Docker's."""
    asked = _ADDRESS.search(command)
    return HealthProbe(
        "health", "http" if asked else "exec", file, line, path=(asked[2] or "/") if asked else "",
        port=number(asked[1]) if asked else None, delay=span(told.get("start-period", ""), 0.0),
        period=span(told.get("interval", ""), 30.0), timeout=span(told.get("timeout", ""), 30.0),
        failures=number(told.get("retries", "")) or 3, command=_exec(command) if command else (),
    )
