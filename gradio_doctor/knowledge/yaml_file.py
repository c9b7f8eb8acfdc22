"""Reading a YAML file of knowledge with the line of every mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradio_doctor.knowledge.model import KnowledgeError

LINE = "__line__"
MAX_BYTES = 4_000_000


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML file as plain data; every mapping has its line number under LINE.

    Raises KnowledgeError naming file and line when the file cannot be read, is not YAML, is larger than 4 MB, is not
    a mapping, or repeats a key.
    """
    import yaml

    try:
        raw = path.read_bytes()
    except OSError as error:
        raise KnowledgeError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(raw) > MAX_BYTES:
        raise KnowledgeError(f"{path}: {len(raw)} bytes; a file of knowledge has at most {MAX_BYTES}")
    try:
        data = yaml.load(raw, Loader=_loader_class(path))  # noqa: S506 - a subclass of the safe loader
    except KnowledgeError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        raise KnowledgeError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError) as error:
        raise KnowledgeError(f"{path}:1: not valid YAML: {str(error).splitlines()[0][:200]}") from None
    if data is None:
        return {LINE: 1}
    if not isinstance(data, dict):
        raise KnowledgeError(f"{path}:1: a mapping with causes, findings or signatures is wanted")
    return data


def _loader_class(path: Path) -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    def mapping(loader: Any, node: Any) -> dict[Any, Any]:
        line = node.start_mark.line + 1
        out: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool):
                raise KnowledgeError(f"{path}:{line}: a key must be a plain word")
            if str(key) in out:
                raise KnowledgeError(f"{path}:{key_node.start_mark.line + 1}: {key!r} stands there twice")
            out[str(key)] = loader.construct_object(value_node, deep=True)
        out[LINE] = line
        return out

    loader: Any = type("LineLoader", (base,), {})
    loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return loader
