"""Places in files, as a person wants to read them."""

from __future__ import annotations

from pathlib import PurePath

from gradio_doctor.diagnosis import Diagnosis

_PACKAGES, _STANDARD = "/site-packages/", "/lib/python3."


def script_of(diagnosis: Diagnosis) -> str:
    """The app's script, as it was given or found; "" when it is not known."""
    return diagnosis.target.script or diagnosis.facts.get("script", "")


def short(file: str, script: str) -> str:
    """A path relative to the directory of the app's script, the packages or the standard library, where it lies."""
    if _PACKAGES in file:
        return file.rpartition(_PACKAGES)[2]
    if _STANDARD in file:
        return file.rpartition(_STANDARD)[2].partition("/")[2]
    try:
        return PurePath(file).relative_to(PurePath(script).parent).as_posix() if script else file
    except ValueError:
        return file
