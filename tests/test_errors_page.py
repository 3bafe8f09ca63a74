"""docs/errors.md holds every error and every warning of the program, and none that does not exist.

Left out may be what stands for REASON where it says all that there is (a private exception carries it into
an error's text). On the page a command stands without the backticks that it has in the text.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from procore_cli import errors
from tests.error_texts import Text, error_classes, read_texts

PAGE = Path(__file__).parents[1] / "docs/errors.md"
CODES = ["0", "1", "2", "3", "4", "5", "6", "7", "126, 127", "130, 143, 129"]
_PLACEHOLDER = re.compile(r"[A-Z][A-Z]+")


@cache
def read_sections() -> dict[str, str]:
    """The page's text below each second-level heading, in one line each, without backticks."""
    parts = re.split(r"^## (.+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    texts = (" ".join(text.replace("`", "").split()) for text in parts[2::2])
    return dict(zip(parts[1::2], texts, strict=True))


def list_missing() -> list[str]:
    """What the program can print and the page does not hold, one line each."""
    hints = {fragment for text in read_texts() if text.kind == "hint" for fragment in text.fragments}
    return [
        f"{text.place}: {fragment!r} is missing below '## {heading}'"
        for text in read_texts()
        if text.kind in ("message", "warning")
        for heading in [find_heading(text)]
        for fragment in text.fragments
        if _is_said(fragment) and _bare(fragment) not in _find_section(heading) and fragment not in hints
    ]


def list_invented() -> list[str]:
    """What the page says that the program prints, and it does not."""
    # Without what joins them: one fragment's colon may be the next one's.
    known = {_bare(fragment).strip(' .,:;()"') for text in read_texts() for fragment in text.fragments}
    fragments = sorted((each for each in known if re.search("[a-z]", each)), key=len, reverse=True)
    return [
        f"docs/errors.md: nothing says {spoken!r}"
        for spoken in _spoken()
        if re.search("[a-z]{2}", _without(spoken, fragments))
    ]


def find_heading(text: Text) -> str:
    """Below which heading a text belongs; empty where any will do."""
    if text.kind == "warning":
        return "Warnings"
    kind = error_classes().get(text.maker)
    return find_heading_of(kind) if kind else ""


def find_heading_of(kind: type[errors.ProcoreLoginError]) -> str:
    """Below which heading a class and its texts belong."""
    return "Exit codes 126 and 127" if kind.exit_code > 99 else f"Exit code {kind.exit_code}"


def _is_said(fragment: str) -> bool:
    # A single word is a value, such as a name.
    return " " in fragment.strip(" .,:;()`") and re.search("[a-z]{2}", fragment) is not None


def _bare(fragment: str) -> str:
    return fragment.replace("`", "").strip()


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


def test_the_page_has_the_contracts_exit_codes_in_order():
    cells = re.findall(r"^\| \[?([\d, ]+)\b", PAGE.read_text("utf-8"), re.MULTILINE)
    assert cells == CODES


def test_every_class_of_errors_stands_at_its_exit_code():
    public = {name: kind for name, kind in error_classes().items() if kind.__module__ == errors.__name__}
    missing = [name for name, kind in public.items() if name not in read_sections()[find_heading_of(kind)]]
    assert public
    assert not missing


def test_every_text_that_the_program_can_print_stands_on_the_page_and_no_other():
    wrong = [*list_missing(), *list_invented()]
    assert not wrong, "\n".join(wrong)


def test_the_source_was_really_read():
    for kind in ("message", "hint", "warning"):
        assert sum(text.kind == kind for text in read_texts()) > 15
