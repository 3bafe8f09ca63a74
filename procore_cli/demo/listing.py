"""Pages of a list: which one a query asks for, and the headers that lead to the others.

Refuses a page that is not a number. Headers as Procore's: Link (RFC 8288), Total, Per-Page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode

from procore_cli.demo.wire import Answer, Call, RefusedCallError, find_id, new_errors, new_json

DEFAULT_PER_PAGE: Final = 100
MAX_PER_PAGE: Final = 1000


@dataclass(frozen=True)
class Page:
    """One page of a list; the first is 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many items lie before it."""
        return (self.number - 1) * self.size


def read_page(call: Call) -> Page:
    """The page that `page` and `per_page` name; a greater size than 1000 counts as 1000.

    Raises RefusedCallError with a 400.
    """
    query = dict(parse_qsl(call.query))
    size = _read_number(query, "per_page", DEFAULT_PER_PAGE)
    return Page(_read_number(query, "page", 1), min(size, MAX_PER_PAGE))


def new_listing(call: Call, page: Page, total: int, items: list[object], *, wrapped: bool = False) -> Answer:
    """The answer with a page's items; `wrapped`: as REST v2 has them, in `data`."""
    links = ", ".join(
        f'<{_new_url(call, page, number)}>; rel="{rel}"' for rel, number in _others(page, total)
    )
    headers = [("Total", str(total)), ("Per-Page", str(page.size)), *([("Link", links)] if links else [])]
    return new_json(200, {"data": items} if wrapped else items, *headers)


def _others(page: Page, total: int) -> list[tuple[str, int]]:
    last = max(1, -(-total // page.size))
    before = [("first", 1), ("prev", min(page.number - 1, last))] if page.number > 1 else []
    after = [("next", page.number + 1), ("last", last)] if page.number < last else []
    return [*after, *before]


def _new_url(call: Call, page: Page, number: int) -> str:
    kept = [(k, v) for k, v in parse_qsl(call.query, keep_blank_values=True) if k not in ("page", "per_page")]
    query = urlencode([*kept, ("page", number), ("per_page", page.size)])
    return f"{call.origin}{call.path}?{query}"


def _read_number(query: dict[str, str], name: str, default: int) -> int:
    number = find_id(query[name]) if name in query else default
    # The offset has to fit into SQLite's 64 bits.
    if not number or number > 10**12:
        raise RefusedCallError(new_errors(400, [f"{name} must be a whole number from 1."]))
    return number
