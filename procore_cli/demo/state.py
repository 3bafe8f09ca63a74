"""What the pretend Procore keeps, in an SQLite file of its own: codes, tokens, sessions and records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from procore_cli.config import private_files
from procore_cli.demo.seed import (
    SAMPLE,
    SAMPLE_EMAIL,
    SAMPLE_ID,
    SAMPLE_NAME,
    Company,
    DemoUser,
    Project,
    Seed,
    SeedUser,
    email_key,
)
from procore_cli.errors import DatabaseError

if TYPE_CHECKING:
    import sqlite3


_VERSION: Final = 1
# When what is there at first was made: 2026-01-01, seconds since the epoch (UTC).
_BEGINNING: Final = 1_767_225_600
_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS users (
        id INTEGER PRIMARY KEY, email TEXT NOT NULL, email_key TEXT NOT NULL UNIQUE, name TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS grants (
        code_digest TEXT PRIMARY KEY, user_id INTEGER NOT NULL, client_id TEXT NOT NULL,
        redirect_uri TEXT NOT NULL, challenge TEXT, expires_at INTEGER NOT NULL,
        used INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS tokens (
        access_digest TEXT PRIMARY KEY, refresh_digest TEXT NOT NULL UNIQUE, user_id INTEGER NOT NULL,
        client_id TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
        refreshed INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS companies (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, is_active INTEGER NOT NULL,
        app_installed INTEGER NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS projects (
        id INTEGER PRIMARY KEY, company_id INTEGER NOT NULL, name TEXT NOT NULL, fields TEXT NOT NULL,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS projects_of_company ON projects (company_id, id)",
)


def is_furnished(db: sqlite3.Connection) -> bool:
    """Whether the tables are there."""
    return bool(db.execute("PRAGMA user_version").fetchone()[0] >= _VERSION)


def furnish(db: sqlite3.Connection, seed: Seed | None) -> None:
    """Make what tables are missing, with the sample user and the seed's (or the sample's) content."""
    for table in _TABLES:
        db.execute(table)
    save_user(db, SeedUser(SAMPLE_ID, SAMPLE_EMAIL, SAMPLE_NAME))
    sow(db, seed or SAMPLE)
    db.execute(f"PRAGMA user_version = {_VERSION}")


def sow(db: sqlite3.Connection, seed: Seed) -> None:
    """Put the seed's companies and projects in place of all others, and add its users."""
    db.execute("DELETE FROM companies")
    db.execute("DELETE FROM projects")
    # Those with an id of their own first: the others get what is left.
    for user in sorted(seed.users, key=lambda user: user.id is None):
        save_user(db, user)
    for company in seed.companies:
        row = (company.id, company.name, company.is_active, company.app_installed)
        db.execute("INSERT INTO companies VALUES (?, ?, ?, ?)", row)
    for project in sorted(seed.projects, key=lambda project: project.id is None):
        fields = json.dumps(dict(project.fields))
        values = (project.id, project.company_id, project.name, fields, _BEGINNING, _BEGINNING)
        db.execute("INSERT INTO projects VALUES (?, ?, ?, ?, ?, ?)", values)


def save_user(db: sqlite3.Connection, user: SeedUser) -> None:
    """Add a user, in place of one with the same id; one with the same e-mail keeps what is not named."""
    key = email_key(user.email)
    known = db.execute("SELECT id, name FROM users WHERE email_key = ?", (key,)).fetchone()
    known_id, known_name = known or (None, user.email.rpartition("@")[0])
    id_ = known_id if user.id is None else user.id
    db.execute("DELETE FROM users WHERE id = ? OR email_key = ?", (id_, key))
    db.execute("INSERT INTO users VALUES (?, ?, ?, ?)", (id_, user.email, key, user.name or known_name))


_BUSY_TIMEOUT_S = 10
_FOLDER: Final = "demo"
_NAME: Final = "procore.db"
_SIDE_FILES: Final = ("-journal", "-wal", "-shm")


class DemoFile:
    """What the pretend Procore remembers; several processes may use it at once.

    Every method raises DatabaseError where the file cannot be used.
    """

    def __init__(self, data_folder: Path, tell: Callable[[str], None], seed: Seed | None = None) -> None:
        """Make the file where it is missing; `seed` replaces companies and projects.

        Raises DataFolderError where it is not ours alone.
        """
        self._data_folder = data_folder
        self._tell = tell
        self._seed = seed
        self.path = data_folder / _FOLDER / _NAME
        self._prepare()
        if seed is not None:
            with self.change() as db:
                sow(db, seed)

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading."""
        if not self.path.exists():
            # `demo reset` came while a server runs: it goes on with what it began with.
            self._prepare()
        with self._connect() as db:
            yield db

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction; it takes the write lock at once, because a late one fails without waiting."""
        with self.open() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")

    def _prepare(self) -> None:
        private_files.open_subfolder(self._data_folder, _FOLDER, self._tell)
        private_files.ensure_file(self.path, self._tell)
        with self._connect() as db:
            if is_furnished(db):
                return
            db.execute("BEGIN IMMEDIATE")
            # Another process may have been faster.
            if not is_furnished(db):
                furnish(db, self._seed)
            db.execute("COMMIT")

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)) as db:
                # Nothing real is lost where the machine stops, and every sign-in and test is faster.
                db.execute("PRAGMA synchronous = OFF")
                yield db
        except sqlite3.Error as error:
            raise DatabaseError(
                f"The pretend Procore (demo) cannot use its database {self.path}: {error}.",
                "Nothing real lies in that file: procore-login demo reset makes a new one.",
            ) from error


def forget(data_folder: Path, tell: Callable[[str], None]) -> bool:
    """Delete the file, and its folder if nothing else lies there; False if there was none.

    Raises DataFolderError.
    """
    place = data_folder / _FOLDER
    if not place.is_symlink() and not place.exists():
        return False
    private_files.open_subfolder(data_folder, _FOLDER, tell)
    path = place / _NAME
    existed = path.is_symlink() or path.exists()
    for name in (_NAME, *(_NAME + ending for ending in _SIDE_FILES)):
        private_files.delete_file(place / name)
    try:
        place.rmdir()
    except OSError:
        tell(f"{place} is kept: something else lies in it.")
    return existed


_PROJECTS = "SELECT id, company_id, name, fields, created_at, updated_at FROM projects WHERE company_id = ?"


@dataclass(frozen=True)
class Kept:
    """A project as it is kept; times in seconds since the epoch (UTC)."""

    project: Project
    created_at: int
    updated_at: int


class Records:
    """Every method raises DatabaseError where the file cannot be used."""

    def __init__(self, file: DemoFile) -> None:
        self._file = file

    def find_company(self, company_id: int) -> Company | None:
        """The company with this id, if there is one."""
        query = "SELECT id, name, is_active, app_installed FROM companies WHERE id = ?"
        with self._file.open() as db:
            row = db.execute(query, (company_id,)).fetchone()
        return _new_company(row) if row else None

    def list_companies(self, limit: int, offset: int) -> tuple[int, list[Company]]:
        """How many there are, and one page of them by id."""
        query = "SELECT id, name, is_active, app_installed FROM companies ORDER BY id LIMIT ? OFFSET ?"
        with self._file.open() as db:
            total = db.execute("SELECT count(*) FROM companies").fetchone()[0]
            return total, [_new_company(row) for row in db.execute(query, (limit, offset))]

    def save_company(self, name: str, *, app_installed: bool) -> int:
        """Add a company; returns its id."""
        with self._file.change() as db:
            values = (name, app_installed)
            added = db.execute("INSERT INTO companies VALUES (NULL, ?, 1, ?)", values)
            return int(added.lastrowid or 0)

    def install_app(self, company_id: int, *, installed: bool) -> bool:
        """Connect the app to a company, or disconnect it; False if there is no such company."""
        with self._file.change() as db:
            query = "UPDATE companies SET app_installed = ? WHERE id = ?"
            return db.execute(query, (installed, company_id)).rowcount == 1

    def find_project(self, company_id: int, project_id: int) -> Kept | None:
        """The company's project with this id, if there is one."""
        query = _PROJECTS + " AND id = ?"
        with self._file.open() as db:
            row = db.execute(query, (company_id, project_id)).fetchone()
        return _new_kept(row) if row else None

    def list_projects(self, company_id: int, limit: int, offset: int) -> tuple[int, list[Kept]]:
        """How many the company has, and one page of them by id."""
        count = "SELECT count(*) FROM projects WHERE company_id = ?"
        query = _PROJECTS + " ORDER BY id LIMIT ? OFFSET ?"
        with self._file.open() as db:
            total = db.execute(count, (company_id,)).fetchone()[0]
            return total, [_new_kept(row) for row in db.execute(query, (company_id, limit, offset))]

    def save_project(self, project: Project, now: int) -> int:
        """Add a project; returns its id."""
        values = (project.id, project.company_id, project.name, json.dumps(dict(project.fields)), now, now)
        with self._file.change() as db:
            added = db.execute("INSERT INTO projects VALUES (?, ?, ?, ?, ?, ?)", values)
            return int(added.lastrowid or 0)

    def change_project(self, company_id: int, project_id: int, changes: Mapping[str, Any], now: int) -> bool:
        """Change some keys of a project; False if the company has none with this id."""
        query = _PROJECTS + " AND id = ?"
        with self._file.change() as db:
            row = db.execute(query, (company_id, project_id)).fetchone()
            if row is None:
                return False
            fields = {**json.loads(row[3]), **changes}
            name = fields.pop("name", row[2])
            update = "UPDATE projects SET name = ?, fields = ?, updated_at = ? WHERE id = ?"
            db.execute(update, (name, json.dumps(fields), now, project_id))
            return True

    def delete_project(self, company_id: int, project_id: int) -> bool:
        """Delete a project; False if the company has none with this id."""
        with self._file.change() as db:
            query = "DELETE FROM projects WHERE company_id = ? AND id = ?"
            return db.execute(query, (company_id, project_id)).rowcount == 1


def _new_company(row: tuple[Any, ...]) -> Company:
    id_, name, is_active, app_installed = row
    return Company(id_, name, bool(is_active), bool(app_installed))


def _new_kept(row: tuple[Any, ...]) -> Kept:
    id_, company_id, name, fields, created_at, updated_at = row
    return Kept(Project(id_, company_id, name, json.loads(fields)), created_at, updated_at)


@dataclass(frozen=True)
class Grant:
    """What an authorization code stands for (RFC 6749, section 4.1.2; RFC 7636, section 4.4)."""

    user_id: int
    client_id: str
    redirect_uri: str
    challenge: str | None


@dataclass(frozen=True)
class IssuedToken:
    """What an access token stands for; times in seconds since the epoch (UTC)."""

    user_id: int
    client_id: str
    created_at: int
    expires_at: int


class DemoState:
    """Who can log in, and what was issued to whom; several processes may use it at once.

    Every method raises DatabaseError where the file cannot be used.
    """

    def __init__(self, data_folder: Path, tell: Callable[[str], None], seed: Seed | None = None) -> None:
        """As `DemoFile`. Raises DataFolderError where the file is not ours alone."""
        self.file = DemoFile(data_folder, tell, seed)

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.file.path

    def find_user(self, user_id: int) -> DemoUser | None:
        """The user with this id, if there is one."""
        with self.file.open() as db:
            row = db.execute("SELECT id, email, name FROM users WHERE id = ?", (user_id,)).fetchone()
        return DemoUser(*row) if row else None

    def save_user(self, email: str, name: str | None = None, user_id: int | None = None) -> DemoUser:
        """The user with this e-mail, whatever its case; a new one gets `user_id` or the next free id."""
        key = (email_key(email),)
        query = "SELECT id, email, name FROM users WHERE email_key = ?"
        with self.file.change() as db:
            row = db.execute(query, key).fetchone()
            if row is None or name is not None or user_id is not None:
                save_user(db, SeedUser(user_id, email, name))
                row = db.execute(query, key).fetchone()
        return DemoUser(*row)

    def save_grant(self, code: str, grant: Grant, expires_at: int) -> None:
        """Keep a new authorization code until `expires_at` (seconds since the epoch, UTC)."""
        values = (grant.user_id, grant.client_id, grant.redirect_uri, grant.challenge)
        with self.file.change() as db:
            db.execute(
                "INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, 0)", (_digest(code), *values, expires_at)
            )

    def claim_grant(self, code: str, client_id: str, now: int) -> Grant | None:
        """Use up a code: of all who ask, one gets its grant."""
        key = (_digest(code), client_id)
        with self.file.change() as db:
            claimed = db.execute(
                "UPDATE grants SET used = 1"
                " WHERE code_digest = ? AND client_id = ? AND used = 0 AND expires_at > ?",
                (*key, now),
            )
            if claimed.rowcount != 1:
                return None
            query = "SELECT user_id, client_id, redirect_uri, challenge FROM grants WHERE code_digest = ?"
            return Grant(*db.execute(query, key[:1]).fetchone())

    def save_token(self, access_token: str, refresh_token: str, issued: IssuedToken) -> None:
        """Keep a new pair of tokens."""
        digests = (_digest(access_token), _digest(refresh_token))
        values = (issued.user_id, issued.client_id, issued.created_at, issued.expires_at)
        with self.file.change() as db:
            db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, 0, 0)", (*digests, *values))

    def claim_refresh(self, refresh_token: str, client_id: str) -> int | None:
        """Use up a refresh token: of all who ask, one gets the id of its user."""
        key = (_digest(refresh_token), client_id)
        with self.file.change() as db:
            claimed = db.execute(
                "UPDATE tokens SET refreshed = 1"
                " WHERE refresh_digest = ? AND client_id = ? AND refreshed = 0 AND revoked = 0",
                key,
            )
            if claimed.rowcount != 1:
                return None
            query = "SELECT user_id FROM tokens WHERE refresh_digest = ?"
            return int(db.execute(query, key[:1]).fetchone()[0])

    def find_token(self, access_token: str, now: int) -> IssuedToken | None:
        """What a valid access token stands for; None if it is unknown, expired or revoked."""
        query = (
            "SELECT user_id, client_id, created_at, expires_at FROM tokens"
            " WHERE access_digest = ? AND revoked = 0 AND expires_at > ?"
        )
        with self.file.open() as db:
            row = db.execute(query, (_digest(access_token), now)).fetchone()
        return IssuedToken(*row) if row else None

    def revoke(self, token: str) -> None:
        """End an access token and its refresh token, given either of them (RFC 7009, section 2.1)."""
        with self.file.change() as db:
            query = "UPDATE tokens SET revoked = 1 WHERE ? IN (access_digest, refresh_digest)"
            db.execute(query, (_digest(token),))

    def expire_tokens(self, now: int) -> None:
        """No access token that was issued so far is valid any more; the refresh tokens are."""
        with self.file.change() as db:
            db.execute("UPDATE tokens SET expires_at = ? WHERE expires_at > ?", (now, now))

    def revoke_all(self) -> None:
        """Nothing that was issued so far is valid any more."""
        with self.file.change() as db:
            db.execute("UPDATE tokens SET revoked = 1")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
