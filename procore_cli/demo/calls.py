"""What was called, for tests to look at; refuses to keep a value that may be a token or a code."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import parse_qsl

from procore_cli.demo.wire import Answer, Call, new_json

CALLS_PATH: Final = "/demo/calls"
_MAX_CALLS: Final = 10_000
_MAX_PATH: Final = 2_000


@dataclass(frozen=True)
class RecordedCall:
    """One request and how it was answered.

    `query`: the names of its parameters; `status` None: the connection was ended without an answer;
    `company`: what the Procore-Company-Id header says; `bearer`: whether it carried a bearer token.
    """

    method: str
    path: str
    query: tuple[str, ...]
    status: int | None
    company: int | None
    bearer: bool


class Calls:
    """The last 10,000 calls, oldest first; safe to use from several threads."""

    def __init__(self, tell: Callable[[RecordedCall], None] = lambda _: None) -> None:
        """`tell` hears of each call once it is answered."""
        self._tell = tell
        self._calls: deque[RecordedCall] = deque(maxlen=_MAX_CALLS)
        self._total = 0
        self._lock = threading.Lock()

    def note(self, call: Call, answer: Answer) -> None:
        """Keep a call."""
        recorded = RecordedCall(
            call.method,
            call.path[:_MAX_PATH],
            tuple(dict.fromkeys(name for name, _ in parse_qsl(call.query, keep_blank_values=True))),
            None if answer.dropped else answer.status,
            call.company_id,
            call.authorization.lower().startswith("bearer "),
        )
        with self._lock:
            self._calls.append(recorded)
            self._total += 1
        self._tell(recorded)

    def list(self) -> list[RecordedCall]:
        """The calls so far."""
        with self._lock:
            return [*self._calls]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._calls.clear()
            self._total = 0

    def show(self, _call: Call) -> Answer:
        """GET /demo/calls."""
        with self._lock:
            total, found = self._total, [*self._calls]
        return new_json(200, {"total": total, "calls": [asdict(call) for call in found]})

    def empty(self, _call: Call) -> Answer:
        """DELETE /demo/calls."""
        self.clear()
        return Answer(204)
