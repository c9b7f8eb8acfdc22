"""Which probe gathers which evidence. A probe's module is imported when its evidence is first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

from gradio_doctor import evidence as ev
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.probes.base import Context, Probe

_LIVE: Mapping[type, str] = {
    ev.Processes: "processes:probe_processes",
    ev.Listeners: "sockets:probe_listeners",
    ev.Instances: "instances:probe_instances",
    ev.Environment: "environment:probe_environment",
    ev.AppSource: "source:probe_source",
    ev.Deployment: "deploy:probe_deployment",
    ev.Interpreter: "interpreter:probe_interpreter",
    ev.WantedAddress: "wanted:probe_wanted",
    ev.BindPolicy: "bind_policy:probe_bind_policy",
    ev.PortUsers: "port_users:probe_port_users",
    ev.HttpAnswers: "http:probe_http",
    ev.AcceptQueue: "accept_queue:probe_accept_queue",
    ev.Outgoing: "outgoing:probe_outgoing",
    ev.QueueWatch: "queue_watch:probe_queue",
    ev.Threads: "watching:probe_threads",
    ev.Stacks: "watching:probe_stacks",
    ev.Tasks: "tasks:probe_tasks",
    ev.Run: "run:probe_run",
    ev.KernelLog: "kernel_log:probe_kernel_log",
    ev.Paths: "paths:probe_paths",
    ev.Gpus: "gpus:probe_gpus",
    ev.Servers: "servers:probe_servers",
    ev.Cgroup: "cgroup:probe_cgroup",
    ev.Usages: "usages:probe_usages",
    ev.HostMemory: "host_memory:probe_host_memory",
    ev.Shm: "host_memory:probe_shm",
    ev.Cores: "cores:probe_cores",
    ev.Processor: "processor:probe_processor",
    ev.MemoryCurve: "memory_curve:probe_memory_curve",
    ev.Proxies: "proxies:probe_proxies",
    ev.ProxyAnswers: "through.probe:probe_proxied",
}


def live_probes(signatures: Sequence[Signature]) -> dict[type, Probe]:
    """Every probe: for `diagnose`."""
    from gradio_doctor.live.model import Live
    from gradio_doctor.probes.accept_queue import Sampling, begin_sampling
    from gradio_doctor.probes.live import probe_live
    from gradio_doctor.probes.watching import Watching, begin_watching

    together: dict[type, Probe] = {Watching: begin_watching, Sampling: begin_sampling, Live: probe_live}
    return {kind: _lazy(place) for kind, place in _LIVE.items()} | together | log_probes(signatures)


def log_probes(signatures: Sequence[Signature]) -> dict[type, Probe]:
    """The probe of logs alone: for `logs`, whose files may come from another machine."""

    def probe(context: Context) -> object:
        from gradio_doctor.probes.log_events import make_log_probe

        return make_log_probe(signatures)(context)

    return {ev.LogEvents: probe}


def _lazy(place: str) -> Probe:
    module, _, name = place.partition(":")

    def probe(context: Context) -> object:
        function: Probe = getattr(importlib.import_module(f"gradio_doctor.probes.{module}"), name)
        return function(context)

    return probe
