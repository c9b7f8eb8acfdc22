"""Prefixes, time stamps, JSON and layers of single lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_doctor.logs.layers import layer_of
from gradio_doctor.logs.prefixes import peel
from gradio_doctor.logs.records import unwrap
from gradio_doctor.logs.text import clean, decode, visible
from gradio_doctor.logs.times import moment, parse_time
from gradio_doctor.logs.window import Window

NOW = 1_795_350_000.0  # 2026-11-22


@pytest.mark.parametrize(("line", "content", "time"), [
    ("web-1  |   File", "  File", None),
    ("nginx  | 2020/10/17 11:50:56 [error] 28#28: *2 x", "[error] 28#28: *2 x", "2020-10-17T11:50:56"),
    ("Oct 16 12:28:53 pop-os kernel: [69600.171513] oom-kill:x", "oom-kill:x", "2026-10-16T12:28:53"),
    ("Dec 31 23:59:59 host sh[1]: boom", "boom", "2025-12-31T23:59:59"),
    ("[2024-11-05 09:25:59 +0000] [16] [CRITICAL] x", "[16] [CRITICAL] x", "2024-11-05T09:25:59+00:00"),
    ("2024-01-01T00:00:00.123456789Z stderr F   x", "  x", "2024-01-01T00:00:00.123456+00:00"),
    ("2023-05-01 12:00:00 | ERROR | stderr |   x", "  x", "2023-05-01T12:00:00"),
    ("2023-05-01 12:00:00,123 - app - ERROR - boom", "app - ERROR - boom", "2023-05-01T12:00:00.123"),
    ("E0102 15:04:05.123456 12345 file.go:12] boom", "12345 file.go:12] boom", "2026-01-02T15:04:05.123456"),
    ("1700000000.123 foo", "foo", "2023-11-14T22:13:20.123+00:00"),
    ("[pod/foo-1/web] Killed", "Killed", None),
    ("12:34:56 foo", "foo", None),
    ("[Wed Oct 16 12:28:53 2024] Out of memory", "Out of memory", "2024-10-16T12:28:53"),
    ("[    1.234567] Out of memory", "Out of memory", None),
    ("2026-11-22T13:00:00+0100 host app[3]: x", "x", "2026-11-22T13:00:00+01:00"),
    ("ValueError: a | b", "ValueError: a | b", None),
    ("   indented", "   indented", None),
    ("2026-13-45 99:99:99 x", "x", None),
    ("20261122", "20261122", None),
    ("", "", None),
])
def test_prefixes(line: str, content: str, time: str | None) -> None:
    peeled = peel(line, NOW)
    assert (line[peeled.content:], peeled.time) == (content, time)


@pytest.mark.parametrize(("line", "message"), [
    ("ERROR:root:boom", "boom"), ("ERROR:    boom", "boom"), ("[2024-11-05 09:25:59] [16] [ERROR] boom", "boom"),
    ("2023-05-01 12:00:00,123 - gradio.app - ERROR - boom", "boom"),
    ("2024-01-01 12:00:00.123 | ERROR    | module:func:12 - boom", "boom"),
    ("2020/10/17 11:50:56 [error] 28#28: *2 boom", "boom"),
])
def test_the_message_is_one_of_the_starts(line: str, message: str) -> None:
    assert message in {line[s:] for s in peel(line, NOW).starts}


@pytest.mark.parametrize(("text", "time"), [
    ('127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET', "2000-10-10T13:55:36-07:00"),
    ("at 2024-02-30 10:00:00 never", None), ("nothing", None), ("x" * 300 + " 2024-02-03 10:00:00", None),
])
def test_times_anywhere(text: str, time: str | None) -> None:
    assert parse_time(text, NOW) == time


@given(st.text(max_size=80))
def test_any_text_has_parts(text: str) -> None:
    peeled = peel(text, NOW)
    assert 0 <= peeled.content <= len(text) and all(0 <= s <= len(text) for s in peeled.starts)
    assert unwrap(text, NOW).lines


@given(st.dictionaries(st.sampled_from(["log", "msg", "message", "time", "ts", "level", "stream", "exc_info", "x"]),
                       st.text(max_size=20) | st.integers() | st.none() | st.floats() | st.lists(st.integers())))
def test_any_json_has_parts(fields: dict[str, object]) -> None:
    assert unwrap(json.dumps(fields), NOW).lines


@pytest.mark.parametrize(("fields", "contents", "time", "level", "trace"), [
    ({"event": "a\nb", "level": "warning", "timestamp": "2026-11-22T10:00:00Z"}, ("a", "b"), "2026-11-22T10:00:00+00:00", "WARNING", ""),  # noqa: E501
    ({"log": "boom\n", "stream": "stderr", "time": "2026-11-22T10:00:00.1Z"}, ("boom",), "2026-11-22T10:00:00.1+00:00", "", ""),  # noqa: E501
    ({"message": "m", "levelname": "ERROR", "ts": 1763805600.5, "trace_id": "t1"}, ("m",), "2025-11-22T10:00:00.500+00:00", "ERROR", "t1"),  # noqa: E501
    ({"MESSAGE": "m", "__REALTIME_TIMESTAMP": "1763805600000000"}, ("m",), "2025-11-22T10:00:00+00:00", "", ""),
    ({"message": "failed", "exc_info": "Traceback:\n  x"}, ("failed", "Traceback:", "  x"), None, "", ""),
])
def test_json(fields: dict[str, object], contents: tuple[str, ...], time: str | None, level: str, trace: str) -> None:
    record = unwrap(json.dumps(fields), NOW)
    assert (record.contents, record.time, record.level, record.trace) == (contents, time, level, trace)


def test_json_in_json_behind_a_prefix() -> None:
    inner = json.dumps({"event": "boom", "level": "error"})
    line = "web-1  | " + json.dumps({"log": inner + "\n", "stream": "stdout", "time": "2026-11-22T10:00:00Z"})
    record = unwrap(line, NOW)
    assert (record.contents, record.level, record.time) == (("boom",), "ERROR", "2026-11-22T10:00:00+00:00")
    deep = "[" * 100_000 + "}"
    assert unwrap(deep).contents == (deep,)
    many = unwrap(json.dumps({"msg": "\n" * 10_000}))
    assert len(many.lines) <= 400


@pytest.mark.parametrize(("line", "layer"), [
    ("Oct 16 12:28:53 h kernel: [69600.1] Out of memory: Killed process 1 (python)", "kernel"),
    ("[69600.171634] oom-kill:constraint=CONSTRAINT_NONE", "kernel"),
    ("2020/10/17 11:50:56 [error] 28#28: *2 connect() failed (111: x)", "proxy"),
    ("nginx: [emerg] host not found in upstream", "proxy"),
    ('{"level":"error","logger":"http.log.error","msg":"dial tcp 127.0.0.1:7860: connection refused"}', "proxy"),
    ("[2024-11-05 09:25:59 +0000] [16] [CRITICAL] WORKER TIMEOUT (pid:17)", "server"),
    ("INFO:     Uvicorn running on http://127.0.0.1:7860", "server"),
    ("*** uWSGI listen queue of socket full", "server"),
    ("app.service: Main process exited, code=killed, status=9/KILL", "systemd"),
    ("  Warning  Unhealthy  2m  kubelet  Readiness probe failed: HTTP 502", "kubernetes"),
    ("web-1 exited with code 137", "container"),
    ("2024-01-01T12:00:00+00:00 heroku[router]: at=error code=H12 desc=x", "platform"),
    ("Traceback (most recent call last):", "app"), ("* Running on local URL:  http://127.0.0.1:7860", "app"),
    ("hello world", "unknown"), ("", "unknown"),
])
def test_layers(line: str, layer: str) -> None:
    assert layer_of(line, peel(line).ident) == layer


def test_decoding_and_cleaning() -> None:
    assert decode("页面文件太小".encode("gbk")) == "页面文件太小" and decode(b"caf\xe9 \xff") == "café ÿ"
    assert visible("10%\r20%\r\r") == "20%" and visible("\r") == ""
    assert clean("\x1b[31mred\x1b[0m\x07\x00\u202eend\tx") == "redend    x"
    assert clean("a" * 1000, 100, around=900).startswith("…a") and len(clean("a" * 1000, 100, around=900)) == 102


def test_windows_of_time() -> None:
    assert Window.of("", "") is None
    window = Window.of("2026-11-22T10:00:00", "2026-11-22T11:00:00")
    assert window and window.admits("2026-11-22T10:30:00Z") and window.admits(None)
    assert not window.admits("2026-11-22T09:59:59.9Z") and not window.admits("2026-11-22T11:00:01")
    zoned = Window.of("2026-11-22T10:00:00+01:00", "")
    assert zoned and zoned.admits("2026-11-22T09:00:01Z") and not zoned.admits("2026-11-22T08:59:00Z")
    with pytest.raises(ValueError, match="yesterday"):
        Window.of("yesterday", "")
    assert moment("2026-11-22T10:00:00.1234567Z") == moment("2026-11-22T10:00:00.123456+00:00")
