"""A token set as the text that a store keeps."""

from __future__ import annotations

import json
from typing import Any

from procore_cli.grants import TokenSet
from procore_cli.models import Binding

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
