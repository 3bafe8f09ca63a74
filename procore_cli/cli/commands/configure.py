"""`procore-login configure`: an environment's app; its secret goes to the keyring, never to config.toml."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from procore_cli import log
from procore_cli.cli import options, output
from procore_cli.cli.help import OF_PROCORE, ExplainedCommand
from procore_cli.cli.prompts import ask, can_ask, confirm, read_client_id, read_secret
from procore_cli.config.config_file import LONGEST_SECRET
from procore_cli.config.environments import DEFAULT_REDIRECT_URI, DEMO_CLIENT_ID, PRODUCTION
from procore_cli.config.settings import Overrides, look_at_settings
from procore_cli.config.urls import read_redirect_uri
from procore_cli.console import Console
from procore_cli.context import load_command_settings
from procore_cli.errors import BadUrlError, StorageError, UsageMistakeError
from procore_cli.flows import app_setup
from procore_cli.flows.app_setup import AppSetup
from procore_cli.models import command

if TYPE_CHECKING:
    from procore_cli.config.settings import Settings


_LABELS = {"redirect_uri": "redirect URI"}
_VARIABLES = ("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET", "PROCORE_REDIRECT_URI", "PROCORE_COMPANY_ID")
_VALUES = ("client_id", "client_secret_stdin", "redirect_uri", "company", "store", "default", "dotenv")
# What each of these says by itself, and a second way to say it would contradict.
_ALONE = {
    "show": (*_VALUES, "remove"),
    "remove": _VALUES,
    "dotenv": ("client_id", "client_secret_stdin", "redirect_uri"),
    "no_check": ("show", "remove"),
}
# What means nothing without the other.
_NEEDS = {"yes": "remove", "as_json": "show"}
_OPTIONS = {"dotenv": "import", "as_json": "json"}


@click.command(
    cls=ExplainedCommand,
    variables=(*OF_PROCORE, "PROCORE_REDIRECT_URI"),
    codes={
        "2": "",
        "3": "Procore refused client id and client secret, or a setting cannot be used: nothing is saved",
        "5": "another run is changing the configuration",
        "6": "",
    },
    epilog="Example: procore-login configure --client-id ID --client-secret-stdin < secret",
)
@options.environment
@click.option(
    "--client-id",
    metavar="ID",
    callback=options.refuse_empty,
    help="The app's client id in the Developer Portal.",
)
@click.option("--client-secret-stdin", is_flag=True, help="Read the client secret from standard input.")
@click.option(
    "--redirect-uri",
    metavar="URI",
    callback=options.refuse_empty,
    help="Exactly as it is registered in the Developer Portal.",
)
@click.option(
    "--company", type=click.IntRange(min=1), metavar="ID", help="The company that API calls are for."
)
@click.option("--store", type=click.Choice(["keyring", "file"]), help="Where tokens and secrets are kept.")
@click.option("--default", is_flag=True, help="Use this environment when none is named.")
@click.option(
    "--import",
    "dotenv",
    metavar="FILE",
    callback=options.refuse_empty,
    shell_complete=options.complete_file,
    help="Take client id, client secret and redirect URI out of a .env file (- for standard input).",
)
@click.option("--no-check", is_flag=True, help="Do not ask Procore whether it knows the app.")
@click.option("--show", is_flag=True, help="Show what is set, and where; secrets only as set or not set.")
@click.option("--remove", is_flag=True, help="Remove the environment's credentials.")
@click.option("--yes", is_flag=True, help="With --remove: do not ask.")
@options.as_json
@options.debug
@click.pass_obj
def configure_command(console: Console, /, environment: str | None, **given: Any) -> None:
    """Set an environment's client id, client secret, redirect URI and company.

    Without options it asks for them. Procore is asked whether it knows the app before anything is saved. The
    client secret is kept in the keyring, or with --store file in a file that only you can read.
    """
    _refuse_contradictions(given)
    if given["show"]:
        _show(_load(environment, console), as_json=given["as_json"])
    elif given["remove"]:
        _remove(_load(environment, console, corrects_redirect_uri=True), is_agreed=given["yes"])
    elif not any(given[name] for name in _VALUES):
        _ask(environment, console, may_check=not given["no_check"])
    else:
        corrects = bool(given["redirect_uri"] or given["dotenv"])
        settings = _load(environment, console, corrects_redirect_uri=corrects)
        setup, advice = _read_setup(settings, given)
        if not given["no_check"]:
            app_setup.check(settings, setup)
        app_setup.save(settings, setup)
        for line in advice:
            log.say(line)


def _refuse_contradictions(given: dict[str, Any]) -> None:
    for name, others in _ALONE.items():
        clash = next((other for other in others if given[other]), None) if given[name] else None
        if clash:
            first, second = (_OPTIONS.get(word, word.replace("_", "-")) for word in (name, clash))
            raise UsageMistakeError(
                f"--{first} and --{second} exclude each other.", "See `procore-login configure --help`"
            )
    for name, needed in _NEEDS.items():
        if given[name] and not given[needed]:
            option = _OPTIONS.get(name, name)
            raise UsageMistakeError(
                f"--{option} means something with --{needed} alone.", "See `procore-login configure --help`"
            )


def _load(environment: str | None, console: Console, *, corrects_redirect_uri: bool = False) -> Settings:
    """The settings; a redirect URI that cannot be used does not stop what corrects or removes it."""
    overrides = Overrides(environment)
    try:
        return load_command_settings(overrides, console)
    except BadUrlError as error:
        if not (corrects_redirect_uri and error.setting == "redirect URI"):
            raise
        environ = {**os.environ, "PROCORE_REDIRECT_URI": DEFAULT_REDIRECT_URI}
        return load_command_settings(overrides, console, environ)


def _read_setup(settings: Settings, given: dict[str, Any]) -> tuple[AppSetup, list[str]]:
    """What the options say, or the file that they name, and what to say once it is saved."""
    advice: list[str] = []
    if given["dotenv"]:
        # Its parser is loaded for it alone.
        from procore_cli.cli.commands.importing import read_import

        setup, advice = read_import(given["dotenv"], settings.environment)
    else:
        client_id, uri = given["client_id"], given["redirect_uri"]
        setup = AppSetup(
            client_id=client_id and read_client_id(client_id),
            redirect_uri=uri and read_redirect_uri(uri, "--redirect-uri").text,
            client_secret=_read_secret() if given["client_secret_stdin"] else None,
        )
    if setup.client_id or setup.client_secret:
        app_setup.refuse_demo(settings)
    company = given["company"] or setup.company
    setup = replace(setup, company=company, store=given["store"], is_default=given["default"])
    return app_setup.with_kept_secret(settings, setup), advice


def _read_secret() -> str:
    if sys.stdin is None:
        raise UsageMistakeError("Standard input is closed.", "Pass the client secret on standard input.")
    if sys.stdin.isatty():
        return ask("Client secret (hidden)", read_secret, hidden=True)
    return read_secret(sys.stdin.read(LONGEST_SECRET + 2))


def _ask(environment: str | None, console: Console, *, may_check: bool) -> None:
    from procore_cli.cli.commands.interview import ask_environment, interview

    is_open = environment is None and not os.environ.get("PROCORE_ENV")
    # Without a word: they are loaded again once an environment is chosen.
    look = look_at_settings(
        Overrides(environment), {**os.environ, "PROCORE_REDIRECT_URI": DEFAULT_REDIRECT_URI}
    )
    name = look.environment.name
    if not can_ask() and not look.is_demo:
        raise UsageMistakeError(
            f"Nobody can be asked for the client id of {name}: this is not a terminal.",
            "Pass --client-id ID --client-secret-stdin, and the secret on standard input.",
            environment=name,
        )
    if is_open:
        if may_check:
            app_setup.prepare(look)
        environment = ask_environment(name)
    settings = _load(environment, console, corrects_redirect_uri=True)
    interview(settings, may_check=may_check)
    log.say("", f"Now sign up: {command('signup', settings.environment.name)}")


def _show(settings: Settings, *, as_json: bool) -> None:
    """Print what is set. Raises StorageError after that, where the client secret's store cannot be read."""
    failure: StorageError | None = None
    secret: tuple[str | None, str | None] = (None, None)
    try:
        secret = _find_secret(settings)
    except StorageError as error:
        failure = error
    client_id = DEMO_CLIENT_ID if settings.is_demo else settings.client_id
    values = {
        "environment": _with_source(settings, "environment", settings.environment.name),
        "client_id": _with_source(settings, "client id", client_id),
        "client_secret": secret,
        "redirect_uri": _with_source(settings, "redirect URI", settings.redirect_uri.text),
        "company": _with_source(settings, "company", settings.company),
        "store": _with_source(settings, "store", settings.store),
    }
    if as_json:
        sources = {key: source for key, (_, source) in values.items()}
        output.print_json({key: value for key, (value, _) in values.items()} | {"sources": sources})
    else:
        unread = "cannot be read" if failure else "not set"
        _print({**values, "client_secret": (secret[0] or unread, secret[1])})
    if failure is not None:
        raise failure


def _with_source(settings: Settings, setting: str, value: object) -> tuple[object, str | None]:
    """The source without the table's name, which the environment says already, unless it is another's."""
    if value is None:
        return None, None
    return value, settings.sources[setting].removesuffix(f" [environments.{settings.environment.name}]")


def _find_secret(settings: Settings) -> tuple[str | None, str | None]:
    """("set" or None, where it is)."""
    if settings.is_demo or settings.client_secret:
        return "set", settings.sources["client secret"]
    kept = app_setup.find_kept(settings)
    if kept is None:
        return None, None
    is_lent = kept.environment != settings.environment.name
    where: str = f"{settings.store}, of {PRODUCTION.name}" if is_lent else settings.store
    if settings.client_id not in (None, kept.client_id):
        where += f", for the client id {kept.client_id}"
    return "set", where


def _print(values: dict[str, tuple[object, str | None]]) -> None:
    rows = [
        (_LABELS.get(key, key.replace("_", " ")), "not set" if value is None else str(value), source or "")
        for key, (value, source) in values.items()
    ]
    if output.is_drawn():
        drawn = [(label, f"{value} ({source})" if source else value) for label, value, source in rows]
        output.print_table(drawn, title="procore-login configure")
    else:
        output.print_columns(["setting", "value", "source"], [list(row) for row in rows])


def _remove(settings: Settings, *, is_agreed: bool) -> None:
    """Remove client secret, client id, redirect URI and company, once the person agrees.

    Raises UsageMistakeError where nobody can be asked, ConfigurationError, StorageError, click.Abort.
    """
    name = settings.environment.name
    app_setup.refuse_demo(settings)
    if not is_agreed and not can_ask():
        raise UsageMistakeError(
            f"Nobody can be asked whether to remove the credentials of {name}: this is not a terminal.",
            "Pass --yes as well.",
            environment=name,
        )
    people = app_setup.list_signed_in(settings)
    if people:
        log.warn(
            f"Still signed in to {name}: {', '.join(people)}. Without the client secret their tokens can be"
            " neither refreshed nor revoked.",
            f"To end them, enter the app again: {command('configure', name)}"
            if is_agreed
            else f"To sign out first, answer no: {command('signout --all', name)}",
        )
    if not is_agreed and not confirm(f"Remove the credentials of {name}?", default=False):
        log.say("Nothing was removed.")
        return
    is_removed = app_setup.remove_app(settings)
    log.say(f"Removed the credentials of {name}." if is_removed else f"{name} has no credentials here.")
    left = [variable for variable in _VARIABLES if os.environ.get(variable)]
    if left:
        log.warn(f"{name}: variables that are still set go on to count: {', '.join(left)}.")
