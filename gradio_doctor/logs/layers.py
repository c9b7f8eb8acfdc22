"""Which program, by kind, a line of a log comes from."""

from __future__ import annotations

import re
from collections.abc import Collection

from gradio_doctor.evidence.logs import Layer

# Tried in this order; the first whose expression is found decides. Each names shapes that only that kind prints.
_SHAPES: tuple[tuple[Layer, str], ...] = (
    ("kernel", r"\bkernel: |^\[ {0,8}\d{1,8}\.\d{6}\] |^(?:oom-kill:constraint=|Out of memory: Killed process|Memory cgroup out of memory)"  # noqa: E501
               r"|NVRM: Xid|: segfault at [0-9a-f]{1,16} ip |traps: .{1,60} trap "),
    ("kubernetes", r"OOMKilled|CrashLoopBackOff|ImagePullBackOff|ErrImagePull|\b(?:Liveness|Readiness|Startup) probe (?:failed|errored)"  # noqa: E501
                   r"|Back-off restarting failed container|\bkubelet\b|FailedScheduling|The node was low on resource|^(?:Warning|Normal) {1,4}[A-Z]\w{3,30} "),  # noqa: E501
    ("platform", r"\bheroku\[(?:router|web\.\d|api)|\bError R1\d\b|at=error code=H\d\d|Memory limit of \d{1,7} ?MiB? exceeded|Workload evicted"  # noqa: E501
                 r"|slurmstepd: |\bsrun: error|\bPORT environment variable|Cloud Run|earlyoom|application does not seem to be initialized"),  # noqa: E501
    ("systemd", r"\bsystemd(?:\[\d{1,7}\])?: |\.service: |\bsystemd-oomd\b|code=(?:killed|exited|dumped), status="),
    ("container", r"exited with code \d{1,3}$|\bdockerd?(?:\[\d{1,7}\])?: |\bcontainerd\b|Error response from daemon|\bpodman\b|OCI runtime"  # noqa: E501
                  r"|supervisord|\bexited: .{1,80} \((?:exit status|terminated by)"),
    ("proxy", r"\[(?:emerg|alert|crit|error|warn|notice|info)\] \d{1,7}#\d{1,7}: |\bnginx: \[|upstream: \"|while (?:connecting to|reading response header from) upstream"  # noqa: E501
              r"|\[proxy(?:_\w{1,20})?:\w{1,10}\]|\bAH\d{5}: |http\.handlers\.reverse_proxy|http\.log\.error|\bdial tcp .{1,120}: |'50[234] [A-Z]\w{2,20} \w{1,20}' caused by"  # noqa: E501
              r"|\bhaproxy\[|/<NOSRV>|\b(?:UF|UH|UC|UT|NR),?(?:URX)? via_upstream|envoy\b|traefik"),
    ("server", r"^(?:\[[\d: +-]{10,40}\] )?\[\d{1,7}\] \[(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\] |\bgunicorn\b|^(?:INFO|WARNING|ERROR|CRITICAL): {2,6}"  # noqa: E501
               r"|\buvicorn(?:\.error|\.access)?\b|\bhypercorn\b|\*\*\* uWSGI|\buwsgi\b|HARAKIRI|invalid request block size|Worker \(pid:\d{1,7}\)|WORKER TIMEOUT"),  # noqa: E501
    ("app", r"Traceback \(most recent call last\)|^\s{2}File \"|\w(?:Error|Exception|Warning)\b|Running on (?:local|public) URL|\bgradio\b|CUDA"  # noqa: E501
            r"|Fatal Python error|Segmentation fault|\d{1,3}%\|"),
)
_IDENTS: tuple[tuple[str, Layer], ...] = (
    (r"^kernel$", "kernel"), (r"^systemd", "systemd"), (r"^(?:kubelet|k3s)$", "kubernetes"),
    (r"^(?:dockerd?|containerd|podman|supervisord)$", "container"), (r"^(?:heroku|router)$", "platform"),
    (r"^(?:nginx|caddy|traefik|haproxy|httpd|apache2?|envoy)\b", "proxy"), (r"^(?:gunicorn|uvicorn|uwsgi)\b", "server"),
    (r"^python", "app"),
)
# Lines of these two look alike (an app may log as uvicorn does), so what may be of one may be of the other.
_ALIKE = frozenset({"app", "server"})


def layer_of(text: str, ident: str = "") -> Layer:
    """The layer of a line's text (with or without prefixes), helped by the program's name when a prefix told it."""
    for name, layer in _IDENTS:
        if ident and re.search(name, ident):
            return layer
    head = text[:1000]
    return next((layer for layer, shape in _SHAPES if re.search(shape, head)), "unknown")


def may_be_of(text: str, ident: str, layers: Collection[str]) -> bool:
    """True when a line looks like one of the layers, or like none at all.

    Quicker than `layer_of`, since only their own shapes are tried as long as one of them fits.
    """
    wanted = _ALIKE.union(layers) if not _ALIKE.isdisjoint(layers) else layers
    head = text[:1000]
    if any(layer in wanted and re.search(shape, head) for layer, shape in _SHAPES):
        return True
    found = layer_of(text, ident)
    return found == "unknown" or found in wanted
