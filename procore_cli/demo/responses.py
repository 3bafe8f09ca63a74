"""Canned answers: what a test wants of an address, in place of what the pretend Procore would say."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from procore_cli.demo.exchange import JSON, Answer, Call, compile_path, new_errors, new_page
from procore_cli.demo.records import FLAG, WHOLE, BadValueError, Field, read_object

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_MAX_DELAY_S: Final = 600
_PATH = re.compile(r"/(?!demo(?:/|$))[^\s?#]*")
_HEADER = re.compile(r"(?i)(?!(?:content-length|transfer-encoding|connection)$)[!#$%&'*+.^_`|~0-9a-z-]+")
# What a header can carry.
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


def _is_json(value: object) -> bool:
    try:
        return bool(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return False


def _are_plain(values: object) -> bool:
    return isinstance(values, dict) and all(type(value) in (str, int) for value in values.values())


def _are_headers(value: Any) -> bool:
    return _are_plain(value) and all(
        _HEADER.fullmatch(str(name)) and _VALUE.fullmatch(str(it)) for name, it in value.items()
    )


_FIELDS: Final = {
    "method": Field(
        lambda it: isinstance(it, str) and it.upper() in _METHODS, f"one of {', '.join(_METHODS)}"
    ),
    "path": Field(
        lambda it: isinstance(it, str) and bool(_PATH.fullmatch(it)),
        "a path from the slash on, without query and space, and not below /demo/",
    ),
    "json": Field(_is_json, "a JSON value", None),
    "status": Field(
        lambda it: it is None or (type(it) is int and 200 <= it <= 599), "200 to 599, or null", 200
    ),
    "headers": Field(_are_headers, "an object of headers, without those that say where the body ends", None),
    "query": Field(_are_plain, "an object of texts and numbers", None),
    "times": WHOLE._replace(default=None),
    "delay_s": Field(
        lambda it: type(it) in (int, float) and 0 <= it <= _MAX_DELAY_S,
        f"seconds from 0 to {_MAX_DELAY_S}",
        0,
    ),
    "pages": FLAG._replace(default=False),
}


class Response:
    """A canned answer, and for how many calls it is left (None: for all)."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields | {"method": fields["method"].upper()}
        self.left: int | None = fields["times"]
        self.delay_s: float = fields["delay_s"]
        self._pattern = compile_path(fields["path"].rstrip("/"))
        self._query = {name: str(value) for name, value in (fields["query"] or {}).items()}
        # Of two that a call fits, the one that says more counts.
        self.rank = (-self._pattern.groups, len(self._query))

    def fits(self, call: Call) -> bool:
        """Whether the call is meant; a HEAD is a GET whose body stays here."""
        methods = (call.method, "GET") if call.method == "HEAD" else (call.method,)
        is_meant = self.fields["method"] in methods and self._pattern.fullmatch(call.path.rstrip("/"))
        return bool(is_meant) and self._query.items() <= call.parameters.items()

    def new_answer(self, call: Call) -> Answer:
        """What the call gets. Raises RefusedCallError for a page that cannot be."""
        status, value = self.fields["status"], self.fields["json"]
        headers = tuple((name, str(text)) for name, text in (self.fields["headers"] or {}).items())
        if status is None:
            return Answer(0, dropped=True)
        if self.fields["pages"]:
            return new_page(call, partial(_cut, value), lambda item: item, status, *headers)
        if value is None and status >= 400:
            return new_errors(status, [f"The pretend Procore was asked to answer {status}."], *headers)
        return Answer(status, JSON, "" if value is None else json.dumps(value), headers)


def _cut(items: list[Any], limit: int, offset: int) -> tuple[int, list[Any]]:
    return len(items), items[offset:][:limit]


def read_response(value: object, place: str = "") -> Response:
    """A canned answer. Raises BadValueError."""
    fields = read_object(value, _FIELDS, place)
    if fields["pages"] and not isinstance(fields["json"], list):
        raise BadValueError(f"{place and f'{place}.'}json is not a list, which pages are made of")
    return Response(fields)


class Responses:
    """The canned answers in force; safe to use from several threads.

    Those for a number of calls are used up in the order in which they came, before one that is for all; of
    these the last one counts among those that say as much of the call.
    """

    def __init__(self, first: Iterable[Response] = ()) -> None:
        self._first = [response.fields for response in first]
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.reset()

    def reset(self) -> None:
        """Those of the beginning, unused, and no other."""
        with self._lock:
            self._all = [Response(fields) for fields in self._first]

    def clear(self) -> None:
        """None any more."""
        with self._lock:
            self._all = []

    def add(self, value: object) -> dict[str, Any]:
        """One more; returns its fields. Raises BadValueError."""
        response = read_response(value)
        with self._lock:
            self._all = [*self._all, response]
        return response.fields

    def find(self, call: Call) -> Answer | None:
        """The canned answer for a call, used up by one, when its time has come."""
        with self._lock:
            meant = [response for response in self._all if response.fits(call)]
            counted = [response for response in meant if response.left is not None]
            if not meant:
                return None
            found = counted[0] if counted else max(reversed(meant), key=lambda it: it.rank)
            if found.left is not None:
                found.left -= 1
                self._all = [response for response in self._all if response.left != 0]
        if found.delay_s:
            self._over.wait(found.delay_s)
        return found.new_answer(call)

    def end(self) -> None:
        """Whoever waits for an answer is let go."""
        self._over.set()
