"""How long the program waits for the tabs that it sent to `/home`."""

from __future__ import annotations

import threading
import time

import pytest

from procore_cli.callback import pending
from procore_cli.callback.pending import PendingCallback

LONG_S = 60


def new_pending(*, sent: int, came: int) -> PendingCallback:
    """A sign-in that sent so many tabs to `/home`, and so many got it."""
    callback = PendingCallback(lambda _: True)
    for _ in range(sent):
        callback.send_home()
    for _ in range(came):
        callback.come_home()
    return callback


def test_nobody_who_comes_is_waited_for_until_the_time_is_over() -> None:
    assert not new_pending(sent=1, came=0).wait_for_home(0.01)


def test_the_only_tab_ends_the_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "_OTHERS_S", LONG_S)
    began = time.monotonic()

    assert new_pending(sent=1, came=1).wait_for_home(LONG_S)
    assert time.monotonic() - began < LONG_S / 2


def test_a_second_tab_that_arrives_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "_OTHERS_S", LONG_S)
    callback = new_pending(sent=2, came=1)
    waiting = threading.Thread(target=callback.wait_for_home, args=(LONG_S,))
    waiting.start()

    callback.come_home()
    waiting.join(LONG_S / 2)

    assert not waiting.is_alive()


def test_a_tab_that_never_arrives_holds_the_others_up_for_a_moment_alone() -> None:
    began = time.monotonic()

    assert new_pending(sent=2, came=1).wait_for_home(LONG_S)
    assert pending._OTHERS_S <= time.monotonic() - began < LONG_S / 2
