"""A parser of printed tracebacks that is fed line by line, and only near the lines that can belong to one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from gradio_doctor.evidence.logs import Relation
from gradio_doctor.logs import frames as f
from gradio_doctor.logs.boxes import NativeStacks, RichBox
from gradio_doctor.logs.links import LINKS_KEPT, MESSAGE_KEPT, Ending, Link, Parsed
from gradio_doctor.logs.prefixes import Peeled

_MARGIN = re.compile(r"^(?P<indent> {0,60})[|+](?: |$)")  # of exception groups
_BROKEN_SENTENCE = re.compile(r"^ {0,200}(?:The above exception was|(?P<context>During handling of the above)\b)")
_RULE = re.compile(r"^ {0,60}\+(?:-\+)?-{3,80}(?P<member> (?:\d{1,4}|\.{3}) -{3,80})?\s*$")  # of members
_OTHERS = re.compile(  # starts of lines that no message goes on with
    r"^(?:\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b|\[\d|\d{4}-\d\d|\d{1,3}%|\* |\*\*\* "
    r"|Running on |Restarting|Closing server|Press any key|Keyboard interruption|Killing|Startup time"
    r"|To create a public|---|Loading |Exception in (?:thread|callback|ASGI) |Exception ignored |Process \w"
    r"|Task exception was never| {0,3}\d{1,3}%\|)"
)
_ONE_LINE = frozenset({  # Python's own messages of these have one line
    "KeyError", "IndexError", "AttributeError", "NameError", "UnboundLocalError", "ModuleNotFoundError",
    "FileNotFoundError", "PermissionError", "ZeroDivisionError", "KeyboardInterrupt", "ConnectionRefusedError",
    "ConnectionResetError", "BrokenPipeError", "SystemExit", "StopIteration", "StopAsyncIteration", "RecursionError",
    "MemoryError", "IsADirectoryError", "NotADirectoryError", "FileExistsError", "EOFError", "UnicodeDecodeError",
})
_BEHIND_LEVEL = re.compile(r"^\[?(?:ERROR|CRITICAL|WARNING)\]?[ :|-]{1,8}(?=[A-Za-z_])")
_MESSAGE_LINES = 40
_LOOSE_LINES = 8  # of them not indented
_STRAY = 12  # lines in a row that do not fit, after which a traceback is given up


class TracebackParser:
    """State of one traceback. `feed` gets content lines; `done` gets a Parsed whenever one is complete."""

    def __init__(self, done: Callable[[Parsed], None]) -> None:
        self._done = done
        self.active = False
        self.fed = 0  # number of the last line that was looked at
        self.first_line = 0
        self.last_line = 0  # last line that belongs to the current or latest traceback
        self._reset(None, ())

    def _reset(self, time: str | None, before: tuple[str, ...]) -> None:
        self._links: list[Link] = []
        self._state: Callable[[str], bool] = self._start
        self._time = time
        self._before = before
        self._truncated = False
        self._reverse = False
        self._relation: Relation = ""
        self._stray = self._blank = self._message_lines = self._number = 0
        self._dated = False
        self._indent = 2  # of the line of the latest frame, then of the exception's line
        self._box = RichBox()
        self._stacks = NativeStacks(False)

    def begin(self, number: int, time: str | None, before: tuple[str, ...] = ()) -> None:
        """Start a traceback at a line. `before` are the lines above it (for a chain whose top is missing)."""
        self._reset(time, before)
        self.active = True
        self.fed, self.first_line, self.last_line = number - 1, number, number

    def feed(self, number: int, text: str, peeled: Peeled) -> bool:
        """Look at the next line; False when the traceback ended before it."""
        self._number, self._dated = number, peeled.time is not None
        going = self._state(text[peeled.content:].rstrip())
        self.fed = number if going else number - 1  # the line may start another one
        if not going:
            self.close()
        return going

    def ending(self) -> Ending | None:
        """Where the latest traceback had come to; None when it did not end behind an exception's line."""
        if self.active or not self._links or self._state != self._message:
            return None
        return Ending(replace(self._links[-1], frames=[]), self._indent, self._message_lines, self._blank)

    def resume(self, ending: Ending) -> None:
        """Go on where a traceback had ended, to try whether a line belongs to it."""
        self._reset(None, ())
        self.active = True
        self._links, self._state = [replace(ending.link)], self._message
        self._indent, self._message_lines, self._blank = ending.indent, ending.message_lines, ending.blank

    def skip(self, first: int, last: int, fed: int) -> None:
        """A traceback from line `first` to `last` was counted without being fed; lines up to `fed` are done with."""
        self.first_line, self.last_line, self.fed = first, last, fed

    def close(self, cut: bool = False) -> None:
        """The traceback is over. `cut`: because the log is."""
        if not self.active:
            return
        self.active = False
        links = [k for k in self._links if k.type or (k.frames and cut)]
        if not links:
            return
        truncated = self._truncated or not links[-1].type or len(links) < len(self._links)
        if self._reverse:
            for link in links:
                link.frames.reverse()
        links.sort(key=lambda k: -k.depth)  # members of a group were raised before the group
        for link in links[:-1]:
            link.relation = link.relation or "cause"
        links[-1].relation = ""
        self._done(Parsed(links[-LINKS_KEPT:], truncated, self._time))

    def _new_link(self, depth: int = 0) -> Link:
        if self._links and self._relation:
            self._links[-1].relation = self._relation
        self._relation = ""
        if len(self._links) >= 4 * LINKS_KEPT:
            del self._links[LINKS_KEPT]
        self._links.append(Link(self._number, depth))
        return self._fits()

    def _fits(self) -> Link:
        """The line belongs to the latest exception."""
        link = self._links[-1]
        self._stray = self._blank = 0
        self.last_line = link.last_line = self._number
        return link

    def _strays(self, most: int = _STRAY) -> bool:
        self._stray += 1
        return self._stray < most

    # -- states: each gets a content line, and returns False when the line no longer belongs

    def _start(self, content: str) -> bool:
        if f.CAUSE.search(content) or f.CONTEXT.search(content):
            self._truncated = True
            self._link_from_before()
            return self._chain_sentence(content)
        fatal = f.FATAL.search(content)
        if fatal or f.STACK_HEADER.search(content):
            link = self._new_link()
            link.type, link.message = ("Fatal Python error", fatal["what"].strip()) if fatal else ("Stack", content)
            self._stacks, self._reverse = NativeStacks(current=not fatal), True
            self._state = self._native
            return True
        if f.HEADER.search(content):
            return self._header(content)
        frame = f.frame_of(content)
        if frame is None:
            return False
        self._truncated = bool(frame.function)  # a SyntaxError of the main script has no header
        self._new_link().add(frame)
        self._indent = _indent(content)
        self._state = self._frames
        return True

    def _link_from_before(self) -> None:
        last = next((c.strip() for c in reversed(self._before) if c.strip()), "")
        told = f.exception_of(last)
        if told and told[2]:
            self._new_link().tell(told)

    def _header(self, content: str) -> bool:
        margin = _MARGIN.match(content)
        self._new_link(len(margin["indent"]) // 2 if margin else 0)
        self._box = RichBox()
        self._state = self._rich if f.RICH_HEADER.search(content) else self._frames
        return True

    def _frames(self, content: str) -> bool:
        link = self._links[-1]
        inner, depth = _inside_margin(content, link.depth)
        indent = len(inner) - len(inner.lstrip(" "))
        if frame := f.frame_of(inner):
            self._fits().add(frame)
            self._indent = indent
        elif f.HEADER.search(inner):  # interleaved processes, or the exception's line is missing
            if not link.frames:
                self._links.pop()
            self._new_link(depth)
        elif indent > self._indent:
            if link.frames and not link.frames[-1].text and not f.CARETS.match(inner):
                link.show_source(inner)
            self._fits()
        elif told := self._told(inner[indent:], surely=indent > 0):
            self._fits().tell(told)
            self._message_lines, self._indent = 0, indent
            self._state = self._message
        else:
            return self._strays()
        return True

    def _told(self, inner: str, surely: bool) -> tuple[str, str, bool] | None:
        """The exception that a line names, when it may be the last line of this one."""
        if not inner or (not self._links[-1].frames and self._number > self._links[-1].line + 3):
            return None
        if told := f.exception_of(inner):
            return told if told[2] or not surely else None
        level = _BEHIND_LEVEL.match(inner)  # a collector's, in front of every line
        told = f.exception_of(inner[level.end():]) if level else None
        return told if told and told[2] else None

    def _message(self, content: str) -> bool:
        """Behind the exception line: more lines of the message, a member of a group, a sentence of a chain."""
        link = self._links[-1]
        inner, _ = _inside_margin(content, link.depth)
        if f.CAUSE.search(inner) or f.CONTEXT.search(inner) or _BROKEN_SENTENCE.match(inner):
            return self._chain_sentence(inner)
        if rule := _RULE.match(content):
            self._state = self._member if rule["member"] else self._message
            self.last_line = self._number
            return True
        if f.HEADER.search(inner):
            return False
        if inner.strip() in ("", '"""'):  # concurrent.futures puts a worker's traceback in quotes
            self._blank += 1
            return self._blank <= 2
        return self._more(content, inner, link)

    def _more(self, content: str, inner: str, link: Link) -> bool:
        """A line behind an exception's line that is neither blank nor a sentence."""
        frame = f.frame_of(inner)
        if frame and inner[:1] == " " and not self._blank and not link.sure:
            link.type = link.message = ""  # an interleaved line was taken for the end
            self._state = self._frames
            return self._frames(content)
        if self._blank or frame or not self._continues(inner):
            return False
        self._message_lines += 1
        link.message = f"{link.message}\n{inner}"[:MESSAGE_KEPT]
        self._fits()
        return True

    def _continues(self, inner: str) -> bool:
        """Whether a line goes on with the message above it."""
        if self._message_lines >= _MESSAGE_LINES or self._dated or _OTHERS.match(inner):
            return False
        if _indent(inner) < self._indent:
            return False
        return inner[:1] in " \t" or (self._message_lines < _LOOSE_LINES and self._links[-1].type not in _ONE_LINE)

    def _chain_sentence(self, inner: str) -> bool:
        broken = _BROKEN_SENTENCE.match(inner)
        self._relation = "context" if f.CONTEXT.search(inner) or (broken and broken["context"]) else "cause"
        self._state = self._chained
        self.last_line = self._number
        self._stray = self._blank = 0
        return True

    def _chained(self, content: str) -> bool:
        inner, depth = _inside_margin(content, self._links[-1].depth if self._links else 0)
        if f.HEADER.search(inner):
            return self._header(content)
        if (frame := f.frame_of(inner)) and not frame.function:  # a SyntaxError without header
            self._new_link(depth).add(frame)
            self._state = self._frames
            return True
        self._blank += 1
        return self._blank < 8 and (not inner.strip() or self._strays(4))

    def _member(self, content: str) -> bool:
        """Behind the ruled line that opens a member of a group."""
        inner, depth = _inside_margin(content, 1)
        if f.HEADER.search(inner):
            return self._header(content)
        if told := f.exception_of(inner):
            self._new_link(depth).tell(told)
            self._state = self._message
            return True
        return self._strays(3)

    def _rich(self, content: str) -> bool:
        fits = self._box.feed(content, self._links[-1])
        if fits is None:
            return self._strays()
        self._fits()
        if not fits:
            self._state, self._indent = self._frames, _indent(content)
        return True

    def _native(self, content: str) -> bool:
        fits = self._stacks.feed(content, self._links[-1])
        if fits:
            self._fits()
        return self._strays(4) if fits is None else fits


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" "))


def _inside_margin(content: str, depth: int) -> tuple[str, int]:
    """A line without the margin that exception groups print, and the depth the margin stands for."""
    margin = _MARGIN.match(content) if "|" in content or "+" in content else None
    if margin is None or (depth == 0 and not content.startswith("  ")):
        return content, 0
    return content[margin.end():], len(margin["indent"]) // 2
