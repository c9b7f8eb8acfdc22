"""What the families know: loading, validating, and the typed model."""
