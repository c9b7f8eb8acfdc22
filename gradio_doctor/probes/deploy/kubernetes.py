"""Kubernetes manifests: the containers of workloads, with the Services and Ingresses in front of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradio_doctor.evidence.deployment import HealthProbe, Port, ProbeKind, Quantity, Said, Unit
from gradio_doctor.probes.deploy.command import assignments, read_server, runs_app
from gradio_doctor.probes.deploy.quantities import kubernetes_bytes, number
from gradio_doctor.probes.deploy.saying import said
from gradio_doctor.probes.deploy.yaml_lines import Node, first, words_of

_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Job", "CronJob"})
_PROBES: tuple[tuple[str, ProbeKind], ...] = (
    ("livenessProbe", "liveness"), ("readinessProbe", "readiness"), ("startupProbe", "startup"),
)
TEMPLATE = re.compile(
    r"\{\{-?\s*(?:\.Values|\.Release|\.Chart|\.Capabilities|include|template|define|if|range|with|end|toYaml|\$)"
    r"|^[^#\n]{0,200}:\s{0,20}\{\{|^\s{0,80}\{[{%]", re.MULTILINE)
_STICKY = re.compile(r"affinity|sticky|session-?cookie|upstream-hash-by|load-balance|balancing", re.IGNORECASE)
_MOST = 200


def is_manifest(text: str) -> bool:
    """True for a text that has what every manifest has."""
    return bool(re.search(r"^apiVersion:", text, re.MULTILINE) and re.search(r"^kind:", text, re.MULTILINE))


def read_manifests(documents: Sequence[tuple[str, Node]], script: str) -> tuple[Unit, ...]:
    """The containers of all manifests (file, document), put together with what stands in front of them."""
    every = [one for file, document in documents for one in _unlisted(file, document)]
    units: list[Unit] = []
    for file, node in every:
        kind = node.get("kind").value
        if kind in _WORKLOADS and len(units) < _MOST:
            units += _workload(kind, node, file, every, script)
    return tuple(units)


def _unlisted(file: str, document: Node) -> Iterator[tuple[str, Node]]:
    if document.get("kind").value == "List":
        yield from ((file, item) for item in document.get("items").items[:_MOST])
    else:
        yield file, document


def _workload(kind: str, node: Node, file: str, every: list[tuple[str, Node]], script: str) -> Iterator[Unit]:
    spec = node.get("spec")
    if kind == "CronJob":
        spec = spec.get("jobTemplate", "spec")
    pod = node if kind == "Pod" else spec.get("template")
    containers = pod.get("spec", "containers").items[:20]
    name = node.get("metadata", "name").value
    labels = {k: v.value for k, v in pod.get("metadata", "labels").keys.items()}
    fronts = [(f, s) for f, s in every if s.get("kind").value == "Service" and _selects(s, labels)]
    for container in containers:
        unit = _container(container, pod.get("spec"), file, script)
        sockets = tuple(p for f, s in fronts for p in _targets(s, container, f))
        yield replace(
            unit, name=name or unit.name, ports=unit.ports + (sockets if len(containers) == 1 else ()),
            replicas=_replicas(node, file, every, name), sticky=_sticky(fronts, every),
            shared_network=len(containers) > 1 or pod.get("spec", "hostNetwork").true,
            settings=(said("kind", kind, file, node.line), *(said("service", s.get("metadata", "name").value, f, s.line)
                                                             for f, s in fronts)),
        )


def _container(node: Node, pod: Node, file: str, script: str) -> Unit:
    words = (*words_of(node.get("command")), *words_of(node.get("args")))
    line = first([node.get("command"), node.get("args")]).line or node.line
    server = read_server(words) if words else None
    limits = node.get("resources", "limits")
    security = [node.get("securityContext"), pod.get("securityContext")]
    image = node.get("image")
    privileged = security[0].get("privileged")
    user = first([s.get("runAsUser") for s in security])
    return Unit(
        "kubernetes", file, node.line, node.get("name").value, runs_app(server, script),
        said("image", image.value, file, image.line) if image.value else None, "", words, line, server,
        (*_environment(node, file), *(said(n, v, file, line) for n, v in assignments(words))),
        not node.get("envFrom"), _declared(node, file), tuple(_probes(node, file)),
        _memory(limits.get("memory"), file), _shm(node, pod, file),
        user=said("user", user.value, file, user.line) if user.value else None,
        privileged=said("privileged", "true", file, privileged.line) if privileged.true else None,
        gpu=any("/" in name and "gpu" in name for name in limits.keys),
    )


def _environment(node: Node, file: str) -> Iterator[Said]:
    for item in node.get("env").items[:_MOST]:
        name = item.get("name").value
        if name and item.get("value").text is not None:
            yield said(name, item.get("value").value, file, item.get("value").line)
        elif name:  # from a Secret, a ConfigMap or a field: the right place for a secret
            yield Said(name, "", file, item.line, known=False)


def _declared(node: Node, file: str) -> tuple[Port, ...]:
    items = node.get("ports").items[:50]
    return tuple(Port(n, file, i.line, leads=False) for i in items if (n := number(i.get("containerPort").value)))


def _named_port(container: Node, text: str) -> int | None:
    if (plain := number(text)) is not None:
        return plain
    found = (i for i in container.get("ports").items if i.get("name").value == text)
    return next((number(i.get("containerPort").value) for i in found), None)


def _targets(service: Node, container: Node, file: str) -> Iterator[Port]:
    for item in service.get("spec", "ports").items[:50]:
        target = first([item.get("targetPort"), item.get("port")])
        inside = _named_port(container, target.value)
        if inside:
            yield Port(inside, file, target.line, number(item.get("port").value))


def _probes(node: Node, file: str) -> Iterator[HealthProbe]:
    for name, kind in _PROBES:
        probe = node.get(name)
        if not probe.keys:
            continue
        http, tcp = probe.get("httpGet"), probe.get("tcpSocket")
        how = "http" if http else "tcp" if tcp else "grpc" if probe.get("grpc") else "exec"
        yield HealthProbe(
            kind, how, file, (http.get("path") if http.get("path") else probe).line,
            path=(http.get("path").value or "/") if http else "",
            port=_named_port(node, first([http.get("port"), tcp.get("port")]).value),
            delay=_whole(probe, "initialDelaySeconds", 0), period=_whole(probe, "periodSeconds", 10),
            timeout=_whole(probe, "timeoutSeconds", 1), failures=_whole(probe, "failureThreshold", 3),
            command=probe.get("exec", "command").texts,
        )


def _whole(node: Node, name: str, default: int) -> int:
    value = number(node.get(name).value)
    return default if value is None else value


def _memory(node: Node, file: str) -> Quantity | None:
    amount = kubernetes_bytes(node.value) if node.value else None
    return Quantity(amount, file, node.line) if amount else None


def _shm(container: Node, pod: Node, file: str) -> Quantity | None:
    for mount in container.get("volumeMounts").items[:_MOST]:
        if mount.get("mountPath").value.rstrip("/") == "/dev/shm":  # noqa: S108 - a name to look for
            return Quantity(float("inf"), file, mount.line)
    return Quantity(float("inf"), file, pod.get("hostIPC").line) if pod.get("hostIPC").true else None


def _selects(service: Node, labels: dict[str, str]) -> bool:
    wanted = {k: v.value for k, v in service.get("spec", "selector").keys.items()}
    return bool(wanted) and wanted.items() <= labels.items()


def _replicas(node: Node, file: str, every: list[tuple[str, Node]], name: str) -> Quantity | None:
    """The most copies there may be: what the workload says, or an autoscaler of it."""
    told = node.get("spec", "replicas")
    found = [Quantity(float(n), file, told.line)] if (n := number(told.value)) is not None else []
    for place, other in every:
        spec = other.get("spec")
        if other.get("kind").value == "HorizontalPodAutoscaler" and spec.get("scaleTargetRef", "name").value == name:
            most = spec.get("maxReplicas")
            found += [Quantity(float(n), place, most.line)] if (n := number(most.value)) is not None else []
    return max(found, key=lambda q: q.amount, default=None)


def _sticky(fronts: list[tuple[str, Node]], every: list[tuple[str, Node]]) -> bool:
    """Whether something here keeps a browser on one copy: ClientIP, or an annotation or rule about affinity."""
    if any(s.get("spec", "sessionAffinity").value == "ClientIP" for _, s in fronts):
        return True
    others = [n for _, n in every if n.get("kind").value not in _WORKLOADS]
    annotated = (k for n in others for k in n.get("metadata", "annotations").keys)
    if any(_STICKY.search(k) for k in annotated):
        return True
    specs = [n.get("spec") for n in others]
    return any(s.get("trafficPolicy", "loadBalancer", "consistentHash") or s.get("sticky") for s in specs)
