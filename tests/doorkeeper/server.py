"""Doorkeeper in a Rails app, a process of its own; and what its database says of the apps at it."""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli import Machine

PATIENCE_S = 60
SECRET = "hush-client-secret"
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Doorkeeper:
    """A running one; with `keeps_previous` a spent refresh token dies when the next access token is used."""

    url: str
    keeps_previous: bool
    folder: Path

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What its database says, or is told."""
        path = self.folder / "procore.sqlite3"
        with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE_S)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def new_app(self, machine: Machine) -> App:
        """Register an app with the machine's redirect URI, whose commands use it from now on."""
        client_id = f"client-{next(_NUMBERS)}"
        self.sql(
            "INSERT INTO oauth_applications (name, uid, secret, redirect_uri, created_at, updated_at)"
            " VALUES ('Sample', ?, ?, ?, datetime('now'), datetime('now'))",
            *(client_id, SECRET, machine.environ()["PROCORE_REDIRECT_URI"]),
        )
        machine.variables |= {
            "PROCORE_LOGIN_URL": self.url,
            "PROCORE_API_URL": self.url,
            "PROCORE_CLIENT_ID": client_id,
            "PROCORE_CLIENT_SECRET": SECRET,
        }
        return App(self, client_id)


@dataclass(frozen=True)
class App:
    """An app that is registered there."""

    server: Doorkeeper
    client_id: str

    def sent(self, grant_type: str) -> list[str]:
        """The statuses of the answers to what it sent to the token endpoint."""
        found = self.server.sql(
            "SELECT status FROM requests WHERE client_id = ? AND grant_type = ? ORDER BY id",
            *(self.client_id, grant_type),
        )
        return [status for (status,) in found]

    def alive(self) -> list[tuple[str, str | None]]:
        """Access and refresh token of each pair that was not revoked, in their order."""
        return self._tokens("token, refresh_token", "AND revoked_at IS NULL")

    def give_lifetime(self, seconds: int) -> None:
        """So long live tokens from now on, but those of a refresh, which goes by what is there."""
        self.server.sql("UPDATE oauth_applications SET lifetime_s = ? WHERE uid = ?", seconds, self.client_id)

    def age(self, seconds: int = 5400) -> None:
        """Its tokens were granted two hours ago, for so long."""
        self._change("expires_in = ?, created_at = datetime('now', '-2 hours')", seconds)

    def revoke(self) -> None:
        """All of its tokens are revoked, as the person may do it at Procore."""
        self._change("revoked_at = datetime('now', '-1 second')")

    def _tokens(self, columns: str, condition: str = "") -> list[Any]:
        return self.server.sql(
            f"SELECT {columns} FROM oauth_access_tokens WHERE application_id ="
            f" (SELECT id FROM oauth_applications WHERE uid = ?) {condition} ORDER BY id",
            self.client_id,
        )

    def _change(self, assignment: str, *values: object) -> None:
        self.server.sql(
            f"UPDATE oauth_access_tokens SET {assignment} WHERE application_id ="
            " (SELECT id FROM oauth_applications WHERE uid = ?)",
            *(*values, self.client_id),
        )


@contextmanager
def serving_doorkeeper(folder: Path, *, keeps_previous: bool) -> Iterator[Doorkeeper]:
    """Run one with an empty database in the folder, on a free port of 127.0.0.1."""
    program = ["ruby", str(Path(__file__).with_name("app.rb")), str(folder)]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            program + ["keeps-previous"] * keeps_previous,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE_S)
            port = process.stdout.readline().decode().strip() if ready else ""
            assert port, (folder / "log").read_text()
            yield Doorkeeper(f"http://127.0.0.1:{port}", keeps_previous, folder)
        finally:
            # It ends with its standard input, whatever becomes of this process.
            process.stdin.close()
            process.wait(PATIENCE_S)
    said = (folder / "log").read_text()
    assert said == ""
