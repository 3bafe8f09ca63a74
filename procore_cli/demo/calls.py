"""What was called, for tests and for whoever watches `demo serve`; refuses to keep a secret."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote

from procore_cli.demo.exchange import Answer, Call

_MAX_CALLS: Final = 10_000
_MAX_PATH: Final = 2_000
_HIDDEN: Final = "…"
# A part of a path, or a parameter's name, that is no secret and holds none behind a mark of an address.
# The shortest one that is issued here, a code or a refresh token, has 43 characters.
_PLAIN = re.compile(r"(?!.*:.*@)(?!.*[\w-]{40})[^;#?&=]*", re.DOTALL)


class RecordedCall(NamedTuple):
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
            "/".join(map(_shown, call.path.split("/")))[:_MAX_PATH],
            tuple(dict.fromkeys(_shown(name) for name, _ in parse_qsl(call.query, keep_blank_values=True))),
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

    def show(self) -> dict[str, object]:
        """How many there were, and those that are kept, as JSON has them."""
        with self._lock:
            return {"total": self._total, "calls": [call._asdict() for call in self._calls]}

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._calls.clear()
            self._total = 0


def _shown(text: str) -> str:
    return text if _PLAIN.fullmatch(unquote(text)) else _HIDDEN
