"""Fields, `key=value` as people type them, to a JSON object or a query; refuses what would be lost.

`key[sub]=v` nests, `key[]=v` adds to a list, `key[][sub]=v` to one of objects; `key[]` is an empty list.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from urllib.parse import quote

from procore_cli.errors import UsageMistakeError

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_SUBKEY = re.compile(r"\[([^\[\]]*)\]")
# A number as JSON writes it (RFC 8259, section 6).
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_LONGEST_NUMBER = 400
_DEEPEST = 50


@dataclass(frozen=True)
class Field:
    """One field: its key as typed, and its value as JSON has it; or a list that `is_empty`, `tags[]`."""

    key: str
    value: str | int | float | bool | None
    is_empty: bool = False


ReadFile = Callable[[str], str]


def read_field(text: str, *, typed: bool, read_file: ReadFile) -> Field:
    """A field from `key=value`; `typed` reads numbers, true, false, null and `@file` (by `read_file`).

    Raises UsageMistakeError.
    """
    key, equals, value = text.partition("=")
    match = _KEY.fullmatch(key)
    is_empty = not equals and match is not None and match[2].endswith("[]")
    if match is None or not (equals or is_empty):
        raise _mistake(f'The field "{text if not equals else key}" is not KEY=VALUE.')
    if len(_SUBKEY.findall(match[2])) > _DEEPEST:
        raise _mistake("A field is nested too deep.")
    if is_empty:
        return Field(key, None, is_empty=True)
    _check_text(value)
    return Field(key, _typed(key, value, read_file) if typed else value)


def new_object(fields: Iterable[Field]) -> bytes:
    """The fields as a JSON object. Raises UsageMistakeError where two of them contradict each other."""
    whole: dict[str, Any] = {}
    for field in fields:
        match = cast(re.Match[str], _KEY.fullmatch(field.key))
        _put(whole, [match[1], *_SUBKEY.findall(match[2])], field)
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def add_query(url: str, fields: Iterable[Field]) -> str:
    """The URL with the fields in its query, after what stands there."""
    given = [field for field in fields if not field.is_empty]
    added = "&".join(f"{quote(field.key, safe='')}={quote(_text(field.value), safe='')}" for field in given)
    if not added:
        return url
    return f"{url}{'&' if '?' in url else '?'}{added}"


def _typed(key: str, text: str, read_file: ReadFile) -> str | int | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith("@"):
        content = read_file(text[1:])
        _check_text(content)
        return content
    number = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    if number is None:
        return text
    return _read_float(key, text) if number[1] or number[2] else int(text)


def _read_float(key: str, text: str) -> float:
    value = float(text)
    # Half of an amount of money is not better than an error.
    if not math.isfinite(value) or Decimal(repr(value)) != Decimal(text):
        raise UsageMistakeError(
            f"The field {key} has more digits than a number of this kind can carry.",
            "Pass it as text with -f, or the whole body with --input FILE.",
        )
    return value


def _text(value: str | int | float | bool | None) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _put(whole: dict[str, Any], keys: list[str], field: Field) -> None:
    place: Any = whole
    for at, key in enumerate(keys):
        below = keys[at + 1] if at + 1 < len(keys) else None
        is_last = below is None
        if key == "" and isinstance(place, list):
            place = _put_in_list(place, below, field, is_below_last=at + 2 == len(keys))
        elif key and isinstance(place, dict):
            if is_last:
                if key in place:
                    raise _mistake(f'The field "{field.key}" is given twice.')
                place[key] = field.value
            else:
                place = place.setdefault(key, [] if below == "" else {})
        else:
            raise _mistake(f'The field "{field.key}" contradicts another one.')


def _put_in_list(place: list[Any], below: str | None, field: Field, *, is_below_last: bool) -> Any:
    if below is None:
        if not field.is_empty:
            place.append(field.value)
        return None
    # key[][sub]: the last object, until it has that very entry.
    if not place or not isinstance(place[-1], dict) or (is_below_last and below in place[-1]):
        place.append([] if below == "" else {})
    return place[-1]


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _mistake("A field is not UTF-8 text.") from None


def _mistake(message: str) -> UsageMistakeError:
    return UsageMistakeError(message, "Write -f name=value, -F count=3, -f 'tags[]=a' or -f 'owner[id]=7'.")
