"""What Procore grants, to whom and for what, as values that never change; secret fields never show in a repr.

Apart from models, since what only looks at the rows starts sooner without dataclasses to make.
Times are whole seconds since the epoch (UTC).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True)
class AppCredentials:
    """The app that signs people in (RFC 6749, section 2.3); the sources say where id and secret came from."""

    client_id: str
    client_secret: str = field(repr=False)
    source: str
    secret_source: str = ""


class Binding(NamedTuple):
    """What a token set was made for; it is sent nowhere else."""

    client_id: str
    login_origin: str
    api_origin: str


@dataclass(frozen=True)
class TokenSet:
    """What Procore grants, and what is kept for an account; `lifetime_s` is None in what 0.1.0 kept, too."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: int | None
    binding: Binding
    lifetime_s: int | None = None


FORMAT = 1


def new_tokens_text(tokens: TokenSet) -> str:
    """The token set as compact ASCII."""
    found = {
        "format": FORMAT,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_at": tokens.expires_at,
        "lifetime_s": tokens.lifetime_s,
        "binding": tokens.binding._asdict(),
    }
    return json.dumps(found, separators=(",", ":"))


def read_tokens_text(text: str) -> TokenSet | None:
    """The token set that `new_tokens_text` wrote, or None for anything else."""
    try:
        found = json.loads(text)
        return _read(found) if found.pop("format") == FORMAT else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _read(found: dict[str, Any]) -> TokenSet:
    binding = found["binding"]
    return TokenSet(
        _checked(found["access_token"], str),
        _checked(found["refresh_token"], str, type(None)),
        _checked(found["expires_at"], int, type(None)),
        Binding(*(_checked(binding[key], str) for key in ("client_id", "login_origin", "api_origin"))),
        # 0.1.0 did not keep it.
        _checked(found.get("lifetime_s"), int, type(None)),
    )


def _checked(value: Any, *kinds: type) -> Any:
    # type() and not isinstance(): True is an int to the latter.
    if type(value) not in kinds:
        raise TypeError
    return value
