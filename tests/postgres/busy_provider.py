"""The strict Procore of the tests, for many accounts: it counts what must never happen."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from tests.kills.strict_provider import StrictProvider
from tests.provider import Answer, Request


def new_person(procore_id: int) -> dict[str, Any]:
    """What `/me` says of an account."""
    return {"id": procore_id, "login": f"user{procore_id}@example.com", "name": f"User {procore_id}"}


class BusyProvider(StrictProvider):
    """Every refresh takes `delay_s` after both tokens have been rotated.

    `most_at_once`: how many refreshes of one account were under way at a time; `spent_again`: how often a
    refresh token came that had come before.
    """

    def __init__(self, delay_s: float = 0.1) -> None:
        super().__init__()
        self.delay_s = delay_s
        self.most_at_once = 0
        self.spent_again = 0
        self.calls = threading.Semaphore(0)
        self._owners: dict[str, int] = {}
        self._under_way: Counter[int] = Counter()
        self._sent: set[str] = set()
        self._counting = threading.Lock()

    def sign_in(self, procore_id: int) -> dict[str, Any]:
        """The answer with the first tokens of an account."""
        return self._hand_over(procore_id, self.tokens())

    def newest(self, procore_id: int) -> str:
        """The access token that was issued last to an account."""
        return next(token for token in reversed(self._owners) if self._owners[token] == procore_id)

    def wait_for_calls(self, count: int) -> None:
        """Wait until `/me` was asked so often from now on."""
        self.calls = threading.Semaphore(0)
        assert all(self.calls.acquire(timeout=30) for _ in range(count))

    def _hand_over(self, procore_id: int, answer: dict[str, Any]) -> dict[str, Any]:
        self._owners |= {answer["refresh_token"]: procore_id, answer["access_token"]: procore_id}
        return answer

    def _token(self, request: Request) -> Answer:
        sent = request.form.get("refresh_token", "")
        owner = self._owners.get(sent)
        if owner is None:
            return super()._token(request)
        with self._counting:
            self.spent_again += sent in self._sent
            self._sent.add(sent)
            self._under_way[owner] += 1
            self.most_at_once = max(self.most_at_once, self._under_way[owner])
        try:
            answer = super()._token(request)
        finally:
            with self._counting:
                self._under_way[owner] -= 1
        return Answer(200, self._hand_over(owner, answer.body)) if answer.status == 200 else answer

    def _me(self, request: Request) -> Answer:
        self.calls.release()
        if request.bearer not in self._bearers:
            return Answer(401, {"error": "invalid_token"})
        return Answer(200, new_person(self._owners[request.bearer]))
