"""One question to a person at a terminal, asked on stderr until the answer makes sense; decides nothing."""

from __future__ import annotations

import contextlib
import sys
import textwrap
from collections.abc import Callable
from typing import TypeVar

import click

from procore_cli import log
from procore_cli.config.config_file import is_client_id, is_client_secret, is_company
from procore_cli.console import find_columns, lay_out, one_line
from procore_cli.errors import ProcoreLoginError, UsageMistakeError


def read_client_id(text: str) -> str:
    """Check a client id. Raises UsageMistakeError."""
    if not is_client_id(text):
        raise UsageMistakeError(
            "This is no client id: it is empty, or holds a space.", "Copy it from the Developer Portal."
        )
    return text


def read_secret(text: str) -> str:
    """Check a client secret. Raises UsageMistakeError, which does not repeat it."""
    secret = text.strip()
    if not secret:
        raise UsageMistakeError("The client secret is empty.", "Pass it as one line on standard input.")
    if not is_client_secret(secret):
        raise UsageMistakeError(
            "The client secret is too long, or holds a control character.",
            "Copy it from the Developer Portal again.",
        )
    return secret


def read_company(text: str) -> int:
    """Check the id of a company. Raises UsageMistakeError."""
    if not is_company(text):
        raise UsageMistakeError("A company's id is a number, for example 123.", "Type the number, or none.")
    return int(text)


T = TypeVar("T")

_WIDEST = 88
_NARROWEST = 20


def can_ask() -> bool:
    """Whether a person can be asked here; in the background reading the answer would stop us."""
    if sys.stdin is None or sys.stderr is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    from procore_cli.callback.paste import can_paste

    try:
        return can_paste(sys.stdin.fileno())
    except OSError:
        # Whoever has put another stream in its place answers from there.
        return True


def explain(text: str, *, first: str = "", indent: str = "") -> None:
    """A paragraph in the terminal's width; `first` goes before its first line, `indent` before the others."""
    for line in lay_out(text, "", _find_columns() - 1, first=first, indent=indent):
        log.say(line)


def ask(
    label: str,
    read: Callable[[str], T],
    *,
    offered: str | None = None,
    hidden: bool = False,
) -> T:
    """Ask until `read` takes the answer; Enter alone takes what is `offered` ("" for nothing at all).

    Raises click.Abort at Ctrl-C and Ctrl-D.
    """
    while True:
        text = _prompt(label, offered, hidden)
        try:
            return read(text.strip())
        except ProcoreLoginError as error:
            log.say(error.message, error.hint)


def confirm(question: str, *, default: bool) -> bool:
    """Ask for yes or no. Raises click.Abort at Ctrl-C and Ctrl-D."""
    with contextlib.redirect_stdout(sys.stderr):
        return click.confirm(question, default=default, err=True)


def _prompt(label: str, offered: str | None, hidden: bool) -> str:
    # What is offered may come from a file: click would show it as it is.
    shown = f" [{one_line(offered)}]" if offered else ""
    if len(f"{label}{shown}: ") >= _find_columns():
        # Broken where a word ends, not where the line does.
        label = textwrap.fill(label, _find_columns() - 4) + ("\n" if offered else "")
    # Python's input() would write a part of the prompt to stdout, which is for data.
    with contextlib.redirect_stdout(sys.stderr):
        answer = click.prompt(
            label + shown, default=offered, show_default=False, hide_input=hidden, err=True, type=str
        )
    return str(answer)


def _find_columns() -> int:
    return find_columns(_NARROWEST, _WIDEST)
