"""The PostgreSQL database that machines share, as the variables name it; refuses to show its password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from procore_cli.config.urls import SHARED_SCHEMES, is_shared_database
from procore_cli.errors import ConfigurationError

# What a URL's query may carry for libpq that is secret.
_SECRET_PARAMETERS = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
# As libpq reads one: it takes several of them, none for a socket, and a socket's folder with %2F in it.
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\[\]:]*)(?::(?P<port>[0-9]*))?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_GOOD = "a good one is postgresql://USER@HOST:5432/NAME"


@dataclass(frozen=True)
class SharedDatabase:
    """Where the database is, and what opens the tokens in it: `key` as a text, or the path of a file."""

    url: str = field(repr=False)
    key: str | None = field(repr=False)
    key_file: str | None

    @property
    def shown(self) -> str:
        """The URL as people may see it: nothing that stands before its @, no query."""
        scheme, _, address, _ = _split(self.url)
        return scheme + address

    @property
    def has_password(self) -> bool:
        """Whether the URL itself carries a password."""
        _, login, _, query = _split(self.url)
        names = {unquote(each.partition("=")[0]) for each in query.split("&")}
        return bool(login.partition(":")[2]) or not names.isdisjoint(_SECRET_PARAMETERS)


def find_shared_database(variables: Mapping[str, str]) -> SharedDatabase | None:
    """What PROCORE_LOGIN_DB names, if that is such a database and no file. Raises ConfigurationError."""
    url = variables.get("PROCORE_LOGIN_DB", "")
    if not is_shared_database(url):
        return None
    if why := _find_fault(url):
        raise ConfigurationError(
            f"The URL in PROCORE_LOGIN_DB cannot be used: {why}.",
            f"Correct PROCORE_LOGIN_DB; {_GOOD}.",
            setting="database",
            source="PROCORE_LOGIN_DB",
        )
    if "PROCORE_LOGIN_KEY" in variables and "PROCORE_LOGIN_KEY_FILE" in variables:
        raise ConfigurationError(
            "PROCORE_LOGIN_KEY and PROCORE_LOGIN_KEY_FILE are both set; only one can hold the keys.",
            "Unset the one that is not meant, for example `unset PROCORE_LOGIN_KEY`",
            source="PROCORE_LOGIN_KEY",
        )
    if variables.get("PROCORE_LOGIN_STORE") == "keyring":
        raise ConfigurationError(
            "PROCORE_LOGIN_STORE says keyring, but PROCORE_LOGIN_DB names a database that keeps the tokens.",
            "Unset one of the two, for example `unset PROCORE_LOGIN_STORE`",
            setting="store",
            source="PROCORE_LOGIN_STORE",
        )
    return SharedDatabase(url, variables.get("PROCORE_LOGIN_KEY"), variables.get("PROCORE_LOGIN_KEY_FILE"))


def _split(url: str) -> tuple[str, str, str, str]:
    """Scheme, what stands before the @, hosts and name, query; where libpq cuts, not where urlsplit does."""
    scheme = next(each for each in SHARED_SCHEMES if url.startswith(each))
    login, at, rest = url[len(scheme) :].partition("@")
    if not at or "/" in login:
        login, rest = "", url[len(scheme) :]
    address, _, query = rest.partition("?")
    return scheme, login, address, query


def _find_fault(url: str) -> str | None:
    """Why libpq could not use it, or would read it otherwise than it was meant; shows nothing of it."""
    _, login, address, _ = _split(url)
    if not url.isprintable() or " " in url:
        return "it has a character that a URL cannot have"
    if _BAD_ESCAPE.search(url):
        return "a % in it begins no two hexadecimal digits; write %25 for the % itself"
    if "@" in address or "#" in address or "?" in login.partition(":")[0]:
        return "in its user name or password @ : / ? # have to be written as %40 %3A %2F %3F %23"
    hosts = [_HOST.fullmatch(each) for each in address.partition("/")[0].split(",")]
    ports = [each and (each["port"] or "5432") for each in hosts]
    if not all(port and len(port) < 6 and 0 < int(port) < 65536 for port in ports):
        return "its host is not one, or its port is not a number from 1 to 65535"
    return None
