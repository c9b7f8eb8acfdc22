"""Dockerfiles: stages, arguments, continuations, here-documents, ENTRYPOINT with CMD."""

from __future__ import annotations

import pytest

from gradio_doctor.evidence import Unit
from gradio_doctor.probes.deploy.dockerfile import instructions, read_dockerfile


def image(*lines: str, target: str = "") -> Unit:
    return read_dockerfile("\n".join(lines), "/r/Dockerfile", "/r/app.py", target)[0]


def told(unit: Unit) -> dict[str, str]:
    return {s.name: s.value for s in unit.environment if s.known}


@pytest.mark.parametrize(("lines", "command", "runs"), [
    (['ENTRYPOINT ["python"]', 'CMD ["app.py"]'], ("python", "app.py"), "app"),
    (['CMD ["app.py"]', 'ENTRYPOINT ["python"]'], ("python", "app.py"), "app"),
    (['ENTRYPOINT ["tini", "--"]', "CMD python app.py"], ("tini", "--", "sh", "-c", "python app.py"), "app"),
    (["ENTRYPOINT python app.py", 'CMD ["--listen"]'], ("sh", "-c", "python app.py", "--listen"), "app"),
    (['CMD ["python", "other.py"]', 'CMD ["python", "app.py"]'], ("python", "app.py"), "app"),
    (['CMD ["python", \\', "# why", "", '  "app.py"]'], ("python", "app.py"), "app"),
    (["CMD ['python', 'app.py']"], ("sh", "-c", "['python', 'app.py']"), "perhaps"),  # no JSON: a shell gets it
    (["ENTRYPOINT []", 'CMD ["python", "app.py"]'], ("python", "app.py"), "app"),
    (["ONBUILD CMD python app.py"], (), "perhaps"),
    (["cmd python app.py"], ("sh", "-c", "python app.py"), "app"),
    (["CMD\tpython app.py"], ("sh", "-c", "python app.py"), "app"),
])
def test_entrypoint_and_command(lines: list[str], command: tuple[str, ...], runs: str) -> None:
    unit = image("FROM python:3.12", *lines)
    assert (unit.command, unit.runs) == (command, runs)


def test_only_the_last_stage_runs() -> None:
    unit = image("FROM node:20 AS ui", "ENV A=1", "EXPOSE 3000", "USER node", "CMD npm start", "FROM python:3.12",
                 "COPY --from=ui /x /y", 'CMD ["python", "app.py"]')
    assert (told(unit), unit.ports, unit.user, unit.runs, unit.line) == ({}, (), None, "app", 6)
    assert unit.image and unit.image.value == "python:3.12"


def test_a_stage_built_on_another_has_its_settings() -> None:
    unit = image("FROM python:3.12 AS Base", "ENV A=1", "USER 7", 'CMD ["python", "other.py"]', "FROM base AS last",
                 "ENV B=2", 'ENTRYPOINT ["python", "app.py"]')
    assert told(unit) == {"A": "1", "B": "2"}
    assert unit.user and unit.user.value == "7"
    assert unit.command == ("python", "app.py")  # a new ENTRYPOINT takes away the CMD from below


def test_another_stage_can_be_asked_for() -> None:
    lines = ("FROM python:3.12 AS web", 'CMD ["python", "app.py"]', "FROM web AS test", 'CMD ["pytest"]')
    assert image(*lines).runs == "perhaps"
    unit = image(*lines, target="WEB")
    assert (unit.runs, unit.target) == ("app", "WEB")
    with pytest.raises(ValueError, match="no stage nothing"):
        image(*lines, target="nothing")


def test_arguments_before_from() -> None:
    unit = image("ARG TAG=3.12", "ARG BASE=python:${TAG}", "FROM ${BASE}-slim", "ENV A=$TAG", "ARG TAG", "ENV B=$TAG",
                 "ARG PORT", "ENV C=$PORT")
    assert unit.image and unit.image.value == "python:3.12-slim"
    assert told(unit) == {"B": "3.12"}  # outside of a stage it does not hold until it is named again
    assert [s.name for s in unit.environment if not s.known] == ["A", "C"]


@pytest.mark.parametrize(("line", "expected"), [
    ("ENV A b c", {"A": "b c"}), ("ENV A=1 B=2", {"A": "1", "B": "2"}), ('ENV A="b c" B=d\\ e', {"A": "b c",
            "B": "d e"}),
    ("ENV A=${X:-y}", {"A": "y"}), ("ENV A=${H:+set}", {"A": "set"}), ("ENV A=x${N:+set}", {"A": "x"}),
    ("ENV A=$H/x", {"A": "/srv/x"}), ("ENV A=", {"A": ""}), ("ENV", {}), ("ENV A=b=c", {"A": "b=c"}),
])
def test_variables(line: str, expected: dict[str, str]) -> None:
    found = told(image("FROM python:3.12", "ENV H=/srv", line))
    assert {k: v for k, v in found.items() if k != "H"} == expected


def test_continued_lines_are_joined_as_they_stand() -> None:
    unit = image("FROM python:3.12", "ENV A=/x:\\", "/y B=2 \\", "   # a word", "", "  C=3", "EXPOSE 80")
    assert told(unit) == {"A": "/x:/y", "B": "2", "C": "3"}
    assert {s.line for s in unit.environment} == {2}
    assert [(p.inside, p.line) for p in unit.ports] == [(80, 7)]


@pytest.mark.parametrize("top", ["# escape=`", "# syntax=docker/dockerfile:1\n#escape = `", "#ESCAPE=`"])
def test_the_directive_for_the_escape_character(top: str) -> None:
    text = f"{top}\nFROM python:3.12\nCMD python `\n app.py\nENV A=c:\\\nUSER 1\n"
    assert [i.word for i in instructions(text)] == ["FROM", "CMD", "ENV", "USER"]


def test_a_directive_behind_anything_else_is_a_comment() -> None:
    text = "# hello\n# escape=`\nFROM x\nCMD python \\\n app.py\n"
    assert [i.text for i in instructions(text)] == ["x", "python  app.py"]


@pytest.mark.parametrize("lines", [
    ["RUN <<EOF", "CMD no", "  EOF", "EOF"], ["RUN <<-EOF", "CMD no", "\tEOF"], ["RUN <<'E' cat", "CMD no", "E"],
    ["COPY <<A <<B /x/", "CMD no", "A", "CMD no", "B"], ["RUN cat <<<word", "RUN echo"], ["RUN echo $((1<<3))"],
    ["RUN echo 'x' \\", "  # CMD no", "  && echo y"],
])
def test_here_documents_are_no_instructions(lines: list[str]) -> None:
    unit = image("FROM python:3.12", *lines, 'CMD ["python", "app.py"]')
    assert unit.runs == "app" and unit.command_line == 2 + len(lines)


@pytest.mark.parametrize(("line", "how", "port", "path"), [
    ("HEALTHCHECK CMD curl -f http://localhost:7860/", "http", 7860, "/"),
    ("healthcheck --interval=5s cmd curl -f http://localhost:7860/x || exit 1", "http", 7860, "/x"),
    ('HEALTHCHECK CMD ["curl", "-f", "http://127.0.0.1:80/config"]', "http", 80, "/config"),
    ("HEALTHCHECK --retries=2 \\\n  CMD pgrep python", "exec", None, ""),
])
def test_health_checks(line: str, how: str, port: int | None, path: str) -> None:
    (probe,) = image("FROM python:3.12", line).probes
    assert (probe.how, probe.port, probe.path) == (how, port, path)


def test_a_health_check_is_taken_back() -> None:
    assert image("FROM x", "HEALTHCHECK CMD curl -f http://localhost/", "HEALTHCHECK none").probes == ()


def test_values_are_bounded_however_they_double() -> None:
    doubling = ["ARG A=xxxxxxxx", *["ARG A=$A$A"] * 60, "ENV B=" + "$A" * 4000, "EXPOSE " + "$A " * 4000]
    unit = image("FROM x", *doubling)
    assert all(len(s.value) <= 300 for s in unit.environment)
