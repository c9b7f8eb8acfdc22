"""World to evidence: the only code that touches the operating system, the network or NVML."""
