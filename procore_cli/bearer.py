"""A valid access token of one account, kept in memory between calls; refuses to open a browser.

Any number of threads may ask at once: one of them fetches, the others share what comes of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from procore_cli.config.settings import Asked, Settings
from procore_cli.errors import ConfigurationError
from procore_cli.flows import access
from procore_cli.models import is_renewal_due
from procore_cli.threads import in_own_thread
from procore_cli.world import open_world

if TYPE_CHECKING:
    from concurrent.futures import Future

    from procore_cli.models import Account
    from procore_cli.render import Teller
    from procore_cli.storage.entries import Loaded
    from procore_cli.world import World


# Where new tokens are refused as old ones are, each call would cost a refresh.
_GIVEN_UP_S = 60


@dataclass(frozen=True)
class Bearer:
    """A token in hand; without `loaded` it is from elsewhere and cannot be renewed."""

    token: str = field(repr=False)
    loaded: Loaded | None = field(default=None, repr=False)

    def is_good(self, now: float, min_ttl_s: int) -> bool:
        """Whether it will do without a look into the store."""
        loaded = self.loaded
        return loaded is None or not is_renewal_due(loaded.tokens, loaded.entry.created_at, now, min_ttl_s)


class Bearers:
    """One account's tokens: the account that was current at the first call, unless one is named."""

    def __init__(
        self, asked: Asked, settings: Settings, min_ttl_s: int, teller: Teller, clock: Callable[[], float]
    ) -> None:
        """`settings` are what is in force; tokens of others are never given. `clock`: seconds, UTC."""
        self._asked = asked
        self._settings = settings
        self._min_ttl_s = min_ttl_s
        self._teller = teller
        self._clock = clock
        self._lock = threading.Lock()
        self._bearer: Bearer | None = None
        self._flight: Future[Bearer] | None = None
        self._given_up: tuple[str, float] = ("", 0)

    def find(self, refused: str | None = None) -> str:
        """A token that is not `refused`, unless there is no other. Raises any of our errors."""
        if refused == self._given_up[0] and self._clock() < self._given_up[1]:
            return refused
        bearer = None
        while bearer is None:
            bearer = self._find_in_hand(refused) or self._fetch_or_share(refused)
        return bearer.token

    def give_up(self, token: str) -> None:
        """A new token was refused as well: for a minute, its refusals are not the token's fault."""
        self._given_up = (token, self._clock() + _GIVEN_UP_S)

    def begin_anew(self) -> None:
        """In a process that was forked: no other thread of the former one goes on here."""
        self._lock = threading.Lock()
        self._flight = None

    def find_checked(self) -> str:
        """As `find`, for a caller that will not hear of a 401: another process may have renewed the token.

        Costs a look into the database, none into the keyring.
        """
        bearer = self._bearer
        if bearer is not None and bearer.loaded is not None and self._is_replaced(bearer.loaded):
            with self._lock:
                self._bearer = None
        return self.find()

    def _is_replaced(self, loaded: Loaded) -> bool:
        with self._open() as world:
            return world.vault.find_expiry(access.find_account(world)) != loaded.tokens.expires_at

    def _find_in_hand(self, refused: str | None) -> Bearer | None:
        bearer = self._bearer
        if bearer is None or not bearer.is_good(self._clock(), self._min_ttl_s):
            return None
        return None if bearer.token == refused and bearer.loaded else bearer

    def _fetch_or_share(self, refused: str | None) -> Bearer | None:
        """None if it has to be tried again: another thread was stopped, or fetched what was refused here."""
        from concurrent.futures import Future

        own = Future[Bearer]()
        try:
            with self._lock:
                in_hand, flight = self._find_in_hand(refused), self._flight
                if in_hand:
                    return in_hand
                if flight is None:
                    self._flight = own
            return self._share(flight, refused) if flight else self._fetch_for_all(own, refused)
        finally:
            self._land(own)

    def _share(self, flight: Future[Bearer], refused: str | None) -> Bearer | None:
        from concurrent.futures import CancelledError

        try:
            shared = flight.result()
        except CancelledError:
            return None
        return None if shared.token == refused and shared.loaded else shared

    def _fetch_for_all(self, own: Future[Bearer], refused: str | None) -> Bearer:
        try:
            fetched = self._bearer = self._fetch(refused)
        except Exception as error:
            own.set_exception(error)
            raise
        own.set_result(fetched)
        return fetched

    def _land(self, own: Future[Bearer]) -> None:
        with self._lock:
            if self._flight is own:
                self._flight = None
        # Whoever waits for what Ctrl-C, say, has ended tries again; what has come of it stays.
        own.cancel()

    def _fetch(self, refused: str | None) -> Bearer:
        with self._open() as world:
            if world.settings.access_token:
                return Bearer(access.token(world, self._min_ttl_s))
            account = access.find_account(world)
            # From now on it is this one, whichever may become current meanwhile.
            self._pin(account)
            loaded = access.load_valid(world, account, self._min_ttl_s, refused=refused)
            return Bearer(loaded.tokens.access_token, loaded)

    @contextmanager
    def _open(self) -> Iterator[World]:
        with open_world(self._asked, self._teller, clock=self._clock, shield=in_own_thread) as world:
            changed = self._settings.find_change(world.settings)
            if changed:
                raise ConfigurationError(
                    f"{self._settings.environment.name}: {changed} has changed since the first call.",
                    "Make a new ProcoreAuth.",
                )
            yield world

    def _pin(self, account: Account) -> None:
        who = str(account.user.procore_id)
        self._asked = self._asked._replace(account=who)
        self._settings = replace(self._settings, account=who)
