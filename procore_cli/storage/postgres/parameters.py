"""What libpq is told of a database, beside what its URL says: limits, keepalives, and TLS on a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from procore_cli.config.urls import is_loopback
from procore_cli.errors import BadUrlError, ConfigurationError
from procore_cli.storage.postgres.sealing import MISSING

if TYPE_CHECKING:
    from procore_cli.config.shared_database import SharedDatabase

_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "client_encoding": "UTF8",
    "fallback_application_name": "procore-login",
}


def load_psycopg() -> Any:
    """The package psycopg. Raises ConfigurationError."""
    try:
        import psycopg
    except ModuleNotFoundError:
        raise ConfigurationError("A shared database needs the package psycopg.", MISSING) from None
    except ImportError:
        # Without a wheel for this Python it takes the system's.
        raise ConfigurationError(
            "A shared database needs the library libpq, which psycopg does not find.",
            "Install it: on Debian and Ubuntu `apt install libpq5`, on macOS `brew install libpq`",
        ) from None
    return psycopg


def new_parameters(shared: SharedDatabase, environ: Mapping[str, str]) -> dict[str, str]:
    """What a connection is made with. Raises ConfigurationError."""
    psycopg = load_psycopg()
    try:
        found = psycopg.conninfo.conninfo_to_dict(shared.url)
    except (psycopg.Error, UnicodeDecodeError):
        # libpq quotes what it does not understand, which may be the password.
        raise _new_url_error(
            "PostgreSQL does not understand the URL in PROCORE_LOGIN_DB.",
            "Correct it: postgresql://USER@HOST:5432/NAME, with no parameter that libpq does not know.",
        ) from None
    named = {name: str(value) for name, value in found.items()}
    if "sslmode" not in named and "PGSSLMODE" not in environ:
        if named.get("service") or environ.get("PGSERVICE"):
            # libpq alone reads what it says; a mode of ours would go before a stricter one in it.
            raise _new_url_error(
                "PROCORE_LOGIN_DB leaves the server to a service of libpq, and says nothing of TLS.",
                "Let the URL end with ?sslmode=verify-full or ?sslmode=require, for a server on this machine"
                " with ?sslmode=prefer",
            )
        if _is_elsewhere(named, environ):
            named["sslmode"] = "require"
    return _DEFAULTS | named


def _new_url_error(message: str, hint: str) -> BadUrlError:
    return BadUrlError(message, hint, setting="database", source="PROCORE_LOGIN_DB")


def find_identity(parameters: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """Host, port and name of a database, or what stands for them, as far as they are named."""
    service = parameters.get("service") or environ.get("PGSERVICE", "")
    host = parameters.get("host") or parameters.get("hostaddr") or environ.get("PGHOST", "")
    port = parameters.get("port") or environ.get("PGPORT", "5432")
    name = parameters.get("dbname") or environ.get("PGDATABASE") or parameters.get("user", "")
    return f"{service}{host}:{port}/{name}"


def _is_elsewhere(found: Mapping[str, str], environ: Mapping[str, str]) -> bool:
    """Whether the server is on another machine, as far as the names tell."""
    host = found.get("host") or environ.get("PGHOST", "")
    address = found.get("hostaddr") or environ.get("PGHOSTADDR", "")
    names = [name for name in (address or host).split(",") if not name.startswith(("/", "@"))]
    return any(name and not is_loopback(name.lower()) for name in names)
