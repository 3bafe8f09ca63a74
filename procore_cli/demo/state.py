"""What the pretend Procore keeps, in an SQLite file of its own: people, tokens, companies, projects."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from procore_cli import log
from procore_cli.config import private_files
from procore_cli.config.environments import DEMO
from procore_cli.demo.records import Company, DemoUser, Project, email_key
from procore_cli.demo.seed import SAMPLE, SAMPLE_EMAIL, SAMPLE_ID, SAMPLE_NAME, Seed
from procore_cli.errors import DatabaseError

_VERSION: Final = 1
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
# The user of a service account's tokens, which stand for an app alone.
SERVICE_ACCOUNT: Final = 0
_BUSY_TIMEOUT_S = 10
_FOLDER: Final = "demo"
_NAME: Final = "procore.db"
_COMPANIES = "SELECT id, name, is_active, app_installed FROM companies"
_PROJECTS = "SELECT id, company_id, name, fields, created_at, updated_at FROM projects WHERE company_id = ?"


class Grant(NamedTuple):
    """What an authorization code stands for (RFC 6749, section 4.1.2; RFC 7636, section 4.4)."""

    user_id: int
    client_id: str
    redirect_uri: str
    challenge: str | None


class IssuedToken(NamedTuple):
    """What an access token stands for; times in seconds since the epoch (UTC)."""

    user_id: int
    client_id: str
    created_at: int
    expires_at: int


class DemoState:
    """Who can log in, what was issued to whom, what the API shows; several processes may use it at once.

    Every method raises DatabaseError where the file cannot be used.
    """

    def __init__(self, data_folder: Path, seed: Seed | None = None) -> None:
        """`seed` replaces what was there. Raises DataFolderError where the file is not ours alone."""
        self._data_folder = data_folder
        self._seed = seed
        self.path = data_folder / _FOLDER / _NAME
        self._prepare()
        if seed is not None:
            with self.change() as db:
                _sow(db, seed)

    def reset(self) -> None:
        """Forget everything, tokens too, and begin anew with the seed."""
        with self.change() as db:
            for table in ("users", "grants", "tokens"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - the tables are our own
            _furnish(db, self._seed)

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
        private_files.open_subfolder(self._data_folder, _FOLDER)
        private_files.ensure_file(self.path)
        with self.change() as db:
            if db.execute("PRAGMA user_version").fetchone()[0] < _VERSION:
                _furnish(db, self._seed)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)) as db:
                # Nothing real is lost where the machine stops, and every sign-in and test is faster.
                db.execute("PRAGMA synchronous = OFF")
                yield db
        except sqlite3.Error as error:
            raise DatabaseError(
                f"The pretend Procore (demo) cannot use its database {self.path}: {error}.",
                "Nothing real lies in that file: procore-login demo reset makes a new one.",
                environment=DEMO.name,
            ) from error

    def _find(self, query: str, *values: object) -> tuple[Any, ...] | None:
        with self.open() as db:
            row: tuple[Any, ...] | None = db.execute(query, values).fetchone()
            return row

    def _list(
        self, query: str, limit: int, offset: int, *values: object
    ) -> tuple[int, list[tuple[Any, ...]]]:
        """How many rows a query has, and one page of them by id."""
        with self.open() as db:
            count = f"SELECT count(*) FROM ({query})"  # noqa: S608 - the queries are our own
            total = db.execute(count, values).fetchone()[0]
            page = db.execute(f"{query} ORDER BY id LIMIT ? OFFSET ?", (*values, limit, offset))
            return total, page.fetchall()

    def _do(self, query: str, *values: object) -> sqlite3.Cursor:
        with self.change() as db:
            return db.execute(query, values)

    def find_user(self, user_id: int) -> DemoUser | None:
        """The user with this id, if there is one."""
        row = self._find("SELECT id, email, name FROM users WHERE id = ?", user_id)
        return DemoUser(*row) if row else None

    def save_user(self, user: DemoUser) -> DemoUser:
        """The user with this e-mail, whatever its case: added, or with what is said anew of it."""
        key = (email_key(user.email),)
        query = "SELECT id, email, name FROM users WHERE email_key = ?"
        with self.change() as db:
            row = db.execute(query, key).fetchone()
            if row is None or user.id or user.name:
                _save_user(db, user)
                row = db.execute(query, key).fetchone()
        return DemoUser(*row)

    def save_grant(self, code: str, grant: Grant, expires_at: int) -> None:
        """Keep a new authorization code until `expires_at` (seconds since the epoch, UTC)."""
        self._do("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, 0)", _digest(code), *grant, expires_at)

    def claim_grant(self, code: str, client_id: str, now: int) -> Grant | None:
        """Use up a code: of all who ask, one gets its grant."""
        key = (_digest(code), client_id)
        query = (
            "SELECT user_id, client_id, redirect_uri, challenge FROM grants"
            " WHERE code_digest = ? AND client_id = ? AND used = 0 AND expires_at > ?"
        )
        with self.change() as db:
            row = db.execute(query, (*key, now)).fetchone()
            db.execute("UPDATE grants SET used = 1 WHERE code_digest = ? AND client_id = ?", key)
        return Grant(*row) if row else None

    def save_token(self, access_token: str, refresh_token: str | None, issued: IssuedToken) -> None:
        """Keep a new pair of tokens, or an access token alone."""
        # The column takes no NULL: a value that nobody knows stands for no refresh token.
        digests = (_digest(access_token), _digest(refresh_token or secrets.token_urlsafe(32)))
        self._do("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, 0, 0)", *digests, *issued)

    def claim_refresh(self, refresh_token: str, client_id: str) -> int | None:
        """Use up a refresh token: of all who ask, one gets the id of its user."""
        key = (_digest(refresh_token), client_id)
        query = (
            "SELECT user_id FROM tokens"
            " WHERE refresh_digest = ? AND client_id = ? AND refreshed = 0 AND revoked = 0"
        )
        with self.change() as db:
            row = db.execute(query, key).fetchone()
            db.execute("UPDATE tokens SET refreshed = 1 WHERE refresh_digest = ? AND client_id = ?", key)
        return int(row[0]) if row else None

    def find_token(self, access_token: str, now: int) -> IssuedToken | None:
        """What a valid access token stands for; None if it is unknown, expired or revoked."""
        query = (
            "SELECT user_id, client_id, created_at, expires_at FROM tokens"
            " WHERE access_digest = ? AND revoked = 0 AND expires_at > ?"
        )
        row = self._find(query, _digest(access_token), now)
        return IssuedToken(*row) if row else None

    def revoke(self, token: str) -> None:
        """End an access token and its refresh token, given either of them (RFC 7009, section 2.1)."""
        self._do("UPDATE tokens SET revoked = 1 WHERE ? IN (access_digest, refresh_digest)", _digest(token))

    def expire_tokens(self, now: int) -> None:
        """No access token that was issued so far is valid any more; the refresh tokens are."""
        self._do("UPDATE tokens SET expires_at = ? WHERE expires_at > ?", now, now)

    def revoke_all(self) -> None:
        """Nothing that was issued so far is valid any more."""
        self._do("UPDATE tokens SET revoked = 1")

    def find_company(self, company_id: int) -> Company | None:
        """The company with this id, if there is one."""
        row = self._find(_COMPANIES + " WHERE id = ?", company_id)
        return Company(*row) if row else None

    def list_companies(self, limit: int, offset: int) -> tuple[int, list[Company]]:
        """How many there are, and one page of them by id."""
        total, rows = self._list(_COMPANIES, limit, offset)
        return total, [Company(*row) for row in rows]

    def save_company(self, company: Company) -> int:
        """Add a company, in place of one with the same id; returns its id."""
        return _insert(self._do, "companies", company)

    def install_app(self, company_id: int, *, installed: bool) -> bool:
        """Connect the app to a company, or disconnect it; False if there is no such company."""
        query = "UPDATE companies SET app_installed = ? WHERE id = ?"
        return self._do(query, installed, company_id).rowcount == 1

    def find_project(self, company_id: int, project_id: int) -> Project | None:
        """The company's project with this id, if there is one."""
        row = self._find(_PROJECTS + " AND id = ?", company_id, project_id)
        return Project(*row) if row else None

    def list_projects(self, company_id: int, limit: int, offset: int) -> tuple[int, list[Project]]:
        """How many the company has, and one page of them by id."""
        total, rows = self._list(_PROJECTS, limit, offset, company_id)
        return total, [Project(*row) for row in rows]

    def save_project(self, project: Project) -> int:
        """Add a project, in place of one with the same id; returns its id."""
        return _insert(self._do, "projects", project)

    def change_project(self, company_id: int, project_id: int, changes: Mapping[str, Any], now: int) -> bool:
        """Change some keys of a project; False if the company has none with this id."""
        query = _PROJECTS + " AND id = ?"
        with self.change() as db:
            row = db.execute(query, (company_id, project_id)).fetchone()
            if row is None:
                return False
            fields = {**json.loads(row[3]), **changes}
            name = fields.pop("name", row[2])
            update = "UPDATE projects SET name = ?, fields = ?, updated_at = ? WHERE id = ?"
            db.execute(update, (name, json.dumps(fields), now, project_id))
            return True


def forget(data_folder: Path) -> bool:
    """Delete the file, and its folder if nothing else lies there; False if there was none.

    Raises DataFolderError.
    """
    place = data_folder / _FOLDER
    if not place.is_symlink() and not place.exists():
        return False
    private_files.open_subfolder(data_folder, _FOLDER)
    path = place / _NAME
    existed = path.is_symlink() or path.exists()
    private_files.delete_database(path)
    try:
        place.rmdir()
    except OSError:
        log.warn(f"{place} is kept: something else lies in it.")
    return existed


def _furnish(db: sqlite3.Connection, seed: Seed | None) -> None:
    """Make what tables are missing, with the sample user and the seed's (or the sample's) content."""
    for table in _TABLES:
        db.execute(table)
    _save_user(db, DemoUser(SAMPLE_ID, SAMPLE_EMAIL, SAMPLE_NAME))
    _sow(db, seed or SAMPLE)
    db.execute(f"PRAGMA user_version = {_VERSION}")


def _sow(db: sqlite3.Connection, seed: Seed) -> None:
    """Put the seed's companies and projects in place of all others, and add its users."""
    db.execute("DELETE FROM companies")
    db.execute("DELETE FROM projects")

    def do(query: str, *values: object) -> sqlite3.Cursor:
        return db.execute(query, values)

    # Those with an id of their own first: the others get what is left.
    for user in sorted(seed.users, key=lambda user: not user.id):
        _save_user(db, user)
    for company in sorted(seed.companies, key=lambda company: not company.id):
        _insert(do, "companies", company)
    for project in sorted(seed.projects, key=lambda project: not project.id):
        _insert(do, "projects", project)


def _save_user(db: sqlite3.Connection, user: DemoUser) -> None:
    """Add a user, in place of one with the same id; one with the same e-mail keeps what is not named."""
    key = email_key(user.email)
    known = db.execute("SELECT id, name FROM users WHERE email_key = ?", (key,)).fetchone()
    known_id, known_name = known or (None, user.email.rpartition("@")[0])
    id_ = user.id or known_id
    db.execute("DELETE FROM users WHERE id = ? OR email_key = ?", (id_, key))
    db.execute("INSERT INTO users VALUES (?, ?, ?, ?)", (id_, user.email, key, user.name or known_name))


def _insert(do: Callable[..., sqlite3.Cursor], table: str, record: Company | Project) -> int:
    values = (record.id or None, *record[1:])
    marks = ", ".join("?" * len(values))
    return int(do(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", *values).lastrowid or 0)  # noqa: S608


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
