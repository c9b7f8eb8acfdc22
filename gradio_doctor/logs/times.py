"""Time stamps of log lines, as ISO 8601."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone

from gradio_doctor.logs.text import MASK

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {m: i for i, m in enumerate(_NAMES, 1)}
_MONTH = "(?:" + "|".join(_MONTHS) + ")"
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_ZONE = r"(?: ?(?:Z\b|UTC\b|[+-]\d\d:?\d\d\b))?"

# In the order tried: ISO and its kin (nginx's slashes), access logs, ctime, syslog, glog, seconds since the epoch.
STAMP = re.compile(
    rf"(?P<iso>\d{{4}}[-/]\d\d[-/]\d\d[T_ ]{{1,2}}{_CLOCK}{_ZONE})"
    rf"|(?P<clf>\d\d/{_MONTH}/\d{{4}}:{_CLOCK} ?[+-]\d{{4}})"
    rf"|(?P<ctime>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_MONTH} [ \d]\d {_CLOCK} \d{{4}})"
    rf"|(?P<syslog>{_MONTH} [ \d]\d {_CLOCK})(?= )"
    rf"|(?P<glog>[IWEF](?P<gmonth>\d\d)(?P<gday>\d\d) (?P<gclock>{_CLOCK}))(?= )"
    r"|(?P<epoch>1[0-9]{9}(?:\.\d{1,9})?)(?=[\]\s])"
)
CLOCK_ONLY = re.compile(_CLOCK)
_ISO = re.compile(
    rf"(\d{{4}})[-/](\d\d)[-/](\d\d)[T_ ]{{1,2}}(\d\d:\d\d:\d\d)(?:[.,](\d{{1,9}}))?({_ZONE})"
)
_CLF = re.compile(r"(\d\d)/(\w{3})/(\d{4}):(\S{8,18}) ?([+-]\d{4})")


def iso_time(found: re.Match[str], now: float | None = None) -> str | None:
    """The ISO form of a match of STAMP. `now` (seconds since the epoch) is what a missing year is guessed from."""
    kind = found.lastgroup if found.lastgroup in {"iso", "clf", "ctime", "syslog", "epoch"} else "glog"
    text = found.group(kind)
    try:
        return {"iso": _iso, "clf": _clf, "ctime": _ctime, "epoch": epoch_time}[kind](text) if kind in _PLAIN \
            else _without_year(found, kind, now)
    except (ValueError, OverflowError):
        return None


_AHEAD = 15 * 3600.0  # seconds: the easternmost zone is 14 hours ahead of UTC
_PLAIN = frozenset({"iso", "clf", "ctime", "epoch"})


def _checked(text: str) -> str:
    datetime.fromisoformat(text[:19])  # raises ValueError for a 99th month
    return text


def _zone(text: str) -> str:
    text = text.strip()
    if text in {"Z", "UTC"}:
        return "+00:00"
    return f"{text[:3]}:{text[-2:]}" if text else ""


def _iso(text: str) -> str:
    parts = _ISO.match(text)
    if parts is None:
        raise ValueError(text)
    year, month, day, clock, fraction, zone = parts.groups()
    return _checked(f"{year}-{month}-{day}T{clock}") + (f".{fraction[:6]}" if fraction else "") + _zone(zone)


def _clf(text: str) -> str:
    parts = _CLF.match(text)
    if parts is None:
        raise ValueError(text)
    day, month, year, clock, zone = parts.groups()
    return _checked(f"{year}-{_MONTHS[month]:02}-{day}T{clock}") + _zone(zone)


def _ctime(text: str) -> str:
    _, month, rest = text.split(" ", 2)
    day, clock, year = rest.split()
    return _checked(f"{year}-{_MONTHS[month]:02}-{int(day):02}T{clock.replace(',', '.')}")


def _without_year(found: re.Match[str], kind: str, now: float | None) -> str:
    """Syslog and glog leave the year out."""
    if kind == "glog":
        month, day, clock = int(found["gmonth"]), int(found["gday"]), found["gclock"]
    else:
        name, rest = found["syslog"].split(" ", 1)
        number, clock = rest.split()
        month, day = _MONTHS[name], int(number)
    return _latest(month, day, clock.replace(",", "."), time.time() if now is None else now)


def _latest(month: int, day: int, clock: str, now: float) -> str:
    """The latest year that does not put it into the future; a clock may be ahead of ours by a time zone."""
    year = datetime.fromtimestamp(now, timezone.utc).year + 1
    for candidate in range(year, year - 9, -1):  # a 29th of February may be eight years ago
        text = f"{candidate}-{month:02}-{day:02}T{clock}"
        try:
            if moment(text) <= now + _AHEAD:
                return text
        except ValueError:
            continue
    raise ValueError(f"{month}-{day} {clock}")


def epoch_time(value: str | float) -> str:
    """Seconds (or milli-, micro-, nanoseconds) since the epoch as ISO 8601 in UTC. Raises ValueError."""
    seconds = float(value)
    for _ in range(3):
        seconds = seconds / 1000 if seconds > 1e11 else seconds
    if not 1e9 <= seconds < 4e9:
        raise ValueError(value)
    stamp = datetime.fromtimestamp(seconds, timezone.utc)
    return stamp.isoformat(timespec="milliseconds" if stamp.microsecond else "seconds")


def parse_time(text: str, now: float | None = None) -> str | None:
    """The first time stamp in the first 200 characters of a text, as ISO 8601, else None."""
    found = STAMP.search(text[:200])
    return iso_time(found, now) if found else None


def may_hold_times(raw: bytes) -> bool:
    """False when no line of some has a time stamp that `STAMP`, or a field of a JSON record, could tell."""
    masked = raw.translate(MASK)
    return b"00:00:00" in masked or b"0000000000" in masked or b"}" in masked or not raw.isascii()


def moment(iso: str) -> float:
    """Seconds since the epoch of an ISO time; one without a zone is taken as UTC, for putting lines in order.

    Raises ValueError for a text that is no ISO time.
    """
    text = iso.strip().replace("Z", "+00:00")
    fraction = re.search(r"\.(\d+)", text)
    if fraction:  # before 3.11 only 3 or 6 digits are accepted
        text = text.replace(fraction.group(), f".{fraction.group(1)[:6]:0<6}")
    stamp = datetime.fromisoformat(text)
    return (stamp if stamp.tzinfo else stamp.replace(tzinfo=timezone.utc)).timestamp()
