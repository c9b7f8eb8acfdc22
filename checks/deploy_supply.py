"""Deployment files: versions that float, a Space whose versions contradict each other, secrets, an open door."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import AppSource, Deployment, Finding, Pin, Said, check

from .deploy import finding, is_proxy
from .deploy_address import where

_FEW = 12


@check("deploy-pins", cost=0.02, finds=(
    "deploy.gradio-unpinned", "deploy.image-floating", "deploy.space-conflict", "deploy.space-file-missing",
))
def deploy_pins(deployment: Deployment, source: AppSource) -> Iterator[Finding]:  # noqa: ARG001 - no app, no question
    """Does the next build get the same Gradio and the same image as the last one?"""
    wanted = [p for p in deployment.pins if p.package == "gradio"]
    sdk = deployment.header("sdk_version")
    if not deployment.locks and sdk is None:
        yield from _unpinned(wanted)
    yield from _space(wanted, deployment, sdk)
    for word in deployment.missing:
        yield finding("deploy.space-file-missing", word.file, word.line, name=word.value)
    made = {u.image.value for u in deployment.units if u.image and u.setting("build")}  # names of what is built here
    images = [u.image for u in deployment.units
              if u.image and u.runs == "app" and _floats(u.image) and u.image.value not in made]
    for image in dict.fromkeys(images[:_FEW]):
        yield finding("deploy.image-floating", image.file, image.line, image=image.value)


def _unpinned(wanted: list[Pin]) -> Iterator[Finding]:
    for pin in wanted[:1] if wanted and all(_open(p) for p in wanted) else ():
        yield finding("deploy.gradio-unpinned", pin.file, pin.line, asked=f"gradio{pin.specifier}")


def _open(pin: Pin) -> bool:
    """True when any newer major version fits."""
    return not any(sign in pin.specifier for sign in ("==", "<", "~=", "^", "@"))


def _space(wanted: list[Pin], deployment: Deployment, sdk: Said | None) -> Iterator[Finding]:
    """A Space of the Gradio SDK installs gradio==sdk_version together with requirements.txt: pip refuses a conflict."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    kind = deployment.header("sdk")
    if sdk is None or kind is None or kind.value != "gradio":
        return
    folder = sdk.file.rpartition("/")[0]
    for pin in wanted:
        if pin.file != f"{folder}/requirements.txt":
            continue
        try:
            fits = SpecifierSet(pin.specifier).contains(Version(sdk.value), prereleases=True)
        except (InvalidSpecifier, InvalidVersion):
            continue
        if not fits:
            yield finding("deploy.space-conflict", sdk.file, sdk.line, version=sdk.value,
                          asked=f"gradio{pin.specifier}", other=f"requirements.txt:{pin.line}")


def _floats(image: Said) -> bool:
    name = image.value.rpartition("/")[2]
    if not image.known or "@" in name or image.value in ("scratch", ""):
        return False
    tag = name.partition(":")[2]
    return tag == "latest" or (not tag and ":" not in name)


@check("deploy-secrets", cost=0.02, finds=("deploy.secret-in-file",))
def deploy_secrets(deployment: Deployment, source: AppSource) -> Iterator[Finding]:  # noqa: ARG001
    """Where does a secret stand in plain text? Its value has been hidden long before it comes here."""
    meant = {file for file, kind in deployment.files if kind == "environment"}  # the place that is kept apart for them
    seen: set[tuple[str, int]] = set()
    for unit in deployment.ours:
        for word in unit.environment:
            plain = word.value == "***" and word.file not in meant
            if plain and (word.file, word.line) not in seen and len(seen) < _FEW:
                seen.add((word.file, word.line))
                yield finding("deploy.secret-in-file", word.file, word.line, name=word.name)


@check("deploy-open", cost=0.02, finds=("deploy.public-without-auth",))
def deploy_open(deployment: Deployment, source: AppSource) -> Iterator[Finding]:
    """Is the app led out to every address without a login, and with nothing in front of it here?"""
    launches = source.named("launch")
    if len(launches) != 1 or launches[0].get("auth") or launches[0].get("auth_dependency") or source.unread:
        return
    fronted = any(is_proxy(u) for u in deployment.units)
    for unit in deployment.ours:
        at = where(deployment, unit, source)
        public = [p for p in unit.ports if p.leads and p.address in ("", "0.0.0.0", "[::]") and p.inside == at.port]  # noqa: S104
        if unit.kind == "compose" and public and not fronted:
            port = public[0]
            yield finding("deploy.public-without-auth", port.file, port.line, unit=unit.name, port=str(port.inside))
