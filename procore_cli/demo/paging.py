"""Lists in Procore's pages: `page`, `per_page`, and the headers that name the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from procore_cli.demo.exchange import Answer, Call, Header, find_id, new_json, refused

# How many items are on a page, usually and at most: REST v2, v1.1, all others.
_SIZES: Final = {"/rest/v2.": (10, 100), "/rest/v1.1/": (100, 300), "": (100, 1000)}


class Page(NamedTuple):
    """One page of a list; the first is 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many items lie before it."""
        return (self.number - 1) * self.size


def is_v2(call: Call) -> bool:
    """Whether ids are texts, and lists stand in `data`."""
    return call.path.startswith("/rest/v2.")


def read_page(call: Call) -> Page:
    """The page that `page` and `per_page` name. Raises RefusedCallError with a 400."""
    usual, most = next(sizes for start, sizes in _SIZES.items() if call.path.startswith(start))
    return Page(_read_number(call, "page", 1), min(_read_number(call, "per_page", usual), most))


def new_page(call: Call, page: Page, total: int, items: Sequence[object]) -> Answer:
    """The answer with a page's items."""
    links = ", ".join(
        f'<{_new_url(call, page, number)}>; rel="{rel}"' for rel, number in _others(page, total)
    )
    headers = [("Total", str(total)), ("Per-Page", str(page.size)), *([("Link", links)] if links else [])]
    return new_json(200, {"data": items} if is_v2(call) else items, *headers)


def new_list(call: Call, items: Sequence[object], status: int = 200, *headers: Header) -> Answer:
    """The page of a list that the call asks for. Raises RefusedCallError with a 400."""
    page = read_page(call)
    answer = new_page(call, page, len(items), items[page.offset :][: page.size])
    return replace(answer, status=status, headers=(*answer.headers, *headers))


def _others(page: Page, total: int) -> list[tuple[str, int]]:
    last = max(1, -(-total // page.size))
    before = [("first", 1), ("prev", min(page.number - 1, last))] if page.number > 1 else []
    after = [("next", page.number + 1), ("last", last)] if page.number < last else []
    return [*after, *before]


def _new_url(call: Call, page: Page, number: int) -> str:
    kept = [(k, v) for k, v in parse_qsl(call.query, keep_blank_values=True) if k not in ("page", "per_page")]
    query = urlencode([*kept, ("page", number), ("per_page", page.size)])
    return f"{call.origin}{call.path}?{query}"


def _read_number(call: Call, name: str, default: int) -> int:
    number = find_id(call.parameters.get(name, default))
    # The offset has to fit into SQLite's 64 bits.
    if not number or number > 10**12:
        raise refused(400, [f"{name} must be a whole number from 1."])
    return number
