"""Whose request failed: a library's download from a hub, or one that a hub answered with a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from gradio_doctor.sdk import Finding, LogEvents, Traceback, check

from .app_tracebacks import explained, finding, in_handler, is_telemetry, library_of, matched_tracebacks, slashes
from .network import asks_itself

# Libraries (and files of larger ones) that download models and data, and nothing else over the network.
_DOWNLOADERS = frozenset({
    "huggingface_hub", "datasets", "modelscope", "nltk", "gdown", "torchvision", "open_clip", "whisper", "hf_xet",
    "sentence_transformers", "transformers", "diffusers", "timm", "pooch", "kagglehub", "paddlehub", "easyocr",
})
_TALKERS = frozenset({
    "requests", "urllib3", "httpx", "httpx2", "httpcore", "aiohttp", "openai", "anthropic", "groq", "ollama", "redis",
    "pymysql", "MySQLdb", "psycopg2", "psycopg", "asyncpg", "pymongo", "websockets", "websocket", "grpc", "pymilvus",
    "qdrant_client", "elasticsearch", "boto3", "botocore", "weaviate", "chromadb", "kombu", "pika", "langchain_openai",
})
_FILES = ("torch/hub.py", "gradio/external.py", "gradio/external_utils.py", "gradio/tunneling.py")
_NOT_DOWNLOADS = ("huggingface_hub/inference/", "gradio/tunneling.py")
_KINDS = frozenset({
    "ConnectError", "ConnectTimeout", "ReadTimeout", "ReadError", "ConnectionError", "MaxRetryError", "URLError",
    "NewConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "SSLError", "gaierror", "NameResolutionError",
    "ClientConnectorError", "ClientConnectorDNSError", "RemoteProtocolError", "ProtocolError", "IncompleteRead",
    "ConnectionRefusedError", "ConnectionTimeout", "OperationalError", "ServerSelectionTimeoutError",
    "APIConnectionError", "ChunkedEncodingError", "ContentTooShortError", "TimeoutError", "SSLCertVerificationError",
    "SSLEOFError",
})
_PLAIN = ("network.remote-host-unreachable",)
_REFUSED = ("network.hub-token", "network.hub-gated")


@check("network-request", finds=("network.hub-request-failed", "network.remote-request-failed"))
def network_request(log: LogEvents) -> Iterator[Finding]:
    """The exception is of the network: the code that asked tells whether it downloads, or talks to a service."""
    refused = {i for name in _REFUSED if (m := log.get(name)) for i in m.tracebacks}
    for index, traceback in enumerate(log.tracebacks):
        if index in refused or traceback.last.short_type not in _KINDS or is_telemetry(traceback):
            continue
        if library := _downloader(traceback):
            found = finding("network.hub-request-failed", index, traceback, traceback.last, library=library)
            yield replace(found, replaces=(*_PLAIN, "app.ended-by-exception", "app.handler-raised"))
            return
        own = _asks_by_urllib(traceback)
        library = "urllib" if own else _talker(traceback)
        if library and (own or not explained(log, index)) and not asks_itself(traceback, log):
            found = finding("network.remote-request-failed", index, traceback, traceback.last, library=library)
            hub = ("network.download-host-unreachable",) if own else ()
            yield replace(found, replaces=("app.ended-by-exception", "app.handler-raised", *hub))
            return


def _talker(traceback: Traceback) -> str:
    """The library that was talking to another service, "" when none was."""
    frames = [f for link in traceback.links for f in link.frames]
    return next((name for f in frames if (name := library_of(slashes(f.file))) in _TALKERS), "")


def _asks_by_urllib(traceback: Traceback) -> bool:
    """True when a handler's own line calls urllib.request.urlopen(): it asks a service, and downloads no model."""
    if not in_handler(traceback):
        return False
    frames = [f for link in traceback.links for f in link.frames]
    return any(
        caller.own and called.function == "urlopen" and slashes(called.file).endswith("urllib/request.py")
        for caller, called in pairwise(frames)
    )


def _downloader(traceback: Traceback) -> str:
    """The library that was downloading, "" when none was."""
    frames = [f for link in traceback.links for f in link.frames]
    paths = [slashes(f.file) for f in frames]
    if any(part in path for path in paths for part in _NOT_DOWNLOADS):
        return ""
    named = next((library_of(p) for p in reversed(paths) if library_of(p) in _DOWNLOADERS), "")
    return named or next((library_of(p) for p in paths if p.endswith(_FILES)), "")


@check("network-hub-answer", finds=("network.hub-refused-request",))
def network_hub_answer(log: LogEvents) -> Iterator[Finding]:
    """transformers calls every failure a connection error; the exception below tells that the hub refused."""
    for name in _REFUSED:
        match = log.get(name)
        if match is None or log.get("network.hub-no-connection") is None:
            continue
        for index, traceback in matched_tracebacks(log, match):
            found = finding("network.hub-refused-request", index, traceback, traceback.first)
            yield replace(found, replaces=("network.hub-no-connection", "network.hub-failing"))
            return
