"""`configure --show`: what is set and where each value comes from; never a secret."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from procore_cli.cli import output
from procore_cli.config.environments import PRODUCTION
from procore_cli.config.settings import without_what_exec_set
from procore_cli.errors import StorageError
from procore_cli.flows.app_setup import find_kept

if TYPE_CHECKING:
    from procore_cli.config.settings import Settings
    from procore_cli.render import Teller


_CONFIG = "config.toml"
_LABELS = {"redirect_uri": "redirect URI"}


def show(settings: Settings, teller: Teller, *, as_json: bool) -> None:
    """Print it. Raises StorageError after that, where the client secret's store cannot be read."""
    failure: StorageError | None = None
    secret: tuple[str | None, str | None] = (None, None)
    try:
        secret = _find_secret(settings, teller)
    except StorageError as error:
        failure = error
    values = {
        "environment": (settings.environment.name, settings.sources["environment"]),
        "client_id": (settings.client_id, _client_id_source(settings)),
        "client_secret": secret,
        "redirect_uri": (settings.redirect_uri.text, _brief(settings, settings.sources["redirect URI"])),
        "company": (settings.company, _company_source(settings)),
        "store": (settings.store, settings.sources["store"]),
    }
    if as_json:
        sources = {key: source for key, (_, source) in values.items()}
        output.print_json({key: value for key, (value, _) in values.items()} | {"sources": sources})
    else:
        unread = "cannot be read" if failure else "not set"
        _print({**values, "client_secret": (secret[0] or unread, secret[1])})
    if failure is not None:
        raise failure


def _print(values: dict[str, tuple[object, str | None]]) -> None:
    rows = [
        (_LABELS.get(key, key.replace("_", " ")), "not set" if value is None else str(value), source or "")
        for key, (value, source) in values.items()
    ]
    if sys.stdout is not None and sys.stdout.isatty():
        drawn = [(label, f"{value} ({source})" if source else value) for label, value, source in rows]
        output.print_table(drawn, title="procore-login configure")
    else:
        output.print_columns(["setting", "value", "source"], [list(row) for row in rows])


def _find_secret(settings: Settings, teller: Teller) -> tuple[str | None, str | None]:
    """("set" or None, where it is)."""
    if settings.is_demo:
        return "set", settings.client_id_source
    if settings.client_secret:
        return "set", "PROCORE_CLIENT_SECRET"
    kept = find_kept(settings, teller)
    if kept is None:
        return None, None
    where: str = f"{settings.store}, of {PRODUCTION.name}" if kept.is_lent else settings.store
    if settings.client_id not in (None, kept.client_id):
        where += f", for the client id {kept.client_id}"
    return "set", where


def _client_id_source(settings: Settings) -> str | None:
    is_there = settings.client_id is not None or settings.is_demo
    return _brief(settings, settings.client_id_source) if is_there else None


def _company_source(settings: Settings) -> str | None:
    if settings.company is None:
        return None
    variables = without_what_exec_set(settings.environment.name, os.environ)
    return "PROCORE_COMPANY_ID" if variables.get("PROCORE_COMPANY_ID") else _CONFIG


def _brief(settings: Settings, source: str) -> str:
    """A source without the table's name, which the environment says already, unless it is another's."""
    return source.removesuffix(f" [environments.{settings.environment.name}]")
