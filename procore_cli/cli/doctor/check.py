"""What one check found, as a frozen dataclass; refuses to find anything itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from procore_cli.errors import ProcoreLoginError

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Check:
    """A line of the report; `fix` is what to type or where to look, `error` why it failed."""

    name: str
    status: Status
    detail: str
    fix: str = ""
    error: ProcoreLoginError | None = None


def fine(name: str, detail: str) -> Check:
    """All is as it should be."""
    return Check(name, "ok", detail)


def warning(name: str, detail: str, fix: str) -> Check:
    """Signing in can work, but a person should know of this."""
    return Check(name, "warning", detail, fix)


def failed(name: str, error: ProcoreLoginError) -> Check:
    """Signing in cannot work."""
    return Check(name, "failed", error.message, error.hint, error)


def unchecked(name: str, why: str) -> Check:
    """Another check's failure makes this one impossible; that one says what to do."""
    return Check(name, "warning", f"not checked: {why}.", "Mend that first, then run doctor again.")
