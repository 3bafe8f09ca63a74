"""The apps that somebody has signed in with here: their client ids and where; knows no secret of theirs."""

from __future__ import annotations

from procore_cli.store.database import Database


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
