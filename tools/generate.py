"""Writes what is made from the program: the man page that the wheel installs, the table in docs/errors.md.

Run `python -m tools.generate` when a command's help or a class of errors changes. Both are committed, so that
`pip install .` needs nothing but its build backend; tests say when one of them is out of date.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tools.errors_table import with_classes
from tools.man_page import new_man_page

_ROOT: Final = Path(__file__).parent.parent
MAN_PAGE: Final = _ROOT / "share/man/man1/procore-login.1"
ERRORS: Final = _ROOT / "docs/errors.md"

if __name__ == "__main__":
    # The same bytes on every system.
    MAN_PAGE.write_bytes(new_man_page().encode())
    ERRORS.write_bytes(with_classes(ERRORS.read_text("utf-8")).encode())
