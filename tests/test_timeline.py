"""Several logs on one time line, and the chain of layers that explains it."""

from __future__ import annotations

from gradio_doctor.evidence import Layer, LogEvents, LogFile, LogMatch, LogSample, Source
from gradio_doctor.timeline import MOST_EVENTS, chain, skews, timeline


def match(
    name: str, layer: Layer, file: str, line: int, time: str | None, *, count: int = 1, last: str | None = None,
    trace: str = "",
) -> LogMatch:
    source = Source("log", file, line, time)
    end = Source("log", file, line + count, last) if last else None
    sample = LogSample({}, name, source, trace=trace)
    return LogMatch(name, {}, f"text of {name}", source, layer, count, end, (sample,))


KILL = match("memory.kill", "kernel", "kern.log", 3, "2026-11-22T10:00:01+00:00")
GONE = match("server.gone", "server", "gunicorn.log", 9, "2026-11-22T11:00:02+01:00")
BAD = match(
    "proxy.502", "proxy", "error.log", 1, "2026-11-22T10:00:03+00:00", count=11, last="2026-11-22T10:00:08+00:00"
)


def log(*matches: LogMatch) -> LogEvents:
    names = dict.fromkeys(m.source.name for m in matches)
    return LogEvents(tuple(LogFile(n, 10, 100) for n in names), matches)


def test_in_order_of_time_across_files_and_time_zones() -> None:
    events = timeline(log(BAD, GONE, KILL), ["memory.kill", "server.gone", "proxy.502"])
    assert [e.finding for e in events] == ["memory.kill", "server.gone", "proxy.502"]
    assert events[2].count == 11
    assert events[2].until == "2026-11-22T10:00:08+00:00"
    assert events[2].rate == 11 / 5


def test_only_the_findings_asked_for() -> None:
    assert [e.finding for e in timeline(log(BAD, KILL), ["memory.kill"])] == ["memory.kill"]
    assert timeline(log(BAD, KILL), []) == ()


def test_in_order_of_lines_when_a_time_is_missing() -> None:
    late = match("a", "app", "app.log", 9, "2026-01-01T00:00:00")
    early = match("b", "app", "app.log", 2, None)
    assert [e.finding for e in timeline(log(late, early), ["a", "b"])] == ["b", "a"]


def test_the_chain_starts_at_the_deepest_layer() -> None:
    events = timeline(log(BAD, GONE, KILL), ["memory.kill", "server.gone", "proxy.502"])
    assert [e.layer for e in chain(events)] == ["kernel", "server", "proxy"]
    assert chain(events[:1]) == ()


def test_the_chain_has_one_link_a_layer_the_first() -> None:
    again = match("proxy.later", "proxy", "error.log", 50, "2026-11-22T12:00:00+00:00")
    unknown = match("x", "unknown", "x.log", 1, "2026-11-22T09:00:00+00:00")
    events = timeline(log(BAD, KILL, again, unknown), ["memory.kill", "proxy.502", "proxy.later", "x"])
    assert [e.finding for e in chain(events)] == ["memory.kill", "proxy.502"]


def test_a_long_time_line_is_cut() -> None:
    many = [match(f"f{i}", "app", "app.log", i, None) for i in range(60)]
    assert len(timeline(log(*many), [m.signature for m in many])) == MOST_EVENTS


def test_clocks_that_differ_on_one_request_are_told_once() -> None:
    app = match("a", "app", "app.log", 1, "2026-11-22T10:00:00+00:00", trace="r1")
    late = match("b", "proxy", "nginx.log", 1, "2026-11-22T10:05:00+00:00", trace="r1")
    more = match("c", "proxy", "nginx.log", 2, "2026-11-22T10:05:01+00:00", trace="r1")
    told = list(skews(log(app, late, more)))
    assert told == ["the clocks of app.log and nginx.log differ by +300 s (request r1)"]
    near = match("b", "proxy", "nginx.log", 1, "2026-11-22T10:00:01+00:00", trace="r1")
    assert list(skews(log(app, near))) == []
    assert list(skews(log(match("a", "app", "a.log", 1, "not a time", trace="r1")))) == []


def processes(name: str, file: str, start: int, pids: tuple[int, ...], late: tuple[int, ...] = (0, 0, 0)) -> LogMatch:
    """A signature on three lines a minute apart, each about one process; `late` are seconds that a line lags."""
    clocks = [f"2026-11-22T{start + 0:02}:0{n}:{second:02}" for n, second in enumerate(late)]
    samples = tuple(
        LogSample({"pid": str(pid)}, name, Source("log", file, n + 1, clock))
        for n, (pid, clock) in enumerate(zip(pids, clocks, strict=True))
    )
    return LogMatch(name, {}, name, samples[0].source, "kernel", 3, None, samples)


def test_clocks_that_differ_on_several_processes() -> None:
    """The kernel's log is in local time, gunicorn's in UTC: no request is in both, but three processes are."""
    kernel = processes("memory.kill", "kern.log", 18, (7, 8, 9), (1, 1, 2))
    server = processes("server.gone", "gunicorn.log", 10, (7, 8, 9), (2, 1, 3))
    assert list(skews(log(kernel, server))) == [
        "the clocks of gunicorn.log and kern.log differ by +28799 s, perhaps another time zone "
        "(3 processes that both tell of)"
    ]


def test_clocks_that_agree_or_prove_nothing() -> None:
    kernel = processes("memory.kill", "kern.log", 10, (7, 8, 9))
    assert list(skews(log(kernel, processes("server.gone", "g.log", 10, (7, 8, 9), (3, 3, 3))))) == []  # lag
    assert list(skews(log(kernel, processes("server.gone", "g.log", 11, (7, 8, 6))))) == []  # two are too few
    assert list(skews(log(kernel, processes("server.gone", "g.log", 11, (7, 8, 9), (0, 20, 40))))) == []  # not constant
    assert list(skews(log(kernel, processes("server.gone", "kern.log", 11, (7, 8, 9))))) == []  # one log


def test_a_skew_that_is_no_time_zone() -> None:
    kernel = processes("memory.kill", "kern.log", 10, (7, 8, 9))
    [told] = skews(log(kernel, processes("server.gone", "g.log", 10, (7, 8, 9), (45, 45, 46))))
    assert told == "the clocks of g.log and kern.log differ by -45 s (3 processes that both tell of)"


def test_fractions_of_any_length() -> None:
    one = match("a", "app", "a.log", 1, "2026-11-22T10:00:00.5", count=3, last="2026-11-22T10:00:02.123456789")
    [event] = timeline(log(one), ["a"])
    assert 1.8 < event.rate < 1.9
