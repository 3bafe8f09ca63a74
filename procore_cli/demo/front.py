"""The way of a call through the pretend Procore: delay, fault, rate limit, route, and a note of it.

Refuses to know what a route does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from procore_cli.demo.calls import CALLS_PATH, Calls
from procore_cli.demo.conditions import Conditions, new_too_many
from procore_cli.demo.wire import Answer, Call, RefusedCallError, find_id, new_errors

Route = Callable[..., Answer]
# A method and a path, in which {id} stands for a number and {name} for one segment.
Routes = Mapping[tuple[str, str], Route]


class Front:
    """Finds the answer to a call; safe to use from several threads."""

    def __init__(self, routes: Routes, conditions: Conditions, calls: Calls) -> None:
        self._fixed = {key: route for key, route in routes.items() if "{" not in key[1]}
        self._patterns = [
            (method, _new_pattern(path), route) for (method, path), route in routes.items() if "{" in path
        ]
        self._conditions = conditions
        self._calls = calls

    def answer(self, call: Call) -> Answer:
        """The answer, whatever it takes; raises what a route raises beyond RefusedCallError."""
        if call.path == CALLS_PATH:
            return self._route(call)
        self._conditions.delay(call)
        try:
            answer = self._conditions.find_fault(call) or self._answer_within_limit(call)
        except Exception:
            self._calls.note(call, Answer(500))
            raise
        self._calls.note(call, answer)
        return answer

    def _answer_within_limit(self, call: Call) -> Answer:
        taken = self._conditions.take_pass(call)
        if taken is None:
            return self._route(call)
        answer = self._route(call) if taken.allowed else new_too_many(taken)
        return replace(answer, headers=(*answer.headers, *taken.headers))

    def _route(self, call: Call) -> Answer:
        found = self._find(call)
        if found is None:
            return new_errors(404, "Not found.")
        route, arguments = found
        try:
            return route(call, *arguments)
        except RefusedCallError as refusal:
            return refusal.answer

    def _find(self, call: Call) -> tuple[Route, tuple[Any, ...]] | None:
        # A HEAD is a GET whose body stays here (RFC 9110, section 9.3.2).
        method = "GET" if call.method == "HEAD" else call.method
        fixed = self._fixed.get((method, call.path))
        if fixed is not None:
            return fixed, ()
        for wanted, pattern, route in self._patterns:
            match = pattern.fullmatch(call.path) if wanted == method else None
            if match:
                return route, tuple(_read_segment(*found) for found in match.groupdict().items())
        return None


def _new_pattern(path: str) -> re.Pattern[str]:
    # Eighteen digits: all that fits into SQLite's 64 bits.
    text = re.escape(path).replace(r"\{id\}", "(?P<id>[0-9]{1,18})")
    return re.compile(text.replace(r"\{name\}", "(?P<name>[^/]+)"))


def _read_segment(kind: str, text: str) -> int | str | None:
    return find_id(text) if kind == "id" else unquote(text)
