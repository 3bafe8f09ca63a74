"""How long Procore asks to be left alone, from its answer's headers; refuses to wait itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

WAIT_STATUSES = frozenset((429, 503))
# Procore says "now" for a window that ends within the second.
_SHORTEST_WAIT_S = 1
_LONGEST_DIGITS = 12


def find_wait_s(status: int, headers: Mapping[str, str], now: float) -> int | None:
    """Seconds to wait before the call is repeated, at least 1; None where the answer asks for no wait.

    `headers` with names in lower case, `now` in seconds (UTC). Retry-After (RFC 9110, section 10.2.3) comes
    before X-Rate-Limit-Reset; both are judged by the server's clock where it says what that shows.
    """
    if status not in WAIT_STATUSES:
        return None
    moment = _find_date(headers.get("date", "")) or now
    after = headers.get("retry-after", "").strip()
    wait_s = _find_number(after)
    if wait_s is None:
        until = _find_date(after) or _find_number(headers.get("x-rate-limit-reset", "").strip())
        wait_s = None if until is None else until - moment
    if wait_s is None:
        return None
    # A part of a second more is better than being too early.
    return max(_SHORTEST_WAIT_S, math.ceil(wait_s))


def _find_number(text: str) -> float | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_DIGITS else None


def _find_date(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        # "-0000" is UTC without a zone to Python.
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
