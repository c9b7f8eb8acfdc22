"""Reports: pure functions of a diagnosis."""
