"""One Gradio app for the tests of a file, and a server beside it that accepts and never answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.live.live_lab import App, gradio_app


class Silent:
    """A server that accepts connections and says nothing until they are released."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        self.held: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self.held.append(self.listening.accept()[0])

    def release(self) -> None:
        """Hang up on everybody."""
        while self.held:
            self.held.pop().close()

    def release_for(self, seconds: float) -> None:
        """Hang up on everybody who comes in the next seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.release()
            time.sleep(0.1)

    def close(self) -> None:
        self.release()
        self.listening.close()


@pytest.fixture(scope="module")
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, silent: Silent) -> Iterator[App]:
    """The app is shared: each test leaves it as it found it, serving and at rest."""
    with gradio_app(tmp_path_factory.mktemp("app"), other=silent.port) as made:
        yield made
