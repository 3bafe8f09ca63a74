"""The access token of a run that makes many calls; refuses to refresh more than once for a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procore_cli import access
from procore_cli.errors import TokenRefusedError

if TYPE_CHECKING:
    from procore_cli.models import Account
    from procore_cli.storage.entries import Loaded
    from procore_cli.world import World

# A call that begins is to end before its token does.
_MIN_TTL_S = 60


class RunToken:
    """One account's token, or the one that PROCORE_ACCESS_TOKEN gives."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: tuple[Account, Loaded] | None = None
        self._just_renewed = False
        self._has_said = False

    def read(self) -> str:
        """The token for the next call, refreshed when that is due. Raises any of our errors."""
        given = self._world.settings.access_token
        if given:
            self._say_where_it_comes_from()
            return given
        account, loaded = self._held or self._load()
        valid = access.keep_valid(self._world, account, loaded, _MIN_TTL_S)
        self._just_renewed = valid.tokens != loaded.tokens
        self._held = account, valid
        return valid.tokens.access_token

    def renew(self) -> bool:
        """Another token in place of one that got a 401; whether there is one. Raises any of our errors."""
        if self._held is None:
            return False
        account, refused = self._held
        loaded = access.renew(self._world, account, refused, may_ask=not self._just_renewed)
        self._held = account, loaded
        self._just_renewed = True
        return loaded.tokens != refused.tokens

    def secrets(self) -> tuple[str, ...]:
        """What was sent, and no error text may repeat."""
        given = self._world.settings.access_token
        held = self._held[1].tokens.access_token if self._held else None
        return tuple(token for token in (given, held) if token)

    def new_refusal(self, reason: str) -> TokenRefusedError:
        """The error for a 401 that no refresh mends."""
        world = self._world
        by_variable = world.settings.access_token is not None
        return TokenRefusedError(
            f"{world.settings.environment.name}: Procore did not accept the access token (401: {reason}).",
            "Renew the token in PROCORE_ACCESS_TOKEN, or unset it."
            if by_variable
            else f"Run {access.sign_in_command(world)}",
        )

    def _say_where_it_comes_from(self) -> None:
        if not self._has_said:
            access.say_token_is_from_elsewhere(self._world)
            self._has_said = True

    def _load(self) -> tuple[Account, Loaded]:
        account = access.find_account(self._world)
        return account, access.load(self._world, account)
