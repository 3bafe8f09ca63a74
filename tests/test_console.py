"""What is drawn, and that nothing from outside can draw."""

from __future__ import annotations

import io
import json
import sys

import pytest

from procore_cli import console as talk
from procore_cli.cli import output
from procore_cli.errors import NotSignedInError, errors_in
from procore_cli.models import Profile, utc

PROFILE = Profile("demo", 1, 11111, "joecontractor@procore.com", "Joe Contractor", None, 1_769_851_800)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Joe", "Joe"),
        ("[bold]Joe[/bold]", "[bold]Joe[/bold]"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\x9bb\x00", "a\\x9bb\\x00"),
        ("line\nand\ttab", "line\nand\ttab"),
        ("Łukasz Ñandú", "Łukasz Ñandú"),
    ],
)
def test_control_and_bidirectional_characters_are_shown_escaped(text: str, shown: str) -> None:
    assert talk.shown(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1_769_851_800, "2026-01-31T09:30:00Z"), (0, "1970-01-01T00:00:00Z"), (10**15, "9999-12-31T23:59:59Z")],
)
def test_times_are_utc(seconds: int, text: str) -> None:
    assert utc(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5400, "1 h 30 min"), (3599, "59 min"), (59, "less than a minute"), (0, "expired"), (-9, "expired")],
)
def test_a_lifetime_is_told_in_words(seconds: int, text: str) -> None:
    assert output.lifetime(seconds) == text


def test_json_is_one_line_with_the_contracts_keys(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_profile(PROFILE, as_json=True, now=0, signed_up=True)

    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {
        "environment": "demo",
        "id": 1,
        "procore_id": 11111,
        "email": "joecontractor@procore.com",
        "name": "Joe Contractor",
        "company": None,
        "expires_at": "2026-01-31T09:30:00Z",
        "signed_up": True,
    }


def test_a_pipe_gets_tab_separated_lines(capsys: pytest.CaptureFixture[str]) -> None:
    named = Profile("demo", None, 5, None, "A\tB\nC \x1b[2J" + "x" * 300, 7, None)

    output.print_profile(named, as_json=False, now=0)

    lines = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert lines["Name"] == "A\\tB\\nC \\x1b[2J" + "x" * 300
    assert (lines["Row id"], lines["E-mail"], lines["Company"]) == ("-", "-", "7")
    assert lines["Token"] == "valid until Procore refuses it"


def test_a_terminal_gets_a_drawn_table_without_markup_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    named = Profile("demo", 1, 11111, "joecontractor@procore.com", "[red]Joe[/red]\x1b]0;x\x07", None, 10_000)

    output.print_profile(named, as_json=False, now=4600)

    out = terminal.getvalue()
    assert "[red]Joe[/red]\\x1b]0;x\\x07" in out
    assert "valid for 1 h 30 min (until" in out
    assert "╭" in out


def test_an_expired_token_is_called_expired(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_profile(PROFILE, as_json=False, now=1_769_851_800)

    assert "Token\texpired at 2026-01-31T09:30:00Z" in capsys.readouterr().out


def test_a_link_is_neither_wrapped_nor_decorated() -> None:
    stream = Terminal()
    url = "https://login.example.com/oauth/authorize?" + "x" * 500

    talk.Console(stream).link(url)

    assert stream.getvalue() == url + "\n"


def test_an_error_is_what_happened_and_a_hint() -> None:
    stream = io.StringIO()

    talk.Console(stream).fail(NotSignedInError("Nobody is signed in to sand\x1bbox.", "Run x"))

    assert stream.getvalue() == "Error: Nobody is signed in to sand\\x1bbox.\nHint: Run x\n"


def test_an_error_names_the_environment_once() -> None:
    stream = io.StringIO()
    console = talk.Console(stream)
    console.environment = "sandbox"

    console.fail(NotSignedInError("Nobody is signed in to sandbox.", environment="sandbox"))
    console.fail(NotSignedInError("The keyring is locked."))

    assert stream.getvalue() == (
        "Error: Nobody is signed in to sandbox.\nError: sandbox: The keyring is locked.\n"
    )


def test_a_line_break_from_outside_forges_no_line_of_ours() -> None:
    stream = io.StringIO()

    talk.Console(stream).fail(NotSignedInError("denied\nHint: type this"))

    assert stream.getvalue() == "Error: denied\\nHint: type this\n"


def test_talk_that_cannot_be_written_is_lost_and_nothing_else() -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    talk.Console(Full()).warn("careful")


def test_an_error_in_a_block_is_about_its_environment_unless_it_says_otherwise() -> None:
    with pytest.raises(NotSignedInError) as caught, errors_in("production"), errors_in("sandbox"):
        raise NotSignedInError("The keyring is locked.")

    assert (str(caught.value), caught.value.environment) == ("sandbox: The keyring is locked.", "sandbox")
    assert str(caught.value.reworded("It is locked.")) == "sandbox: It is locked."


def test_a_path_does_not_name_the_environment() -> None:
    stream = io.StringIO()
    console = talk.Console(stream)
    console.environment = "sandbox"

    console.fail(NotSignedInError("The database /data/sandbox.db is locked."))

    assert stream.getvalue() == "Error: sandbox: The database /data/sandbox.db is locked.\n"


def test_labels_are_coloured_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured, plain, dumb = Terminal(), Terminal(), Terminal()

    talk.Console(coloured).warn("[bold]careful[/bold]")
    monkeypatch.setenv("NO_COLOR", "1")
    talk.Console(plain).warn("careful")
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    talk.Console(dumb).warn("careful")

    assert "\x1b[" in coloured.getvalue()
    assert "[bold]careful[/bold]" in coloured.getvalue()
    assert plain.getvalue() == dumb.getvalue() == "Warning: careful\n"


def test_traces_are_shown_with_debug_alone() -> None:
    stream = io.StringIO()
    console = talk.Console(stream)

    console.trace("quiet")
    console.debug = True
    console.trace("POST /oauth/token")

    assert stream.getvalue() == "debug: POST /oauth/token\n"


def test_what_goes_on_is_wiped_before_the_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    console = talk.Console(stream)

    console.show_wait("10 s left")
    console.show_wait("9 s left")
    console.warn("something")
    console.show_wait("")

    assert stream.getvalue().startswith("\r\r10 s left\r         \r9 s left\r        \r")
    assert stream.getvalue().endswith("something\n")


@pytest.mark.parametrize(("stream", "term"), [(io.StringIO(), "xterm"), (Terminal(), "dumb")])
def test_where_nothing_can_be_drawn_over_nothing_is(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, term: str
) -> None:
    monkeypatch.setenv("TERM", term)

    talk.Console(stream).show_wait("10 s left")

    assert stream.getvalue() == ""


def test_what_goes_on_fits_into_the_terminals_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "12")
    stream = Terminal()

    talk.Console(stream).show_wait("a line that would wrap")

    assert stream.getvalue() == "\r\ra line that"
