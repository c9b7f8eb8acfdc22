"""Whom a tool's output in the log names on the port, and who was refused where the app says it listens."""

from __future__ import annotations

from collections.abc import Iterator

from gradio_doctor.sdk import Finding, LogEvents, LogMatch, LogSample, check

_TAKEN = (
    "port.cannot-find-empty-port", "port.port-in-use", "port.address-in-use", "port.published-port-taken",
    "port.all-ports-in-use",
)
_RAW = ("port.log-port-taken", "port.log-range-taken", "port.cannot-find-empty-port", "port.port-in-use",
        "port.address-in-use")
# As ss, lsof (nine letters), netstat and fuser shorten the names of Python programs.
_PYTHONS = ("python", "pypy", "gunicorn", "uvicorn", "gradio", "hypercorn", "pt_main_", "ipython", "uwsgi", "granian")
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")
_ANY = ("0.0.0.0", "[::]", "::", "*")  # noqa: S104
_ENDED = ("server.process-finished", "app.exited-status-zero", "memory.shell-killed", "app.exit-status-shown")
_OUTSIDE = ("port.refused-elsewhere", "port.reset-at-published-port", "server.hoster-start-deadline",
            "port.hoster-sees-no-listener")


def _samples(match: LogMatch | None) -> tuple[LogSample, ...]:
    return () if match is None else match.samples or (LogSample(match.captures, match.text, match.source),)


def _line(sample: LogSample) -> int:
    return sample.source.line or 0


@check("port-named-holder", finds=("port.log-other-program", "port.log-same-program"))
def port_named_holder(log: LogEvents) -> Iterator[Finding]:
    """The bind failed, and ss, lsof, netstat or fuser beside it name who has that very port."""
    failures = [m for name in _TAKEN if (m := log.get(name)) is not None]
    if not failures:
        return
    wanted = {p for m in failures for s in _samples(m) for p in _ports(s)}
    for shown in _samples(log.get("port.listener-named")):
        program, port = shown.captures.get("program", ""), shown.captures.get("first", "")
        if not program or (wanted and port not in wanted):
            continue
        facts = {k: v for k, v in shown.captures.items() if v} | {"port": port, "command": program}
        if program.lower().rpartition("/")[2].startswith(_PYTHONS):
            yield Finding("port.log-same-program", facts=facts, source=shown.source)
        else:
            yield Finding("port.log-other-program", facts=facts, source=shown.source, replaces=_RAW)
        return


def _ports(sample: LogSample) -> tuple[str, ...]:
    """The ports that a failure names: none when it names none, the first of a range."""
    first, last = sample.captures.get("first", ""), sample.captures.get("last", "")
    return (first,) if first and last in ("", first) else ()


@check("port-reach", finds=("port.log-loopback",))
def port_reach(log: LogEvents) -> Iterator[Finding]:
    """The app says that it listens on loopback, and somebody was refused (or cut off) at its port elsewhere."""
    serving = _on_loopback(log)
    if serving is None:
        return
    host, port = serving.captures.get("host", ""), serving.captures.get("first", "")
    ended = [m.source for name in _ENDED if (m := log.get(name)) is not None]
    for name in _OUTSIDE:
        for sample in _samples(log.get(name)):
            if any(e.name == sample.source.name and (e.line or 0) < _line(sample) for e in ended):
                continue
            if name == "port.refused-elsewhere" and not _elsewhere(sample, port):
                continue
            facts = {"host": host, "address": f"{host}:{port}", "port": port, "reached": sample.text.strip()[:160]}
            replaces = _REFUSALS if name == "port.refused-elsewhere" else ()
            yield Finding("port.log-loopback", facts=facts, source=sample.source, replaces=replaces)
            return


_REFUSALS = ("proxy.go-refused", "proxy.nginx-refused", "server.readiness-failed", "network.remote-host-unreachable")


def _on_loopback(log: LogEvents) -> LogSample | None:
    """Where the app listens when that is loopback alone, by its own words or by a list of sockets."""
    said = _samples(log.get("port.running-on"))
    shown = [s for s in _samples(log.get("port.listener-shown")) if s.captures.get("host")]
    ports = {s.captures.get("first") for s in said}
    listed = [s for s in shown if s.captures.get("first") in ports or not ports]
    everywhere = [s for s in (*said, *listed) if not s.captures["host"].startswith(_LOOPBACK)]
    inside = [s for s in (*said, *listed) if s.captures["host"].startswith(_LOOPBACK)]
    return None if everywhere or not inside else inside[0]


def _elsewhere(sample: LogSample, port: str) -> bool:
    host = sample.captures.get("host", "")
    return sample.captures.get("first") == port and not host.startswith(_LOOPBACK) and host not in _ANY
