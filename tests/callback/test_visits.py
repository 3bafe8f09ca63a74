"""How long the program waits for the tabs that it sent to `/home`."""

from __future__ import annotations

import threading
import time

from procore_cli.callback.visits import Visits


def test_nobody_who_comes_is_waited_for_until_the_time_is_over() -> None:
    visits = Visits()
    visits.expect()

    assert not visits.wait(0.01)


def test_the_only_tab_ends_the_wait_at_once() -> None:
    visits = Visits()
    visits.expect()
    visits.arrive()
    began = time.monotonic()

    assert visits.wait(20)
    assert time.monotonic() - began < 0.1


def test_a_second_tab_on_its_way_gets_a_moment() -> None:
    visits = Visits()
    for _ in range(2):
        visits.expect()
    visits.arrive()
    waiting = threading.Thread(target=visits.wait, args=(20,))
    waiting.start()

    visits.arrive()
    waiting.join(20)
    assert not waiting.is_alive()


def test_a_tab_that_never_arrives_holds_the_others_up_for_a_moment_alone() -> None:
    visits = Visits()
    for _ in range(2):
        visits.expect()
    visits.arrive()
    began = time.monotonic()

    assert visits.wait(20)
    assert 0.1 < time.monotonic() - began < 1
