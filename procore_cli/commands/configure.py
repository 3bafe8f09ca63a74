"""`procore-login configure`: an environment's app; its secret goes to the keyring, never to config.toml."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from procore_cli.commands import options
from procore_cli.config import Changes
from procore_cli.errors import UsageMistakeError
from procore_cli.render import Teller

if TYPE_CHECKING:
    from procore_cli.settings import Settings

LONGEST_SECRET = 4096


@click.command(
    epilog="Example: procore-login configure --env sandbox --client-id ID --client-secret-stdin < secret"
)
@options.environment
@click.option("--client-id", metavar="ID", help="The app's client id in the Developer Portal.")
@click.option("--client-secret-stdin", is_flag=True, help="Read the client secret from standard input.")
@click.option("--redirect-uri", metavar="URI", help="Exactly as it is registered in the Developer Portal.")
@click.option(
    "--company", type=click.IntRange(min=1), metavar="ID", help="The company that API calls are for."
)
@click.option("--store", type=click.Choice(["keyring", "file"]), help="Where tokens and secrets are kept.")
@click.option("--default", is_flag=True, help="Use this environment when none is named.")
@click.option("--show", is_flag=True, help="Show what is set; secrets only as set or not set.")
@options.as_json
@options.debug
@click.pass_obj
def command(
    teller: Teller,
    environment: str | None,
    client_id: str | None,
    client_secret_stdin: bool,
    redirect_uri: str | None,
    company: int | None,
    store: str | None,
    default: bool,
    show: bool,
    as_json: bool,
) -> None:
    """Set an environment's client id, client secret, redirect URI and company.

    Without options it asks for the client id and the client secret. The secret is kept in the keyring.
    """
    from procore_cli.settings import Asked, load_settings

    settings = load_settings(Asked(environment), os.environ, teller.warn)
    teller.environment = settings.environment.name
    if show:
        _show(settings, teller, as_json)
        return
    changes = Changes(
        client_id=client_id,
        redirect_uri=redirect_uri,
        company=company,
        store=store,
        default_environment=settings.environment.name if default else None,
    )
    secret = _read_secret() if client_secret_stdin else None
    if changes == Changes() and secret is None:
        changes, secret = ask(settings, teller)
    save(settings, changes, secret, teller)


def ask(settings: Settings, teller: Teller) -> tuple[Changes, str]:
    """Ask a person for client id and client secret. Raises UsageMistakeError where nobody can answer."""
    name = settings.environment.name
    if settings.is_demo:
        raise UsageMistakeError("The demo needs no configuration.", "Run procore-login signup --env demo")
    if not can_ask():
        raise UsageMistakeError(
            f"Nobody can be asked for the client id of {name}: this is not a terminal.",
            "Pass --client-id ID --client-secret-stdin, and the secret on standard input.",
        )
    teller.say(f"The app for {name}: its client id and client secret are in Procore's Developer Portal,")
    teller.say(f"and the redirect URI there must be exactly {settings.redirect_uri.text}")
    client_id = click.prompt("Client id", default=settings.client_id, err=True).strip()
    secret = click.prompt("Client secret (hidden)", hide_input=True, err=True)
    return Changes(client_id=client_id), _check_secret(secret)


def save(settings: Settings, changes: Changes, secret: str | None, teller: Teller) -> None:
    """Store the secret, then write config.toml. Raises ConfigurationError, StorageError."""
    from procore_cli.config import save_config
    from procore_cli.credentials import save_secret
    from procore_cli.folder import open_folder
    from procore_cli.urls import read_redirect_uri
    from procore_cli.world import new_client_secrets

    name = settings.environment.name
    if settings.is_demo and (changes.client_id or secret):
        raise UsageMistakeError("The demo has its own app.", "Name another environment with --env.")
    if changes.redirect_uri is not None:
        read_redirect_uri(changes.redirect_uri, "--redirect-uri")
    open_folder(settings.folder, teller.warn)
    if secret is not None:
        # First the secret: a config.toml that names an app without one would be half a change.
        save_secret(
            settings,
            new_client_secrets(settings, changes.store or settings.store, teller),
            changes.client_id,
            secret,
        )
    save_config(settings.folder, name, changes)
    teller.say(f"Saved for {name}.")


def can_ask() -> bool:
    """Whether a person can be asked here."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _read_secret() -> str:
    if sys.stdin.isatty():
        return _check_secret(click.prompt("Client secret (hidden)", hide_input=True, err=True))
    return _check_secret(sys.stdin.read(LONGEST_SECRET + 2))


def _check_secret(text: str) -> str:
    secret = text.strip()
    if not secret:
        raise UsageMistakeError("The client secret is empty.", "Pass it as one line on standard input.")
    if len(secret) > LONGEST_SECRET or not secret.isprintable():
        raise UsageMistakeError(
            "The client secret is too long, or holds a control character.", "Copy it from the portal again."
        )
    return secret


def _show(settings: Settings, teller: Teller, as_json: bool) -> None:
    from procore_cli import tables
    from procore_cli.world import new_client_secrets

    name = settings.environment.name
    stored = (
        settings.is_demo
        or settings.client_secret
        or new_client_secrets(settings, settings.store, teller).find(name)
    )
    rows = {
        "environment": settings.environment.name,
        "client_id": settings.client_id,
        "client_secret": "set" if stored else None,
        "redirect_uri": settings.redirect_uri.text,
        "company": settings.company,
        "store": settings.store,
    }
    if as_json:
        tables.print_json(rows)
        return
    table = [
        (key.replace("_", " "), "not set" if value is None else str(value)) for key, value in rows.items()
    ]
    tables.print_table(table, title="procore-login configure")
