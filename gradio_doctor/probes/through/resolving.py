"""Can the proxy find the address of what it passes to, where it looks the name up at each request?

nginx does so when proxy_pass has a variable: it then asks the servers of `resolver`, never /etc/hosts or the system.
The same question is put to them from here, once or twice, over UDP (RFC 1035).
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct
from urllib.parse import urlsplit

from gradio_doctor.evidence import Proxies, Route
from gradio_doctor.evidence.proxied import ResolverAsked, ResolverOutcome

_SECONDS = 0.6
_MOST_SERVERS, _MOST_NAME = 2, 253
_HEADER = struct.Struct("!6H")  # id, flags, questions, answers, authorities, additional
_WANTS_RECURSION, _CODE, _NO_NAME = 0x0100, 0x000F, 3


def ask_resolver(route: Route | None, proxies: Proxies) -> ResolverAsked | None:
    """What the proxy's own name servers say of its upstream; None where it looks no name up while it runs."""
    host = name_looked_up(route) if route else ""
    if route is None or not host:
        return None
    setting = route.get("resolver")
    if setting is None:
        return ResolverAsked(host, "", "none")
    servers = [a for a in setting.arguments if "=" not in a][:_MOST_SERVERS]
    process = proxies.process(route.pid)
    if process is not None and process.apart:  # its 127.0.0.11 is not ours
        return ResolverAsked(host, " ".join(servers), "unknown")
    answers = [(server, _ask(server, host)) for server in servers]
    server, outcome = min(answers, key=lambda a: a[1] != "answers", default=("", "unknown"))
    return ResolverAsked(host, server, outcome)


def name_looked_up(route: Route) -> str:
    """The name that nginx looks up for each request, "" when it knows the address when it starts, or needs none."""
    passing = next((d for d in route.own if d.name == "proxy_pass"), None)
    if route.kind != "nginx" or passing is None or "$" not in passing.value or not route.upstreams:
        return ""
    host = route.upstreams[0].host
    written = [passing.value, *(d.value for d in (*route.own, *route.settings) if d.name == "set")]
    # a name that stands in neither is that of a server in an `upstream` group, which is looked up at the start
    return host if host and not _is_number(host) and any(host in text for text in written) else ""


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _ask(server: str, host: str) -> ResolverOutcome:
    address, port = _address(server)
    if not address or len(host) > _MOST_NAME:
        return "unknown"
    try:
        question = _question(host)
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(_SECONDS)
            asking.connect((address, port))
            for _ in range(2):
                asking.send(question)
                try:
                    return judge(asking.recv(4096), question)
                except TimeoutError:
                    continue
    except ConnectionRefusedError:
        return "refused"
    except (OSError, UnicodeError, ValueError):
        return "unknown"
    return "silent"


def _address(server: str) -> tuple[str, int]:
    """Address and port as nginx takes them: 10.0.0.1, 10.0.0.1:5353, [::1]:53; "" for a name."""
    try:
        parts = urlsplit("//" + server)
        host, port = parts.hostname or "", parts.port or 53
    except ValueError:
        return "", 0
    return (host, port) if _is_number(host) else ("", 0)


def _question(host: str) -> bytes:
    """One question for the IPv4 address of a name. Raises UnicodeError or ValueError for what is no name."""
    labels = [part.encode("idna") for part in host.rstrip(".").split(".")]
    if not all(labels):
        raise ValueError("an empty part")
    name = b"".join(bytes([len(label)]) + label for label in labels)
    return _HEADER.pack(secrets.randbits(16), _WANTS_RECURSION, 1, 0, 0, 0) + name + b"\0" + struct.pack("!2H", 1, 1)


def judge(answer: bytes, question: bytes) -> ResolverOutcome:
    """What an answer to a question says. A name that exists without an IPv4 address may have another: it "answers"."""
    if len(answer) < _HEADER.size or answer[:2] != question[:2]:
        return "unknown"
    code = _HEADER.unpack(answer[: _HEADER.size])[1] & _CODE
    return "answers" if code == 0 else "no-name" if code == _NO_NAME else "fails"
