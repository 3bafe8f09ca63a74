"""A list in a JSON text, item by item, as the text comes in; refuses to hold more than one item at a time.

A list is the text itself (REST v1), or the value of `data` in an object (REST v2).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn

_SPACE = re.compile(r"[ \t\r\n]*")
# A quote and the backslashes before it, tried once for a run of them; sre would keep each step of "(?:..)*".
_QUOTE = re.compile(r'(?<!\\)(\\*)"')
# A number may go on where the text that has come so far ends.
_CUT_NUMBER = re.compile(r"[-+.eE0-9]*\Z")
_LARGEST_ITEM = 16 * 1024 * 1024
Count = Callable[[int], object]


def read_items(chunks: Iterable[bytes], count: Count = lambda _: None) -> Iterator[str]:
    """Each item's own JSON on one line; anything that is no list is one item.

    At the end of a list `count` is called with how many items it had. Raises ValueError for what is not JSON
    in UTF-8.
    """
    return map(on_one_line, read_values(chunks, count))


def read_values(chunks: Iterable[bytes], count: Count = lambda _: None) -> Iterator[str]:
    """As `read_items`, each item with the white space that it came with."""
    text = _Text(chunks)
    first = text.peek()
    if first == "[":
        yield from _items(text, count)
    elif first == "{":
        yield from _data(text, count)
    elif first:
        yield text.value()
    if text.peek():
        raise ValueError("more than one value")


def on_one_line(value: str) -> str:
    """A JSON text without the white space between its tokens; every token as it was."""
    if "\\" not in value:
        # Every second part stands between quotes; this is many times as fast.
        parts = value.split('"')
        parts[::2] = ["".join(part.split()) for part in parts[::2]]
        return '"'.join(parts)
    pieces: list[str] = []
    at = 0
    while (start := value.find('"', at)) >= 0:
        pieces += value[at:start].split()
        at = find_text_end(value, start)
        pieces.append(value[start:at])
    pieces += value[at:].split()
    return "".join(pieces)


def find_text_end(value: str, start: int) -> int:
    """Where the text in quotes that begins at `start` ends, or `value` does."""
    at = start + 1
    while match := _QUOTE.search(value, at):
        at = match.end()
        if len(match[1]) % 2 == 0:
            return at
    return len(value)


def _items(text: _Text, count: Count) -> Iterator[str]:
    number = 0
    text.take("[")
    if text.peek() != "]":
        yield text.value()
        number = 1
    while number and text.peek() == ",":
        text.take(",")
        yield text.value()
        number += 1
    text.take("]")
    count(number)


def _data(text: _Text, count: Count) -> Iterator[str]:
    """The items of `data`, or the whole object where that is no list."""
    seen: list[str] = []
    found = False
    text.take("{")
    while text.peek() != "}":
        if seen or found:
            text.take(",")
        if text.peek() != '"':
            raise ValueError("a key is not text")
        key = text.value()
        text.take(":")
        if not found and json.loads(key) == "data" and text.peek() == "[":
            found = True
            seen.clear()
            yield from _items(text, count)
        elif found:
            text.value()
        else:
            seen.append(f"{key}:{text.value()}")
    text.take("}")
    if not found:
        yield "{" + ",".join(seen) + "}"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _let_go(_: list[tuple[str, object]]) -> None:
    """What becomes of an object that has been read."""


class _Text:
    """Text that grows as it is needed, and whose read part is let go."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        # Only where a value ends is asked: what it holds is let go as it is read.
        self._scan = json.JSONDecoder(
            object_pairs_hook=_let_go, parse_int=str, parse_float=str, parse_constant=_refuse
        ).raw_decode
        self._text = ""
        self._at = 0
        self._is_whole = False

    def peek(self) -> str:
        """The next character that is no white space, or "" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._grow(1):
                return ""

    def take(self, character: str) -> None:
        """Go past a character. Raises ValueError if it is not the next one."""
        if self.peek() != character:
            raise ValueError(f"no {character} where one must be")
        self._at += 1

    def value(self) -> str:
        """Go past a value; returns its text."""
        self.peek()
        while True:
            try:
                _, end = self._scan(self._text, self._at)
            except RecursionError:
                raise ValueError("nested too deep") from None
            except ValueError:
                # Perhaps it is only not all there; each try has twice as much.
                length = len(self._text) - self._at
                if length > _LARGEST_ITEM or not self._grow(length):
                    raise
                continue
            if self._text[end - 1].isdigit() and _CUT_NUMBER.match(self._text, end) and self._grow(1):
                continue
            value, self._at = self._text[self._at : end], end
            return value

    def _grow(self, wanted: int) -> bool:
        """Read at least so many characters more, if there are any."""
        pieces, length = [self._text[self._at :]], 0
        while not self._is_whole and length < max(wanted, 1):
            chunk = next(self._chunks, None)
            self._is_whole = chunk is None
            piece = self._decode(chunk or b"", self._is_whole)
            pieces.append(piece)
            length += len(piece)
        self._text, self._at = "".join(pieces), 0
        return length > 0
