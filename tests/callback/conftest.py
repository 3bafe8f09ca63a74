"""Running listeners for the tests of the callback wing."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from procore_cli import log
from procore_cli.callback.pending import PendingCallback
from procore_cli.callback.server import Limits, Listener
from procore_cli.config.urls import read_redirect_uri
from procore_cli.console import Console
from tests.callback.listener_stand import AUTHORIZE_URL, NewStand, Stand
from tests.cli import free_port

SHORT_FAREWELL = Limits(farewell_s=0.5)


@pytest.fixture
def new_stand() -> Iterator[NewStand]:
    """Makes running listeners; all are closed at the end."""
    with ExitStack() as opened, ThreadPoolExecutor(8) as pool:

        def new(path: str = "/callback", limits: Limits = SHORT_FAREWELL, port: int | None = None) -> Stand:
            port = port or free_port()
            redirect = read_redirect_uri(f"http://localhost:{port}{path}", "the test")
            pending = PendingCallback("ours")
            listener = Listener(redirect, AUTHORIZE_URL, pending, "production", limits)
            opened.enter_context(listener)
            return Stand(port, pending, listener, pool)

        yield new
        opened.close()


@pytest.fixture
def warned() -> Iterator[io.StringIO]:
    """What the listener warns of, as the terminal shows it."""
    stream = io.StringIO()
    with log.heard_by(Console(stream)):
        yield stream


@pytest.fixture
def stand(new_stand: NewStand) -> Stand:
    return new_stand()


@pytest.fixture
def silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing that a client sends reaches the terminal."""
    yield
    assert capfd.readouterr() == ("", "")
