"""Reads the app's source, without running any of it."""

from gradio_doctor.probes.source.probe import probe_source, read_source

__all__ = ["probe_source", "read_source"]
