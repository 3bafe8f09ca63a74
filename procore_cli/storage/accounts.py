"""The accounts of an environment: what is remembered beside their rows, who is signed in, with which apps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from procore_cli import log
from procore_cli.errors import AmbiguousAccountError, SignInNeededError, UnknownAccountError
from procore_cli.grants import find_shown_end
from procore_cli.models import Account, Me, User
from procore_cli.storage import entries, failures, users
from procore_cli.storage.database import Database, ReadOnlyDatabase
from procore_cli.storage.entries import Entry
from procore_cli.storage.rows import Rows

if TYPE_CHECKING:
    from pathlib import Path


# SQLite keeps a value of any type in any column, and the file may be damaged.
_REMEMBERED = """
    CASE typeof(name) WHEN 'text' THEN name END,
    CASE typeof(failures) WHEN 'integer' THEN failures ELSE 0 END,
    CASE typeof(failure) WHEN 'text' THEN failure END,
    CASE typeof(interrupted_at) WHEN 'integer' THEN interrupted_at END"""


def find_account(rows: Rows, user: User) -> Account:
    """What the environment remembers of a row, perhaps nothing."""
    found = rows.run(
        f"SELECT {_REMEMBERED} FROM procore_login_accounts WHERE environment = ? AND procore_id = ?",  # noqa: S608
        (rows.environment, user.procore_id),
    )
    return Account(user, *found[0]) if found else Account(user)


def list_accounts(rows: Rows, people: Iterable[User]) -> list[Account]:
    """The people, with what the environment remembers of them."""
    found = rows.run(
        f"SELECT procore_id, {_REMEMBERED} FROM procore_login_accounts WHERE environment = ?",  # noqa: S608
        (rows.environment,),
    )
    remembered = {procore_id: values for procore_id, *values in found}
    return [Account(user, *remembered.get(user.procore_id, ())) for user in people]


def list_known_ids(rows: Rows) -> set[object]:
    """The procore_ids that the environment remembers."""
    found = rows.run(
        "SELECT procore_id FROM procore_login_accounts WHERE environment = ?", (rows.environment,)
    )
    return {procore_id for (procore_id,) in found}


def save_name(rows: Rows, procore_id: int, name: str | None) -> None:
    """Remember the name that `/me` said last."""
    _update(rows, procore_id, "name = ?", None if name is None else users.storable(name))


def add_failure(rows: Rows, procore_id: int, failure: str) -> None:
    """Record a failed refresh; the counter only ever grows, so that waiters can tell it is new."""
    _update(rows, procore_id, "failures = failures + 1, failure = ?", failure)


def save_interruption(rows: Rows, procore_id: int, interrupted_at: int) -> None:
    """Record when (seconds, UTC) a refresh was sent whose outcome is unknown; the first one is kept."""
    _update(rows, procore_id, "interrupted_at = COALESCE(interrupted_at, ?)", interrupted_at)


def _update(rows: Rows, procore_id: int, change: str, value: object) -> None:
    """Change what the environment remembers of somebody, whom it may not remember yet."""
    rows.run(
        "INSERT OR IGNORE INTO procore_login_accounts (environment, procore_id) VALUES (?, ?)",
        (rows.environment, procore_id),
    )
    rows.run(
        f"UPDATE procore_login_accounts SET {change} WHERE environment = ? AND procore_id = ?",  # noqa: S608
        (value, rows.environment, procore_id),
    )


def clear_failure(rows: Rows, procore_id: int) -> None:
    """New tokens mend what went wrong before."""
    rows.run(
        "UPDATE procore_login_accounts SET failure = NULL, interrupted_at = NULL"
        " WHERE environment = ? AND procore_id = ?",
        (rows.environment, procore_id),
    )


MAX_CANDIDATES = 10


class Listed(NamedTuple):
    """A line of the list of accounts; the live token's end and beginning are seconds (UTC).

    `is_refused`: Procore refused its last refresh token.
    """

    account: Account
    is_current: bool
    is_signed_in: bool
    is_refused: bool
    expires_at: int | None
    issued_at: int

    def find_shown_end(self, now: float) -> int | None:
        """`expires_at` as people are told it at `now`."""
        return find_shown_end(self.expires_at, self.issued_at, now)


class AccountStore:
    """The accounts of one environment. Every method raises DatabaseError and DataFolderError.

    Whoever has tokens in the files of another data folder is signed out here.
    """

    def __init__(self, database: Database) -> None:
        self.environment = database.environment
        self._database = database

    @log.phase("account in the database")
    def find_account(self, who: str | None = None) -> Account | None:
        """As `find_named`, without `who` as `find_current`."""
        return self.find_current() if who is None else self.find_named(who)

    def find_current(self) -> Account | None:
        """The current account, if any; a row is enough, tokens or not."""
        with self._database.reading() as rows:
            user = users.find_current(rows)
            return None if user is None else find_account(rows, user)

    def find_named(self, who: str) -> Account:
        """The account that `who` (an e-mail or a procore_id) means; a row is enough.

        Raises UnknownAccountError, or AmbiguousAccountError, with the candidates.
        """
        with self._database.reading() as rows:
            found = users.list_named(rows, who.strip())
            # Candidates, and what only casefold takes for the same, cost a look at every row.
            user = found[0] if len(found) == 1 else self._find_user(users.list_users(rows), who.strip())
            return find_account(rows, user)

    def list_known(self) -> list[Listed]:
        """Those whom the environment remembers, signed in or not, by id; other rows cost nothing."""
        with self._database.reading() as rows:
            return self._list(rows, users.find_users(rows, list_known_ids(rows)))

    def list_accounts(self) -> list[Listed]:
        """As `list_known`, and the rows that no environment remembers."""
        with self._database.reading() as rows:
            others = {each for (each,) in rows.run("SELECT procore_id FROM procore_login_accounts")}
            others -= list_known_ids(rows)
            return self._list(
                rows, [user for user in users.list_users(rows) if user.procore_id not in others]
            )

    def list_signed_in(self) -> list[Account]:
        """The accounts that have tokens, by id of their rows."""
        return [listed.account for listed in self.list_known() if listed.is_signed_in]

    def list_refused(self) -> list[Account]:
        """The accounts whose refresh token Procore refused last."""
        return [listed.account for listed in self.list_known() if listed.is_refused]

    def find_shown_end(self, account: Account, now: float) -> int | None:
        """As `find_expiry`, as people are told it at `now`."""
        live = self._find_live(account)
        return find_shown_end(live.expires_at, live.created_at, now)

    def find_expiry(self, account: Account) -> int | None:
        """When the account's access token ends (seconds, UTC); None where Procore did not say.

        Raises SignInNeededError if it has none.
        """
        return self._find_live(account).expires_at

    def _find_live(self, account: Account) -> Entry:
        with self._database.reading() as rows:
            live = entries.find_usable(rows, account.user.procore_id)
        if live is None:
            raise self.new_not_signed_in_error(account)
        return live

    def switch(self, account: Account) -> bool:
        """Make the account the current one; False if it is not signed in (any more)."""
        with self._database.writing() as rows:
            procore_id = account.user.procore_id
            if entries.find_usable(rows, procore_id) is None:
                return False
            users.save_current(rows, account.user)
        return True

    def new_not_signed_in_error(self, account: Account) -> SignInNeededError:
        """Why the account has no tokens: a refused refresh that is on record, else a sign-out."""
        with self._database.reading() as rows:
            known = find_account(rows, account.user)
            return failures.find_refusal(known, self.environment) or failures.new_signed_out_error(
                rows, known
            )

    def remember(self, account: Account, me: Me) -> Account:
        """Keep what `/me` says now, where it differs; returns the account as it is then."""
        with self._database.reading() as rows:
            known = find_account(rows, users.find_user(rows, me.id) or account.user)
        if (known.user.procore_id, known.user.email, known.name) == (me.id, me.login, me.name):
            return known
        with self._database.writing() as rows:
            user, _ = users.save_user(rows, me)
            save_name(rows, me.id, me.name)
            return find_account(rows, user)

    def knows_app(self, client_id: str, login_origin: str) -> bool:
        """Whether a sign-in with this app has worked here."""
        with self._database.reading() as rows:
            return bool(
                rows.run(
                    "SELECT 1 FROM procore_login_apps"
                    " WHERE environment = ? AND client_id = ? AND login_origin = ?",
                    (self.environment, client_id, login_origin),
                )
            )

    def remember_app(self, client_id: str, login_origin: str) -> None:
        """A sign-in with this app has worked here."""
        with self._database.writing() as rows:
            rows.run(
                "INSERT OR IGNORE INTO procore_login_apps VALUES (?, ?, ?)",
                (self.environment, client_id, login_origin),
            )

    def _list(self, rows: Rows, people: list[User]) -> list[Listed]:
        current = users.find_current(rows)
        live = entries.list_usable(rows)
        listed = []
        for account in list_accounts(rows, people):
            entry = live.get(account.user.procore_id)
            listed.append(
                Listed(
                    account,
                    is_current=current is not None and current.procore_id == account.user.procore_id,
                    is_signed_in=entry is not None,
                    is_refused=entry is None and failures.find_refusal(account, self.environment) is not None,
                    expires_at=entry.expires_at if entry else None,
                    issued_at=entry.created_at if entry else 0,
                )
            )
        return listed

    def _find_user(self, people: list[User], who: str) -> User:
        meant = [user for user in people if users.is_named(user, who)]
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise AmbiguousAccountError(
                f"{who} is more than one account in {self.environment}: {_list_names(meant)}.",
                "Name one by its Procore id.",
                environment=self.environment,
            )
        known = f"Known here: {_list_names(people)}." if people else "No account is known here."
        choice = "Name one of these, or sign in" if people else "Sign in"
        raise UnknownAccountError(
            f"There is no account {who} in {self.environment}. {known}",
            f"{choice}: procore-login signin --env {self.environment}",
            environment=self.environment,
        )


def _list_names(people: Iterable[User]) -> str:
    names = [f"{user.email or 'no e-mail'} ({user.procore_id})" for user in people]
    more = ", ..." if len(names) > MAX_CANDIDATES else ""
    return ", ".join(names[:MAX_CANDIDATES]) + more


def list_known_in(path: Path, environment: str, home: Path) -> list[Listed] | None:
    """Everybody whom the environment knows in a file, without changing a byte of it; None if it is not there.

    `home` is the data folder. As `AccountStore.list_known` and `ReadOnlyDatabase`.
    """
    database = ReadOnlyDatabase(home, environment, path)
    return AccountStore(database).list_known() if database.may_exist() else None
