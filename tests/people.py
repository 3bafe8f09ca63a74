"""A Procore at which several people have accounts; whoever is `person` at the consent owns what follows."""

from typing import Any

from procore_cli.models import StoreName
from tests.cli import Machine
from tests.provider import JOE, Answer, Provider, Request
from tests.signed_in import save_tokens

SECOND = {"id": 22222, "login": "second@example.com", "name": "Second Person"}
THIRD = {"id": 33333, "login": "third@example.com", "name": None}


class People(Provider):
    """As the provider, with an owner for each token; `refuse_person` takes refresh tokens away."""

    def __init__(self) -> None:
        super().__init__()
        self._owners: dict[str, Any] = {}

    def sign_in(
        self, machine: Machine, person: Any, environment: str = "production", store: StoreName = "keyring"
    ) -> None:
        """Save fresh tokens of the person's as a sign-in does, without the browser."""
        fresh = save_tokens(self, machine, person, environment, store)
        self._owners |= dict.fromkeys((fresh.access_token, fresh.refresh_token or ""), person)

    def refuse_person(self, person: Any) -> None:
        """No refresh token of the person's is accepted any more."""
        self._alive -= {token for token, owner in self._owners.items() if owner == person}

    def count_alive(self, person: Any = JOE) -> int:
        return sum(self._owners.get(token) == person for token in self._alive | self._bearers)

    def _token(self, request: Request) -> Answer:
        owner = self._owners.get(request.form.get("refresh_token", ""), self.person)
        answer = super()._token(request)
        if answer.status == 200:
            self._owners |= dict.fromkeys((answer.body["access_token"], answer.body["refresh_token"]), owner)
        return answer

    def _me(self, request: Request) -> Answer:
        answer = super()._me(request)
        return Answer(200, self._owners[request.bearer or ""]) if answer.status == 200 else answer
