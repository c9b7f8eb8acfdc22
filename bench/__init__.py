"""Measurements: one command each, printing figures and ratios."""
