"""Deployment files as people write them, for the tests of their readers and of the checks."""

from __future__ import annotations

from pathlib import Path

from gradio_doctor.evidence import Deployment, Unit
from gradio_doctor.probes.deploy import read_deployment

APP = """
import gradio as gr

def greet(name):
    return name

gr.Interface(greet, "text", "text").launch({launch})
"""
MOUNTED = """
import gradio as gr
from fastapi import FastAPI

app = FastAPI()
demo = gr.Interface(str.upper, "text", "text")
app = gr.mount_gradio_app(app, demo, path="/")
"""
DOCKERFILE = """
FROM python:3.12-slim
WORKDIR /srv
COPY . .
RUN pip install gradio==6.31.0
ENV GRADIO_SERVER_NAME=0.0.0.0
EXPOSE 7860
USER 1000
CMD ["python", "app.py"]
"""
COMPOSE = """
services:
  web:
    build: .
    ports:
      - "127.0.0.1:8080:7860"
    mem_limit: 4g
"""
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: demo
spec:
  replicas: 1
  template:
    metadata:
      labels: {app: demo}
    spec:
      containers:
        - name: web
          image: registry.example.com/demo:1.4
          ports: [{name: http, containerPort: 7860}]
          resources: {limits: {memory: 4Gi}}
          readinessProbe: {httpGet: {path: /, port: http}}
          startupProbe: {tcpSocket: {port: http}, failureThreshold: 60}
          livenessProbe:
            httpGet:
              path: /gradio_api/user
              port: http
---
apiVersion: v1
kind: Service
metadata: {name: demo}
spec:
  selector: {app: demo}
  ports: [{port: 80, targetPort: http}]
"""
SERVICE = """
[Unit]
Description=demo

[Service]
Type=exec
User=demo
ExecStart=/srv/venv/bin/python /srv/app.py
MemoryMax=2G
Restart=always
"""


def put(folder: Path, **files: str) -> str:
    """Write files (a name's __ is a dot, ___ a slash) beside app.py, and return the path of app.py."""
    (folder / "app.py").write_text(APP.format(launch=""), encoding="utf-8")
    for name, text in files.items():
        path = folder / name.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")
    return str(folder / "app.py")


def read(folder: Path, **files: str) -> Deployment:
    """What lies beside an app with these files."""
    return read_deployment(put(folder, **files))


def only(found: Deployment, kind: str) -> Unit:
    """The one unit of a kind."""
    (unit,) = (u for u in found.units if u.kind == kind)
    return unit
