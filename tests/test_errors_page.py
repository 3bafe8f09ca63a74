"""docs/errors.md holds every error and every warning of the program, and none that does not exist."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.error_texts import Text, error_classes, read_texts
from tools import generate
from tools.errors_table import with_classes

PAGE = Path(__file__).parents[1] / "docs/errors.md"
_PLACEHOLDER = re.compile(r"[A-Z][A-Z]+")


@cache
def read_sections() -> dict[str, str]:
    """The page's text below each second-level heading, in one line each."""
    parts = re.split(r"^## (.+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return {heading: " ".join(text.split()) for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def read_rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without backticks."""
    text = PAGE.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")] for line in lines]


def list_missing() -> list[str]:
    """What the program can print and the page does not hold, one line each."""
    hints = {fragment for text in read_texts() if text.kind == "hint" for fragment in text.fragments}
    return [
        f"{text.place}: {fragment!r} (section {heading!r})"
        for text in read_texts()
        if text.kind in ("message", "reason", "warning")
        for heading in [find_heading(text)]
        for fragment in text.fragments
        if _is_said(fragment) and fragment not in _find_section(heading) and fragment not in hints
    ]


def list_invented() -> list[str]:
    """What the page says that the program prints, and it does not."""
    # Without what joins them: one fragment's colon may be the next one's.
    known = {fragment.strip(' .,:;()"') for text in read_texts() for fragment in text.fragments}
    fragments = sorted((each for each in known if re.search("[a-z]", each)), key=len, reverse=True)
    return [spoken for spoken in _spoken() if re.search("[a-z]{2}", _without(spoken, fragments))]


def find_heading(text: Text) -> str:
    """Below which heading a text belongs; empty where any will do."""
    if text.kind == "warning":
        return "Warnings"
    kind = error_classes().get(text.maker)
    if kind is None:
        return ""
    return "Exit codes 126 and 127" if kind.exit_code > 99 else f"Exit code {kind.exit_code}"


def _is_said(fragment: str) -> bool:
    # A single word is a value, such as a name.
    return " " in fragment.strip(" .,:;()") and re.search("[a-z]{2}", fragment) is not None


def _find_section(heading: str) -> str:
    return read_sections()[heading] if heading else " ".join(read_sections().values())


def _spoken() -> Iterator[str]:
    """The texts that stand at the head of an entry."""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("- `"):
            yield from re.findall("`([^`]+)`", line)


def _without(spoken: str, fragments: list[str]) -> str:
    for fragment in fragments:
        spoken = spoken.replace(fragment, " ")
    return _PLACEHOLDER.sub(" ", spoken)


CODES = {"0", "1", "2", "3", "4", "5", "6", "7", "126, 127", "130, 143, 129"}


def test_the_page_has_the_contracts_exit_codes_and_the_glossary_is_in_order():
    assert {row[0] for row in read_rows("Exit codes")} == CODES
    words = [row[0] for row in read_rows("Glossary")]
    assert words == sorted(set(words), key=str.casefold)


def test_the_table_of_classes_is_up_to_date():
    page = generate.ERRORS.read_text("utf-8")
    assert with_classes(page) == page, "run: python -m tools.generate"
    assert "| `CommandNotFoundError` | `ProcoreLoginError` | 127 |" in page


def test_every_text_that_the_program_can_print_stands_on_the_page_and_no_other():
    wrong = [*list_missing(), *list_invented()]
    assert not wrong, "\n".join(wrong)


def test_the_source_was_really_read():
    for kind in ("message", "hint", "reason", "warning"):
        assert sum(text.kind == kind for text in read_texts()) > 15
