"""Reading what the reverse proxies of this machine are configured to do."""

from gradio_doctor.probes.proxies.probe import probe_proxies

__all__ = ["probe_proxies"]
