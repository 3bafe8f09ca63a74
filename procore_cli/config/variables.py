"""The variables that are set: which of them count, and what they cannot be; shows none that may be secret."""

from __future__ import annotations

from collections.abc import Mapping

from procore_cli.config.config_file import STORES, is_client_id, is_client_secret, is_company
from procore_cli.config.environments import DEMO, ENVIRONMENTS
from procore_cli.config.urls import is_database_url, is_shared_database, without_login
from procore_cli.errors import ConfigurationError

_OUR_PREFIX = "PROCORE_LOGIN_"
# Most of a name is the prefix.
_NEAR = 0.9
# The variable of each setting.
VARIABLES = {
    "environment": "PROCORE_ENV",
    "client id": "PROCORE_CLIENT_ID",
    "client secret": "PROCORE_CLIENT_SECRET",
    "redirect URI": "PROCORE_REDIRECT_URI",
    "company": "PROCORE_COMPANY_ID",
    "login URL": "PROCORE_LOGIN_URL",
    "API URL": "PROCORE_API_URL",
    "data folder": "PROCORE_LOGIN_HOME",
    "database": "PROCORE_LOGIN_DB",
    "store": "PROCORE_LOGIN_STORE",
    "account": "PROCORE_LOGIN_ACCOUNT",
    "access token": "PROCORE_ACCESS_TOKEN",
    "CA": "REQUESTS_CA_BUNDLE",
}
# What people set in place of ours; what else begins with PROCORE_ may be another program's.
_MISTAKEN = {
    "PROCORE_TOKEN": "PROCORE_ACCESS_TOKEN",
    "PROCORE_ENVIRONMENT": "PROCORE_ENV",
    "PROCORE_COMPANY": "PROCORE_COMPANY_ID",
    "PROCORE_SECRET": "PROCORE_CLIENT_SECRET",
    "PROCORE_ACCOUNT": "PROCORE_LOGIN_ACCOUNT",
    "PROCORE_REDIRECT_URL": "PROCORE_REDIRECT_URI",
}
_OUR_NAMES = {*VARIABLES.values(), "PROCORE_LOGIN_EXEC", "PROCORE_LOGIN_KEY", "PROCORE_LOGIN_KEY_FILE"}
# They say something of the environment of `exec` alone.
_OF_ONE_ENVIRONMENT = frozenset({"PROCORE_LOGIN_ACCOUNT", "PROCORE_COMPANY_ID"})
_URLS = frozenset({"PROCORE_LOGIN_URL", "PROCORE_API_URL"})


def find_set(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables that count as set: one that is empty does not."""
    return {name: value for name, value in environ.items() if value}


def find_unknown(variables: Mapping[str, str]) -> dict[str, str | None]:
    """The variables that look like ours and are not, each with the one that is probably meant."""
    found: dict[str, str | None] = {}
    for name in sorted(variables):
        if name in _MISTAKEN and _MISTAKEN[name] not in variables:
            found[name] = _MISTAKEN[name]
        elif name.startswith(_OUR_PREFIX) and name not in _OUR_NAMES:
            # Loaded for whoever has mistyped.
            from difflib import get_close_matches

            near = get_close_matches(name, _OUR_NAMES, 1, _NEAR) or [name.replace("_LOGIN", "", 1)]
            found[name] = near[0] if near[0] in _OUR_NAMES else None
    return found


def check_variables(variables: Mapping[str, str], *, is_demo: bool) -> None:
    """Refuse what cannot be a setting. Raises ConfigurationError."""
    if not is_demo:
        # The demo has an app of its own.
        _refuse_unless(
            is_client_id(variables.get("PROCORE_CLIENT_ID") or "none"),
            "client id",
            "PROCORE_CLIENT_ID holds a space or a control character, or is too long.",
            "Set it to the client id alone, without spaces or line breaks.",
        )
        _refuse_unless(
            is_client_secret(variables.get("PROCORE_CLIENT_SECRET") or "none"),
            "client secret",
            "PROCORE_CLIENT_SECRET begins or ends with a space, holds a control character, or is too long.",
            "Set it to the client secret alone, without spaces or line breaks at its ends.",
        )
    store = variables.get("PROCORE_LOGIN_STORE", "keyring")
    database = variables.get("PROCORE_LOGIN_DB", "")
    _refuse_unless(
        store in STORES,
        "store",
        f'PROCORE_LOGIN_STORE names the store "{without_login(store)}", which does not exist.',
        'Set it to "keyring" or "file".',
    )
    _refuse_unless(
        is_shared_database(database) or not is_database_url(database),
        "database",
        "PROCORE_LOGIN_DB is neither a path nor a URL that begins with postgresql://.",
        "Set it to the path of an SQLite file, such as /home/me/test.db, or to postgresql://USER@HOST/NAME;"
        " or unset it.",
    )
    _refuse_unless(
        is_company(variables.get("PROCORE_COMPANY_ID", "1")),
        "company",
        "PROCORE_COMPANY_ID is not the id of a company.",
        "Set it to the company's id, for example 123.",
    )


def _refuse_unless(is_good: bool, setting: str, message: str, hint: str) -> None:
    if not is_good:
        raise ConfigurationError(message, hint, setting=setting, source=VARIABLES[setting])


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
