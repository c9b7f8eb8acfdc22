# ruff: noqa: E501 - lines of logs are as long as they are
"""Logs of proxies, hubs, tokens, share links and remote APIs: each follows what the named library prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradio_doctor.registry import Loaded
from tests.checks.said import causes

_MAX = "Max retries exceeded with url: "
LOGS = [
    ("network.proxy-env", """
        Running on local URL:  http://127.0.0.1:7860
        Traceback (most recent call last):
          File "/srv/app.py", line 9, in <module>
            demo.launch()
          File "/srv/venv/lib/python3.10/site-packages/gradio/blocks.py", line 1916, in launch
            requests.get(f"{self.local_url}startup-events", verify=ssl_verify)
        requests.exceptions.ProxyError: HTTPConnectionPool(host='127.0.0.1', port=7860): Max retries exceeded with url: /startup-events (Caused by ProxyError('Unable to connect to proxy', NewConnectionError('x')))
    """),
    ("network.proxy-env", """
        Traceback (most recent call last):
          File "/srv/app.py", line 1, in <module>
            import gradio as gr
          File "/srv/venv/lib/python3.10/site-packages/httpx/_transports/default.py", line 187, in __init__
            raise ImportError(
        ImportError: Using SOCKS proxy, but the 'socksio' package is not installed. Make sure to install httpx using `pip install httpx[socks]`.
    """),
    ("network.proxy-env", """
        * Running on local URL:  http://127.0.0.1:7860
        Traceback (most recent call last):
          File "E:\\w\\webui.py", line 50, in <module>
            demo.launch(inbrowser=True)
          File "E:\\w\\venv\\Lib\\site-packages\\gradio\\blocks.py", line 2587, in launch
            resp = httpx.get(f"{self.local_api_url}startup-events", verify=ssl_verify, timeout=None)
          File "E:\\w\\venv\\Lib\\site-packages\\httpx\\_api.py", line 195, in get
            return request(
          File "E:\\w\\venv\\Lib\\site-packages\\httpcore\\_sync\\http_proxy.py", line 206, in handle_request
            return self._connection.handle_request(proxy_request)
        httpx.ReadError: [WinError 10054] 远程主机强迫关闭了一个现有的连接。
    """),
    ("network.proxy-env", "Exception: Couldn’t start the app because 'http://127.0.0.1:7860/gradio_api/startup-events' failed (code 502). Check your network or proxy settings to ensure localhost is accessible."),
    ("network.proxy-env", """
        Running on local URL:  http://127.0.0.1:7860
        Traceback (most recent call last):
          File "D:\\rvc\\infer-web.py", line 1990, in <module>
            app.queue(concurrency_count=511, max_size=1022).launch(
          File "D:\\rvc\\runtime\\lib\\site-packages\\gradio\\blocks.py", line 1920, in launch
            raise ValueError(
        ValueError: When localhost is not accessible, a shareable link must be created. Please set share=True.
    """),
    ("network.share-tunnel", "Could not create share link. Please check your internet connection or our status page: https://status.gradio.app."),
    ("network.share-tunnel", "Could not create share link. Checksum mismatch for file: /root/.cache/huggingface/gradio/frpc/frpc_linux_amd64_v0.3."),
    ("network.share-tunnel", "2024/04/02 10:11:12 [W] [service.go:132] login to server failed: EOF"),
    ("network.hub-unreachable", f"requests.exceptions.ConnectionError: (MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443): {_MAX}/api/models/x (Caused by NameResolutionError(\\\"<urllib3.connection.HTTPSConnection object at 0x7f>: Failed to resolve 'huggingface.co' ([Errno -3] Temporary failure in name resolution)\\\"))\"), '(Request ID: 1)')"),
    ("network.hub-unreachable", "OSError: We couldn't connect to 'https://huggingface.co' to load this file, couldn't find it in the cached files and it looks like bert-base-uncased is not the path to a directory containing a file named config.json."),
    ("network.hub-unreachable", "huggingface_hub.utils._errors.LocalEntryNotFoundError: Connection error, and we cannot find the requested files in the disk cache. Please try again or make sure your Internet connection is on."),
    ("network.hub-unreachable", "huggingface_hub.errors.OfflineModeIsEnabled: Cannot reach https://huggingface.co/x: offline mode is enabled. To disable it, please unset the `HF_HUB_OFFLINE` environment variable."),
    ("network.hub-unreachable", "fatal: unable to access 'https://github.com/x/y.git/': Failed to connect to github.com port 443: Connection timed out"),
    ("network.hub-unreachable", "urllib.error.URLError: <urlopen error [Errno 11001] getaddrinfo failed>"),
    ("network.hub-unreachable", "requests.exceptions.SSLError: (MaxRetryError(\"HTTPSConnectionPool(host='cdn-lfs.huggingface.co', port=443): Max retries exceeded with url: /x (Caused by SSLError(SSLEOFError(8, 'EOF occurred in violation of protocol (_ssl.c:1007)')))\"))"),
    ("network.hub-unreachable", "OSError: Can't load tokenizer for 'openai/clip-vit-large-patch14'. If you were trying to load it from 'https://huggingface.co/models', make sure you don't have a local directory with the same name.\nurllib3.exceptions.MaxRetryError: HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded"),
    ("network.hub-auth", "OSError: You are trying to access a gated repo.\nMake sure to have access to it at https://huggingface.co/meta-llama/Llama-2-7b-chat-hf.\n401 Client Error."),
    ("network.hub-auth", "huggingface_hub.utils._errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1)\n\nRepository Not Found for url: https://huggingface.co/api/models/me/private."),
    ("network.hub-auth", "requests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://huggingface.co/bigcode/starcoder/resolve/main/config.json"),
    ("network.hub-auth", "ValueError: Your machine must be logged in to HF to debug a Gradio app locally. Please run `huggingface-cli login`"),
    ("network.api-unreachable", "openai.AuthenticationError: Error code: 401 - {'error': {'message': 'Incorrect API key provided: sk-xx. You can find your API key at', 'code': 'invalid_api_key'}}"),
    ("network.api-unreachable", "openai.error.RateLimitError: You exceeded your current quota, please check your plan and billing details."),
    ("network.api-unreachable", "openai.RateLimitError: Error code: 429 - {'error': {'message': 'Rate limit reached for gpt-4'}}"),
    ("network.api-unreachable", "openai.error.APIConnectionError: Error communicating with OpenAI: HTTPSConnectionPool(host='api.openai.com', port=443): Max retries exceeded with url: /v1/chat/completions"),
    ("network.api-unreachable", f"requests.exceptions.ConnectionError: HTTPConnectionPool(host='localhost', port=11434): {_MAX}/api/generate (Caused by NewConnectionError('<urllib3>: Failed to establish a new connection: [Errno 111] Connection refused'))"),
    ("network.api-unreachable", "anthropic.InternalServerError: Error code: 529 - {'type': 'error', 'error': {'type': 'overloaded_error', 'message': 'Overloaded'}}"),
    ("network.api-unreachable", "pydantic_core._pydantic_core.ValidationError: 1 validation error for ChatOpenAI\n  Value error, Did not find openai_api_key, please add an environment variable `OPENAI_API_KEY` which contains it"),
    ("network.api-unreachable", """
        Traceback (most recent call last):
          File "/srv/venv/lib/python3.11/site-packages/gradio/queueing.py", line 625, in process_events
            response = await route_utils.call_process_api(
          File "/srv/app.py", line 30, in ask
            answer = client.chat.completions.create(model="gpt-4o", messages=m)
          File "/srv/venv/lib/python3.11/site-packages/openai/_base_client.py", line 1024, in _request
            raise APIConnectionError(request=request) from err
        openai.APIConnectionError: Connection error.
    """),
]


@pytest.mark.parametrize(("cause", "log"), LOGS, ids=[f"{i:02d}-{c}" for i, (c, _) in enumerate(LOGS)])
def test_the_cause_leads(cause: str, log: str, loaded: Loaded, tmp_path: Path) -> None:
    assert causes(log, loaded, tmp_path)[:1] == [cause]
