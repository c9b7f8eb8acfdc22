"""Kubernetes manifests: lists, sidecars, ConfigMaps, what kustomize and templates change."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from gradio_doctor.evidence import Unit
from gradio_doctor.probes.deploy.kubernetes import read_manifests
from gradio_doctor.probes.deploy.yaml_lines import read_documents
from tests.probes.deploy_files import MANIFEST, read

POD = """
apiVersion: v1
kind: Pod
metadata: {name: demo}
spec:
  containers:
    - name: web
      image: x:1
      command: [python, app.py]
"""
MAP = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n  GRADIO_SERVER_NAME: 0.0.0.0\n"


def units(text: str) -> tuple[Unit, ...]:
    return read_manifests([("/r/k8s/a.yaml", d) for d in read_documents(text)], "/r/app.py")


def pod(more: str = "", beside: str = "") -> Unit:
    """A pod's web container with more lines in it, and more containers or documents behind it."""
    return units(POD + textwrap.indent(more, "      ") + beside)[0]


def test_a_list_is_as_its_items() -> None:
    items = "".join(textwrap.indent(f"- {d.strip()}".replace("\n", "\n  "), "  ") + "\n" for d in MANIFEST.split("---"))
    (unit,) = units(f"apiVersion: v1\nkind: List\nitems:\n{items}")
    assert unit.setting("service") and [p.inside for p in unit.ports if p.leads] == [7860]


@pytest.mark.parametrize(("beside", "count", "shared"), [
    ("", 1, False),
    ("  initContainers: [{name: fetch, image: busybox, command: [sh, -c, sleep 1]}]\n", 1, False),
    ("  initContainers: [{name: mesh, image: envoy, restartPolicy: Always}]\n", 1, True),
    ("    - {name: proxy, image: nginx}\n", 2, True),
    ("    - {name: patch}\n", 1, False),
    ("  hostNetwork: true\n", 1, True),
])
def test_what_else_is_in_the_pod(beside: str, count: int, shared: bool) -> None:
    found = units(POD + beside)
    assert (len(found), found[0].shared_network) == (count, shared)


def test_variables_of_a_config_map() -> None:
    unit = pod("envFrom: [{configMapRef: {name: settings}}]\n", MAP)
    name = unit.variable("GRADIO_SERVER_NAME")
    assert unit.sealed and name and (name.value, name.line) == ("0.0.0.0", 16)
    prefixed = pod("envFrom: [{configMapRef: {name: settings}, prefix: X_}]\n", MAP)
    assert prefixed.variable("X_GRADIO_SERVER_NAME") and not prefixed.variable("GRADIO_SERVER_NAME")
    given = "env: [{name: NAME, valueFrom: {configMapKeyRef: {name: settings, key: GRADIO_SERVER_NAME}}}]\n"
    one = pod(given, MAP).variable("NAME")
    assert one and (one.value, one.known) == ("0.0.0.0", True)


@pytest.mark.parametrize("more", [
    "envFrom: [{secretRef: {name: settings}}]\n", "envFrom: [{configMapRef: {name: other}}]\n",
    "envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: s}}]\n",
])
def test_sources_that_are_not_here(more: str) -> None:
    assert not pod(more, MAP).sealed


@pytest.mark.parametrize(("entry", "known"), [
    ("{name: A, value: x}", True), ("{name: A, value: ''}", True), ("{name: A}", True), ("{name: A, value: $(B)}",
        False),
    ("{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}", False),
    ("{name: A, valueFrom: {configMapKeyRef: {name: other, key: k}}}", False),
    ("{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}", False),
])
def test_variables_of_a_container(entry: str, known: bool) -> None:
    word = pod(f"env: [{entry}]\n").variable("A")
    assert word and word.known == known


@pytest.mark.parametrize(("security", "user"), [
    ("{runAsUser: 0}", "0"), ("{runAsUser: 1000}", "1000"), ("{runAsNonRoot: true}", "true"), ("{}", ""),
    ("{runAsNonRoot: false}", ""),
])
def test_users(security: str, user: str) -> None:
    unit = pod(f"securityContext: {security}\n")
    assert (unit.user.value if unit.user else "") == user


@pytest.mark.parametrize("document", [
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, annotations: "
    "{alb.ingress.kubernetes.io/target-group-attributes: 'stickiness.enabled=true'}}",
    "apiVersion: route.openshift.io/v1\nkind: Route\nmetadata: {name: r}",
    "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
    "spec: {trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}}",
    "apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\n"
    "spec: {routes: [{services: [{name: s, sticky: {cookie: {}}}]}]}",
    "apiVersion: cloud.google.com/v1\nkind: BackendConfig\nspec: {sessionAffinity: {affinityType: GENERATED_COOKIE}}",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nspec: {rules: [{sessionPersistence: {type: Cookie}}]}",
])
def test_what_keeps_a_browser_on_one_copy(document: str) -> None:
    assert all(u.sticky for u in units(f"{MANIFEST}---\n{document}\n"))
    assert not any(u.sticky for u in units(MANIFEST))


@pytest.mark.parametrize("change", [
    "patches: [{path: p.yaml}]", "patchesStrategicMerge: [p.yaml]", "components: [../x]",
    "images: [{name: x, newTag: y}]",
])
def test_what_kustomize_changes_is_said_and_not_guessed(tmp_path: Path, change: str) -> None:
    kustomization = f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n{change}\n"
    found = read(tmp_path, k8s___a__yaml=MANIFEST, k8s___kustomization__yaml=kustomization)
    assert not found.units
    (note,) = found.unread
    assert "kubectl kustomize" in note and "kustomization.yaml" in note
    plain = read(tmp_path, k8s___kustomization__yaml=kustomization.replace(change, "resources: [a.yaml]"))
    assert len(plain.units) == 1 and not plain.unread


@pytest.mark.parametrize("template", [
    "replicas: {{ .Values.n }}", "{{- if .Values.on }}", "image: {{ image }}", "{% if x %}",
    "name: {{ include \"x\" . }}",
])
def test_templates_are_said_and_not_guessed(tmp_path: Path, template: str) -> None:
    found = read(tmp_path, k8s___a__yaml=f"apiVersion: v1\nkind: Pod\n{template}\nspec: {{}}\n")
    assert (found.units, len(found.unread)) == ((), 1)


def test_arguments_behind_the_entrypoint_of_the_image(tmp_path: Path) -> None:
    image = 'FROM python:3.12\nENTRYPOINT ["python", "app.py"]\nCMD ["--x"]\n'
    found = read(tmp_path, Dockerfile=image, k8s___a__yaml=MANIFEST)
    (unit,) = (u for u in found.units if u.kind == "kubernetes")
    assert unit.runs == "app" and unit.built_from == str(tmp_path / "Dockerfile")
