"""The tutorial's rows, what is remembered beside them, whose session it is, and what can be wrong with it.

Refuses to trust the table `users`, which other programs write too: the lowest id of a procore_id counts.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING

from procore_cli import errors
from procore_cli.config.private_files import may_exist
from procore_cli.errors import (
    AmbiguousAccountError,
    NotSignedInError,
    ProcoreError,
    ProcoreLoginError,
    RefreshRefusedError,
    SignInNeededError,
    UnknownAccountError,
)
from procore_cli.models import Account, Me, User, find_shown_end
from procore_cli.storage import entries
from procore_cli.storage.database import Database, Rows, open_glance
from procore_cli.storage.entries import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from procore_cli.storage.entries import Listed


# With one MIN() SQLite takes the other columns from the row that has it.
_USERS = """
    SELECT MIN(id), procore_id, CASE typeof(email) WHEN 'text' THEN email END
    FROM users WHERE typeof(procore_id) = 'integer' """
_MAX_ID = 2**63 - 1
_LONGEST_ID = 20
# SQLite keeps a value of any type in any column, and the file may be damaged.
_REMEMBERED = """
    CASE typeof(name) WHEN 'text' THEN name END,
    CASE typeof(failures) WHEN 'integer' THEN failures ELSE 0 END,
    CASE typeof(failure) WHEN 'text' THEN failure END,
    CASE typeof(interrupted_at) WHEN 'integer' THEN interrupted_at END"""


def list_users(rows: Rows) -> list[User]:
    """Every person that has a row, by id."""
    found = rows.run(f"{_USERS} GROUP BY procore_id ORDER BY MIN(id)")
    return [User(*values) for values in found]


def has_users(rows: Rows) -> bool:
    """Whether anybody has a row."""
    return bool(rows.run(f"{_USERS} GROUP BY procore_id LIMIT 1"))


def find_users(rows: Rows, ids: Iterable[object]) -> list[User]:
    """Those of these procore_ids that have a row, by id, found without looking at every row."""
    found = (find_user(rows, number) for number in ids if isinstance(number, int))
    return sorted((user for user in found if user is not None), key=lambda user: user.id)


def find_user(rows: Rows, procore_id: int) -> User | None:
    """The row that counts for a procore_id."""
    if abs(procore_id) > _MAX_ID:
        return None
    found = rows.run(f"{_USERS} AND procore_id = ? GROUP BY procore_id", (procore_id,))
    return User(*found[0]) if found else None


def list_named(rows: Rows, who: str) -> list[User]:
    """Whom a procore_id or an e-mail (in either case of ASCII) names, found without looking at every row."""
    found = rows.run(
        "SELECT DISTINCT procore_id FROM users WHERE email = ? COLLATE NOCASE", (_storable(who),)
    )
    ids = {number for (number,) in found}
    if who.isascii() and who.isdigit() and len(who) < _LONGEST_ID:
        ids.add(int(who))
    return [user for user in find_users(rows, ids) if is_named(user, who)]


def is_named(user: User, who: str) -> bool:
    """Whether `who` is the person's procore_id or e-mail."""
    return who == str(user.procore_id) or who.casefold() == (user.email or "").casefold()


def save_user(rows: Rows, me: Me) -> tuple[User, bool]:
    """Insert or update the person's row; returns it and whether it is new."""
    email = _storable(me.login)
    user = find_user(rows, me.id)
    if user is None:
        rows.run("INSERT INTO users (procore_id, email) VALUES (?, ?)", (me.id, email))
        ((row_id,),) = rows.run("SELECT last_insert_rowid()")
        return User(row_id, me.id, email), True
    if user.email != email:
        rows.run("UPDATE users SET email = ? WHERE id = ?", (email, user.id))
    return User(user.id, me.id, email), False


def find_account(rows: Rows, environment: str, user: User) -> Account:
    """What the environment remembers of a row, perhaps nothing."""
    found = rows.run(
        f"SELECT {_REMEMBERED} FROM procore_login_accounts WHERE environment = ? AND procore_id = ?",  # noqa: S608
        (environment, user.procore_id),
    )
    return Account(user, *found[0]) if found else Account(user)


def list_accounts(rows: Rows, environment: str, users: Iterable[User]) -> list[Account]:
    """The people, with what the environment remembers of them."""
    found = rows.run(
        f"SELECT procore_id, {_REMEMBERED} FROM procore_login_accounts WHERE environment = ?",  # noqa: S608
        (environment,),
    )
    remembered = {procore_id: values for procore_id, *values in found}
    return [Account(user, *remembered.get(user.procore_id, ())) for user in users]


def list_known(rows: Rows, environment: str) -> list[User]:
    """Those with a row whom the environment remembers, by id."""
    found = rows.run("SELECT procore_id FROM procore_login_accounts WHERE environment = ?", (environment,))
    return find_users(rows, (procore_id for (procore_id,) in found))


def find_environments(rows: Rows) -> dict[int, set[str]]:
    """Which environments remember whom, by procore_id."""
    found: dict[int, set[str]] = {}
    for procore_id, environment in rows.run("SELECT procore_id, environment FROM procore_login_accounts"):
        found.setdefault(procore_id, set()).add(environment)
    return found


def has_any(rows: Rows, environment: str) -> bool:
    """Whether the environment remembers anybody."""
    return bool(
        rows.run("SELECT 1 FROM procore_login_accounts WHERE environment = ? LIMIT 1", (environment,))
    )


def save_name(rows: Rows, environment: str, procore_id: int, name: str | None) -> None:
    """Remember the name that `/me` said last."""
    rows.run(
        "INSERT INTO procore_login_accounts (environment, procore_id, name) VALUES (?, ?, ?)"
        " ON CONFLICT (environment, procore_id) DO UPDATE SET name = excluded.name",
        (environment, procore_id, None if name is None else _storable(name)),
    )


def add_failure(rows: Rows, environment: str, procore_id: int, failure: str) -> None:
    """Record a failed refresh; the counter only ever grows, so that waiters can tell it is new."""
    rows.run(
        "INSERT INTO procore_login_accounts (environment, procore_id, failures, failure) VALUES (?, ?, 1, ?)"
        " ON CONFLICT (environment, procore_id)"
        " DO UPDATE SET failures = failures + 1, failure = excluded.failure",
        (environment, procore_id, failure),
    )


def save_interruption(rows: Rows, environment: str, procore_id: int, interrupted_at: int) -> None:
    """Record when (seconds, UTC) a refresh was sent whose outcome is unknown; the first one is kept."""
    rows.run(
        "INSERT INTO procore_login_accounts (environment, procore_id, interrupted_at) VALUES (?, ?, ?)"
        " ON CONFLICT (environment, procore_id)"
        " DO UPDATE SET interrupted_at = COALESCE(interrupted_at, excluded.interrupted_at)",
        (environment, procore_id, interrupted_at),
    )


def clear_failure(rows: Rows, environment: str, procore_id: int) -> None:
    """New tokens mend what went wrong before."""
    rows.run(
        "UPDATE procore_login_accounts SET failure = NULL, interrupted_at = NULL"
        " WHERE environment = ? AND procore_id = ?",
        (environment, procore_id),
    )


def find_current(rows: Rows, environment: str) -> User | None:
    """Whose session it is."""
    found = rows.run(
        "SELECT users.procore_id FROM procore_login_session JOIN users ON users.id = user_id"
        " WHERE environment = ? AND typeof(users.procore_id) = 'integer'",
        (environment,),
    )
    return find_user(rows, found[0][0]) if found else None


def save_current(rows: Rows, environment: str, user: User | None) -> None:
    """Make it a row's session, or nobody's."""
    rows.run(
        "INSERT INTO procore_login_session (environment, user_id) VALUES (?, ?)"
        " ON CONFLICT (environment) DO UPDATE SET user_id = excluded.user_id",
        (environment, None if user is None else user.id),
    )


def _storable(text: str) -> str:
    # JSON can name half a surrogate pair, which SQLite cannot store.
    return text.encode("utf-8", "replace").decode("utf-8")


def new_failure_text(error: ProcoreLoginError) -> str:
    """The error as JSON; its message and hint never carry a secret."""
    # The nearest class that every run knows by its name.
    known = next(kind for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
    return json.dumps([known.__name__, error.message, error.hint])


def read_failure(text: str | None) -> ProcoreLoginError:
    """The error that was recorded, of the same class where that is one of ours."""
    try:
        name, message, hint = json.loads(text or "")
        return _find_class(name)(str(message), str(hint))
    except (ValueError, TypeError):
        return ProcoreError("Another run's refresh failed.", "Try again.")


def find_refusal(account: Account) -> SignInNeededError | None:
    """The refusal that took the account's tokens out of use, if that is what happened last."""
    if account.failure is None:
        return None
    error = read_failure(account.failure)
    return error if isinstance(error, SignInNeededError) else None


def new_signed_out_error(rows: Rows, environment: str, account: Account, home: Path) -> NotSignedInError:
    """The account has no live tokens in the data folder `home`, nor in a keyring; says where it has some."""
    who, number = account.user.label, account.user.procore_id
    live = entries.list_in_state(rows, environment, number, "live")
    for entry in [*live, *entries.list_pending_refreshes(rows, environment, number)]:
        place = entries.find_elsewhere(entry, home)
        if place is not None:
            return NotSignedInError(
                f"{who} is not signed in to {environment} here: the tokens lie in the data folder {place}.",
                f"Set PROCORE_LOGIN_HOME={shlex.quote(place)} to use them, or sign in here:"
                f" procore-login signin --env {environment}",
            )
    return NotSignedInError(f"{who} is not signed in to {environment}.", _hint(environment))


def new_lost_error(account: Account, environment: str, store: str) -> NotSignedInError:
    """The list names tokens that the store does not have any more."""
    return NotSignedInError(
        f"The tokens of {account.user.label} in {environment} are not in the {store} store any more.",
        _hint(environment),
    )


def new_unrenewable_error(account: Account, environment: str) -> RefreshRefusedError:
    """Procore gave no refresh token."""
    return RefreshRefusedError(
        f"The tokens of {account.user.label} in {environment} cannot be refreshed: "
        "Procore gave no refresh token with them.",
        _hint(environment),
    )


def new_refused_error(account: Account, environment: str) -> RefreshRefusedError:
    """Procore does not take the refresh token; says so if an interrupted refresh may have spent it."""
    message = f"Procore no longer accepts the refresh token of {account.user.label} in {environment}."
    if account.interrupted_at is not None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(account.interrupted_at))
        message += f" A refresh at {moment} was interrupted; signing in again mends that."
    return RefreshRefusedError(message, _hint(environment))


def _hint(environment: str) -> str:
    return f"Sign in again: procore-login signin --env {environment}"


def _find_class(name: object) -> type[ProcoreLoginError]:
    found = getattr(errors, str(name), None)
    if isinstance(found, type) and issubclass(found, ProcoreLoginError):
        return found
    return ProcoreError


MAX_CANDIDATES = 10


class AccountStore:
    """The accounts of one environment. Every method raises DatabaseError and DataFolderError."""

    def __init__(self, database: Database, environment: str, home: Path) -> None:
        """`home` is the data folder: whoever has tokens in the files of another one is signed out here."""
        self.environment = environment
        self._database = database
        self._home = home

    def find_account(self, who: str | None = None) -> Account | None:
        """As `find_named`, without `who` as `find_current`."""
        return self.find_current() if who is None else self.find_named(who)

    def find_current(self) -> Account | None:
        """The current account, if any; a row is enough, tokens or not."""
        with self._database.reading() as rows:
            user = find_current(rows, self.environment)
            return None if user is None else self._read_account(rows, user)

    def find_named(self, who: str) -> Account:
        """The account that `who` (an e-mail or a procore_id) means; a row is enough.

        Raises UnknownAccountError, or AmbiguousAccountError, with the candidates.
        """
        with self._database.reading() as rows:
            found = list_named(rows, who.strip())
            # Candidates, and what only casefold takes for the same, cost a look at every row.
            user = found[0] if len(found) == 1 else self._find_user(list_users(rows), who.strip())
            return self._read_account(rows, user)

    def list_accounts(self) -> list[Listed]:
        """Every row, signed in or not, by id."""
        with self._database.reading() as rows:
            return self._list(rows, list_users(rows))

    def list_known(self) -> list[Listed]:
        """Those whom the environment remembers, signed in or not, by id; other rows cost nothing."""
        with self._database.reading() as rows:
            return self._list(rows, list_known(rows, self.environment))

    def list_signed_in(self) -> list[Account]:
        """The accounts that have tokens, by id of their rows."""
        with self._database.reading() as rows:
            users = find_users(rows, entries.list_usable(rows, self.environment, self._home))
            return list_accounts(rows, self.environment, users)

    def has_rows(self) -> bool:
        """Whether anybody has a row, known to the environment or not."""
        with self._database.reading() as rows:
            return has_users(rows)

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
            live = entries.find_usable(rows, self.environment, account.user.procore_id, self._home)
        if live is None:
            raise self.new_not_signed_in_error(account)
        return live

    def is_known(self) -> bool:
        """Whether the environment remembers anybody in this database."""
        with self._database.reading() as rows:
            return has_any(rows, self.environment)

    def switch(self, account: Account) -> bool:
        """Make the account the current one; False if it is not signed in (any more)."""
        with self._database.writing() as rows:
            procore_id = account.user.procore_id
            if entries.find_usable(rows, self.environment, procore_id, self._home) is None:
                return False
            save_current(rows, self.environment, account.user)
        return True

    def new_not_signed_in_error(self, account: Account) -> SignInNeededError:
        """Why the account has no tokens: a refused refresh that is on record, else a sign-out."""
        with self._database.reading() as rows:
            known = self._read_account(rows, account.user)
            return find_refusal(known) or new_signed_out_error(rows, self.environment, known, self._home)

    def remember(self, account: Account, me: Me) -> Account:
        """Keep what `/me` says now, where it differs; returns the account as it is then."""
        with self._database.reading() as rows:
            known = self._read_account(rows, find_user(rows, me.id) or account.user)
        if (known.user.procore_id, known.user.email, known.name) == (me.id, me.login, me.name):
            return known
        with self._database.writing() as rows:
            user, _ = save_user(rows, me)
            save_name(rows, self.environment, me.id, me.name)
            return self._read_account(rows, user)

    def _list(self, rows: Rows, users: list[User]) -> list[Listed]:
        current = find_current(rows, self.environment)
        live = entries.list_usable(rows, self.environment, self._home)
        known = find_environments(rows)
        listed = list_accounts(rows, self.environment, users)
        return [_new_listed(account, current, live, known) for account in listed]

    def _read_account(self, rows: Rows, user: User) -> Account:
        return find_account(rows, self.environment, user)

    def _find_user(self, users: list[User], who: str) -> User:
        meant = [user for user in users if is_named(user, who)]
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
    from procore_cli.storage.entries import Listed

    procore_id = account.user.procore_id
    entry = live.get(procore_id)
    return Listed(
        account,
        environments=frozenset(known.get(procore_id, ())),
        is_current=current is not None and current.procore_id == procore_id,
        is_signed_in=entry is not None,
        is_refused=entry is None and find_refusal(account) is not None,
        expires_at=entry.expires_at if entry else None,
        issued_at=entry.created_at if entry else 0,
    )


def _list_names(users: Iterable[User]) -> str:
    names = [f"{user.email or 'no e-mail'} ({user.procore_id})" for user in users]
    more = ", ..." if len(names) > MAX_CANDIDATES else ""
    return ", ".join(names[:MAX_CANDIDATES]) + more


class KnownApps:
    """One environment's apps. Every method raises DatabaseError, DataFolderError."""

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def has(self, client_id: str, login_origin: str) -> bool:
        """Whether a sign-in with this app has worked here."""
        with self._database.reading() as rows:
            return bool(
                rows.run(
                    "SELECT 1 FROM procore_login_apps"
                    " WHERE environment = ? AND client_id = ? AND login_origin = ?",
                    (self._environment, client_id, login_origin),
                )
            )

    def remember(self, client_id: str, login_origin: str) -> None:
        """A sign-in with this app has worked here."""
        with self._database.writing() as rows:
            rows.run(
                "INSERT OR IGNORE INTO procore_login_apps VALUES (?, ?, ?)",
                (self._environment, client_id, login_origin),
            )


def list_known_in(path: Path, environment: str, home: Path) -> list[Listed] | None:
    """Everybody whom the environment knows in a file, without changing a byte of it; None if it is not there.

    `home` is the data folder. As `AccountStore.list_known` and `open_glance`.
    """
    if not (os.path.lexists(path) or may_exist(path)):
        return None
    return AccountStore(
        open_glance(path, is_ours=path.parent == home.absolute()), environment, home
    ).list_known()
