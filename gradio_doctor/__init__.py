"""Why a Gradio app does not start, hangs, answers 502 or dies: the evidence, the root cause, the fix."""

__version__ = "0.1.0"
