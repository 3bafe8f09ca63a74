"""What an `exec` around this program left in its variables; refuses to read it as another environment's."""

from __future__ import annotations

from collections.abc import Mapping

from procore_cli.environments import DEMO, ENVIRONMENTS

# They say something of the environment of `exec` alone.
_OF_ONE_ENVIRONMENT = frozenset({"PROCORE_LOGIN_ACCOUNT", "PROCORE_COMPANY_ID"})
_URLS = frozenset({"PROCORE_LOGIN_URL", "PROCORE_API_URL"})


def without_what_exec_set(environment: str, variables: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that count for `environment`, where `exec` may have handed over another one's."""
    home = ENVIRONMENTS.get(variables.get("PROCORE_ENV", ""))
    if home is None or home.name == environment or not is_handed_over(variables):
        return variables
    dropped = set(_OF_ONE_ENVIRONMENT)
    if home is DEMO:
        dropped |= _URLS
    elif variables.get("PROCORE_API_URL") == home.api_url:
        dropped.add("PROCORE_API_URL")
    return {name: value for name, value in variables.items() if name not in dropped}


def is_handed_over(variables: Mapping[str, str]) -> bool:
    """Whether PROCORE_ACCESS_TOKEN is from `exec`: the store has it too, and keeps it fresh."""
    token, handed_over = variables.get("PROCORE_ACCESS_TOKEN"), variables.get("PROCORE_LOGIN_EXEC")
    return bool(token and handed_over) and new_token_digest(token or "") == (handed_over or "").lower()


def new_token_digest(token: str) -> str:
    """What PROCORE_LOGIN_EXEC says of a token: its SHA-256 in hex."""
    import hashlib

    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
