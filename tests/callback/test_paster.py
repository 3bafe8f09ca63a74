"""The thread that reads what a person pastes at a terminal, and when a terminal may be read at all."""

import os
import queue
import subprocess
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
from procore_cli.config.environments import DEFAULT_REDIRECT_URI
from procore_cli.config.urls import read_redirect_uri
from procore_cli.console import Console
from tests.cli import ROOT

REDIRECT = read_redirect_uri(DEFAULT_REDIRECT_URI, "test")
CALLBACK = "http://localhost:4567/callback"
GOOD = f"{CALLBACK}?code=c0de&state=s7ate"
PAIRS = [("code", "c0de"), ("state", "s7ate")]
ASKED = f"Paste the whole address of the last page: `{CALLBACK}?code=...&state=...`"
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
        self, person: int, program: int, uri: str = DEFAULT_REDIRECT_URI, ours: Callable[[Pairs], bool] = bool
    ) -> None:
        super().__init__()
        self._fd = person
        self._told: queue.Queue[str] = queue.Queue()
        self._offered: queue.Queue[Pairs] = queue.Queue()
        self._ours = ours
        self.paster = Paster(program, read_redirect_uri(uri, "test"), self._offer)

    def _offer(self, pairs: Pairs) -> bool:
        self._offered.put(pairs)
        return self._ours(pairs)

    def say(self, text: str, advice: str = "") -> None:
        self._told.put(f"{text} {advice}".strip())

    def types(self, text: str) -> None:
        os.write(self._fd, text.encode(errors="surrogateescape"))

    def is_told(self) -> str:
        return self._told.get(timeout=PATIENCE_S)

    def gives(self) -> Pairs:
        return self._offered.get(timeout=PATIENCE_S)

    @property
    def is_done(self) -> bool:
        """Nothing else was said or taken."""
        return self._told.empty() and self._offered.empty()


@contextmanager
def pasting(
    uri: str = DEFAULT_REDIRECT_URI, ours: Callable[[Pairs], bool] = bool, *, edits_lines: bool = True
) -> Iterator[Person]:
    with terminal() as (person_fd, program_fd):
        if not edits_lines:
            tty.setraw(program_fd)
        person = Person(person_fd, program_fd, uri, ours)
        person.paster.start()
        try:
            with log.heard_by(person):
                yield person
        finally:
            person.paster.stop()


def test_a_pasted_address_is_offered_and_ends_the_reading():
    with pasting() as person:
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "paste")
        # Of two that are pasted at once the first one wins.
        person.types(f"{GOOD}\n{GOOD.replace('c0de', 'second')}\n")
        assert person.gives() == PAIRS
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
        assert person.is_done


def test_a_wrong_paste_says_why_without_repeating_it_and_asks_again():
    with pasting() as person:
        person.types("http://localhost:4567/wrong?code=s3cret\n")
        told = person.is_told()
        assert told == f"That is the address of another page. {ASKED}"
        person.types("\n")
        assert person.is_told() == ASKED
        person.types("\udcff\udcfe\n")
        assert person.is_told() == f"That is no address. {ASKED}"
        person.types("\x04" + GOOD + "\n")
        assert person.gives() == PAIRS


def test_an_address_of_another_sign_in_is_not_the_end():
    with pasting(ours=lambda pairs: ("state", "s7ate") in pairs) as person:
        person.types(GOOD.replace("s7ate", "0ther") + "\n")
        told = person.is_told()
        assert "another sign-in" in told
        assert "0ther" not in told
        person.types(GOOD + "\n")
        assert [person.gives(), person.gives()] == [[("code", "c0de"), ("state", "0ther")], PAIRS]


@pytest.mark.parametrize("first", ["", "\n"])
def test_a_line_that_the_terminal_cut_is_never_used(first):
    with pasting() as person:
        person.types(f"{first}{GOOD}&more={'x' * 5000}\n")
        if first:
            assert person.is_told() == ASKED
        assert person.is_told().startswith(f"The terminal cut that at {CUT_LENGTH} characters")
        assert person.is_done


def test_a_line_that_macos_has_cut_is_said_to_be_cut_unless_it_will_do(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    code = "c" * 970
    with pasting() as person:
        person.types(f"{CALLBACK}?code={code}\n")
        assert "cut that at 1024 characters" in person.is_told()
        person.types(f"{CALLBACK}?code=c0de\n")
        assert "no state= in that" in person.is_told()
        person.types(f"{CALLBACK}?code={code}&state=s\n")
        assert person.gives()[1] == ("state", "s")


def test_the_longest_line_that_a_terminal_keeps_is_used():
    with pasting() as person:
        person.types((GOOD + "&more=").ljust(CUT_LENGTH - 1, "x") + "\n")
        assert person.gives()[:2] == PAIRS


def test_without_line_editing_a_line_comes_in_pieces_and_endless_input_is_thrown_away():
    with pasting(edits_lines=False) as person:
        for _ in range(LONGEST_PASTE // 1024 + 16):
            person.types("x" * 1024)
        person.types("\r")
        assert "too long" not in person.is_told()
        for piece in (GOOD[:10], GOOD[10:], "\r"):
            person.types(piece)
        assert person.gives() == PAIRS


def test_half_a_line_is_not_used():
    with pasting() as person:
        person.types(GOOD)
        person.paster.stop()
        assert person.is_done


def test_stopping_is_immediate_and_may_be_done_twice_or_before_the_start():
    with pasting() as person:
        began = time.monotonic()
        person.paster.stop()
        person.paster.stop()
        assert time.monotonic() - began < PATIENCE_S / 2
    Paster(0, REDIRECT, lambda pairs: True).stop()


def test_a_terminal_that_hangs_up_does_not_keep_the_thread():
    person_fd, program_fd = os.openpty()
    person = Person(person_fd, program_fd)
    with log.heard_by(person):
        person.paster.start()
        os.close(person_fd)
        began = time.monotonic()
        person.paster.stop()
    os.close(program_fd)
    assert time.monotonic() - began < PATIENCE_S / 2
    assert person.is_done


@contextmanager
def asked_three_times(
    fd: int, answer: Callable[[int], bool], patch: pytest.MonkeyPatch
) -> Iterator[list[bool]]:
    """A paster that has asked three times whether it may read; what it was told."""
    asked: queue.Queue[bool] = queue.Queue()

    def asking(asked_fd: int) -> bool:
        asked.put(answer(asked_fd))
        return answer(asked_fd)

    patch.setattr(paste, "can_paste", asking)
    paster = Paster(fd, REDIRECT, lambda pairs: True)
    paster.start()
    yield [asked.get(timeout=PATIENCE_S) for _ in range(3)]
    paster.stop()


def test_a_pipe_is_never_read(monkeypatch):
    reading, writing = os.pipe()
    os.write(writing, f"{GOOD}\n".encode())
    with asked_three_times(reading, can_paste, monkeypatch) as told:
        assert told == [False] * 3
    os.close(writing)
    assert os.read(reading, 1024) == f"{GOOD}\n".encode()
    os.close(reading)


def test_a_terminal_that_fails_while_it_is_read_is_asked_again(tmp_path, monkeypatch):
    unreadable = os.open(tmp_path, os.O_RDONLY)
    with asked_three_times(unreadable, lambda _: True, monkeypatch) as told:
        assert told == [True] * 3
    os.close(unreadable)


def test_what_is_no_terminal_is_not_pasted_at_and_one_that_is_not_our_controlling_one_is(tmp_path):
    reading, writing = os.pipe()
    file = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR)
    for fd in (reading, writing, file):
        assert not can_paste(fd)
        os.close(fd)
        assert not can_paste(fd)
    with terminal() as (_, program):
        assert can_paste(program)


# A session leader with fd 0 as its controlling terminal, and a child in the background, which looks whether
# it may read, and then reads three times over, once as if it might.
SESSION = """
import fcntl, os, sys, termios, threading
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from procore_cli.callback import paste
from procore_cli.config.urls import read_redirect_uri

def report(*what): os.write(1, (str(what) + "\\n").encode())

def read(answer):
    enough, rounds, offered = threading.Event(), [], []
    def asked(fd):
        rounds.append(fd)
        if len(rounds) > 3: enough.set()
        return answer(fd)
    paste.can_paste = asked
    uri = read_redirect_uri("http://localhost:4567/callback", "test")
    paster = paste.Paster(0, uri, lambda pairs: offered.append(pairs) or True)
    paster.start()
    waited = enough.wait(20)
    paster.stop()
    report("read", waited, offered)

can_paste = paste.can_paste
report("in the foreground", can_paste(0))
child = os.fork()
if child == 0:
    try:
        os.setpgid(0, 0)
        report("in the background", can_paste(0))
        read(can_paste)
        read(lambda fd: True)
    finally:
        os._exit(0)
_, status = os.waitpid(child, os.WUNTRACED)
report("was stopped", os.WIFSTOPPED(status))
"""


def test_in_the_background_the_controlling_terminal_is_not_read_and_nobody_is_stopped():
    with terminal() as (person, program):
        os.write(person, f"{GOOD}\n".encode())
        done = subprocess.run(
            [sys.executable, "-c", SESSION],
            stdin=program,
            capture_output=True,
            start_new_session=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert done.stderr == b""
    assert done.stdout.decode().splitlines() == [
        "('in the foreground', True)",
        "('in the background', False)",
        "('read', True, [])",
        "('read', True, [])",
        "('was stopped', False)",
    ]
