# ruff: noqa: E501 - the lines are printed that long
"""Lines of other proxies, hosters and browsers, as their sources print them, and the cause that each means."""

from __future__ import annotations

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.log_lab import Lab

CASES = [
    ("proxy.upstream-down", """time="2023-03-01T10:00:00Z" level=debug msg="'502 Bad Gateway' caused by: dial tcp 172.18.0.5:80: connect: connection refused\""""),
    ("proxy.upstream-down", '{"level":"error","ts":1.1,"logger":"http.log.error","msg":"dial tcp 127.0.0.1:8000: connect: connection refused","status":502}'),
    ("proxy.upstream-down", '[WARNING] 123/101010 (7) : Server app_back/app1 is DOWN, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms.'),
    ("proxy.upstream-down", "[ALERT] 123/101010 (7) : backend 'app_back' has no server available!"),
    ("proxy.upstream-down", "[proxy:error] [pid 12:tid 4] (111)Connection refused: AH00957: HTTP: attempt to connect to 127.0.0.1:8501 (localhost) failed"),
    ("proxy.upstream-down", "upstream connect error or disconnect/reset before headers. reset reason: connection failure"),
    ("proxy.upstream-down", "[HPM] Error occurred while proxying request localhost:3000/api to http://127.0.0.1:8000/ [ECONNREFUSED] (https://x)"),
    ("proxy.upstream-down", 'Service "default/app" does not have any active Endpoint.'),
    ("proxy.dns", '{"level":"error","logger":"http.log.error","msg":"dial tcp: lookup app on 127.0.0.11:53: no such host","status":502}'),
    ("proxy.dns", "[proxy:error] [pid 12:tid 4] [client 1.1.1.1:33] AH00892: DNS lookup failure for: app returned by /"),
    ("proxy.wrong-upstream", "http: proxy error: tls: first record does not look like a TLS handshake"),
    ("proxy.wrong-upstream", "invalid request block size: 21573 (max 4096)...skip"),
    ("proxy.header-limits", "invalid request block size: 5120 (max 4096)...skip"),
    ("proxy.header-limits", "[WARNING] Invalid request from ip=1.1.1.1: Request Line is too large (5041 > 4094)"),
    ("proxy.header-limits", "aiohttp.http_exceptions.LineTooLong: 400, message: Got more than 8190 bytes (9000) when reading Header value is too long."),
    ("proxy.timeout", "(70007)The timeout specified has expired: [client 1.1.1.1:33] AH01102: error reading status line from remote server localhost:8000"),
    ("proxy.timeout", 'heroku[router]: at=error code=H12 desc="Request timeout" method=POST path="/predict" dyno=web.1 service=30001ms status=503'),
    ("proxy.timeout", "upstream request timeout"),
    ("proxy.timeout", '10.0.0.1 - - [01/Jan/2022:00:00:00 +0000] "POST /run HTTP/1.1" 504 167 "-" "curl/7.68.0"'),
    ("proxy.timeout", "2023-01-01T00:00:00Z 1f2e Task timed out after 30.03 seconds"),
    ("proxy.buffering", "GET https://x/api/chat net::ERR_CONTENT_DECODING_FAILED 200 (OK)"),
    ("proxy.websocket-upgrade", "[W 200101 00:00:00 web:2243] 400 GET /_stcore/stream (127.0.0.1) 0.71ms"),
    ("proxy.websocket-upgrade", "WebSocket connection to 'wss://x.com/ws/chat/' failed: Error during WebSocket handshake: Unexpected response code: 404"),
    ("proxy.websocket-upgrade", 'INFO:     172.17.0.1:5555 - "GET /ws HTTP/1.1" 404 Not Found'),
    ("proxy.websocket-upgrade", '[01/Jan/2022 00:00:00] "GET /ws/chat/lobby/ HTTP/1.1" 404 2187'),
    ("proxy.websocket-upgrade", "websockets.exceptions.InvalidUpgrade: invalid Connection header: keep-alive"),
    ("proxy.root-path", "Mixed Content: The page at 'https://x' was loaded over HTTPS, but requested an insecure resource 'http://x/config'."),
    ("proxy.root-path", "Invalid HTTP_HOST header: '10.0.0.4:8000'. You may need to add '10.0.0.4' to ALLOWED_HOSTS."),
    ("proxy.root-path", "SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON"),
    ("proxy.root-path", 'Failed to load module script: Expected a JavaScript module script but the server responded with a MIME type of "text/html".'),
    ("proxy.root-path", "GET https://x/ net::ERR_TOO_MANY_REDIRECTS"),
    ("proxy.tls", 'nginx: [emerg] cannot load certificate "/etc/x/fullchain.pem": BIO_new_file() failed (SSL: error:80000002:system library)'),
    ("proxy.tls", "Failed to load resource: net::ERR_CERT_AUTHORITY_INVALID"),
    ("proxy.tls", '*1 upstream SSL certificate verify error: (20:unable to get local issuer certificate) while SSL handshaking to upstream'),
    ("proxy.auth", "Access to fetch at 'http://a/api' from origin 'http://localhost:3000' has been blocked by CORS policy: No header."),
    ("proxy.auth", "mismatching_state: CSRF Warning! State not equal in request and response."),
    ("proxy.auth", "Forbidden (Origin checking failed - https://example.com does not match any trusted origins.): /login/"),
    ("proxy.auth", "http://example.com is not an accepted origin. (further occurrences of this error will be logged with level INFO)"),
    ("proxy.capacity", "kernel: nf_conntrack: nf_conntrack: table full, dropping packet"),
    ("proxy.capacity", "[mpm_event:error] [pid 1:tid 2] AH00484: server reached MaxRequestWorkers setting, consider raising it"),
    ("proxy.rate-limited", 'limiting connections by zone "addr", client: 1.1.1.1, server: x'),
    ("proxy.rate-limited", "WARNING slowapi:extension.py:510 ratelimit 5 per 1 minute (127.0.0.1) exceeded at endpoint: /x"),
    ("proxy.body-too-large", '10.0.0.1 - - [01/Jan/2022:00:00:00 +0000] "POST /upload HTTP/1.1" 413 183 "-" "curl/7.68.0"'),
    ("proxy.body-too-large", "django.core.exceptions.RequestDataTooBig: Request body exceeded settings.DATA_UPLOAD_MAX_MEMORY_SIZE."),
    ("proxy.body-too-large", "File size exceeded maximum allowed size of 1048576 bytes."),
]  # fmt: skip

HEALTHY = [
    '127.0.0.1 - - [01/Jan/2022:00:00:00 +0000] "GET / HTTP/1.1" 200 12 "-" "x"',
    '1.1.1.1 - - [01/Jan/2022:00:00:00 +0000] "GET /x HTTP/1.1" 499 0 "-" "x"',
    "[info] 1#1: *1 client prematurely closed connection, so upstream connection is closed too while sending request to upstream",
    "[crit] 1#1: *1 SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking, client: 1.1.1.1",
    "[warn] 1#1: *1 an upstream response is buffered to a temporary file /var/cache/nginx/1 while reading upstream, client: 1.1.1.1",
    "http: TLS handshake error from 1.1.1.1:555: EOF",
    "WARNING:  Invalid HTTP request received.",
    'INFO:     127.0.0.1:1 - "GET /ws/socket.io/?EIO=4&transport=polling&t=O HTTP/1.1" 404 Not Found',
    'INFO:     127.0.0.1:1 - "GET /favicon.ico HTTP/1.1" 404 Not Found',
    "[notice] 1#1: start worker process 30",
]  # fmt: skip


@pytest.fixture(scope="module")
def reader(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(loaded, tmp_path_factory.mktemp("read"))


@pytest.mark.parametrize(("cause", "line"), CASES)
def test_a_line_means_its_cause(cause: str, line: str, reader: Lab) -> None:
    assert reader.read(line + "\n").first == cause


@pytest.mark.parametrize("line", HEALTHY)
def test_everyday_lines_raise_nothing(line: str, reader: Lab) -> None:
    assert reader.read(f"{line}\n" * 3).first == ""


def test_a_database_that_refuses_is_not_the_upstream(reader: Lab) -> None:
    assert "proxy.go-refused" not in reader.read("dial tcp 10.0.0.3:5432: connect: connection refused\n").findings
