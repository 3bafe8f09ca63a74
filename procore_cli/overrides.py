"""What wins over the values that `configure` keeps, and which store counts then; keeps nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procore_cli.app_setup import Draft
    from procore_cli.config.config_file import Changes
    from procore_cli.config.settings import Settings

# The variables that win over what is kept, by the name of the change.
_VARIABLES: Mapping[str, str] = {
    "client_id": "PROCORE_CLIENT_ID",
    "redirect_uri": "PROCORE_REDIRECT_URI",
    "company": "PROCORE_COMPANY_ID",
    "store": "PROCORE_LOGIN_STORE",
    "default_environment": "PROCORE_ENV",
}


def list_overrides(settings: Settings, draft: Draft, environ: Mapping[str, str]) -> list[str]:
    """What to warn of: variables that win over what was kept."""
    from procore_cli.config.settings import without_what_exec_set
    from procore_cli.config.urls import find_origin

    name = settings.environment.name
    given = without_what_exec_set(name, {key: value for key, value in environ.items() if value})
    kept = {key: getattr(draft.changes, key) for key in _VARIABLES}
    pairs = [(_VARIABLES[key], str(value)) for key, value in kept.items() if value is not None]
    if draft.secret is not None:
        pairs.append(("PROCORE_CLIENT_SECRET", draft.secret))
    winning = [variable for variable, value in pairs if given.get(variable, value) != value]
    lines = []
    if winning:
        names = ", ".join(winning)
        lines.append(f"{name}: what was saved is not in force while a variable says otherwise: {names}.")
    if draft.secret is None and _leaves_secret_behind(settings, draft.changes):
        lines.append(
            f"{name}: a client secret that was kept before stays in the store {settings.store};"
            f" give it again: procore-login configure --env {name} --client-secret-stdin"
        )
    if draft.secret is not None and given.get("PROCORE_LOGIN_URL"):
        where = find_origin(settings.environment.login_url)
        lines.append(
            f"{name}: the client secret was kept for {where} (PROCORE_LOGIN_URL), and works there alone."
        )
    return lines


def find_store(settings: Settings, changes: Changes) -> str:
    """The store that will be in force: a variable wins over what is kept."""
    if settings.sources["store"] == "PROCORE_LOGIN_STORE":
        return settings.store
    if "store" in changes.removed:
        return "keyring"
    return changes.store or settings.store


def _leaves_secret_behind(settings: Settings, changes: Changes) -> bool:
    # Not looked for: another store is often chosen because the former one does not answer.
    is_configured = settings.client_id is not None and not settings.is_demo and not settings.client_secret
    return is_configured and find_store(settings, changes) != settings.store
