"""Writes what the wheel installs under share/, the man page and the completions; refuses to write elsewhere.

Run `python -m tools.generate` when a command's help changes. The files are committed, so that `pip install .`
needs nothing but its build backend; tests/test_packaging.py says when they are out of date.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from procore_cli.cli.completion import SCRIPTS
from tools.man_page import new_man_page

SHARE: Final = Path(__file__).parent.parent / "share"


# The text of each file by its path under share/.
FILES: Final[Mapping[str, Callable[[], str]]] = {
    "man/man1/procore-login.1": new_man_page,
    "bash-completion/completions/procore-login": lambda: SCRIPTS["bash"],
    "zsh/site-functions/_procore-login": lambda: SCRIPTS["zsh"],
    "fish/vendor_completions.d/procore-login.fish": lambda: SCRIPTS["fish"],
}


def save_files(folder: Path) -> None:
    """Write the files, with the same bytes on every system."""
    for name, new_text in FILES.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(new_text().encode())


if __name__ == "__main__":
    save_files(SHARE)
