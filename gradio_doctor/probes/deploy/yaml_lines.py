"""YAML as nodes that know their line. Nothing is constructed, nothing is expanded: bounded whatever the file says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST_EVENTS = 60_000
MOST_DEPTH = 60
MOST_DOCUMENTS = 200


class Node:
    """A scalar (`text`), a mapping (`keys`, on `lines`) or a sequence (`items`); a missing one is empty, and false."""

    __slots__ = ("items", "keys", "line", "lines", "text")

    def __init__(self, line: int = 0, text: str | None = None) -> None:
        self.line = line
        self.text = text
        self.keys: dict[str, Node] = {}
        self.lines: dict[str, int] = {}
        self.items: list[Node] = []

    def __bool__(self) -> bool:
        return bool(self.text or self.keys or self.items)

    def get(self, *path: str) -> Node:
        """The node under some keys."""
        node = self
        for key in path:
            node = node.keys.get(key, _NOTHING)
        return node

    @property
    def value(self) -> str:
        """The text of a scalar, "" for anything else."""
        return self.text or ""

    @property
    def true(self) -> bool:
        """True for the words that YAML takes for true."""
        return self.value.lower() in ("true", "yes", "on")

    @property
    def texts(self) -> tuple[str, ...]:
        """The scalars of a sequence."""
        return tuple(i.text for i in self.items if i.text is not None)


_NOTHING = Node()


class _Builder:
    """Makes nodes of the parser's events. An alias is the very node of its anchor: it costs nothing."""

    def __init__(self) -> None:
        self.documents: list[Node] = []
        self._stack: list[Node] = []
        self._key: list[str | None] = []
        self._anchors: dict[str, Node] = {}
        self._merged = 0

    def add(self, node: Node) -> None:
        """Put a finished or begun node where it belongs."""
        if not self._stack:
            self.documents.append(node)
            return
        parent = self._stack[-1]
        if self._key[-1] == "":  # a sequence
            parent.items.append(node)
        elif self._key[-1] is None:
            self._key[-1] = f"={node.value}"
            parent.lines[node.value] = node.line
        else:
            self._put(parent, self._key[-1][1:], node)
            self._key[-1] = None

    def _put(self, parent: Node, key: str, node: Node) -> None:
        if key != "<<":
            parent.keys[key] = node
            return
        for other in (node, *node.items):
            self._merged += len(other.keys)
            if self._merged > MOST_EVENTS:
                raise ValueError("merges too much")
            for name, child in other.keys.items():
                parent.keys.setdefault(name, child)
                parent.lines.setdefault(name, other.lines.get(name, child.line))

    def begin(self, node: Node, *, sequence: bool) -> None:
        """Go into a collection."""
        self.add(node)
        self._stack.append(node)
        self._key.append("" if sequence else None)
        if len(self._stack) > MOST_DEPTH:
            raise ValueError(f"nested deeper than {MOST_DEPTH} levels")

    def end(self) -> None:
        """Come out of a collection."""
        self._stack.pop()
        self._key.pop()

    def name(self, anchor: str | None, node: Node) -> Node:
        """Remember a node by its anchor."""
        if anchor:
            self._anchors[anchor] = node
        return node

    def alias(self, anchor: str) -> Node:
        """The node of an anchor."""
        node = self._anchors.get(anchor)
        if node is None or node in self._stack:  # a node within itself
            raise ValueError(f"unknown alias {anchor[:40]}")
        return node


def read_documents(text: str) -> list[Node]:
    """The documents of a YAML text. Raises ValueError, with the line where it is known."""
    import yaml

    builder = _Builder()
    try:
        for count, event in enumerate(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))):
            if count > MOST_EVENTS:
                raise ValueError("too large")
            _take(builder, event, type(event).__name__)
            if len(builder.documents) > MOST_DOCUMENTS:
                raise ValueError("too many documents")
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"line {line}: not valid YAML: {str(error.problem)[:100]}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"not valid YAML: {str(error).splitlines()[0][:100]}") from None
    return builder.documents


def _take(builder: _Builder, event: Any, kind: str) -> None:
    line = event.start_mark.line + 1 if event.start_mark else 0
    if kind == "ScalarEvent":
        empty = event.implicit[0] and event.value in ("", "~", "null", "Null", "NULL")
        builder.add(builder.name(event.anchor, Node(line, None if empty else event.value)))
    elif kind == "AliasEvent":
        builder.add(builder.alias(event.anchor))
    elif kind in ("MappingStartEvent", "SequenceStartEvent"):
        builder.begin(builder.name(event.anchor, Node(line)), sequence=kind.startswith("Seq"))
    elif kind in ("MappingEndEvent", "SequenceEndEvent"):
        builder.end()


def pairs(node: Node) -> Iterator[tuple[str, str | None, int]]:
    """Variables in either of the usual forms: a mapping, or a sequence of NAME=value. With their lines.

    The value is None for a name alone.
    """
    for name, value in node.keys.items():
        yield name, value.text, value.line
    for item in node.items:
        name, equals, text = item.value.partition("=")
        if name:
            yield name, text if equals else None, item.line


def merged(base: Node, over: Node) -> Node:
    """A mapping laid over another, as compose does it: mappings go into each other, sequences behind each other."""
    out = Node(over.line)
    out.keys, out.lines = dict(base.keys), {**base.lines, **over.lines}
    for name, node in over.keys.items():
        before = base.keys.get(name)
        out.keys[name] = _joined(before, node, name) if before is not None else node
    return out


def _joined(base: Node, over: Node, name: str) -> Node:
    if name in ("command", "entrypoint") or not (base.keys or base.items) or not (over.keys or over.items):
        return over
    out = Node(over.line)
    out.keys, out.lines = {**base.keys, **over.keys}, {**base.lines, **over.lines}
    out.items = [*base.items, *over.items]
    return out


def words_of(node: Node) -> tuple[str, ...]:
    """A command as words: a sequence as it is, a text split as a shell would; () when that cannot be done."""
    return node.texts if node.items else split(node.value)


def split(text: str) -> tuple[str, ...]:
    """Split a text as a shell would; at its blanks where its quotes do not match."""
    import shlex

    try:
        return tuple(shlex.split(text[:8000]))
    except ValueError:
        return tuple(text[:8000].split())


def first(nodes: Sequence[Node]) -> Node:
    """The first node that says something."""
    return next((n for n in nodes if n), _NOTHING)


Keys = Mapping[str, Node]
