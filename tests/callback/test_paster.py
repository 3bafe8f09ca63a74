"""The thread that reads what a person pastes at a terminal."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from procore_cli import log
from procore_cli.callback import paste
from procore_cli.callback.authorization_response import Pairs
from procore_cli.callback.paste import CUT_LENGTH, LONGEST_PASTE, Paster, can_paste
from procore_cli.config.environments import DEFAULT_REDIRECT_URI, OOB_REDIRECT_URI
from procore_cli.config.urls import RedirectUri, read_redirect_uri
from procore_cli.console import Console

REDIRECT = read_redirect_uri(DEFAULT_REDIRECT_URI, "test")
OOB = read_redirect_uri(OOB_REDIRECT_URI, "test")
GOOD = "http://localhost:4567/callback?code=c0de&state=s7ate"
PAIRS = [("code", "c0de"), ("state", "s7ate")]
PATIENCE_S = 20


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """A pseudo-terminal: the person's end, and the program's."""
    person, program = os.openpty()
    try:
        yield person, program
    finally:
        os.close(program)
        os.close(person)


class Person(Console):
    """Somebody at a terminal, what the program tells them, and what it takes from them."""

    def __init__(
        self, person: int, program: int, redirect: RedirectUri, ours: Callable[[Pairs], bool]
    ) -> None:
        super().__init__()
        self._fd = person
        self.told: queue.Queue[str] = queue.Queue()
        self.offered: queue.Queue[Pairs] = queue.Queue()
        self._ours = ours
        self.paster = Paster(program, redirect, self._offer)

    def _offer(self, pairs: Pairs) -> bool:
        self.offered.put(pairs)
        return self._ours(pairs)

    def say(self, text: str) -> None:
        self.told.put(text)

    def types(self, text: str) -> None:
        os.write(self._fd, text.encode(errors="surrogateescape"))

    def is_told(self) -> str:
        return self.told.get(timeout=PATIENCE_S)


@contextmanager
def pasting(
    redirect: RedirectUri = REDIRECT,
    ours: Callable[[Pairs], bool] = lambda pairs: True,
    *,
    edits_lines: bool = True,
) -> Iterator[Person]:
    with terminal() as (person_fd, program_fd):
        if not edits_lines:
            tty.setraw(program_fd)
        person = Person(person_fd, program_fd, redirect, ours)
        person.paster.start()
        try:
            with log.heard_by(person):
                yield person
        finally:
            person.paster.stop()


def test_a_pasted_address_is_offered_and_ends_the_reading():
    with pasting() as person:
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "paste")
        person.types(GOOD + "\n")
        assert person.offered.get(timeout=PATIENCE_S) == PAIRS
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        assert person.told.empty()


def test_the_first_of_two_addresses_pasted_at_once_wins():
    with pasting() as person:
        person.types(f"{GOOD}\n{GOOD.replace('c0de', 'second')}\n")
        assert person.offered.get(timeout=PATIENCE_S) == PAIRS
        assert person.offered.empty()


def test_a_wrong_paste_says_why_without_repeating_it_and_asks_again():
    with pasting() as person:
        person.types("http://localhost:4567/wrong?code=s3cret\n")
        told = person.is_told()
        assert "it begins with http://localhost:4567/callback." in told
        assert "Paste it again" in told
        assert "s3cret" not in told
        person.types("\n")
        assert "nothing was pasted" in person.is_told()
        person.types("\udcff\udcfe\n")
        assert "the whole address" in person.is_told()
        person.types("\x04" + GOOD + "\n")
        assert person.offered.get(timeout=PATIENCE_S) == PAIRS


def test_an_address_of_another_sign_in_is_not_the_end():
    with pasting(ours=lambda pairs: ("state", "s7ate") in pairs) as person:
        person.types(GOOD.replace("s7ate", "0ther") + "\n")
        told = person.is_told()
        assert "another sign-in" in told
        assert "0ther" not in told
        person.types(GOOD + "\n")
        assert person.offered.get(timeout=PATIENCE_S) == [("code", "c0de"), ("state", "0ther")]
        assert person.offered.get(timeout=PATIENCE_S) == PAIRS


def test_a_bare_code_is_enough_for_the_oob_uri():
    with pasting(OOB) as person:
        person.types("c0de\n")
        assert person.offered.get(timeout=PATIENCE_S) == [("code", "c0de")]


@pytest.mark.parametrize("first", ["", "\n"])
def test_a_line_that_the_terminal_cut_is_never_used(first):
    enough = "http://localhost:4567/callback?code=...&state=..."
    with pasting() as person:
        person.types(f"{first}{GOOD}&more={'x' * 5000}\n")
        if first:
            assert "nothing was pasted" in person.is_told()
        assert f"cut it at {CUT_LENGTH} characters; {enough} will do" in person.is_told()
        assert person.offered.empty()


def test_a_line_that_macos_has_cut_is_said_to_be_cut_unless_it_will_do(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    code = "c" * 970
    with pasting() as person:
        person.types(f"http://localhost:4567/callback?code={code}\n")
        assert "cut it at 1024 characters" in person.is_told()
        person.types("http://localhost:4567/callback?code=c0de\n")
        assert "there is no state in it" in person.is_told()
        person.types(f"http://localhost:4567/callback?code={code}&state=s\n")
        assert person.offered.get(timeout=PATIENCE_S)[1] == ("state", "s")


def test_the_longest_line_that_a_terminal_keeps_is_used():
    longest = (GOOD + "&more=").ljust(CUT_LENGTH - 1, "x")
    with pasting() as person:
        person.types(longest + "\n")
        assert person.offered.get(timeout=PATIENCE_S)[:2] == PAIRS


def test_on_a_terminal_without_line_editing_a_line_comes_in_pieces_and_ends_with_a_return():
    with pasting(edits_lines=False) as person:
        for piece in (GOOD[:10], GOOD[10:], "\r"):
            person.types(piece)
        assert person.offered.get(timeout=PATIENCE_S) == PAIRS


def test_endless_input_without_a_line_end_is_thrown_away():
    with pasting(edits_lines=False) as person:
        for _ in range(LONGEST_PASTE // 1024 + 16):
            person.types("x" * 1024)
        person.types("\r")
        assert "too long" not in person.is_told()
        person.types(GOOD + "\r")
        assert person.offered.get(timeout=PATIENCE_S) == PAIRS


def test_half_a_line_is_not_used():
    with pasting() as person:
        person.types(GOOD)
        person.paster.stop()
        assert person.offered.empty()


def test_stopping_is_immediate_and_may_be_done_twice_or_before_the_start():
    with pasting() as person:
        began = time.monotonic()
        person.paster.stop()
        person.paster.stop()
        assert time.monotonic() - began < PATIENCE_S / 2
    Paster(0, REDIRECT, lambda pairs: True).stop()


def test_a_terminal_that_hangs_up_does_not_keep_the_thread():
    person_fd, program_fd = os.openpty()
    person = Person(person_fd, program_fd, REDIRECT, lambda pairs: True)
    with log.heard_by(person):
        person.paster.start()
        os.close(person_fd)
        began = time.monotonic()
        person.paster.stop()
    os.close(program_fd)
    assert time.monotonic() - began < PATIENCE_S / 2
    assert person.told.empty()


def test_a_pipe_is_never_read(monkeypatch):
    asked: queue.Queue[bool] = queue.Queue()

    def asking(fd: int) -> bool:
        asked.put(can_paste(fd))
        return False

    monkeypatch.setattr(paste, "can_paste", asking)
    reading, writing = os.pipe()
    os.write(writing, f"{GOOD}\n".encode())
    paster = Paster(reading, REDIRECT, lambda pairs: True)
    paster.start()
    assert [asked.get(timeout=PATIENCE_S) for _ in range(3)] == [False] * 3
    paster.stop()
    os.close(writing)
    assert os.read(reading, 1024) == f"{GOOD}\n".encode()
    os.close(reading)


def test_a_terminal_that_fails_while_it_is_read_is_asked_again(tmp_path, monkeypatch):
    asked: queue.Queue[int] = queue.Queue()
    monkeypatch.setattr(paste, "can_paste", lambda fd: asked.put(fd) or True)
    unreadable = os.open(tmp_path, os.O_RDONLY)
    paster = Paster(unreadable, REDIRECT, lambda pairs: True)
    paster.start()
    assert [asked.get(timeout=PATIENCE_S) for _ in range(3)] == [unreadable] * 3
    paster.stop()
    os.close(unreadable)
