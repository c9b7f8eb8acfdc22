"""The borders of what is said about answers through a proxy, and URLs from hostile servers that must not break it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gradio_doctor.evidence import ProxyAnswers, StreamHeard, UpstreamTried
from gradio_doctor.evidence.proxied import ResolverAsked
from gradio_doctor.registry import Loaded
from tests.checks.test_proxy_config import of, run, to
from tests.checks.test_proxy_live import APP, HEALTHY, PUBLIC, answer, exchange, findings, instead, names, with_page


def stream(first: float | None, last: float | None, ended: float | None, listened: float = 0.8) -> ProxyAnswers:
    return replace(HEALTHY, stream=StreamHeard("answered", listened, 200, first, last, ended))


@pytest.mark.parametrize(("proxied", "wanted"), [
    (stream(None, None, None, 0.7), {"proxy.live-stream-held"}), (stream(None, None, None, 0.69), set()),
    (stream(0.7, 0.7, None), set()), (stream(0.1, 0.1, 0.5), {"proxy.live-stream-timed-out"}),
    (stream(0.1, 0.1, 0.45), {"proxy.live-stream-cut"}), (stream(None, None, 0.5), {"proxy.live-stream-cut"}),
])
def test_borders_of_a_stream(proxied: ProxyAnswers, wanted: set[str], loaded: Loaded) -> None:
    assert {n for n in names(findings(loaded, proxied)) if "stream" in n} == wanted


@pytest.mark.parametrize("status", [502, 503, 504, 520, 524, 530])
def test_every_bad_gateway_of_a_dead_app_is_told(status: int, loaded: Loaded) -> None:
    dead = replace(with_page(status, direct=None, gateway="cloudflare"), app="dead")
    assert "proxy.live-upstream-dead" in names(findings(loaded, dead))


@pytest.mark.parametrize("status", [501, 505, 519, 531, 599])
def test_other_errors_are_no_bad_gateway(status: int, loaded: Loaded) -> None:
    dead = replace(with_page(status, direct=None, gateway="cloudflare"), app="dead")
    assert "proxy.live-upstream-dead" not in names(findings(loaded, dead))


@pytest.mark.parametrize(("size", "wanted"), [(3800, False), (3801, True)])
def test_how_large_the_head_of_an_answer_must_be(size: int, wanted: bool, loaded: Loaded) -> None:
    page = replace(exchange("page", 502), direct=answer(200, header_bytes=size))
    found = names(findings(loaded, replace(with_page(502), exchanges=(page, exchange("config", 200)))))
    assert ("proxy.live-response-header" in found) is wanted


@pytest.mark.parametrize("url", ["http://h:999999", "http://[", "http://[::1", "http://unix:/x.sock", "http://", ""])
@pytest.mark.parametrize("outcome", ["invalid", "refused", "dns", "tls", "reset"])
def test_an_upstream_that_is_no_url_is_told_all_the_same(url: str, outcome: str, loaded: Loaded) -> None:
    proxied = replace(with_page(502), upstreams=(UpstreamTried(url, outcome),))  # type: ignore[arg-type]
    wanted = {"dns": "proxy.live-upstream-name", "refused": "proxy.live-upstream-elsewhere",
              "reset": "proxy.live-upstream-elsewhere"}.get(outcome, "proxy.live-upstream-scheme")
    assert wanted in names(findings(loaded, proxied))


@pytest.mark.parametrize("url", ["http://[x", "//[", "http://a:99999/", "", "\x00"])
def test_addresses_that_a_hostile_server_tells_break_nothing(url: str, loaded: Loaded) -> None:
    for proxied in (replace(HEALTHY, root=url), replace(with_page(302), redirects=(url,)),
                    replace(with_page(302), redirects=(url,) * 6, looped=True)):
        found = names(findings(loaded, proxied))
        assert ("proxy.live-redirect-loop" in found) is proxied.looped


@pytest.mark.parametrize("root", ["http://example.com", "http://example.com/", "http://EXAMPLE.com:80"])
def test_the_same_address_in_other_words_is_silent(root: str, loaded: Loaded) -> None:
    assert not [n for n in names(findings(loaded, replace(HEALTHY, root=root))) if "root" in n]


@pytest.mark.parametrize("host", ["10.0.0.5", "app", "app.local", "app.internal", "192.168.1.2", "169.254.1.1"])
def test_a_root_that_only_insiders_can_reach(host: str, loaded: Loaded) -> None:
    assert "proxy.live-root-host" in names(findings(loaded, replace(HEALTHY, root=f"http://{host}")))


@pytest.mark.parametrize(("status", "gateway", "own", "wanted"), [
    (429, "", None, True), (429, "", False, False), (503, "nginx", True, True), (503, "caddy", True, False),
])
def test_whose_refusal_is_a_limit(status: int, gateway: str, own: bool | None, wanted: bool, loaded: Loaded) -> None:
    burst = replace(exchange("burst", status, None, gateway=gateway), own=own)
    assert ("proxy.live-rate-limited" in names(findings(loaded, instead(burst)))) is wanted


@pytest.mark.parametrize(("refused", "page"), [("config", True), ("asset", True), ("door", True), ("burst", False)])
def test_a_limit_that_a_page_runs_into_is_worse(refused: str, page: bool, loaded: Loaded) -> None:
    found = names(findings(loaded, instead(exchange(refused, 429, 200))))
    assert "proxy.live-rate-limited" in found
    assert ("proxy.live-limits-page" in found) is page


@pytest.mark.parametrize(("outcome", "wanted"), [("answers", set()), ("no-name", {"proxy.live-resolver-fails"})])
def test_a_name_that_only_the_proxys_own_name_server_knows(outcome: str, wanted: set[str], loaded: Loaded) -> None:
    resolver = ResolverAsked("app", "10.0.0.1", outcome)  # type: ignore[arg-type]
    proxied = replace(with_page(502), upstreams=(UpstreamTried("http://app:7860", "dns"),), resolver=resolver)
    found = names(findings(loaded, proxied))
    assert found & {"proxy.live-resolver-fails", "proxy.live-upstream-name"} == wanted


@pytest.mark.parametrize(("status", "own", "wanted"), [
    (401, True, True), (403, None, True), (403, False, False), (405, True, True), (405, False, False),
    (501, True, True), (413, True, False), (400, True, False), (422, False, False),
])
def test_which_refusals_of_the_queue_are_the_proxys(
    status: int, own: bool | None, wanted: bool, loaded: Loaded
) -> None:
    door = replace(exchange("door", status, 402), own=own)
    assert ("proxy.live-events-refused" in names(findings(loaded, instead(door)))) is wanted


@pytest.mark.parametrize("limited", ["10r/s", "²r/s", "9" * 400 + "r/s"])
@pytest.mark.parametrize("burst", ["²", "9" * 400, "x"])
def test_limits_that_are_no_numbers_are_not_judged(tmp_path: Path, limited: str, burst: str) -> None:
    zone = f"limit_req_zone $binary_remote_addr zone=z:1m rate={limited};"
    text = to("http://127.0.0.1:7860", zone, f"client_max_body_size 0; limit_req zone=z burst={burst};")
    assert not run("proxy-config-limits", of(tmp_path, text))


@pytest.mark.parametrize("version", ["²", "x.1", "9" * 5000, ".", "-6.0"])
def test_a_version_that_is_none_is_not_judged(tmp_path: Path, version: str) -> None:
    text = to("http://127.0.0.1:7860", "", "proxy_read_timeout 1s;")
    assert not run("proxy-config-stream", of(tmp_path, text), version=version)
    assert not run("proxy-config-limits", of(tmp_path, text), version=version)


@pytest.mark.parametrize(("limit", "wanted"), [("1m", True), ("1048577", False), ("0", False), ("1k", True)])
def test_how_small_an_upload_limit_must_be(tmp_path: Path, limit: str, wanted: bool) -> None:
    text = to("http://127.0.0.1:7860", "", f"client_max_body_size {limit};")
    found = [f.id for f in run("proxy-config-limits", of(tmp_path, text))]
    assert found == (["proxy.may-refuse-upload"] if wanted else [])


def test_the_healthy_pair_is_silent_whatever_the_public_address(loaded: Loaded) -> None:
    assert PUBLIC != APP
    for told in (True, False):
        found = names(findings(loaded, replace(HEALTHY, told=told)))
        assert found <= {"proxy.live-fine"}
