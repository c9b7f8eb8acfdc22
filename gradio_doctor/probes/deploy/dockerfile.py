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

_DIRECTIVE = re.compile(r"#\s{0,20}([A-Za-z][\w-]{0,40})\s{0,20}=\s{0,20}(\S{1,200})")
_HEREDOC = re.compile(r"(?<!<)<<(-?)[\"']?([A-Za-z_]\w{0,60})[\"']?")
_VARIABLE = re.compile(r"(?<!\\)\$(?:\{(\w{1,80})(?:(:?[-+])([^}]{0,200}))?\}|(\w{1,80}))")
_WORDS = frozenset({
    "FROM", "RUN", "CMD", "ENTRYPOINT", "ENV", "ARG", "EXPOSE", "USER", "WORKDIR", "COPY", "ADD", "HEALTHCHECK",
    "LABEL", "SHELL", "STOPSIGNAL", "VOLUME", "ONBUILD", "MAINTAINER",
})
_MOST = 2000  # instructions, and lines of a here-document
_WIDEST, _LONGEST = 8000, 300  # characters of an instruction that is filled in, and of a value in it
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
    own_command: bool = False  # not one that comes from the stage it is built on


def read_dockerfile(text: str, file: str, script: str, target: str = "") -> tuple[Unit, tuple[Pin, ...]]:
    """The image of the last stage, or of the target's, and what it installs by name. Raises ValueError without one."""
    stages: list[_Stage] = []
    outer: dict[str, str] = {}
    for instruction in instructions(text):
        if instruction.word == "FROM":
            if target and stages and stages[-1].name == target.lower():
                break
            stages.append(_begun(instruction, stages, outer, file))
        elif not stages:
            if instruction.word == "ARG":
                for name, value in _pairs(_filled(instruction.text, outer)):
                    outer[name] = value[:_LONGEST]
        else:
            _apply(stages[-1], instruction, file, outer)
    if not stages:
        raise ValueError("has no FROM, so it is no Dockerfile that is known here")
    if target and stages[-1].name != target.lower():
        raise ValueError(f"has no stage {target[:60]}")
    return _unit(stages[-1], file, script, target), tuple(stages[-1].pins)


def _unit(last: _Stage, file: str, script: str, target: str) -> Unit:
    unit = last.unit
    command = (*last.entry, *unit.command)
    server = read_server(command)
    variables = tuple(said(n, v, file, unit.command_line) for n, v in assignments(command))
    # without any words, the command is the base image's: nobody can say what it runs
    return replace(unit, command=command, server=server, runs=runs_app(server, script), image=last.base,
                   environment=(*unit.environment, *variables), target=target, entry=last.entry)


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile. Lines that are none are passed over; at most 2,000."""
    lines = text.split("\n")
    escape = _escape(lines)
    at = made = 0
    while at < len(lines) and made < _MOST:
        begun, at = at, at + 1
        line = lines[begun].strip()
        if not line or line.startswith("#"):
            continue
        parts = []
        while line.endswith(escape) and at < len(lines):
            parts.append(line[:-1])
            line = lines[at].rstrip()
            at += 1
            while at < len(lines) and (not line.strip() or line.lstrip().startswith("#")):
                line = lines[at].rstrip()  # a comment does not end an instruction, nor does an empty line
                at += 1
        whole = "".join((*parts, line))
        word, _, rest = whole.replace("\t", " ").partition(" ")
        if word.upper() in _WORDS:
            end, body = _heredocs(word.upper(), rest, lines, at)
            made, at = made + 1, end
            yield Instruction(word.upper(), (rest + body).strip(), begun + 1)


def _escape(lines: Sequence[str]) -> str:
    """The character that continues a line, which a directive at the very top may change."""
    for line in lines[:20]:
        if found := _DIRECTIVE.fullmatch(line.strip()):
            if found[1].lower() == "escape" and found[2] in ("\\", "`"):
                return found[2]
        else:
            break
    return "\\"


def _heredocs(word: str, text: str, lines: Sequence[str], at: int) -> tuple[int, str]:
    """Where the instruction ends, and the text of its here-documents."""
    body: list[str] = []
    for dash, name in _HEREDOC.findall(text)[:20] if word in ("RUN", "COPY", "ADD") else ():
        text_at = enumerate(lines[at : at + _MOST], at)
        end = next((n for n, line in text_at if (line.lstrip("\t") if dash else line).rstrip("\r") == name), None)
        if end is not None:
            body += lines[at:end]
            at = end + 1
    return at, "".join(f"\n{line}" for line in body)


def _begun(instruction: Instruction, stages: Sequence[_Stage], outer: dict[str, str], file: str) -> _Stage:
    words = [w for w in instruction.text.split() if not w.startswith("--")]
    image = _filled(words[0] if words else "", outer)
    name = words[2].lower() if len(words) > 2 and words[1].lower() == "as" else ""
    before = next((s for s in reversed(stages) if s.name and s.name == image.lower()), None)
    if before is not None:  # built on an earlier stage: all of its settings hold on
        return replace(before, name=name, pins=list(before.pins), arguments={}, own_command=False)
    base = said("image", image, file, instruction.line)
    return _Stage(name, base, {}, Unit("dockerfile", file, instruction.line, "image"))


def _filled(text: str, values: dict[str, str]) -> str:
    """The text with its variables filled in where they are known."""
    def fill(found: re.Match[str]) -> str:
        value, sign = values.get(found[1] or found[4], ""), found[2] or ""
        if sign.endswith("+"):
            return found[3] if value else ""
        return value if value else found[3] if sign.endswith("-") else found[0]

    return _VARIABLE.sub(fill, text[:_WIDEST])


def _apply(stage: _Stage, instruction: Instruction, file: str, outer: dict[str, str]) -> None:
    word, line, unit = instruction.word, instruction.line, stage.unit
    known = {**stage.arguments, **{s.name: s.value for s in unit.environment if s.known}}
    text = instruction.text if word in ("CMD", "ENTRYPOINT", "RUN", "HEALTHCHECK") else _filled(instruction.text, known)
    if word == "ARG":
        for part in split(text):
            name, equals, value = part.partition("=")
            if equals or name in outer:  # one from before FROM holds where it is named again
                stage.arguments[name] = (value if equals else outer[name])[:_LONGEST]
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
        stage.unit = replace(stage.unit, command_line=line, command=stage.unit.command if stage.own_command else ())
    else:
        stage.own_command = True
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
    found = re.search(r"\bCMD\b", text, re.IGNORECASE)
    options, command = (text[: found.start()], text[found.end() :]) if found else (text, "")
    told = dict(re.findall(r"--([a-z-]{1,20})=(\S{1,40})", options))
    return (probe_of(command.strip(), file, line, told),)


def probe_of(command: str, file: str, line: int, told: dict[str, str],
             words: tuple[str, ...] | None = None) -> HealthProbe:
    """A health check of Docker: what it asks, by the address in its command; its defaults are Docker's."""
    asked = _ADDRESS.search(command)
    return HealthProbe(
        "health", "http" if asked else "exec", file, line, path=(asked[2] or "/") if asked else "",
        port=number(asked[1]) if asked else None, delay=span(told.get("start-period", ""), 0.0),
        period=span(told.get("interval", ""), 30.0), timeout=span(told.get("timeout", ""), 30.0),
        failures=number(told.get("retries", "")) or 3, command=words or (_exec(command) if command else ()),
    )
