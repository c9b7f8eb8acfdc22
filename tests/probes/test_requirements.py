"""Requirements that an environment does not meet."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gradio_doctor.evidence import Requirement
from gradio_doctor.probes.requirements import unmet_requirements

MARKERS = {
    "implementation_name": "cpython", "implementation_version": "3.8.18", "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_release": "6", "platform_system": "Linux", "platform_version": "1", "python_full_version": "3.8.18",
    "platform_python_implementation": "CPython", "python_version": "3.8", "sys_platform": "linux",
}


def unmet(text: str, **versions: str) -> list[Requirement]:
    installed: Mapping[str, str] = {"gradio": "4.0", **{k.replace("_", "-"): v for k, v in versions.items()}}
    return list(unmet_requirements({"gradio": [text]}, installed, MARKERS))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("pydantic>=2.0,<3", "2.11.9"), ("pydantic", "0.0.1"), ("pydantic~=2.0", "2.9"), ("pydantic==2.*", "2.1"),
        ("pydantic>=2.0", "2.1rc1"), ("pydantic>=2", "2.0+local"), ("pydantic (>=2)", "2.4"), ("PyDantic>=2", "2.4"),
        ("pydantic[email]>=2", "2.4"), ("pydantic>=2", "unknown"),
    ],
)
def test_met(text: str, version: str) -> None:
    assert unmet(text, pydantic=version) == []


@pytest.mark.parametrize(
    ("text", "version"), [("pydantic<2.11", "2.11"), ("pydantic!=2.4", "2.4"), ("pydantic===2.4", "2.5")]
)
def test_not_met(text: str, version: str) -> None:
    assert unmet(text, pydantic=version) == [Requirement("gradio", "4.0", text, version)]


def test_missing() -> None:
    assert unmet("Jinja2<4 ; python_version >= '3.6'") == [Requirement("gradio", "4.0", "Jinja2<4", "")]


@pytest.mark.parametrize(
    "text",
    [
        "x; python_version >= '3.9'", "x; sys_platform == 'win32'", "x; extra == 'oauth'",
        "x; python_full_version > '3.8.18'",
        "x; extra == 'a' and python_version < '4'", "", "~~~", "x; nonsense == 1",
        "x >= ", "x @ ", "x; python_version ~= 'y'",
    ],
)
def test_not_needed_in_the_targets_environment_or_not_to_be_understood(text: str) -> None:
    assert unmet(text) == []


def test_the_markers_are_those_of_the_target_and_not_ours() -> None:
    assert [r.requirement for r in unmet("x; python_version == '3.8'")] == ["x"]


def test_names_are_compared_normalised() -> None:
    assert unmet("ruamel.yaml>=0.1", ruamel_yaml="0.2") == []
    assert unmet("Gradio_Client==1.0", gradio_client="2.0")[0].installed == "2.0"


def test_text_is_kept_short() -> None:
    assert len(unmet("x" + " >1," * 300 + " >1")[0].requirement) <= 200
