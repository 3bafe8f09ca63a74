"""The PostgreSQL database that many machines share, as the variables name it; shows no password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from procore_cli.config.urls import without_login

SCHEMES = ("postgresql://", "postgres://")
# What a URL's query may carry for libpq that is secret.
_SECRET_PARAMETERS = frozenset({"password", "sslpassword", "passfile"})


@dataclass(frozen=True)
class SharedDatabase:
    """Where the database is, and what opens the tokens in it: `key` as a text, or the path of a file."""

    url: str = field(repr=False)
    key: str | None = field(repr=False)
    key_file: str | None

    @property
    def shown(self) -> str:
        """The URL as people may see it: nothing that stands before its @, no query."""
        scheme = next(each for each in SCHEMES if self.url.startswith(each))
        return scheme + without_login(self.url[len(scheme) :])

    @property
    def has_password(self) -> bool:
        """Whether the URL itself carries a password."""
        parts = urlsplit(self.url)
        return ":" in parts.netloc.rpartition("@")[0] or any(
            name in _SECRET_PARAMETERS for name, _ in parse_qsl(parts.query)
        )


def find_shared_database(variables: Mapping[str, str]) -> SharedDatabase | None:
    """What PROCORE_LOGIN_DB names, if that is such a database and no file."""
    url = variables.get("PROCORE_LOGIN_DB", "")
    if not url.startswith(SCHEMES):
        return None
    return SharedDatabase(url, variables.get("PROCORE_LOGIN_KEY"), variables.get("PROCORE_LOGIN_KEY_FILE"))
