from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from gradio_doctor.report import json_report


@pytest.fixture(scope="session")
def schema() -> Draft202012Validator:
    """The published schema of the JSON report."""
    import json

    text = Path(json_report.__file__).with_name("schema.json").read_text(encoding="utf-8")
    Draft202012Validator.check_schema(json.loads(text))
    return Draft202012Validator(json.loads(text))
