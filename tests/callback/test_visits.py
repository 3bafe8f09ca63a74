"""How long the program waits for the tabs that it sent to `/home`."""

from __future__ import annotations

import threading
import time

import pytest

from procore_cli.callback import server as visits_module
from procore_cli.callback.server import Visits

LONG_S = 60


def new_visits(*, expected: int, arrived: int) -> Visits:
    visits = Visits()
    for _ in range(expected):
        visits.expect()
    for _ in range(arrived):
        visits.arrive()
    return visits


def test_nobody_who_comes_is_waited_for_until_the_time_is_over() -> None:
    assert not new_visits(expected=1, arrived=0).wait(0.01)


def test_the_only_tab_ends_the_wait_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits_module, "_OTHERS_S", LONG_S)
    began = time.monotonic()

    assert new_visits(expected=1, arrived=1).wait(LONG_S)
    assert time.monotonic() - began < LONG_S / 2


def test_a_second_tab_that_arrives_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits_module, "_OTHERS_S", LONG_S)
    visits = new_visits(expected=2, arrived=1)
    waiting = threading.Thread(target=visits.wait, args=(LONG_S,))
    waiting.start()

    visits.arrive()
    waiting.join(LONG_S / 2)

    assert not waiting.is_alive()


def test_a_tab_that_never_arrives_holds_the_others_up_for_a_moment_alone() -> None:
    began = time.monotonic()

    assert new_visits(expected=2, arrived=1).wait(LONG_S)
    assert visits_module._OTHERS_S <= time.monotonic() - began < LONG_S / 2
