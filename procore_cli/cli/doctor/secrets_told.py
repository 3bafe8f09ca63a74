"""What must not be in a report, taken out of it: the last line of defence behind checks that show none."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from procore_cli.cli.doctor.case import Case

_SECRETS = ("PROCORE_CLIENT_SECRET", "PROCORE_ACCESS_TOKEN")
_MAY_HOLD_LOGIN = ("PROCORE_LOGIN_URL", "PROCORE_API_URL", "PROCORE_REDIRECT_URI")
# Shorter ones are part of ordinary words.
_SHORTEST = 4
_INSTEAD = "[not shown]"


def conceal(case: Case, text: str) -> str:
    """The text without the values of secret variables, and without the user part of their URLs."""
    for secret in _list_secrets(case):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, _INSTEAD)
    return text


def _list_secrets(case: Case) -> Iterator[str]:
    for name in _SECRETS:
        yield case.environ.get(name, "")
    for name, value in case.environ.items():
        if name in _MAY_HOLD_LOGIN or name.lower().endswith("_proxy"):
            login, at, _ = value.rpartition("@")
            _, _, password = login.rpartition("/")[2].partition(":")
            yield from (password, unquote(password)) if at else ()
