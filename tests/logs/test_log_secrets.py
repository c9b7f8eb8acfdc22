"""Secrets that a log shows do not leave the reader."""

from __future__ import annotations

from pathlib import Path

from gradio_doctor.knowledge.model import Prose, Signature
from gradio_doctor.logs import read_logs

KEY, TOKEN = "sk-abcdefghijklmnop1234567890", "hf_abcdefghijklmnop1234"
LOG = f"""\
before password=hunter2hunter2
Traceback (most recent call last):
  File "/x/app.py", line 3, in <module>
    client = OpenAI(api_key="{KEY}")
ValueError: the token {TOKEN} is wrong
after https://me:secretsecret@example.com/
"""
TOKEN_LINE = Signature("x.token", (r"the token (?P<token>\S{1,80}) is wrong",), Prose(""), 0.01)


def test_no_secret_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(LOG)
    events = read_logs([log], [TOKEN_LINE])
    assert events.get("x.token") is not None
    assert events.tracebacks[0].last.frames[0].text.startswith("client = OpenAI(")
    told = repr(events)
    for secret in (KEY, TOKEN, "hunter2", "secretsecret"):
        assert secret not in told
    assert "the token" in told
