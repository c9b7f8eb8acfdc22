"""Where the app is to be asked, from the target and from what runs."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gradio_doctor.evidence import (
    Absent,
    AppSource,
    Call,
    Environment,
    Instances,
    Listener,
    Listeners,
    Process,
    Processes,
    Run,
    Setting,
    Target,
    WantedAddress,
)
from gradio_doctor.probes.app_address import AppAddress, find_address, is_node_server
from tests.probes.network_lab import Given, child

NODE = ("/usr/bin/node", "/v/site-packages/gradio/templates/node/build/index.js")
SCRIPT = Target("script", "app.py", script="/x/app.py")


def process(pid: int, *command: str, ppid: int = 1) -> Process:
    return Process(pid, ppid, "x", command or ("python", "app.py"), "me", 0.0, "sleeping")


def listeners(*rows: tuple[str, int, int]) -> Listeners:
    """Sockets as (host, port, holding pid); pid 0: not to be seen."""
    return Listeners(tuple(
        Listener(host, port, 6 if ":" in host else 4, i, 0, holders=(pid,) if pid else ())
        for i, (host, port, pid) in enumerate(rows)
    ))


def found(target: Target, *evidence: object) -> AppAddress:
    address = find_address(Given(target, evidence=evidence))
    assert isinstance(address, AppAddress), address
    return address


def url(text: str, *evidence: object) -> AppAddress:
    return found(Target("url", text, url=text), *evidence)


def test_urls_say_all_of_it() -> None:
    assert url("http://10.0.0.7:7860/demo/") == AppAddress("10.0.0.7", 7860, prefixes=("/demo", ""), local=False)
    assert url("https://demo.example.com").port == 443 and url("https://demo.example.com").tls
    assert url("http://user:secret@demo.example.com/").host == "demo.example.com"
    assert url("http://127.0.0.1:7860/a").local and url("http://[::1]:7860/a").host == "::1"
    assert url("http://192.0.2.1:80/", listeners(("192.0.2.1", 80, 4))).local
    assert url("http://bücher.example/").host == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "text", ["ftp://x/", "http://", "http://x:99999/", "http://[::1/", "x", "http://" + "a" * 80 + ".b/"]
)
def test_urls_of_nothing_are_absent(text: str) -> None:
    assert isinstance(find_address(Given(Target("url", text, url=text))), Absent)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "::1"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_a_port_is_asked_where_its_socket_is_reached(host: str, expected: str) -> None:
    assert found(Target("port", "7860", port=7860), listeners((host, 7860, 4))).host == expected


def test_a_port_that_nobody_holds_is_asked_all_the_same() -> None:
    assert found(Target("port", "7860", port=7860)) == AppAddress("127.0.0.1", 7860)


def test_the_running_app_is_asked_on_the_port_it_holds() -> None:
    table = listeners(("127.0.0.1", 7860, 99), ("127.0.0.1", 7863, 4), ("127.0.0.1", 9090, 4))
    assert found(SCRIPT, Instances("a", (process(4),)), table).port == 7863
    wanted = WantedAddress("127.0.0.1", (9090,), fixed=True, known=True, origin="")
    assert found(SCRIPT, Instances("a", (process(4),)), table, wanted).port == 9090


def test_a_worker_that_holds_the_port_counts_too() -> None:
    table = listeners(("127.0.0.1", 8000, 5))
    assert found(SCRIPT, Instances("a", (process(4),), (process(5),)), table).port == 8000


def test_what_others_hold_is_not_the_app() -> None:
    table = listeners(("127.0.0.1", 7860, 99))
    assert find_address(Given(SCRIPT, evidence=(Instances("a"), table))) == Absent("the app is not running")
    given = Given(SCRIPT, evidence=(Instances("a", (process(4),)), table))
    assert find_address(given) == Absent("the app listens on no port")


def test_our_own_start_gives_the_port_only_when_it_was_made() -> None:
    run = Run(("python",), "/", 4, "serving", 1.0, port=7865)
    assert found(SCRIPT, run, Instances("a"), Listeners(())).port == 7865
    given = Given(SCRIPT, evidence=(Instances("a"), Listeners(())))
    find_address(given)
    assert Run not in given.asked  # asking for it would start the app


def test_several_holders_or_sockets_make_it_shared() -> None:
    two = Listeners((Listener("127.0.0.1", 7860, 4, 1, 0, holders=(4, 5)),))
    assert found(Target("port", "7860", port=7860), two).shared
    assert found(Target("port", "7860", port=7860), listeners(("127.0.0.1", 7860, 4), ("127.0.0.1", 7860, 5))).shared
    assert not found(Target("port", "7860", port=7860), listeners(("127.0.0.1", 7860, 4))).shared


def test_behind_a_node_server_python_is_asked(tmp_path: Path) -> None:
    build = tmp_path / "gradio" / "templates" / "node" / "build"
    build.mkdir(parents=True)
    (build / "index.js").write_text("import time; print(flush=True); time.sleep(60)")  # its command line is what counts
    run = ["python3", str(build / "index.js")]
    with child("", command=run, environment={"GRADIO_PYTHON_PORT": "7861"}) as (node, _):
        table = listeners(("127.0.0.1", 7860, node.pid), ("127.0.0.1", 7861, 4))
        everyone = Processes({4: process(4), node.pid: process(node.pid, *run, ppid=4)}, 0.0)
        for target in (Target("port", "7860", port=7860), Target("url", "u", url="http://localhost:7860")):
            address = found(target, table, everyone)
            assert (address.port, address.front) == (7861, 7860)
        dead = found(Target("port", "7860", port=7860), listeners(("127.0.0.1", 7860, node.pid)), everyone)
        assert (dead.port, dead.front) == (7861, 7860)  # the port it was told, though nobody is there any more


def test_a_node_server_whose_environment_is_closed_to_us_is_found_through_its_parent() -> None:
    everyone = Processes({4: process(4), 2**22 + 5: process(2**22 + 5, *NODE, ppid=4)}, 0.0)
    table = listeners(("127.0.0.1", 7860, 2**22 + 5), ("127.0.0.1", 7861, 4))
    assert found(Target("port", "7860", port=7860), table, everyone).port == 7861
    app = found(SCRIPT, table, everyone, Instances("a", (process(4),), (process(2**22 + 5, *NODE, ppid=4),)))
    assert (app.port, app.front) == (7861, 7860)


def test_a_node_server_of_something_else_is_left_alone() -> None:
    other = process(7, "/usr/bin/node", "/srv/shop/index.js")
    assert is_node_server(process(6, *NODE)) and not is_node_server(other)
    table = listeners(("127.0.0.1", 3000, 7))
    assert found(Target("port", "3000", port=3000), table, Processes({7: other}, 0.0)).front is None


def test_paths_the_app_may_live_under() -> None:
    mount = Call("mount_gradio_app", "/x/app.py", 3, "yes", (Setting("path", "/gradio/", True, '"/gradio/"', 3),))
    app = (Instances("a", (process(4),)), listeners(("127.0.0.1", 7860, 4)), AppSource("/x/app.py", calls=(mount,)))
    assert found(SCRIPT, *app).prefixes == ("", "/gradio")
    for root in ("/demo", "https://example.com/demo/"):
        environment = Environment({"GRADIO_ROOT_PATH": root}, "pid 4")
        assert found(SCRIPT, *app, environment).prefixes == ("", "/demo", "/gradio")
    assert url("http://127.0.0.1:7860/gradio", *app).prefixes == ("/gradio", "")


@pytest.mark.parametrize(("variables", "prefix"), [({}, "/ui"), ({"MP": "/demo/"}, "/demo"), ({"MP": "nonsense"}, "")])
def test_a_path_from_the_environment(variables: dict[str, str], prefix: str) -> None:
    """As the app's own process has it, else its default in the source."""
    read = Setting("path", None, False, 'os.environ.get("MP", "/ui")', 3, "/ui", "the environment variable MP")
    mount = Call("mount_gradio_app", "/x/app.py", 3, "yes", (read,))
    app = (Instances("a", (process(4),)), listeners(("127.0.0.1", 7860, 4)), AppSource("/x/app.py", calls=(mount,)))
    wanted = ("", prefix) if prefix else ("",)
    assert found(SCRIPT, *app, Environment(variables, "pid 4")).prefixes == wanted


def test_nothing_to_ask() -> None:
    for target in (Target("log", "x"), Target("bundle", "x")):
        assert isinstance(find_address(Given(target)), Absent)
    assert find_address(Given(SCRIPT, evidence=(Listeners(()),))) == Absent("no Instances given")
    assert find_address(Given(SCRIPT, evidence=(Instances("a"),))) == Absent("no Listeners given")


def test_a_real_listener_of_ours() -> None:
    from gradio_doctor.probes.sockets import probe_listeners

    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        mine = Instances("a", (process(os.getpid()),))
        wanted = WantedAddress("127.0.0.1", (port,), fixed=True, known=True, origin="")
        assert found(SCRIPT, mine, wanted, probe_listeners(Given())) == AppAddress("127.0.0.1", port)
