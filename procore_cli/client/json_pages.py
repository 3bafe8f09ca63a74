"""A page of a list, whole in memory: its items, each as the server wrote it.

A list is the JSON text itself (REST v1), or the value of `data` in an object (REST v2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NoReturn

# A text in quotes, a mark, a number or a word; possessive, since sre would remember each step of a long text.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}:,]|[^\s\[\]{}:,"]++')
# What stands between two values of a list or an object.
_GAP = re.compile(r"[\s,:]*")


def read_items(body: bytes) -> tuple[list[str], bool]:
    """Each item's own JSON, and whether the page is a list; anything else is one item.

    A page without anything has none. Raises ValueError for what is not JSON in UTF-8.
    """
    text = body.decode("utf-8-sig").strip(" \t\r\n")
    if not text:
        return [], False
    start = _find_list(text)
    if start is None:
        return [text], False
    return [value for _, value in _values(text, start)], True


def is_json(text: str) -> bool:
    """Whether a text is one JSON value (RFC 8259)."""
    try:
        _DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def on_one_line(text: str) -> str:
    """A JSON text without the white space between its tokens; every token as it was."""
    return "".join(read_tokens(text))


def read_tokens(text: str) -> list[str]:
    """The tokens of a JSON text, as they are written."""
    return _TOKEN.findall(text)


def _find_list(text: str) -> int | None:
    """Where the list begins, if there is one. Raises ValueError for what is not JSON."""
    if not is_json(text):
        raise ValueError("not JSON")
    if text[0] == "[":
        return 0
    members = _values(text, 0) if text[0] == "{" else iter(())
    # Two at a time: a key and its value.
    for (_, key), (start, value) in zip(members, members, strict=True):
        if value[0] == "[" and json.loads(key) == "data":
            return start
    return None


def _values(text: str, start: int) -> Iterator[tuple[int, str]]:
    """Each value of the list or object at `start`, and where it begins; a key counts as a value."""
    at = _end_of_gap(text, start + 1)
    while text[at] not in "]}":
        _, end = _DECODER.raw_decode(text, at)
        yield at, text[at:end]
        at = _end_of_gap(text, end)


def _end_of_gap(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


# Only where a value ends is asked: what it holds is let go as it is read.
_DECODER = json.JSONDecoder(
    object_pairs_hook=lambda _: None, parse_int=str, parse_float=str, parse_constant=_refuse
)
