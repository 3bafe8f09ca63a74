"""Procore's API, as far as signing in needs it; keeps no token and asks for none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procore_cli.environments import ME_PATH
from procore_cli.procore.answers import read_me

if TYPE_CHECKING:
    from procore_cli.models import Environment, Me
    from procore_cli.procore.transport import Transport


class Api:
    """One environment's API."""

    def __init__(self, transport: Transport, environment: Environment) -> None:
        self._transport = transport
        self._environment = environment

    def me(self, access_token: str) -> Me:
        """Whose token it is. Raises TokenRefusedError for a 401, and what `Transport.request` raises."""
        answer = self._transport.request(
            "GET",
            self._environment.api_url + ME_PATH,
            environment=self._environment,
            bearer=access_token,
        )
        return read_me(answer, self._environment, (access_token,))
