"""Who is known in an environment, who is current, and who is meant by a name; reads and writes rows alone.

Refuses to touch a secret: what is here works without a keyring.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING

from procore_cli.errors import AmbiguousAccountError, SignInNeededError, UnknownAccountError
from procore_cli.models import Account, Me, User
from procore_cli.store import accounts, entries, failures
from procore_cli.store.database import Database, Rows
from procore_cli.store.entry import Entry

if TYPE_CHECKING:
    from procore_cli.store.outcomes import Listed

MAX_CANDIDATES = 10


class Roster:
    """The accounts of one environment. Every method raises DatabaseError and DataFolderError."""

    def __init__(self, database: Database, environment: str) -> None:
        self.environment = environment
        self._database = database

    def find_account(self, who: str | None = None) -> Account | None:
        """As `find_named`, without `who` as `find_current`."""
        return self.find_current() if who is None else self.find_named(who)

    def find_current(self) -> Account | None:
        """The current account, if any; a row is enough, tokens or not."""
        with self._database.reading() as rows:
            user = accounts.find_current(rows, self.environment)
            return None if user is None else self._read_account(rows, user)

    def find_named(self, who: str) -> Account:
        """The account that `who` (an e-mail or a procore_id) means; a row is enough.

        Raises UnknownAccountError, or AmbiguousAccountError, with the candidates.
        """
        with self._database.reading() as rows:
            found = accounts.list_named(rows, who.strip())
            # Candidates, and what only casefold takes for the same, cost a look at every row.
            user = found[0] if len(found) == 1 else self._find_user(accounts.list_users(rows), who.strip())
            return self._read_account(rows, user)

    def list_accounts(self) -> list[Listed]:
        """Every row, signed in or not, by id."""
        with self._database.reading() as rows:
            return self._list(rows, accounts.list_users(rows))

    def list_known(self) -> list[Listed]:
        """Those whom the environment remembers, signed in or not, by id; other rows cost nothing."""
        with self._database.reading() as rows:
            return self._list(rows, accounts.list_known(rows, self.environment))

    def list_signed_in(self) -> list[Account]:
        """The accounts that have tokens, by id of their rows."""
        with self._database.reading() as rows:
            users = accounts.find_users(rows, entries.list_live(rows, self.environment))
            return accounts.list_accounts(rows, self.environment, users)

    def has_rows(self) -> bool:
        """Whether anybody has a row, known to the environment or not."""
        with self._database.reading() as rows:
            return accounts.has_users(rows)

    def list_refused(self) -> list[Account]:
        """The accounts whose refresh token Procore refused last."""
        return [listed.account for listed in self.list_known() if listed.is_refused]

    def find_expiry(self, account: Account) -> int | None:
        """When the account's access token ends (seconds, UTC); None where Procore did not say.

        Raises SignInNeededError if it has none.
        """
        return self.find_live(account).expires_at

    def find_live(self, account: Account) -> Entry:
        """The entry of the account's tokens. Raises SignInNeededError if it has none."""
        with self._database.reading() as rows:
            live = entries.find_live(rows, self.environment, account.user.procore_id)
        if live is None:
            raise self.new_signed_out_error(account)
        return live

    def is_known(self) -> bool:
        """Whether the environment remembers anybody in this database."""
        with self._database.reading() as rows:
            return accounts.has_any(rows, self.environment)

    def switch(self, account: Account) -> bool:
        """Make the account the current one; False if it is not signed in (any more)."""
        with self._database.writing() as rows:
            if entries.find_live(rows, self.environment, account.user.procore_id) is None:
                return False
            accounts.save_current(rows, self.environment, account.user)
        return True

    def new_signed_out_error(self, account: Account) -> SignInNeededError:
        """Why the account has no tokens: a refused refresh that is on record, else a sign-out."""
        with self._database.reading() as rows:
            known = self._read_account(rows, account.user)
        return failures.find_refusal(known) or failures.new_signed_out_error(known, self.environment)

    def remember(self, account: Account, me: Me) -> Account:
        """Keep what `/me` says now, where it differs; returns the account as it is then."""
        with self._database.reading() as rows:
            known = self._read_account(rows, accounts.find_user(rows, me.id) or account.user)
        if (known.user.procore_id, known.user.email, known.name) == (me.id, me.login, me.name):
            return known
        with self._database.writing() as rows:
            user, _ = accounts.save_user(rows, me)
            accounts.save_name(rows, self.environment, me.id, me.name)
            return self._read_account(rows, user)

    def _list(self, rows: Rows, users: list[User]) -> list[Listed]:
        current = accounts.find_current(rows, self.environment)
        live = entries.list_live(rows, self.environment)
        known = accounts.find_environments(rows)
        listed = accounts.list_accounts(rows, self.environment, users)
        return [_new_listed(account, current, live, known) for account in listed]

    def _read_account(self, rows: Rows, user: User) -> Account:
        return accounts.find_account(rows, self.environment, user)

    def _find_user(self, users: list[User], who: str) -> User:
        meant = [user for user in users if accounts.is_named(user, who)]
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise AmbiguousAccountError(
                f"{who} is more than one account in {self.environment}: {_list_names(meant)}.",
                "Name one by its Procore id.",
            )
        known = f"Known here: {_list_names(users)}." if users else "No account is known here."
        choice = "Name one of these, or sign in" if users else "Sign in"
        raise UnknownAccountError(
            f"There is no account {who} in {self.environment}. {known}",
            f"{choice}: procore-login signin --env {self.environment}",
        )


def _new_listed(
    account: Account, current: User | None, live: Mapping[int | None, Entry], known: Mapping[int, Set[str]]
) -> Listed:
    from procore_cli.store.outcomes import Listed

    procore_id = account.user.procore_id
    entry = live.get(procore_id)
    return Listed(
        account,
        environments=frozenset(known.get(procore_id, ())),
        is_current=current is not None and current.procore_id == procore_id,
        is_signed_in=entry is not None,
        is_refused=entry is None and failures.find_refusal(account) is not None,
        expires_at=entry.expires_at if entry else None,
        issued_at=entry.created_at if entry else 0,
    )


def _list_names(users: Iterable[User]) -> str:
    names = [f"{user.email or 'no e-mail'} ({user.procore_id})" for user in users]
    more = ", ..." if len(names) > MAX_CANDIDATES else ""
    return ", ".join(names[:MAX_CANDIDATES]) + more
