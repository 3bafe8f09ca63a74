"""What is drawn at 40, 80 and 200 columns, with and without Unicode, and whatever a person's name is."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout

import pytest
from rich.cells import cell_len

from procore_cli.cli import api_output, main, output
from procore_cli.console import Console
from procore_cli.errors import NotSignedInError
from procore_cli.models import Profile, new_end
from tests.terminal import Screen

WIDTHS = [40, 80, 200]
LEGACY = ["ascii", "cp1252", "cp437", "cp932"]
NAMES = {
    "plain": "Joe Contractor",
    "wide": "\u4e95\u4e0a \u5de5\u52d9\u5e97 " * 9,
    "emoji": "\U0001f477\u200d\U0001f527 \U0001f3d7 Joe",
    "combining": "J\u0301o\u0302e\u0308 C\u0327ontractor",
    "right to left": "\u05d9\u05d5\u05e1\u05e3 \u202eJoe",
    "300 characters": "x" * 300,
    "lines": "Joe\nError: forged\tContractor\x1b[2J",
    "accents": "J\u00f6\u00e9 C\u00f4ntract\u0153r",
}
# What light and dark backgrounds both leave readable: bold, green and magenta, and their end.
READABLE = {"0", "1", "32", "35"}


@pytest.fixture
def surfaces(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, str]]:
    """Terminals of each width and encoding, one after the other."""
    monkeypatch.setenv("TERM", "xterm-256color")

    def each() -> Iterator[tuple[int, str]]:
        for width in WIDTHS:
            monkeypatch.setenv("COLUMNS", str(width))
            yield from ((width, encoding) for encoding in ("utf-8", *LEGACY))

    return each()


def draw(encoding: str, print_it: Callable[[], None]) -> list[str]:
    terminal = Screen(encoding)
    with redirect_stdout(terminal):
        print_it()
    return terminal.lines


def draw_profile(encoding: str, name: str = NAMES["plain"]) -> list[str]:
    profile = Profile("production", 1, 11111, "joecontractor@procore.com", name, 123, new_end(1_769_851_800))
    return draw(encoding, lambda: output.print_profile(profile, as_json=False, now=0))


def test_a_profile_fits_and_its_frame_is_straight(surfaces):
    for width, encoding in surfaces:
        for name in NAMES.values():
            lines = draw_profile(encoding, name)
            is_framed = not lines[0].startswith("Procore")
            assert not is_framed or {cell_len(line) for line in lines} == {cell_len(lines[0])}, name
            assert max(map(cell_len, lines)) <= width, name
            assert sum("joecontractor@procore.c" in line for line in lines) == 1, name


def test_no_frame_breaks_a_word_that_fits_without_it(monkeypatch):
    for columns in (38, 40, 41, 42, 80):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = draw_profile("utf-8")
        assert sum("joecontractor@procore.com" in line for line in lines) == 1
        assert max(map(cell_len, lines)) <= columns


def test_columns_fit_or_become_a_panel_a_row(surfaces):
    names = ["Environment", "", "Name", "E-mail", "Procore id", "Token"]
    for width, encoding in surfaces:
        for name in NAMES.values():
            row = ["production", "*", name, "joecontractor@procore.com", "11111", "59 min"]
            lines = draw(encoding, lambda row=row: output.print_columns(names, [row, row]))  # type: ignore[misc]
            assert max(cell_len(line.rstrip()) for line in lines) <= width, name
            assert sum("joecontractor@procore.c" in line for line in lines) == 2, name


def test_without_unicode_a_frame_is_ascii_and_an_old_windows_console_gets_one_that_its_fonts_have(
    monkeypatch,
):
    for encoding in LEGACY:
        lines = draw_profile(encoding)
        assert "\n".join(lines).isascii()
        assert lines[0].startswith("+- Procore production ")
    monkeypatch.setattr("rich.console.detect_legacy_windows", lambda: True)
    assert draw_profile("utf-8")[0].startswith("\u250c\u2500 Procore production ")


def test_errors_and_warnings_wrap_at_words_so_that_only_ours_begin_a_line_and_waits_are_one(surfaces):
    for width, encoding in surfaces:
        terminal = Screen(encoding)
        console = Console(terminal)
        for name in NAMES.values():
            console.warn(f"{name} is signed out.")
            console.fail(
                NotSignedInError(
                    f"{name} is not signed in to demo.", "Run `procore-login signin --env demo`."
                )
            )
        waiting = Screen(encoding)
        Console(waiting).show_wait("Waiting for the browser. 4 min 59 s left. " * 9)
        begun = [line.split(":")[0] for line in terminal.lines if not line.startswith("  ")]
        assert begun == ["Warning", "Error", "Hint"] * len(NAMES)
        assert terminal.lines.count("    procore-login signin --env demo") == len(NAMES)
        if encoding == "utf-8":
            # Else the terminal would begin a line with the rest of one.
            assert max(map(cell_len, terminal.lines)) < width
        assert len(waiting.lines[-1]) < width


def test_json_keeps_its_tokens_whatever_the_encoding(surfaces):
    for _, encoding in surfaces:
        for name in NAMES.values():
            body = json.dumps({"name": name, "id": 11111}, ensure_ascii=False)
            terminal = Screen(encoding)
            api_output.TerminalOutput(terminal).write_body(iter([body.encode()]), "application/json")
            lines = terminal.lines
            assert [line[:9] for line in lines] == ["{", '  "name":', '  "id": 1', "}"], name
            value = json.dumps(name, ensure_ascii=False).replace("\u202e", "\\u202e")
            shown = value.encode(encoding, "backslashreplace").decode(encoding)
            assert lines[1].endswith(f"{shown},"), name


def test_json_is_coloured_so_that_it_can_be_read_on_light_and_dark():
    text = '{"a": [1, -2.5, true, false, null, "b", {}, []]}'
    drawn = api_output.draw_json(text, indents=True, colours=True)
    assert set(re.findall(r"\x1b\[(\d+)m", drawn)) == READABLE


def test_help_fits(monkeypatch, capsys):
    for columns in (52, 60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        for name in ("", *main.COMMANDS):
            assert main.run(f"{name} --help".split()) == 0
            lines = capsys.readouterr().out.splitlines()
            # What is to be typed is not wrapped where it would no longer work.
            assert [line for line in lines if len(line) > columns and " procore-login " not in line] == []
            assert "\n".join(lines).isascii()
