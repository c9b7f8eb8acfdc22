"""Time limits of calls that wait: whether one is given, and whether the call is too brief to matter."""

from __future__ import annotations

import ast

from gradio_doctor.probes.source.constants import Constants
from gradio_doctor.probes.source.scopes import Scope
from gradio_doctor.probes.source.slow_names import Slow, has_no_limit
from gradio_doctor.probes.source.spots import Spot

BRIEF_SLEEP = 0.002  # seconds; shorter ones do not hold anybody up
BRIEF_WAIT = 0.2  # seconds


def is_brief(slow: Slow, path: str, spot: Spot, scope: Scope, constants: Constants) -> bool:
    """True for a sleep of next to nothing, and for waiting that is told to wait not at all or for a set time."""
    node = spot.node
    if slow.kind == "sleep":
        value = constants.read(node.args[0], scope).likely if node.args else None
        return isinstance(value, (int, float)) and value <= BRIEF_SLEEP
    if slow.kind == "wait" and ")." in path:
        return _waits_briefly(path, node, scope, constants)
    return slow.kind == "database" and path.endswith((".pipeline", ".pubsub", ".close"))


def _waits_briefly(path: str, node: ast.Call, scope: Scope, constants: Constants) -> bool:
    """True when a wait has a time limit that is short, or that the source does not tell, or does not wait at all."""
    given = {k.arg: k.value for k in node.keywords if k.arg}
    limit = given.get("timeout")
    if path.endswith(".get"):
        limit = node.args[1] if len(node.args) > 1 else limit
        block = node.args[0] if node.args else given.get("block")
        if block is not None and constants.read(block, scope).value is not True:
            return True
    elif node.args:
        limit = node.args[0]
    if limit is None or (isinstance(limit, ast.Constant) and limit.value is None):
        return False
    value = constants.read(limit, scope).likely
    return not isinstance(value, (int, float)) or value < BRIEF_WAIT


def is_unlimited(path: str, node: ast.Call, scope: Scope, constants: Constants) -> bool:
    """True when a network call may wait for ever: the library has no limit of its own, and none is given.

    A function that was put together elsewhere (functools.partial, **options) may have one: not told.
    """
    if any(k.arg is None for k in node.keywords) or any(isinstance(a, ast.Starred) for a in node.args):
        return False
    if isinstance(node.func, ast.Name) and isinstance(constants.names.lookup(node.func.id, scope), list):
        return False
    timeout = next((k.value for k in node.keywords if k.arg == "timeout"), None)
    if timeout is not None:
        return isinstance(timeout, ast.Constant) and timeout.value is None
    if path == "urllib.request.urlopen" and len(node.args) > 2:
        return False
    return has_no_limit(path) and not _is_local(node, scope, constants)


def _is_local(node: ast.Call, scope: Scope, constants: Constants) -> bool:
    """True for a URL of this machine: a helper of the app's own, mostly."""
    url = constants.read(node.args[0], scope).likely if node.args else None
    return isinstance(url, str) and url.startswith(("http://localhost", "http://127.0.0.1"))
