"""The accounts of an environment: which one is meant, who is signed in, and what is said where nobody fits.

Written once, over whatever keeps the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from procore_cli import log
from procore_cli.errors import (
    AmbiguousAccountError,
    NotSignedInError,
    SignInNeededError,
    UnknownAccountError,
)
from procore_cli.grants import find_shown_end
from procore_cli.models import (
    ANY_SERVICE,
    SERVICE_ACCOUNT,
    Account,
    Choice,
    Me,
    User,
    command,
    new_service_options,
)

if TYPE_CHECKING:
    from procore_cli.storage.store import Generation

MAX_CANDIDATES = 10
_LOOKED_AT = 100


class Listed(NamedTuple):
    """An account, and how it is: `generation` and the times are those of its tokens, if it is signed in.

    `is_refused`: Procore refused its last refresh token.
    """

    account: Account
    is_current: bool = False
    is_signed_in: bool = False
    is_refused: bool = False
    expires_at: int | None = None
    issued_at: int = 0
    generation: Generation | None = None

    def find_shown_end(self, now: float) -> int | None:
        """`expires_at` as people are told it at `now`."""
        return find_shown_end(self.expires_at, self.issued_at, now)


class AccountStore(Protocol):
    """The accounts of one environment; what keeps their rows says how each is read. Raises StorageError."""

    environment: str

    def find_current(self) -> Account | None:
        """The account that is current in this data folder, tokens or not."""
        ...

    def switch(self, account: Account) -> bool:
        """Make it the current one; False if it is not signed in (any more)."""
        ...

    def list_named(self, who: str) -> list[Account]:
        """Whom a procore_id or an e-mail (in either case) names: persons, and service accounts.

        A person is named by a row of `users`, too, that no account goes with.
        """
        ...

    def find_row(self, row_id: int) -> User | None:
        """The row of `users` that counts for the person of a row: the lowest id of the procore_id."""
        ...

    def list_people(self, limit: int) -> list[User]:
        """The first rows of `users` that count, by id."""
        ...

    def list_services(self, client_id: str | None) -> list[Account]:
        """The service accounts of an app, or of all, that are signed in."""
        ...

    def list_known(self, after: int = 0, limit: int | None = None) -> list[Listed]:
        """Those whom the environment remembers, signed in or not, by the ids of their rows, `after` one."""
        ...

    def list_strangers(self) -> list[Listed]:
        """The rows of `users` that no environment remembers."""
        ...

    def look(self, account: Account) -> Listed:
        """How an account is now."""
        ...

    def new_not_signed_in_error(self, account: Account) -> SignInNeededError:
        """Why the account has no tokens: a refused refresh that is on record, else a sign-out."""
        ...

    def remember(self, account: Account, me: Me) -> Account:
        """Keep what `/me` says now, where it differs; returns the account as it is then."""
        ...

    def knows_app(self, client_id: str, login_origin: str) -> bool:
        """Whether a sign-in with this app has worked here."""
        ...

    def remember_app(self, client_id: str, login_origin: str) -> None:
        """A sign-in with this app has worked here."""
        ...

    @log.phase("account in the database")
    def find_account(self, who: str | None = None, choice: Choice = ANY_SERVICE) -> Account | None:
        """As `find_named`, without `who` as `find_current`."""
        return self.find_current() if who is None else self.find_named(who, choice)

    def find_named(self, who: str, choice: Choice = ANY_SERVICE) -> Account:
        """The account that `who` (an e-mail or a procore_id) means; a row is enough.

        A person goes before service accounts that are the same to `/me`; of these `choice` decides.
        Raises UnknownAccountError, or AmbiguousAccountError, with the candidates.
        """
        who = who.strip()
        found = self.list_named(who)
        if not found:
            raise self._new_unknown_error(who, self.list_people(MAX_CANDIDATES + 1))
        persons = [each for each in found if each.service is None]
        if len(persons) > 1:
            raise self._new_ambiguous_error(who, persons, "Name one by its Procore id.")
        account = persons[0] if persons else self._choose(who, found, choice)
        if account is None:
            people = [each.user for each in found]
            raise self._new_unknown_error(who, people, f" of company {choice.company}")
        return account

    def find_by_row(self, row_id: int) -> Account:
        """The person whose row in `users` has this id. Raises UnknownAccountError."""
        user = self.find_row(row_id)
        if user is None:
            raise UnknownAccountError(
                f"There is no row {row_id} in the table users of {self.environment}.",
                "Give the id that finish() returned.",
                environment=self.environment,
            )
        return Account(user)

    def find_service(self, choice: Choice) -> Account | None:
        """The service account that is signed in here; None where the app has none.

        Raises AmbiguousAccountError with the candidates, NotSignedInError for another company than theirs.
        """
        services = self.list_services(choice.client_id)
        if not services:
            return None
        account = self._choose(SERVICE_ACCOUNT, services, choice)
        if account is None:
            where, options = self.environment, new_service_options(choice.company)
            raise NotSignedInError(
                f"No service account of company {choice.company} is signed in to {where} here.",
                f"Run {command(f'signin {options}', where)}",
                environment=where,
            )
        return account

    def _choose(self, who: str, services: list[Account], choice: Choice) -> Account | None:
        """The service account that is meant; None where another company was asked for."""
        of_app = [each for each in services if each.service and each.service.client_id == choice.client_id]
        of_app = of_app or services
        fitting = [each for each in of_app if each.service and each.service.company == choice.company]
        if choice.is_exact and not fitting:
            return None
        for candidates in (fitting, of_app):
            if len(candidates) == 1:
                return candidates[0]
        hint = "Name the company of the one that is meant: --company ID"
        raise self._new_ambiguous_error(who, of_app, hint)

    def list_accounts(self) -> list[Listed]:
        """As `list_known`, and the rows that no environment remembers."""
        listed = [*self.list_known(), *self.list_strangers()]
        return sorted(listed, key=lambda each: each.account.user.id)

    def list_signed_in(self, limit: int | None = None) -> list[Account]:
        """The accounts that have tokens, by id of their rows; the first `limit` of them."""
        if limit is not None:
            # Where many thousands are known, these are mostly among the first.
            first = self.list_known(limit=_LOOKED_AT)
            found = [listed.account for listed in first if listed.is_signed_in]
            if len(found) >= limit or len(first) < _LOOKED_AT:
                return found[:limit]
        return [listed.account for listed in self.list_known() if listed.is_signed_in][:limit]

    def list_refused(self) -> list[Account]:
        """The accounts whose refresh token Procore refused last."""
        return [listed.account for listed in self.list_known() if listed.is_refused]

    def find_shown_end(self, account: Account, now: float) -> int | None:
        """When the account's access token ends, as people are told it at `now` (seconds, UTC).

        None where Procore did not say. Raises SignInNeededError if it has none.
        """
        return self.find_live(account).find_shown_end(now)

    def find_live(self, account: Account) -> Listed:
        """How the account is that is signed in. Raises SignInNeededError if it is not."""
        listed = self.look(account)
        if not listed.is_signed_in:
            raise self.new_not_signed_in_error(account)
        return listed

    def _new_ambiguous_error(self, who: str, meant: list[Account], hint: str) -> AmbiguousAccountError:
        return AmbiguousAccountError(
            f"{who} is more than one account in {self.environment}: {_list_names(meant)}.",
            hint,
            environment=self.environment,
        )

    def _new_unknown_error(self, who: str, people: list[User], of: str = "") -> UnknownAccountError:
        known = f"Known here: {_list_names(map(Account, people))}." if people else "No account is known here."
        choice = "Name one of these, or sign in" if people else "Sign in"
        error = UnknownAccountError(
            f"There is no account {who}{of} in {self.environment}. {known}",
            f"{choice}: {command('signin', self.environment)}",
            environment=self.environment,
        )
        error.account = who
        return error


def _list_names(accounts: Iterable[Account]) -> str:
    names = [
        f"{each.user.email or 'no e-mail'} ({each.user.procore_id}"
        + (f", app {each.service.client_id}, company {each.service.company})" if each.service else ")")
        for each in accounts
    ]
    more = ", ..." if len(names) > MAX_CANDIDATES else ""
    return ", ".join(names[:MAX_CANDIDATES]) + more
