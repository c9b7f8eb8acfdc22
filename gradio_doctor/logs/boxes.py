"""Tracebacks that are drawn otherwise than Python does: the boxes of rich, the stacks of faulthandler.

Both readers answer to a line with True (it fits), None (a stray line in between) or False (over).
"""

from __future__ import annotations

import re
from dataclasses import replace

from gradio_doctor.logs import frames as f
from gradio_doctor.logs.links import Link

_BOX = re.compile(r"^\s*[│|](?P<inside>.*?)[│|]?\s*$")
_BOX_END = re.compile(r"^\s*[╰└+][─-]{3,400}")
_REST = re.compile(r"(?P<number>\d{1,6})?(?: ?in(?: (?P<function>[^\s│|]{1,200}))?)?|(?P<more>[\w<>.]{1,200})")
_PATH_START = re.compile(r"^(?:/|[A-Za-z]:\\|<)")


class RichBox:
    """Reads the inside of a box that rich drew."""

    def __init__(self) -> None:
        self._partial = ""  # the start of a path that was broken at the border
        self._fresh = False  # the line before told of a frame

    def feed(self, content: str, link: Link) -> bool | None:
        """The next line."""
        if _BOX_END.match(content):
            return False
        box = _BOX.match(content)
        if box is None:
            return None
        self._inside(link, box["inside"])
        return True

    def _inside(self, link: Link, inside: str) -> None:
        inner = inside.strip()
        fresh, self._fresh = self._fresh, False
        if source := f.RICH_SOURCE.match(inside):
            if link.frames and not link.frames[-1].text:
                link.show_source(source["text"].strip(" │|"))
            return
        if fresh and inner and (rest := _REST.fullmatch(inner)):
            self._complete(link, rest)
            return
        joined = (self._partial + inner, f"{self._partial} {inner}", inner)  # broken in a word, at a blank, not at all
        frame = next((found for text in joined if (found := f.rich_frame_of(text))), None)
        if frame and (frame.file.endswith(".py") or any(mark in frame.file for mark in "/\\<")):
            link.add(frame)
            inner, self._fresh = "", True
        self._partial = (self._partial + inner)[:600] if inner and (self._partial or _PATH_START.match(inner)) else ""

    def _complete(self, link: Link, rest: re.Match[str]) -> None:
        """What a narrow box broke off a frame's line: more of the number, the function, or more of its name."""
        frame = link.frames[-1]
        if frame.function:  # "in" and digits may be the end of a name
            more = "" if " " in rest[0] else rest[0]
            link.frames[-1] = replace(frame, function=frame.function + more)
        else:
            line = int(f"{frame.line}{rest['number'] or ''}"[:7])
            link.frames[-1] = replace(frame, line=line, function=rest["function"] or rest["more"] or "")
        self._fresh = True


class NativeStacks:
    """Reads what faulthandler prints: the stacks of all threads, innermost frame first; the current one counts."""

    def __init__(self, current: bool) -> None:
        self._current = current  # inside the stack that counts
        self._over = False

    def feed(self, content: str, link: Link) -> bool | None:
        """The next line."""
        if f.STACK_HEADER.search(content):
            if self._over or self._current:
                return False
            self._current = content.lstrip().startswith(("Current", "Stack"))
            return True
        frame = f.frame_of(content)
        if frame is None:
            self._over = self._current and bool(link.frames)
            return None
        if self._current:
            link.add(frame)
        return True
