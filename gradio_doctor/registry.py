"""The one loader of checks and knowledge: built in, from plugins (entry points), and from `--checks DIR`."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from gradio_doctor import cache
from gradio_doctor.knowledge import calibration, yaml_file
from gradio_doctor.knowledge.model import Knowledge, KnowledgeError, Signature, names
from gradio_doctor.knowledge.parse import build
from gradio_doctor.sdk import Check

PLUGIN_GROUP = "gradio_doctor.checks"


@dataclass(frozen=True)
class Loaded:
    """Everything that was loaded. `broken` names what could not be (a plugin's own fault costs its findings only)."""

    knowledge: Knowledge
    checks: tuple[Check, ...]
    broken: tuple[str, ...] = field(default=())

    def kept(self, ignore: Sequence[str]) -> list[Check]:
        """The checks that no pattern of `ignore` names."""
        return [c for c in self.checks if not any(names(pattern, c.id) for pattern in ignore)]


def builtin_directory() -> Path:
    """Where the built-in families are: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "checks"
    return inside if inside.is_dir() else package.parent / "checks"


def load(
    directories: Sequence[Path] = (), *, plugins: bool = True, calibrated: bool = True, signatures: Sequence[Path] = ()
) -> Loaded:
    """Load the built-in families, those of installed plugins, of further directories, and files of signatures.

    With `calibrated`, the numbers fitted to labelled cases replace those of the YAML.

    Raises KnowledgeError, naming file and line, when a file of the built-in families or of `directories` is wrong.
    """
    builtin = builtin_directory()
    for directory in directories:
        if not directory.is_dir():
            raise KnowledgeError(f"{directory}: --checks wants a directory of NAME.py and NAME.yaml files")
    broken: list[str] = []
    extra = list(directories) + (list(_plugin_directories(broken)) if plugins else [])
    data = _builtin_data(builtin)
    for directory in extra:
        data |= {str(p): yaml_file.read_yaml(p) for p in _files(directory, ".yaml")}
    data |= {str(p): yaml_file.read_yaml(p) for p in signatures}
    knowledge = build(data)
    if calibrated:
        knowledge = calibration.apply(knowledge, calibration.read(builtin))
    added = [*extra, *signatures]
    _lint([s for s in knowledge.signatures.values() if added and _within(s.place, added)])
    checks = list(_checks_of(_package("gradio_doctor.checks", builtin)))
    for number, directory in enumerate(extra):
        checks += _guarded(f"gradio_doctor_checks_{number}", directory, broken, strict=directory in directories)
    _validate(checks, knowledge)
    return Loaded(knowledge, tuple(checks), tuple(broken))


def _files(directory: Path, suffix: str) -> list[Path]:
    return sorted(p for p in directory.iterdir() if p.suffix == suffix and p.is_file())


def _builtin_data(directory: Path) -> dict[str, dict[str, object]]:
    paths = _files(directory, ".yaml")
    key = cache.key_of_files(paths)
    data = cache.cached("knowledge", key)
    if data is None:
        data = {str(p): yaml_file.read_yaml(p) for p in paths}
        _lint(build(data).signatures.values())
        cache.keep("knowledge", key, data)
    return data


def _lint(signatures: Collection[Signature]) -> None:
    if not signatures:
        return
    from gradio_doctor.logs.lint import lint

    for signature in signatures:
        if fault := lint(signature):
            raise KnowledgeError(f"{signature.place}: {signature.id}: {fault}")


def _within(place: str, directories: Sequence[Path]) -> bool:
    return any(place.startswith(str(d)) for d in directories)


def _plugins_installed() -> bool:
    """True when a distribution may have plugins. Reading their few bytes is ten times quicker than entry_points()."""
    for place in sys.path:
        try:
            files = [d.path for d in os.scandir(place or ".") if d.name.endswith((".dist-info", ".egg-info"))]
        except OSError:
            if place.endswith((".egg", ".zip")) and Path(place).is_file():
                return True  # an archive: let the standard library look inside
            continue
        for name in files:
            try:
                if PLUGIN_GROUP in Path(name, "entry_points.txt").read_text(encoding="utf-8", errors="replace"):
                    return True
            except OSError:
                continue
    return False


def _plugin_directories(broken: list[str]) -> Iterator[Path]:
    if not _plugins_installed():
        return
    from importlib.metadata import entry_points

    for entry in entry_points(group=PLUGIN_GROUP):
        spec = None
        try:
            spec = importlib.util.find_spec(entry.value)
        except (ImportError, ValueError) as error:
            broken.append(f"plugin {entry.name}: {error}")
        if spec is not None and spec.submodule_search_locations:
            yield Path(next(iter(spec.submodule_search_locations)))
        elif spec is not None:
            broken.append(f"plugin {entry.name}: {entry.value} is not a package with NAME.py and NAME.yaml files")


def _package(name: str, directory: Path) -> ModuleType:
    """Put a package of that name over a directory, so that the ordinary import system serves its modules."""
    if (package := sys.modules.get(name)) is not None and package.__path__ == [str(directory)]:
        return package
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(directory)]
    package = importlib.util.module_from_spec(spec)
    for stale in [m for m in sys.modules if m.startswith(name + ".")]:  # files of another directory that had the name
        del sys.modules[stale]
    sys.modules[name] = package
    return package


def _checks_of(package: ModuleType) -> Iterator[Check]:
    seen: set[int] = set()  # a check may also be imported by another file; two of one name are a mistake
    for path in _files(Path(next(iter(package.__path__))), ".py"):
        if path.stem == "__init__":
            continue
        module = importlib.import_module(f"{package.__name__}.{path.stem}")
        for value in vars(module).values():
            if isinstance(value, Check) and id(value) not in seen:
                seen.add(id(value))
                yield value


def _guarded(name: str, directory: Path, broken: list[str], *, strict: bool) -> list[Check]:
    try:
        return list(_checks_of(_package(name, directory)))
    except Exception as error:
        if strict:
            reason = f"{type(error).__name__}: {error}"
            raise KnowledgeError(f"{directory}: its checks cannot be imported: {reason}") from error
        broken.append(f"plugin at {directory}: {type(error).__name__}: {error}")
        return []


def _validate(checks: Sequence[Check], knowledge: Knowledge) -> None:
    ids: set[str] = set()
    for check in checks:
        if check.id in ids:
            raise KnowledgeError(f"{check.function.__module__}: two checks are called {check.id!r}")
        ids.add(check.id)
        for name in check.finds:
            if name not in knowledge.findings and name not in knowledge.signatures:
                raise KnowledgeError(f"{check.function.__module__}: check {check.id}: finding {name!r} has no prose")
