"""Messages in other languages and code pages, as Windows and localised shells print them: their codes still tell."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from gradio_doctor.evidence import LogEvents
from gradio_doctor.knowledge.model import Signature
from gradio_doctor.logs import read_logs
from gradio_doctor.logs.text import decode
from gradio_doctor.registry import load

Known = Callable[[bytes], LogEvents]

IN_USE = {  # what the C library or Windows says for an address in use
    "cp936": "OSError: [WinError 10048] 通常每个套接字地址(协议/网络地址/端口)只允许使用一次。",
    "cp932": "OSError: [WinError 10048] 通常、各ソケット アドレスに対してプロトコルのどれか 1 つのみを使用できます。",
    "cp1252": "OSError: [WinError 10048] Normalerweise darf jede Socketadresse für jedes Protokoll nur",
    "cp1251": "OSError: [WinError 10048] Обычно разрешается одно использование адреса сокета",
    "cp949": "OSError: [WinError 10048] 각 소켓 주소는 하나만 사용할 수 있습니다",
    "latin-1": "OSError: [Errno 98] Adresse déjà utilisée",
    "utf-8": "OSError: [Errno 98] 地址已在使用",
    "utf-16": "OSError: [Errno 98] Die Adresse wird bereits verwendet",
}


@pytest.fixture(scope="module")
def every_signature() -> tuple[Signature, ...]:
    return tuple(load(plugins=False).knowledge.signatures.values())


@pytest.fixture
def known(tmp_path: Path, every_signature: tuple[Signature, ...]) -> Known:
    """Reads a log with all the signatures that there are."""
    def function(data: bytes) -> LogEvents:
        path = tmp_path / "app.log"
        path.write_bytes(data)
        return read_logs([str(path)], every_signature)

    return function


@pytest.mark.parametrize("codec", IN_USE)
def test_an_address_in_use(known: Known, codec: str) -> None:
    found = known(f"INFO: start\n{IN_USE[codec]}\n".encode(codec))
    assert found.get("port.address-in-use"), [m.signature for m in found.matches]
    assert found.matches[0].source.line == 2


@pytest.mark.parametrize("codec", [c for c in IN_USE if c != "cp949"])
def test_it_is_shown_as_it_was_written(known: Known, codec: str) -> None:
    match = known(f"{IN_USE[codec]}\n".encode(codec)).get("port.address-in-use")
    assert match and match.text == IN_USE[codec]


@pytest.mark.parametrize(("code", "signature"), [
    ("10013", "port.winerror-10013"), ("10048", "port.address-in-use"), ("1455", "memory.page-file"),
])
@pytest.mark.parametrize("codec", ["cp936", "utf-16", "utf-8-sig"])
def test_windows_codes(known: Known, code: str, signature: str, codec: str) -> None:
    text = f"OSError: [WinError {code}] 以一种访问权限不允许的方式做了一个访问套接字的尝试。\r\n"
    assert signature in [m.signature for m in known(text.encode(codec)).matches]


def test_connections_reset_by_windows_are_noise(known: Known) -> None:
    """What Windows says when a browser tab is closed."""
    text = "ConnectionResetError: [WinError 10054] 远程主机强迫关闭了一个现有的连接。\n"
    assert [m.signature for m in known(text.encode("cp936")).matches] == [
        m.signature for m in known(b"ConnectionResetError: [WinError 10054] x\n").matches
    ] != []


@pytest.mark.parametrize("line", [
    "bash: ffmpeg：未找到命令", "bash: 行 1: ffmpeg: 未找到命令", "/bin/bash: Zeile 3: ffmpeg: Befehl nicht gefunden.",
    "bash: ligne 1: ffmpeg : commande introuvable", "bash: ffmpeg: コマンドが見つかりません",
    "zsh: command not found: ffmpeg", "sh: 1: ffmpeg: not found",
])
def test_a_program_that_is_missing(known: Known, line: str) -> None:
    matches = known(f"{line}\n".encode()).matches
    assert [m.captures.get("program") for m in matches if m.signature.startswith("dependency.")] == ["ffmpeg"], matches


@pytest.mark.parametrize("line", [
    "start.sh: 行 2:  4711 已杀死               python app.py", "start.sh: Zeile 2:  4711 Getötet   python app.py",
    "start.sh: line 2:  4711 Killed                  python app.py",
])
@pytest.mark.parametrize("codec", ["utf-8", "cp936"])
def test_a_process_that_was_killed(known: Known, line: str, codec: str) -> None:
    if codec == "cp936" and "ö" in line:
        codec = "utf-8"
    found = known(f"{line}\n".encode(codec))
    assert any(m.signature.startswith("memory.") for m in found.matches), found.matches


# -- paths


WINDOWS = r"""Traceback (most recent call last):
  File "C:\Users\张三\桌面\app.py", line 12, in <module>
    demo.launch()
  File "C:\Users\张三\AppData\Local\Programs\Python\Python311\Lib\site-packages\gradio\blocks.py", line 2446, in launch
    ) = http_server.start_server(
OSError: Cannot find empty port in range: 7860-7860. You can specify a different port.
""".replace("\n", "\r\n")


@pytest.mark.parametrize("codec", ["cp936", "utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("squeeze", [bytes, gzip.compress])
def test_windows_paths_in_tracebacks(known: Known, codec: str, squeeze: Callable[[bytes], bytes]) -> None:
    found = known(squeeze(WINDOWS.encode(codec)))
    [traceback] = found.tracebacks
    place = traceback.location
    assert place and (place.file, place.line) == (r"C:\Users\张三\桌面\app.py", 12)
    assert [x.own for x in traceback.last.frames] == [True, False]
    assert traceback.last.message.startswith("Cannot find empty port") and not traceback.truncated
    assert found.get("port.cannot-find-empty-port")


# -- decoding


@pytest.mark.parametrize(("text", "codec"), [
    ("页面文件太小，无法完成操作。", "cp936"), ("已杀死", "cp936"), ("python：未找到命令", "gb18030"),
    ("プロセスはファイルにアクセスできません。", "cp932"), ("Zugriff verweigert für Müller", "cp1252"),
    ("Getötet", "cp1252"), ("Accès refusé – “chemin”", "cp1252"), ("naïve", "latin-1"),
    ("Отказано в доступе", "cp1251"), ("日本語", "utf-8"),
])
def test_lines_of_one_code_page(text: str, codec: str) -> None:
    assert decode(text.encode(codec)) == text


@pytest.mark.parametrize("cut", range(1, 12))
def test_utf8_that_is_cut_is_utf8(cut: int) -> None:
    text = "页面文件太小，无法完成操作。" * 3
    shown = decode(text.encode()[:-cut])
    assert text.startswith(shown.rstrip("\ufffd")) and len(shown) > 25


def test_any_byte_is_text() -> None:
    for byte in range(256):
        assert len(decode(b"ab" + bytes([byte]) + b"cd")) == 5
