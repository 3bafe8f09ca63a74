"""docs/errors.md holds every error and every warning of the program, and none that does not exist."""

from tests import errors_page
from tests.error_texts import read_texts
from tools import generate
from tools.errors_table import with_classes

CODES = {"0", "1", "2", "3", "4", "5", "6", "7", "126, 127", "130, 143, 129"}


def test_the_page_has_the_contracts_exit_codes_and_the_glossary_is_in_order():
    assert {row[0] for row in errors_page.read_rows("Exit codes")} == CODES
    words = [row[0] for row in errors_page.read_rows("Glossary")]
    assert words == sorted(set(words), key=str.casefold)


def test_the_table_of_classes_is_up_to_date():
    page = generate.ERRORS.read_text("utf-8")
    assert with_classes(page) == page, "run: python -m tools.generate"
    assert "| `CommandNotFoundError` | `ProcoreLoginError` | 127 |" in page


def test_every_text_that_the_program_can_print_stands_on_the_page_and_no_other():
    wrong = [*errors_page.list_missing(), *errors_page.list_invented()]
    assert not wrong, "\n".join(wrong)


def test_the_source_was_really_read():
    for kind in ("message", "hint", "reason", "warning"):
        assert sum(text.kind == kind for text in read_texts()) > 15
