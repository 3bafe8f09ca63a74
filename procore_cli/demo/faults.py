"""What goes wrong on purpose: answers in place of the real ones, and delays; refuses to touch the state."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Final

from procore_cli.demo.wire import Answer, Call, new_errors, new_json
from procore_cli.errors import UsageMistakeError

DROP: Final = "drop"
MAX_LATENCY_S: Final = 600.0
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_PATH = re.compile(r"/[^\s?#*]*\*?")
_SPOKEN_TARGET = rf"(?:({'|'.join(METHODS)}) )?(/[^\s?#*=]*\*?)"
_SPOKEN_FAULT = re.compile(rf"{_SPOKEN_TARGET}=(drop|[45][0-9]{{2}})(?::([1-9][0-9]{{0,8}}))?")
_SPOKEN_LATENCY = re.compile(rf"(?:{_SPOKEN_TARGET}=)?([0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_OAUTH_ERRORS: Final = {400: "invalid_grant", 401: "invalid_client"}
_FAULT_HINT: Final = "Write for example /rest/v1.0/projects=503:2, /oauth/token=500, or /rest/*=drop."


@dataclass(frozen=True)
class Target:
    """Which calls are meant: a path, or with `*` at its end all that begin so; `method` None: any."""

    path: str
    method: str | None = None

    def fits(self, call: Call) -> bool:
        """Whether the call is one of them."""
        if self.method not in (None, call.method):
            return False
        return call.path.startswith(self.path[:-1]) if self.path.endswith("*") else call.path == self.path


def read_target(path: str, method: str | None = None) -> Target:
    """A target that calls can have; the method in any case. Raises ValueError.

    A call is known by its path alone: one with a query would never be met.
    """
    if not _PATH.fullmatch(path):
        raise ValueError(
            "a path begins with a slash, as /rest/v1.0/projects does, has no query, no fragment and no space,"
            f" and no * but at its end; not {path!r}"
        )
    if method is not None and method.upper() not in METHODS:
        raise ValueError(f"the method must be one of {', '.join(METHODS)}, or None, not {method!r}")
    return Target(path, method and method.upper())


class Fault:
    """An answer that some calls get in place of theirs; safe to use from several threads."""

    def __init__(
        self, target: Target, status: int | None, times: int | None = None, retry_after_s: int | None = 1
    ) -> None:
        """`status` None: the connection ends without an answer; `times` None: always.

        `retry_after_s`: what Retry-After says with 429 and 503, None for no such header.
        """
        self.target = target
        self.status = status
        self._left = times
        self._retry_after_s = retry_after_s
        self._lock = threading.Lock()

    @property
    def is_used_up(self) -> bool:
        """Whether no call gets it any more."""
        with self._lock:
            return self._left == 0

    def claim(self, call: Call) -> Answer | None:
        """The answer, if the call is meant and the fault is not used up."""
        if not self.target.fits(call):
            return None
        with self._lock:
            if self._left == 0:
                return None
            if self._left is not None:
                self._left -= 1
        return self._new_answer(call)

    def _new_answer(self, call: Call) -> Answer:
        if self.status is None:
            return Answer(0, dropped=True)
        shown = self.status in (429, 503) and self._retry_after_s is not None
        headers = [("Retry-After", str(self._retry_after_s))] if shown else []
        why = f"The pretend Procore was asked to fail with {self.status}."
        if call.path.startswith("/oauth/"):
            error = _OAUTH_ERRORS.get(self.status, "server_error")
            return new_json(self.status, {"error": error, "error_description": why}, *headers)
        return new_errors(self.status, [why], *headers)


@dataclass(frozen=True)
class Latency:
    """How long some calls wait for their answer; `target` None: all of them."""

    seconds: float
    target: Target | None = None


def read_fault(text: str) -> Fault:
    """`[METHOD ]PATH=STATUS[:COUNT]`, STATUS 400 to 599 or `drop`. Raises UsageMistakeError."""
    spoken = _SPOKEN_FAULT.fullmatch(text)
    if spoken is None:
        raise UsageMistakeError(f'"{text}" is not a fault.', _FAULT_HINT)
    method, path, status, times = spoken.groups()
    return Fault(Target(path, method), None if status == DROP else int(status), int(times) if times else None)


def read_latency(text: str) -> Latency:
    """`SECONDS` or `[METHOD ]PATH=SECONDS`. Raises UsageMistakeError."""
    spoken = _SPOKEN_LATENCY.fullmatch(text)
    if spoken is None or float(spoken[3]) > MAX_LATENCY_S:
        raise UsageMistakeError(
            f'"{text}" is not a delay.', f"Write seconds up to {MAX_LATENCY_S:g}, or PATH=SECONDS."
        )
    method, path, seconds = spoken.groups()
    return Latency(float(seconds), Target(path, method) if path else None)
