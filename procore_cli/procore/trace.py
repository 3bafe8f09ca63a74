"""The line that `--debug` shows of an exchange; never a query, a body, or a header that may hold a secret."""

from __future__ import annotations

from collections.abc import Mapping

_SHOWN = ("content-type", "date", "retry-after", "server", "x-request-id")
_SHOWN_PREFIX = "x-rate-limit-"


def exchange_line(method: str, url: str, outcome: str, took_ms: float, headers: Mapping[str, str]) -> str:
    """One line of printable characters; `outcome` is the status, or the name of what went wrong."""
    shown = [
        f"{name}: {value}"
        for name, value in sorted(headers.items())
        if name in _SHOWN or name.startswith(_SHOWN_PREFIX)
    ]
    return _printable("; ".join([f"{method} {url.partition('?')[0]} {outcome} {took_ms:.0f} ms", *shown]))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
