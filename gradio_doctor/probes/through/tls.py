"""What a client that verifies certificates sees of a TLS server. The certificate authorities are the system's."""

from __future__ import annotations

import socket
import ssl
import time

from gradio_doctor.evidence import TlsLook
from gradio_doctor.evidence.proxied import TlsOutcome
from gradio_doctor.probes.exchange import Server, connect
from gradio_doctor.probes.redact import clean

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_VERIFY: dict[int, TlsOutcome] = {
    9: "not-yet-valid", 10: "expired", 18: "self-signed", 19: "self-signed", 20: "unknown-issuer",
    21: "unknown-issuer", 62: "wrong-name", 64: "wrong-name",
}
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG")


def look_at_tls(server: Server, seconds: float = 2.0) -> TlsLook | None:
    """Shake hands as a browser would, and hang up. None when no connection could be made at all."""
    plain = Server(server.host, server.port)
    deadline = time.monotonic() + seconds
    try:
        with connect(plain, deadline) as connection:
            connection.settimeout(max(0.1, deadline - time.monotonic()))
            return _shake(connection, _name(server))
    except OSError:
        return None


def _name(server: Server) -> str:
    return server.public.rpartition(":")[0] or server.public or server.host


def _shake(connection: socket.socket, name: str) -> TlsLook:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with context.wrap_socket(connection, server_hostname=name) as secure:
            return TlsLook("trusted", secure.version() or "", secure.selected_alpn_protocol() or "")
    except ssl.SSLCertVerificationError as error:
        return TlsLook(_VERIFY.get(error.verify_code, "failed"), clean(error.verify_message, 200))
    except ssl.SSLError as error:
        words = clean(str(error), 200)
        return TlsLook("no-tls" if any(w in words.upper() for w in _NO_TLS) else "failed", words)
    except (OSError, ValueError) as error:
        return TlsLook("failed", clean(f"{type(error).__name__}: {error}", 200))
