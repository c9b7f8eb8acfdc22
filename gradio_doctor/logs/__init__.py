"""Reading logs, finding signatures and tracebacks in them, and putting them on one time line."""
