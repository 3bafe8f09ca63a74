"""An environment's app taken away: its client secret and its values; refuses to touch accounts and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procore_cli.config import CONFIG_NAME, AppConfig, load_config
from procore_cli.config_edit import Changes, save_config
from procore_cli.errors import StorageError

if TYPE_CHECKING:
    from procore_cli.render import Teller
    from procore_cli.settings import Settings

_KEYS = frozenset({"client_id", "redirect_uri", "company"})


def remove_app(settings: Settings, teller: Teller) -> bool:
    """Remove client secret, client id, redirect URI and company; returns whether there was anything.

    First the secret: without it the rest does no harm. Raises BrokenConfigError, StorageError, BusyError.
    """
    from procore_cli.store.config_lock import hold_config

    if not settings.folder.exists():
        return _delete_secret(settings, "keyring", teller)
    name = settings.environment.name
    with hold_config(settings.folder, teller.warn):
        was_kept = [_delete_secret(settings, store, teller) for store in ("keyring", "file")]
        app = load_config(settings.folder, teller.warn).app(name)
        if (settings.folder / CONFIG_NAME).exists():
            save_config(settings.folder, name, Changes(removed=_KEYS))
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
