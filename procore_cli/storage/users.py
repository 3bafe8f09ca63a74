"""The tutorial's rows.

Refuses to trust the table `users`, which other programs write too: the lowest id of a procore_id counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from procore_cli.models import Me, User
from procore_cli.storage.rows import Rows

# With one MIN() SQLite takes the other columns from the row that has it.
_USERS = """
    SELECT MIN(id), procore_id, CASE typeof(email) WHEN 'text' THEN email END
    FROM users WHERE CASE typeof(procore_id) WHEN 'integer' THEN procore_id > 0 END """
_MAX_ID = 2**63 - 1
_LONGEST_ID = 20


def list_users(rows: Rows) -> list[User]:
    """Every person that has a row, by id."""
    found = rows.run(f"{_USERS} GROUP BY procore_id ORDER BY MIN(id)")
    return [User(*values) for values in found]


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


def find_by_row(rows: Rows, row_id: int) -> User | None:
    """The row that counts for the person of a row."""
    if abs(row_id) > _MAX_ID:
        return None
    found = rows.run(
        "SELECT procore_id FROM users WHERE id = ? AND typeof(procore_id) = 'integer'", (row_id,)
    )
    return find_user(rows, found[0][0]) if found else None


def list_named(rows: Rows, who: str) -> list[User]:
    """Whom a procore_id or an e-mail (in either case of ASCII) names, found without looking at every row."""
    found = rows.run("SELECT DISTINCT procore_id FROM users WHERE email = ? COLLATE NOCASE", (storable(who),))
    ids = {number for (number,) in found}
    if who.isascii() and who.isdigit() and len(who) < _LONGEST_ID:
        ids.add(int(who))
    return [user for user in find_users(rows, ids) if is_named(user, who)]


def is_named(user: User, who: str) -> bool:
    """Whether `who` is the person's procore_id or e-mail."""
    return who == str(user.procore_id) or who.casefold() == (user.email or "").casefold()


def save_user(rows: Rows, me: Me) -> tuple[User, bool]:
    """Insert or update the person's row; returns it and whether it is new."""
    email = storable(me.login)
    user = find_user(rows, me.id)
    if user is None:
        rows.run("INSERT INTO users (procore_id, email) VALUES (?, ?)", (me.id, email))
        ((row_id,),) = rows.run("SELECT last_insert_rowid()")
        return User(row_id, me.id, email), True
    if user.email != email:
        rows.run("UPDATE users SET email = ? WHERE id = ?", (email, user.id))
    return User(user.id, me.id, email), False


def storable(text: str) -> str:
    """The text as SQLite can store it."""
    # JSON can name half a surrogate pair, which SQLite cannot store.
    return text.encode("utf-8", "replace").decode("utf-8")
