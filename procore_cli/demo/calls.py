"""What was called, for tests to look at; refuses to keep a value that may be a token or a code."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote

from procore_cli.demo.wire import Answer, Call, new_json

CALLS_PATH: Final = "/demo/calls"
_MAX_CALLS: Final = 10_000
_MAX_PATH: Final = 2_000
_HIDDEN: Final = "…"
# The shortest secret that is issued here, a code or a refresh token, has 43 characters.
_SECRET = re.compile(r"[A-Za-z0-9_-]{40,}")
# What a client wrote into a path that belongs behind it; and before it, in a proxy's form.
_BEHIND = re.compile(r"(?:[;#?&=]|%(?:3[bdf]|2[36])).*", re.DOTALL | re.IGNORECASE)
_BEFORE = re.compile(r"[^/]*//[^/]*")


@dataclass(frozen=True)
class RecordedCall:
    """One request and how it was answered; what may be a secret is shown as `…`.

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
            _new_path(call.path),
            _new_names(call.query),
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


def _new_path(path: str) -> str:
    rooted = path if path.startswith("/") else _BEFORE.sub("", path, count=1)
    plain = _BEHIND.sub(_HIDDEN, rooted)
    parts = (_HIDDEN if _SECRET.search(unquote(part)) else part for part in plain.split("/"))
    return "/".join(parts)[:_MAX_PATH]


def _new_names(query: str) -> tuple[str, ...]:
    names = (name for name, _ in parse_qsl(query, keep_blank_values=True))
    # A name that holds a = or a ; holds a value too.
    shown = (_HIDDEN if _SECRET.search(name) or _BEHIND.search(name) else name for name in names)
    return tuple(dict.fromkeys(shown))
