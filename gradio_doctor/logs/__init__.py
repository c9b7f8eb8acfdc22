"""Reading logs, finding signatures and tracebacks in them, and putting them on one time line."""

from gradio_doctor.logs.read import read_logs
from gradio_doctor.logs.reading import LogError, LogInput
from gradio_doctor.logs.scanner import Limits

__all__ = ["Limits", "LogError", "LogInput", "read_logs"]
