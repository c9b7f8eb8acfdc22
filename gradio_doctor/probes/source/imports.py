"""The modules that the app's own files import."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gradio_doctor.evidence.source import Import
from gradio_doctor.probes.source.reach import reach_of
from gradio_doctor.probes.source.scopes import Scope, Site, imported_from


def read_imports(scope: Scope) -> Iterator[Import]:
    """The imports of a scope. Those that never run (TYPE_CHECKING, after an exit) are left out."""
    for site in scope.sites:
        if reach_of(site.place, scope) == "unreachable":
            continue
        if isinstance(site.node, ast.Import):
            for alias in site.node.names:
                yield Import(alias.name, scope.module.path, site.node.lineno, is_optional(site, scope))
        elif isinstance(site.node, ast.ImportFrom):
            name = imported_from(site.node, scope.module)
            names = tuple(alias.name for alias in site.node.names)
            if name and name != "__future__":
                yield Import(name, scope.module.path, site.node.lineno, is_optional(site, scope), names)


def is_optional(site: Site, scope: Scope) -> bool:
    """True unless the app cannot start without it: in a function, a condition or a try, it can."""
    certain = reach_of(site.place, scope) in ("yes", "main-guard")
    return site.place.import_guarded or scope.node is not None or not certain
