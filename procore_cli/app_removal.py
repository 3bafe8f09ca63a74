"""An environment's app taken away: its client secret and its values; refuses to touch accounts and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procore_cli.config.config_file import AppConfig, Changes, load_config, new_change, save_change
from procore_cli.config.private_files import may_exist
from procore_cli.errors import StorageError, UsageMistakeError

if TYPE_CHECKING:
    from procore_cli.config.settings import Settings
    from procore_cli.render import Teller

_KEYS = frozenset({"client_id", "redirect_uri", "company"})


def check_removable(settings: Settings) -> None:
    """Refuse an app that is not the user's. Raises UsageMistakeError."""
    if settings.is_demo:
        raise UsageMistakeError("The demo has its own app.", "Name another environment with --env.")


def list_signed_in(settings: Settings, teller: Teller) -> list[str]:
    """What to call those who are signed in; a database that is broken is warned of."""
    from procore_cli.storage.accounts import list_known_in

    if not may_exist(settings.database):
        return []
    try:
        known = list_known_in(
            settings.database, settings.environment.name, is_ours=settings.named_database is None
        )
    except StorageError as error:
        teller.warn(f"Who is signed in could not be found out: {error.message}")
        return []
    return [listed.account.user.label for listed in known if listed.is_signed_in]


def remove_app(settings: Settings, teller: Teller) -> bool:
    """Remove client secret, client id, redirect URI and company; returns whether there was anything.

    First the secret: without it the rest does no harm. Raises BrokenConfigError, StorageError, BusyError.
    """
    from procore_cli.storage.locks import hold_config

    check_removable(settings)
    if not may_exist(settings.folder):
        return _delete_secret(settings, "keyring", teller)
    name = settings.environment.name
    with hold_config(settings.folder, teller.warn_once):
        app = load_config(settings.folder, teller.warn_once).app(name)
        # Found out before anything is gone: a file that cannot be changed.
        change = new_change(settings.folder, name, Changes(removed=_KEYS))
        was_kept = [_delete_secret(settings, store, teller) for store in ("keyring", "file")]
        save_change(settings.folder, change)
    return any(was_kept) or app != AppConfig()


def _delete_secret(settings: Settings, store: str, teller: Teller) -> bool:
    from procore_cli.world import new_client_secrets

    if store == "file" and not (settings.folder / "secrets").exists():
        return False
    try:
        return new_client_secrets(settings, store, teller).delete()
    except StorageError as error:
        if store == settings.store:
            raise
        name = settings.environment.name
        teller.warn(
            f"{name}: the store {store} could not be looked at, so a client secret may be left there:"
            f" {error.message}"
        )
        return False
