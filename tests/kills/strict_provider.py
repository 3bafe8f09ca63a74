"""A Procore that is strict to the end: with a refresh the former access token dies as well."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from tests.provider import Answer, Provider, Request

# Two parts of a token set.
ACCESS_CHARS = 1600


class StrictProvider(Provider):
    """Rotates both tokens; `delay_s` passes between the rotation and its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.delay_s = 0.0
        self.rotated = 0
        self._pairs: dict[str, str] = {}

    def tokens(self) -> dict[str, Any]:
        """A pair that goes together."""
        answer = super().tokens()
        self._bearers.discard(answer["access_token"])
        self.issued.remove(answer["access_token"])
        access = f"hush-access-{secrets.token_hex(ACCESS_CHARS // 2)}"
        self.issued.insert(-1, access)
        self._bearers.add(access)
        self._pairs[answer["refresh_token"]] = access
        return {**answer, "access_token": access}

    def is_alive(self, access: str) -> bool:
        return access in self._bearers

    def take_state(self) -> tuple[set[str], set[str]]:
        return set(self._alive), set(self._bearers)

    def put_state(self, state: tuple[set[str], set[str]]) -> None:
        self._alive, self._bearers = set(state[0]), set(state[1])

    def recover(self) -> None:
        """Wait until every request that was sent has been answered, even if its sender is dead."""
        target = urlsplit(self.url)
        # Connections are accepted in their order: after this one all the earlier ones have a thread.
        with socket.create_connection((target.hostname or "", target.port or 0)) as last:
            last.sendall(b"GET /last HTTP/1.0\r\n\r\n")
            while last.recv(4096):
                pass
        for thread in threading.enumerate():
            if "process_request_thread" in thread.name:
                thread.join(10)

    def _token(self, request: Request) -> Answer:
        answer = super()._token(request)
        if answer.status == 200 and request.form.get("grant_type") == "refresh_token":
            self._bearers.discard(self._pairs.get(request.form["refresh_token"], ""))
            self.rotated += 1
        time.sleep(self.delay_s)
        return answer
