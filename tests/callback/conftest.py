"""Running listeners for the tests of the callback wing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from procore_cli.callback.pending import Pairs, PendingCallback
from procore_cli.callback.server import Address, Limits, Listener
from procore_cli.config.urls import read_redirect_uri
from tests.callback.listener_stand import AUTHORIZE_URL, NewStand, Stand, admit_all, find_free_port, is_ours

SHORT_FAREWELL = Limits(farewell_s=0.5)


@pytest.fixture
def new_stand() -> Iterator[NewStand]:
    """Makes running listeners; all are closed at the end."""
    with ExitStack() as opened, ThreadPoolExecutor(8) as pool:

        def new(
            path: str = "/callback",
            limits: Limits = SHORT_FAREWELL,
            admits: Callable[[Address, Address], bool] = admit_all,
            judge: Callable[[Pairs], bool] = is_ours,
            port: int | None = None,
        ) -> Stand:
            port = port or find_free_port()
            redirect = read_redirect_uri(f"http://localhost:{port}{path}", "the test")
            inbox = PendingCallback(judge)
            strays: list[str] = []
            listener = Listener(
                redirect, AUTHORIZE_URL, inbox, admits, "production", lambda: strays.append("error"), limits
            )
            listener.start()
            opened.callback(listener.close)
            return Stand(port, inbox, listener, strays, pool)

        yield new
        opened.close()


@pytest.fixture
def stand(new_stand: NewStand) -> Stand:
    """A listener that waits for the sign-in with the state `ours`."""
    return new_stand()


@pytest.fixture
def silence(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing that a client sends reaches the terminal."""
    yield
    assert capfd.readouterr() == ("", "")
