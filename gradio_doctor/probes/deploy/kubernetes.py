"""Kubernetes manifests: the containers of workloads, with the Services and Ingresses in front of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

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
_PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902", "replicas", "components", "transformers",
            "namePrefix", "nameSuffix", "images", "configMapGenerator", "secretGenerator", "replacements")
_MOST = 200
_MOST_DOCUMENTS = 2000
Maps = dict[str, "tuple[Said, ...]"]


def is_manifest(text: str) -> bool:
    """True for a text that has what every manifest has."""
    return bool(re.search(r"^apiVersion:", text, re.MULTILINE) and re.search(r"^kind:", text, re.MULTILINE))


def read_manifests(documents: Sequence[tuple[str, Node]], script: str) -> tuple[Unit, ...]:
    """The containers of all manifests (file, document), put together with what stands in front of them."""
    every = list(islice((one for file, document in documents for one in _unlisted(file, document)), _MOST_DOCUMENTS))
    services = [(f, n, _selector(n)) for f, n in every if n.get("kind").value == "Service"][:_MOST]
    around = _Around(every, script, _config_maps(every), services, _annotated_sticky(every))
    units: list[Unit] = []
    for file, node in every:
        kind = node.get("kind").value
        if kind in _WORKLOADS and len(units) < _MOST:
            units += _workload(kind, node, file, around)
    return tuple(units)


def patched(documents: Sequence[tuple[str, Node]]) -> dict[str, str]:
    """The directories whose manifests kustomize changes, each with the file that says so."""
    return {posixpath.dirname(file): file for file, node in documents
            if node.get("kind").value in ("Kustomization", "Component") and any(node.get(n) for n in _PATCHES)}


def _unlisted(file: str, document: Node) -> Iterator[tuple[str, Node]]:
    if document.get("kind").value == "List":
        yield from ((file, item) for item in document.get("items").items[:_MOST])
    else:
        yield file, document


@dataclass(frozen=True, slots=True)
class _Around:
    """What a workload is seen with: all documents, the ConfigMaps' variables, the Services with what they select."""

    every: list[tuple[str, Node]]
    script: str
    maps: Maps
    services: list[tuple[str, Node, dict[str, str]]]
    held: bool


def _workload(kind: str, node: Node, file: str, around: _Around) -> Iterator[Unit]:
    spec = node.get("spec")
    if kind == "CronJob":
        spec = spec.get("jobTemplate", "spec")
    pod = node if kind == "Pod" else spec.get("template")
    containers = [c for c in pod.get("spec", "containers").items[:20] if c.get("image")]  # without: a patch
    beside = [c for c in pod.get("spec", "initContainers").items[:20] if c.get("restartPolicy").value == "Always"]
    name = node.get("metadata", "name").value
    labels = {k: v.value for k, v in islice(pod.get("metadata", "labels").keys.items(), 100)}
    fronts = [(f, s) for f, s, wanted in around.services if wanted and wanted.items() <= labels.items()]
    for container in containers:
        unit = _container(container, pod.get("spec"), file, around.script, around.maps)
        sockets = tuple(p for f, s in fronts for p in _targets(s, container, f))
        yield replace(
            unit, name=name or unit.name, ports=unit.ports + (sockets if len(containers) == 1 else ()),
            replicas=_replicas(node, file, around.every, name), sticky=around.held or _client_held(fronts),
            shared_network=len(containers) + len(beside) > 1 or pod.get("spec", "hostNetwork").true,
            settings=(said("kind", kind, file, node.line), *(said("service", s.get("metadata", "name").value, f, s.line)
                                                             for f, s in fronts)),
        )


def _config_maps(every: list[tuple[str, Node]]) -> Maps:
    """The variables of the ConfigMaps here, by the name of the map."""
    found: Maps = {}
    for file, node in every:
        if node.get("kind").value == "ConfigMap" and len(found) < _MOST:
            values = islice(node.get("data").keys.items(), _MOST)
            found[node.get("metadata", "name").value] = tuple(said(k, v.value, file, v.line) for k, v in values)
    return found


def _container(node: Node, pod: Node, file: str, script: str, maps: Maps) -> Unit:
    words = (*words_of(node.get("command")), *words_of(node.get("args")))
    line = first([node.get("command"), node.get("args")]).line or node.line
    server = read_server(words) if words else None
    limits = node.get("resources", "limits")
    security = [node.get("securityContext"), pod.get("securityContext")]
    image = node.get("image")
    privileged = security[0].get("privileged")
    user = first([n for s in security for n in (s.get("runAsUser"), s.get("runAsNonRoot")) if n.value != "false"])
    outside, sealed = _from_outside(node, maps)
    return Unit(
        "kubernetes", file, node.line, node.get("name").value, runs_app(server, script),
        said("image", image.value, file, image.line) if image.value else None, "", words, line, server,
        (*outside, *_environment(node, file, maps), *(said(n, v, file, line) for n, v in assignments(words))),
        sealed, _declared(node, file), tuple(_probes(node, file)),
        _memory(limits.get("memory"), file), _shm(node, pod, file),
        user=said("user", user.value, file, user.line) if user.value else None,
        privileged=said("privileged", "true", file, privileged.line) if privileged.true else None,
        gpu=any("/" in name and "gpu" in name for name in limits.keys), entry=words_of(node.get("command")),
    )


def _from_outside(node: Node, maps: Maps) -> tuple[list[Said], bool]:
    """The variables of the ConfigMaps that envFrom names; False when a source of it is not to be seen."""
    found: list[Said] = []
    sealed = True
    for item in node.get("envFrom").items[:20]:
        known = maps.get(item.get("configMapRef", "name").value)
        sealed = sealed and known is not None
        prefix = item.get("prefix").value[:100]
        found += (replace(word, name=prefix + word.name) for word in known or ())
    return found, sealed


def _environment(node: Node, file: str, maps: Maps) -> Iterator[Said]:
    for item in node.get("env").items[:_MOST]:
        name = item.get("name").value
        if name and item.get("value").text is not None:
            yield said(name, item.get("value").value, file, item.get("value").line)
        elif name and not item.get("valueFrom"):
            yield Said(said(name, "", file, item.line).name, "", file, item.line)
        elif name:  # from a Secret, a ConfigMap or a field: the right place for a secret
            key = item.get("valueFrom", "configMapKeyRef")
            there = maps.get(key.get("name").value, ())
            word = next((w for w in there if w.name == key.get("key").value), None)
            yield replace(word, name=said(name, "", file, 0).name) if word else Said(
                said(name, "", file, 0).name, "", file, item.line, known=False)


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


def _selector(service: Node) -> dict[str, str]:
    selector = service.get("spec", "selector").keys
    return {k: v.value for k, v in islice(selector.items(), 100)}


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


def _client_held(fronts: list[tuple[str, Node]]) -> bool:
    return any(s.get("spec", "sessionAffinity").value == "ClientIP" for _, s in fronts)


def _annotated_sticky(every: list[tuple[str, Node]]) -> bool:
    """Whether something in front keeps a browser on one copy: an annotation or a rule about affinity, a Route."""
    return any(_held_by(n) for _, n in every if n.get("kind").value not in _WORKLOADS)


def _held_by(node: Node) -> bool:
    spec = node.get("spec")
    if node.get("kind").value == "Route" and node.get("apiVersion").value.startswith("route.openshift.io"):
        return True  # OpenShift's router sets a cookie unless it is told not to
    for name, value in islice(node.get("metadata", "annotations").keys.items(), 100):
        if _STICKY.search(name) or "stickiness.enabled=true" in value.value:
            return True
    routes = (*spec.get("routes").items[:100], *spec.get("rules").items[:100])
    services = (s for r in routes for s in r.get("services").items[:20])
    affinity = spec.get("sessionAffinity").keys or spec.get("sessionPersistence")
    return bool(spec.get("trafficPolicy", "loadBalancer", "consistentHash") or spec.get("sticky") or affinity
                or any(s.get("sticky") for s in services) or any(r.get("sessionPersistence") for r in routes))
