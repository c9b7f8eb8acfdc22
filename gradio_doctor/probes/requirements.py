"""Which requirements of installed distributions their environment does not meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gradio_doctor.evidence import Requirement


def unmet_requirements(
    requires: Mapping[str, Sequence[str]], versions: Mapping[str, str], markers: Mapping[str, str]
) -> Iterator[Requirement]:
    """The requirements (as distributions write them) that the installed versions do not meet.

    `markers` is the environment of the interpreter that all this is installed in; extras count as not asked for.
    What cannot be parsed is passed over.
    """
    for package, texts in requires.items():
        for text in texts:
            if (name := _needed(text, markers)) and not _met(text, versions.get(name, "")):
                shown = text.partition(";")[0].strip()
                yield Requirement(package, versions.get(package, ""), shown[:200], versions.get(name, ""))


def _needed(text: str, markers: Mapping[str, str]) -> str:
    """The normalised name of what is required in this environment, "" when nothing is."""
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed
    from packaging.utils import canonicalize_name

    try:
        required = Parsed(text)
        if required.marker is not None and not required.marker.evaluate({**markers, "extra": ""}):
            return ""
    except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName, ValueError):
        return ""
    return canonicalize_name(required.name)


def _met(text: str, installed: str) -> bool:
    from packaging.requirements import Requirement as Parsed
    from packaging.version import InvalidVersion, Version

    if not installed:
        return False
    try:
        return Parsed(text).specifier.contains(Version(installed), prereleases=True)
    except InvalidVersion:
        return True
