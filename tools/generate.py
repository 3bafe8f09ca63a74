"""Writes what is made from the program: the man page that the wheel installs.

Run `python -m tools.generate` when a command's help changes. The page is committed, so that `pip install .`
needs nothing but its build backend; a test says when it is out of date.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tools.man_page import new_man_page

MAN_PAGE: Final = Path(__file__).parent.parent / "share/man/man1/procore-login.1"

if __name__ == "__main__":
    # The same bytes on every system.
    MAN_PAGE.write_bytes(new_man_page().encode())
