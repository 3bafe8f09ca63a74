"""What is shown while a sign-in waits: the time left, where a terminal can draw it and nobody pastes."""

from __future__ import annotations

from tests.cli import Machine
from tests.stub_browser import Browser
from tests.terminal import Terminal


def follow_link(terminal: Terminal, sign: str) -> str:
    """Wait for a text, then sign in; what was drawn until the end."""
    drawn = terminal.read_until(sign)
    link = next(line.strip() for line in drawn.splitlines() if "/oauth/authorize?" in line)
    Browser().open(link)
    assert terminal.finish() == 0, terminal.drawn
    return terminal.drawn


def test_the_time_left_is_drawn_in_place_and_wiped(machine: Machine) -> None:
    with Terminal(machine, "signup", "--no-browser", reads=False, term="xterm") as terminal:
        drawn = follow_link(terminal, "min left.")

    before, _, after = drawn.partition("Waiting for the browser. 5:00 min left.")
    assert before.endswith("\r")
    assert "\r" + " " * len("Waiting for the browser. 5:00 min left.") + "\rSigned up as" in after


def test_while_a_paste_is_possible_nothing_moves_and_the_time_is_told_once(machine: Machine) -> None:
    with Terminal(machine, "signup", "--no-browser", term="xterm") as terminal:
        drawn = follow_link(terminal, "min left.")

    assert "paste its address here. 4:59 min left." in drawn
    assert "\r " not in drawn
