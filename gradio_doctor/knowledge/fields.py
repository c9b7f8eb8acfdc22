"""Typed access to the fields of a YAML mapping, with file:line in every error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gradio_doctor.knowledge.model import SEVERITIES, WORDS, KnowledgeError, Prose, Severity
from gradio_doctor.knowledge.yaml_file import LINE


class Fields:
    """One mapping of a YAML file. Every getter raises KnowledgeError with file:line on a wrong type."""

    def __init__(self, data: Any, place: str, what: str) -> None:
        file, _, line = place.rpartition(":")
        if not isinstance(data, dict):
            raise KnowledgeError(f"{place}: {what}: a mapping is wanted, not {_kind(data)}")
        self._data = data
        self._file = file
        self.what = what
        self.place = f"{file}:{data.get(LINE, line)}"

    def error(self, text: str) -> KnowledgeError:
        """An error about this mapping."""
        return KnowledgeError(f"{self.place}: {self.what}: {text}")

    def only(self, *allowed: str) -> None:
        """Raise when there is a key that is not allowed."""
        unknown = [k for k in self._data if k != LINE and k not in allowed]
        if unknown:
            raise self.error(f"unknown key {unknown[0]!r}; known are {', '.join(allowed)}")

    def has(self, key: str) -> bool:
        """True when the key is there with a value."""
        return self._data.get(key) is not None

    def items(self) -> Iterator[tuple[str, Any]]:
        """All keys and values."""
        return ((k, v) for k, v in self._data.items() if k != LINE)

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        value = self._data.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{key} must be a text, not {_kind(value)}")
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number within bounds."""
        value = self._data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.error(f"{key} must be a number from {low} to {high}, not {value!r}")
        return float(value)

    def flag(self, key: str) -> bool:
        """True or False, False when missing."""
        value = self._data.get(key, False)
        if not isinstance(value, bool):
            raise self.error(f"{key} must be true or false, not {value!r}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings (one string stands for a list of one)."""
        value = self._data.get(key)
        if value is None:
            return ()
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise self.error(f"{key} must be a list of texts")
        return tuple(values)

    def severity(self, key: str, default: Severity) -> Severity:
        """One of the three severities."""
        return self._severity(self._data.get(key, default), key)

    def _severity(self, value: Any, key: str) -> Severity:
        for name in SEVERITIES:
            if value == name:
                return name
        raise self.error(f"{key} must be one of {', '.join(SEVERITIES)}, not {value!r}")

    def severities(self, key: str) -> dict[str, Severity]:
        """A mapping from finding to severity."""
        return {k: self._severity(v, key) for k, v in self._sub(key)}

    def words(self, key: str) -> dict[str, float]:
        """A mapping from id to one of the frequency words, as probabilities."""
        out = {}
        for name, word in self._sub(key):
            if word not in WORDS:
                raise self.error(f"{key}: {name}: {word!r} is none of {', '.join(WORDS)}")
            out[name] = WORDS[word]
        return out

    def _sub(self, key: str) -> list[tuple[str, Any]]:
        value = self._data.get(key)
        return [] if value is None else list(Fields(value, self.place, f"{self.what}: {key}").items())

    def prose(self, key: str, default: Prose | None = None) -> Prose:
        """A text in languages: {en: ..., zh: ...}, or a plain English string."""
        value = self._data.get(key)
        if value is None and default is not None:
            return default
        return self._prose(value, key)

    def proses(self, key: str) -> tuple[Prose, ...]:
        """A list of such texts."""
        value = self._data.get(key)
        if value is None:
            return ()
        return tuple(self._prose(v, key) for v in (value if isinstance(value, list) else [value]))

    def _prose(self, value: Any, key: str) -> Prose:
        if isinstance(value, str) and value.strip():
            return Prose(value.strip())
        fields = Fields(value, self.place, f"{self.what}: {key}")
        fields.only("en", "zh")
        return Prose(fields.text("en").strip(), fields.text("zh", "").strip())

    def maps(self, key: str) -> list[Fields]:
        """A list of mappings."""
        value = self._data.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(f"{key} must be a list")
        return [Fields(v, self.place, f"{self.what}: {key}") for v in value]

    def named(self, key: str) -> Mapping[str, Fields]:
        """A mapping from name to mapping."""
        return {k: Fields(v, self.place, k) for k, v in self._sub(key)}


def _kind(value: Any) -> str:
    return {type(None): "nothing", dict: "a mapping", list: "a list", str: "a text"}.get(type(value), repr(value))
