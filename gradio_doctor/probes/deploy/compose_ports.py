"""The ports: of a compose service, in the short and the long form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gradio_doctor.evidence.deployment import Port
from gradio_doctor.probes.deploy.filling import fill
from gradio_doctor.probes.deploy.quantities import number
from gradio_doctor.probes.deploy.yaml_lines import Node

_PORT = re.compile(r"(?:(?P<address>\[[0-9a-f:]{2,40}\]|[\d.]{7,15}):)?(?:(?P<outside>\d{0,5}(?:-\d{1,5})?):)?"
                   r"(?P<inside>\d{1,5})(?:-(?P<last>\d{1,5}))?(?:/(?P<protocol>[a-z]{2,8}))?", re.IGNORECASE)
_INSIDE = re.compile(r"(?:^|:)(\d{1,5}(?:-\d{1,5})?)(?:/[a-zA-Z]{2,8})?$")
_LEFT = re.compile(r"\$(?:\{[^}]{0,300}\}|\w{1,80})(?=:)")
_MOST = 100


class _UnknownError(Exception):
    """A port that a variable decides: nothing can be concluded from the others then."""


def read_ports(node: Node, file: str, values: Mapping[str, str]) -> tuple[Port, ...]:
    """The TCP ports, if all of them can be read: from a part of them nothing could be concluded."""
    found: list[Port] = []
    try:
        for item in node.items[:_MOST]:
            found += _long(item, file, values) if item.keys else _short(item, file, values)
    except _UnknownError:
        return ()
    return tuple(found[:_MOST])


def _long(node: Node, file: str, values: Mapping[str, str]) -> Iterator[Port]:
    if node.get("protocol").value.lower() in ("udp", "sctp"):
        return
    inside = number(fill(node.get("target").value, values)[0])
    if inside is None or not fill(node.get("target").value, values)[1]:
        raise _UnknownError
    outside = number(fill(node.get("published").value, values)[0])
    yield Port(inside, file, node.line, outside, fill(node.get("host_ip").value, values)[0])


def _short(node: Node, file: str, values: Mapping[str, str]) -> Iterator[Port]:
    text, known = fill(node.value.strip(), values)
    found = _PORT.fullmatch(_LEFT.sub("", text.strip()))
    if found and (found["protocol"] or "").lower() in ("udp", "sctp"):
        return
    # a variable may fill the outside, but not the side of the app: its end is as written
    if not found or (not known and not _INSIDE.search(node.value.strip())):
        raise _UnknownError
    inside, last = int(found["inside"]), int(found["last"] or found["inside"])
    outside = found["outside"] or ""
    for port in range(inside, min(last, inside + _MOST) + 1):
        yield Port(port, file, node.line, number(outside.partition("-")[0]), found["address"] or "")
