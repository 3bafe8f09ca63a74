"""Calls that may hang."""

from __future__ import annotations

import threading

import pytest

from procore_cli.threads import Limits, OutOfTimeError, call_within

SOON = Limits(notice_s=0.02, give_up_s=0.1)


def test_a_quick_call_gives_its_result_without_a_word() -> None:
    said: list[str] = []
    assert call_within(Limits(), lambda: 42, lambda: said.append("slow")) == 42
    assert said == []


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_what_a_call_raises_is_raised(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(error):
        call_within(Limits(), fail, lambda: None)


def test_a_slow_call_is_spoken_of_once_and_still_gives_its_result() -> None:
    said: list[str] = []
    go_on = threading.Event()

    def notice() -> None:
        said.append("slow")
        go_on.set()

    assert call_within(Limits(notice_s=0.02, give_up_s=30), lambda: go_on.wait(30), notice)
    assert said == ["slow"]


def test_a_call_that_hangs_is_left_behind() -> None:
    go_on = threading.Event()
    threads = set(threading.enumerate())
    with pytest.raises(OutOfTimeError):
        call_within(SOON, lambda: go_on.wait(30), lambda: None)
    (left,) = set(threading.enumerate()) - threads
    assert left.daemon
    go_on.set()
    left.join()
