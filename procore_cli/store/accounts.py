"""The tutorial's rows, what is remembered beside them, and whose session it is, in SQL.

Refuses to trust the table `users`, which other programs write too: the lowest id of a procore_id counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from procore_cli.models import Account, Me, User
from procore_cli.store.database import Rows

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
