"""The table of classes in docs/errors.md, made from the classes; the texts below it are written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from procore_cli import errors
from procore_cli.errors import ProcoreLoginError

_HEAD: Final = "| class | is a | code | meaning |\n|---|---|---|---|\n"


def with_classes(page: str) -> str:
    """The page with the table as it has to be now."""
    before, head, rest = page.partition(_HEAD)
    _, blank, after = rest.partition("\n\n")
    # Not those that a module keeps to itself.
    public = (kind for kind in list_errors(ProcoreLoginError) if kind.__module__ == errors.__name__)
    rows = "\n".join(map(_row, public))
    return f"{before}{head}{rows}{blank}{after}"


def list_errors(root: type[ProcoreLoginError]) -> Iterator[type[ProcoreLoginError]]:
    """A class, and each that is made from it."""
    yield root
    for kind in root.__subclasses__():
        yield from list_errors(kind)


def _row(kind: type[ProcoreLoginError]) -> str:
    meaning = (kind.__doc__ or "").partition("\n")[0]
    return f"| `{kind.__name__}` | `{kind.__bases__[0].__name__}` | {kind.exit_code} | {meaning} |"
