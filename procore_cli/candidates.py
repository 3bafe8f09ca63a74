"""Whose names a shell may complete: from the databases alone, and only what no shell could take for more.

Refuses network, keyring, and to change a file; whatever is broken has no candidates.
"""

from __future__ import annotations

import os
from collections import Counter

from procore_cli.config.private_files import looking_only, may_exist
from procore_cli.config.settings import Asked, Settings, load_settings
from procore_cli.errors import ProcoreLoginError

_SAFE = frozenset("._+-@")
_LONGEST = 60


def list_people(environment: str | None) -> list[tuple[str, str]]:
    """What `--account` may name in an environment (None: the one in force), each with whom it means.

    The e-mail, or the Procore id where the e-mail is shared or a shell could read something into it.
    """
    from procore_cli.storage.accounts import list_known_in

    try:
        settings = _load(environment)
        if not may_exist(settings.database):
            return []
        is_ours = settings.named_database is None
        known = list_known_in(settings.database, settings.environment.name, is_ours=is_ours)
    except (ProcoreLoginError, OSError):
        return []
    users = [listed.account for listed in known]
    shared = Counter((account.user.email or "").casefold() for account in users)
    found = []
    for account in users:
        email, number = account.user.email or "", str(account.user.procore_id)
        is_plain = is_safe(email) and shared[email.casefold()] == 1
        about = account.name or email
        found.append((email if is_plain else number, _plain(about)))
    return found


def is_safe(word: str) -> bool:
    """Whether no shell reads anything but the word itself into it."""
    return word[:1].isalnum() and all(c.isalnum() or c in _SAFE for c in word)


def _load(environment: str | None) -> Settings:
    # Tightening a mode would have to be told, and there is nobody to tell.
    with looking_only():
        return load_settings(Asked(environment, heeds_account=False), os.environ, _ignore)


def _plain(text: str) -> str:
    """A description without what could break the list or its terminal."""
    return "".join(c if c.isalnum() or c in _SAFE or c == " " else "?" for c in text)[:_LONGEST]


def _ignore(_: str) -> None:
    """There is nobody to tell."""
