"""What log collectors and logging libraries put in front of a line, and the line's own content behind it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradio_doctor.logs.times import CLOCK_ONLY, STAMP, iso_time

_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|CRIT(?:ICAL)?|FATAL|ALERT|EMERG|SUCCESS)"

# Each takes at most one blank behind itself: the indentation of a traceback must survive.
_COLLECTORS = re.compile(
    r"(?P<compose>[a-z0-9][a-z0-9_.-]{0,62} {0,30}\| ?)"
    r"|(?P<cri>(?:stdout|stderr) [FP] ?)"
    r"|(?P<kubectl>\[pod/[\w.-]{1,100}/[\w.-]{1,63}\] ?)"
    rf"|(?P<loguru>{_LEVEL} {{0,4}}\| ?)"
)
_SYSLOG_HOST = re.compile(r"(?P<host>[\w.-]{1,64}) (?P<ident>[\w./@-]{1,64}(?:\[[\w.-]{1,40}\])?): ?")
_KERNEL_CLOCK = re.compile(r"\[ {0,8}\d{1,8}\.\d{6}\] ?")
_AFTER_TIME = re.compile(r"[\]\)]?(?: ?[|:,-](?= ))? ?")
_EXTRA = re.compile(  # pid, level, logger and place, as logging set-ups print them in front of the message
    rf"(?:\[\d{{1,9}}\]|\[?{_LEVEL}\]?(?![\w.])|\d{{1,7}}(?:#\d{{1,7}})?:|\*\d{{1,12}}(?= )|\[[\w./ -]{{1,60}}\]"
    r"|[A-Za-z_][\w.]{0,79}(?::[A-Za-z_<]\w{0,60}>?)?(?::\d{1,6})?(?= ?[|:-]))(?: {0,8}[|:-](?= |[A-Za-z]))? {0,8}",
    re.IGNORECASE,
)
_KEYED = re.compile(r"(?:^|[\s{,])(?:time|timestamp|ts|t|datetime|asctime)=[\"']?(?=\d)")  # logfmt: dockerd, Traefik
_LEVEL_WORD = re.compile(rf"\b{_LEVEL}\b")
_STEPS = 8


@dataclass(frozen=True, slots=True)
class Peeled:
    """Where a line's content starts: `content` behind collectors and time stamps, `starts` all sensible places.

    `ident` is the program that syslog or compose names.
    """

    content: int
    starts: tuple[int, ...]
    time: str | None = None
    level: str = ""
    ident: str = ""


def peel(text: str, now: float | None = None) -> Peeled:
    """Find the prefixes of a line (only its first 400 characters are looked at)."""
    head = text[:400]
    pos, time, ident, starts = 0, None, "", [0]
    for _ in range(_STEPS):
        end, stamp, name = _step(head, pos, now)
        if end == pos:
            break
        pos, time, ident = end, time or stamp, name or ident
        starts.append(pos)
    content = pos
    if time is None and "=" in head and (key := _KEYED.search(head)) and (found := STAMP.match(head, key.end())):
        time = iso_time(found, now) if found.lastgroup else None
    level = _LEVEL_WORD.search(head[: content + 40])
    for _ in range(_STEPS):
        extra = _EXTRA.match(head, pos)
        if extra is None or extra.end() == pos:
            break
        pos = extra.end()
        starts.append(pos)
    return Peeled(content, tuple(dict.fromkeys(starts)), time, level.group() if level else "", ident)


def _step(head: str, pos: int, now: float | None) -> tuple[int, str | None, str]:
    """One prefix at a place: where it ends (the place itself when there is none), its time, its program."""
    opened = pos + 1 if head[pos:pos + 1] in ("[", "(") and head[pos:pos + 1] else pos
    if (found := STAMP.match(head, opened)) or (found := CLOCK_ONLY.match(head, opened)):
        stamp = iso_time(found, now) if found.lastgroup else None
        end = _after_time(head, found.end(), opened > pos)
        if end is not None:
            host = _SYSLOG_HOST.match(head, end)
            if host and (found.lastgroup == "syslog" or "[" in host["ident"] or host["ident"] == "kernel"):
                return host.end(), stamp, host["ident"].partition("[")[0]
            return end, stamp, ""
    if found := _KERNEL_CLOCK.match(head, pos):
        return found.end(), None, "kernel"
    if found := _COLLECTORS.match(head, pos):
        return found.end(), None, found.group().split("|")[0].strip() if found.lastgroup == "compose" else ""
    return pos, None, ""


def _after_time(head: str, end: int, opened: bool) -> int | None:
    """Where the text behind a time stamp starts; None when what follows shows that it was no stamp."""
    found = _AFTER_TIME.match(head, end)
    stop = found.end() if found else end
    if opened and head[end:end + 1] not in ("]", ")", " "):
        return None
    return stop if stop > end or end == len(head) else None
