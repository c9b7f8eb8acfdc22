"""Reads what lies beside an app about its deployment, without running any of it."""

from gradio_doctor.probes.deploy.probe import probe_deployment, read_deployment

__all__ = ["probe_deployment", "read_deployment"]
