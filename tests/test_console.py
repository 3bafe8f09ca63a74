"""What is drawn, and that nothing from outside can draw."""

import io
import shlex
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from procore_cli import console as talk
from procore_cli.cli import output
from procore_cli.errors import NotSignedInError, errors_in
from procore_cli.models import Profile, new_end, utc
from tests.terminal import Screen

PROFILE = Profile(
    "demo", 1, 11111, "joecontractor@procore.com", "Joe Contractor", None, new_end(1_769_851_800)
)


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (talk.shown, "[bold]Joe[/bold]", "[bold]Joe[/bold]"),
        (talk.shown, "a\x1b[31mb", "a\\x1b[31mb"),
        (talk.shown, "a\u202eb", "a\\u202eb"),
        (talk.shown, "a\x9bb\x00", "a\\x9bb\\x00"),
        (talk.shown, "line\nand\ttab", "line\nand\ttab"),
        (talk.shown, "Łukasz Ñandú", "Łukasz Ñandú"),
        (utc, 1_769_851_800, "2026-01-31T09:30:00Z"),
        (utc, 10**15, "9999-12-31T23:59:59Z"),
        (output.lifetime, 5400, "1 h 30 min"),
        (output.lifetime, 3599, "59 min"),
        (output.lifetime, 59, "less than a minute"),
        (output.lifetime, 0, "expired"),
    ],
)
def test_control_characters_are_escaped_times_are_utc_and_a_lifetime_is_told_in_words(show, value, text):
    assert show(value) == text


def test_a_pipe_gets_tab_separated_lines(capsys):
    named = Profile("demo", None, 5, None, "A\tB\nC \x1b[2J" + "x" * 300, 7, None)
    output.print_profile(named, as_json=False, now=0)
    lines = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert lines["Name"] == "A\\tB\\nC \\x1b[2J" + "x" * 300
    assert (lines["Row id"], lines["E-mail"], lines["Company"]) == ("-", "-", "7")
    assert lines["Token"] == "valid until Procore refuses it"
    output.print_profile(PROFILE, as_json=False, now=1_769_851_800)
    assert "Token\texpired at 2026-01-31T09:30:00Z" in capsys.readouterr().out


def test_a_terminal_gets_a_drawn_table_without_markup_from_outside(monkeypatch):
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    output.print_profile(PROFILE._replace(name="[red]Joe[/red]\x1b]0;x\x07"), as_json=False, now=0)
    for text in ("[red]Joe[/red]\\x1b]0;x\\x07", "╭─ Procore demo ─"):
        assert text in screen.text


END = 1_769_851_800
BY_VARIABLE = PROFILE._replace(id=None, expires_at=None)


@pytest.mark.parametrize(
    ("profile", "now", "shows_token", "drawn"),
    [
        (PROFILE, END - 5400, False, "Status      signed in; the token renews itself"),
        (PROFILE, END - 5400, True, "renews itself|Token       valid until 04:30 EST"),
        (PROFILE, END, True, "renews itself|Token       expired at 04:30 EST"),
        (PROFILE._replace(expires_at=None), END, True, "Status      signed in; the token renews itself"),
        (
            PROFILE._replace(kind="service", company=7),
            0,
            False,
            "Kind        service account|Company     7|Status",
        ),
        (PROFILE._replace(id=None), 0, True, "11111|Token       valid until 2026-01-31 04:30 EST"),
        (BY_VARIABLE, 0, True, "11111|Token       valid until Procore refuses it"),
    ],
)
def test_a_person_reads_what_lasts_then_the_local_time_and_nothing_twice(
    monkeypatch, zone, profile, now, shows_token, drawn
):
    zone("EST5")
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    output.print_profile(profile, as_json=False, now=now, shows_token=shows_token)
    rows = "|".join(line.strip("│ ") for line in screen.lines[1:-1])
    assert drawn in rows
    assert [word for word in ("Row id", "Environment") if word in rows] == []
    assert ("Token" in rows) == ("Token" in drawn)


@pytest.mark.parametrize(
    ("zone_name", "seconds", "now", "told"),
    [
        ("CET-1", END, END - 86_399, "10:30 CET"),
        ("CET-1", END, END + 86_399, "10:30 CET"),
        ("CET-1", END, END - 86_400, "2026-01-31 10:30 CET"),
        # As Windows and zones without an abbreviation name them.
        ("<WindowsZone>-1", END, END, "10:30 +01:00"),
        ("<-0330>3:30", END, END, "06:00 -03:30"),
        ("UTC0", 10**18, END, "9999-12-31T23:59:59Z"),
    ],
)
def test_a_local_time_has_its_zone_and_its_day_where_it_is_another(zone, zone_name, seconds, now, told):
    zone(zone_name)
    assert output.local_time(seconds, now) == told


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the time zone of this process."""

    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.delenv("TZ")
    time.tzset()


def test_a_link_is_neither_wrapped_nor_decorated():
    stream = Screen()
    url = "https://login.example.com/oauth/authorize?" + "x" * 500
    talk.Console(stream).link(url)
    assert stream.text == url + "\n"


NOBODY = NotSignedInError("Nobody is in sandbox.", environment="sandbox")


def test_an_error_is_what_happened_with_its_environment_once_and_a_hint():
    for environment, error, said in (
        ("", NotSignedInError("In sand\x1bbox.", "Run x"), "In sand\\x1bbox.\nHint: Run x"),
        ("", NotSignedInError("denied\nHint: type this"), "denied\\nHint: type this"),
        ("sandbox", NOBODY, "Nobody is in sandbox."),
        ("sandbox", NotSignedInError("The keyring is locked."), "sandbox: The keyring is locked."),
        ("sandbox", NotSignedInError("/data/sandbox.db is locked."), "sandbox: /data/sandbox.db is locked."),
        ("sandbox", NotSignedInError("sandboxes."), "sandbox: sandboxes."),
    ):
        stream = io.StringIO()
        console = talk.Console(stream)
        console.environment = environment
        console.fail(error)
        assert stream.getvalue() == f"Error: {said}\n"
    with pytest.raises(NotSignedInError) as caught, errors_in("production"), errors_in("sandbox"):
        raise NotSignedInError("The keyring is locked.")
    assert (str(caught.value), caught.value.environment) == ("sandbox: The keyring is locked.", "sandbox")
    assert str(caught.value.reworded("It is locked.")) == "sandbox: It is locked."


def test_what_is_to_be_typed_stands_on_a_line_of_its_own_and_no_text_from_outside_does(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal, pipe = Screen(), io.StringIO()
    for stream in (terminal, pipe):
        console = talk.Console(stream, lambda: "sandbox")
        console.fail(
            NotSignedInError(
                "Procore answered 400 (run `rm -rf ~` first).",
                "Run `procore-login signin --env sandbox --account 'a`b'`, or add `--env demo`; else"
                " `procore-login whoami --env demo`.",
            )
        )
        console.warn("A name is `sudo x`:", "type `procore-login doctor`")
    assert terminal.lines == [
        "Error: Procore answered 400 (run `rm -rf ~` first).",
        "Hint: Run",
        "    procore-login signin --account 'a`b'",
        "  or add --env demo; else",
        "    procore-login whoami --env demo",
        "Warning: A name is `sudo x`: type",
        "    procore-login doctor",
    ]
    assert pipe.getvalue().splitlines() == [
        "Error: Procore answered 400 (run `rm -rf ~` first).",
        (
            "Hint: Run procore-login signin --account 'a`b', or add --env demo;"
            " else procore-login whoami --env demo."
        ),
        "Warning: A name is `sudo x`: type procore-login doctor",
    ]


@pytest.mark.parametrize(
    "name", ["a`b c`d", "it's", "it's `curl x`", 'a"b `curl x`', "a\nb `curl x`", "'", "`"]
)
def test_what_is_quoted_in_a_command_may_hold_any_character(name):
    typed = f"rm {shlex.quote(name)} --env demo"
    advice = f"If nobody needs it: `{typed}`; else `--keep`."
    assert [piece for piece, is_command in talk.list_pieces(advice) if is_command] == [typed]
    assert talk.without_marks(advice) == f"If nobody needs it: {typed}; else --keep."
    shortened = talk.Console(io.StringIO(), lambda: "demo").shorten(advice)
    assert shortened == advice.replace(" --env demo", "")


def test_a_command_leaves_out_the_environment_that_is_in_force_and_no_part_of_another():
    for in_force, said in (
        ("production", "x y"),
        ("prod", "x --env production y"),
        ("", "x --env production y"),
    ):
        stream = io.StringIO()
        talk.Console(stream, lambda in_force=in_force: in_force).say("Try", "`x --env production y`")
        assert stream.getvalue() == f"Try {said}\n"


def test_a_url_stays_whole_in_a_narrow_terminal_and_another_long_word_does_not():
    url = "https://login-sandbox-monthly.procore.com/oauth"
    assert talk.lay_out(f"Signing in at {url} (x)", "", 39) == ["Signing in at", f"  {url}", "  (x)"]
    forged = f"https://{'x' * 30}Hint:"
    assert talk.lay_out(f"{forged} Run y", "", 39) == [forged[:37], f"  {forged[37:]} Run y"]
    assert talk.lay_out(f"Joe{'x' * 60}", "", 39) == [f"Joe{'x' * 34}", f"  {'x' * 26}"]


def test_talk_that_cannot_be_written_is_lost_and_nothing_else():
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    talk.Console(Full()).warn("careful")


def test_labels_are_coloured_on_a_terminal_alone(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured, plain, dumb = Screen(), Screen(), Screen()
    talk.Console(coloured).warn("[bold]careful[/bold]")
    monkeypatch.setenv("NO_COLOR", "1")
    talk.Console(plain).warn("careful")
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    talk.Console(dumb).warn("careful")
    assert "\x1b[" in coloured.text
    assert "[bold]careful[/bold]" in coloured.text
    assert plain.text == dumb.text == "Warning: careful\n"


def test_what_goes_on_fits_into_the_width_and_is_wiped_before_the_next_line(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    screen, narrow = Screen(), Screen()
    console = talk.Console(screen)
    console.show_wait("10 s left")
    console.show_wait("9 s left")
    console.warn("something")
    console.show_wait("")
    assert screen.text.startswith("\r\r10 s left\r         \r9 s left\r        \r")
    assert screen.text.endswith("something\n")
    monkeypatch.setenv("COLUMNS", "12")
    talk.Console(narrow).show_wait("a line that would wrap")
    assert narrow.text == "\r\ra line that"


def test_where_nothing_can_be_drawn_over_nothing_is(monkeypatch):
    pipe, dumb = io.StringIO(), Screen()
    for stream, term in ((pipe, "xterm"), (dumb, "dumb")):
        monkeypatch.setenv("TERM", term)
        talk.Console(stream).show_wait("10 s left")
    assert pipe.getvalue() == dumb.text == ""
