"""Redaction: secrets go, evidence stays, nothing drives the terminal, and no input takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradio_doctor.probes.redact import (
    clean,
    is_secret_name,
    redact_command,
    redact_text,
    redact_url,
    redact_value,
)

SECRETS = [
    ("hf_AbCdEfGhIjKlMnOpQrSt", "hf_AbCdEfGhIjKlMnOpQrSt"),
    ("key sk-proj-abcdefghij0123456789 was refused", "sk-proj-abcdefghij0123456789"),
    ("Authorization: Bearer abc.def-123456", "abc.def-123456"),
    ("sent bearer abcdef0123456789", "abcdef0123456789"),
    ("Cookie: access-token=abcd; other=1", "abcd"),
    ("set-cookie: session=s3cr3t; Path=/", "s3cr3t"),
    ("postgres://app:hunter2@db/app", "hunter2"),
    ("http_proxy=http://bob:p@ss@proxy:3128", "p@ss"),
    ("connect(password='hun ter2', port=5)", "hun ter2"),
    ("api_key=abcdef", "abcdef"),
    ('{"OPENAI_API_KEY": "xyz-1"}', "xyz-1"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
    ("GET /file?token=abc123&x=1", "abc123"),
    ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ", "SflKxwRJ"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END", "MIIEow"),
    ("ghp_0123456789abcdefABCD", "ghp_0123456789abcdefABCD"),
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_secret_is_hidden(text: str, secret: str) -> None:
    assert secret not in redact_text(text)
    assert "***" in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=512 tokenizer=gpt2",
        "token = os.environ['HF_TOKEN']",
        "api_key=get_key(name)",
        "api_key=None, password=None",
        "KeyError: 'OPENAI_API_KEY'",
        "https://example.com/?email=a@b",
        "basic authentication failed",
        "Bearer token required",
        "SyntaxError: unexpected token: }",
        "http://127.0.0.1:7860/gradio_api/queue/join",
        "std::secret::token::kind",
        "desk-side-chair-with-a-long-name",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def test_url_keeps_everything_but_credentials() -> None:
    assert redact_url("https://u:p@host:1/a?b=c#d") == "https://***@host:1/a?b=c#d"
    assert redact_url("https://hf_token@host/") == "https://***@host/"
    assert redact_url("http://host/@x") == "http://host/@x"


@pytest.mark.parametrize("name", ["HF_TOKEN", "OPENAI_API_KEY", "--api-key", "apiKey", "DB_PASSWORD", "GRADIO_AUTH",
                                  "AWS_SECRET_ACCESS_KEY", "Set-Cookie", "authorization", "accessToken", "-token"])
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)
    assert redact_value(name, "abc") == "***"
    assert redact_value(name, "") == ""


@pytest.mark.parametrize("name", ["PWD", "OLDPWD", "MAX_TOKENS", "KEYBOARD", "SSL_KEY_FILE", "--no-auth", "PORT", "",
                                  "GRADIO_SERVER_NAME", "TOKENIZERS_PARALLELISM", "AUTHOR", "PASSENGERS"])
def test_other_names(name: str) -> None:
    assert not is_secret_name(name)
    assert redact_value(name, "abc") == "abc"


def test_value_of_a_harmless_name_loses_the_secrets_in_it() -> None:
    assert redact_value("https_proxy", "http://bob:pw@proxy:1") == "http://***@proxy:1"


def test_command_hides_values_of_secret_options_only() -> None:
    shown = redact_command(
        ["python", "app.py", "--token", "abc", "--hf-token=xyz", "--no-auth", "data.csv", "KEY=v", "--port", "7860",
         "--password", "--verbose", "--proxy=http://u:p@h"]
    )
    assert shown == ("python", "app.py", "--token", "***", "--hf-token=***", "--no-auth", "data.csv", "KEY=***",
                     "--port", "7860", "--password", "--verbose", "--proxy=http://***@h")


def test_command_is_bounded() -> None:
    shown = redact_command(["python", "-c", "x" * 1_000_000, *["a"] * 10_000])
    assert len(shown) == 256
    assert len(shown[2]) == 2000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jcleared\x9d0;t\x9c", "cleared"),
        ("\x1bP+q544e\x1b\\x", "x"),
        ("\x1b(Bok\x1bc", "ok"),
        ("a\tb\nc\r\nd\x85e\u2028f", "a b c  d e f"),
        ("bell\x07 back\x08 nul\x00 del\x7f", "bell back nul del"),
        ("abc\u202egpj.exe\u2066\u200f", "abcgpj.exe"),
        ("zero\u200bwidth\ufeff tag\U000e0041", "zerowidth tag"),
        ("lone \udcff surrogate", "lone  surrogate"),
        ("中文 émoji 👩‍💻", "中文 émoji 👩‍💻"),
        ("unfinished \x1b]0;title", "unfinished ]0;title"),
    ],
)
def test_clean(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_clean_bounds_the_length_and_says_so() -> None:
    assert clean("a" * 10, 10) == "a" * 10
    assert clean("a" * 11, 10) == "a" * 9 + "…"
    assert len(clean("\x1b[1m" * 100_000 + "a" * 100, 10)) <= 10


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("\x1b[]\x9b\x9d\x07\\;0mK(Bé\n\x00\u202e\x9c P"), max_size=60))
def test_clean_leaves_nothing_that_drives_a_terminal(text: str) -> None:
    shown = clean(text)
    assert not [c for c in shown if ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e"]
    shown.encode()


HOSTILE = ["\x1b[", "\x1b]", "\x1b[1;", "\x9d", "eyJ", "eyJa.", "sk-", "sk-a", "hf_", "token", "token=", "token ",
           "bearer ", "bearer a", "://", "://a", "@", "cookie:", "cookie", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----",
           "a-", "secret_", "access_", "password '", "password='", 'authorization="', "private-", "basic\t", "a_"]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = (unit * 200_000)[:200_000]
    begun = time.process_time()
    redact_text(text)
    clean(text, len(text))
    is_secret_name(text)
    assert time.process_time() - begun < 2.0  # 0.1 s measured; a quadratic pattern takes minutes
