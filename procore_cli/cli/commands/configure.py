"""`procore-login configure`: an environment's app; its secret goes to the keyring, never to config.toml."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from procore_cli.cli import options, output
from procore_cli.cli.help import ExplainedCommand
from procore_cli.cli.prompts import ask, can_ask, confirm
from procore_cli.config.config_file import Changes
from procore_cli.config.environments import PRODUCTION
from procore_cli.console import Console
from procore_cli.errors import BadUrlError, StorageError, UsageMistakeError
from procore_cli.flows.app_setup import check_removable, find_kept, list_signed_in, remove_app

if TYPE_CHECKING:
    from procore_cli.config.settings import Settings
    from procore_cli.flows.app_setup import Draft


_LABELS = {"redirect_uri": "redirect URI"}


def show(settings: Settings, console: Console, *, as_json: bool) -> None:
    """Print it. Raises StorageError after that, where the client secret's store cannot be read."""
    failure: StorageError | None = None
    secret: tuple[str | None, str | None] = (None, None)
    try:
        secret = _find_secret(settings, console)
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


def _find_secret(settings: Settings, console: Console) -> tuple[str | None, str | None]:
    """("set" or None, where it is)."""
    if settings.is_demo:
        return "set", settings.sources["client id"]
    if settings.client_secret:
        return "set", "PROCORE_CLIENT_SECRET"
    kept = find_kept(settings, console)
    if kept is None:
        return None, None
    where: str = f"{settings.store}, of {PRODUCTION.name}" if kept.is_lent else settings.store
    if settings.client_id not in (None, kept.client_id):
        where += f", for the client id {kept.client_id}"
    return "set", where


def _client_id_source(settings: Settings) -> str | None:
    is_there = settings.client_id is not None or settings.is_demo
    return _brief(settings, settings.sources["client id"]) if is_there else None


def _company_source(settings: Settings) -> str | None:
    return _brief(settings, settings.sources["company"]) if settings.company is not None else None


def _brief(settings: Settings, source: str) -> str:
    """A source without the table's name, which the environment says already, unless it is another's."""
    return source.removesuffix(f" [environments.{settings.environment.name}]")


_VARIABLES = ("PROCORE_CLIENT_ID", "PROCORE_CLIENT_SECRET", "PROCORE_REDIRECT_URI", "PROCORE_COMPANY_ID")


def remove(settings: Settings, console: Console, *, is_agreed: bool) -> None:
    """Remove client secret, client id, redirect URI and company, once the person agrees.

    Raises UsageMistakeError where nobody can be asked, ConfigurationError, StorageError, click.Abort.
    """
    check_removable(settings)
    name = settings.environment.name
    if not is_agreed and not can_ask():
        raise UsageMistakeError(
            f"Nobody can be asked whether to remove the credentials of {name}: this is not a terminal.",
            "Pass --yes as well.",
        )
    _say_who_is_signed_in(settings, console)
    if not is_agreed and not confirm(f"Remove the credentials of {name}?", default=False):
        console.say("Nothing was removed.")
        return
    is_removed = remove_app(settings, console)
    console.say(f"Removed the credentials of {name}." if is_removed else f"{name} has no credentials here.")
    left = [variable for variable in _VARIABLES if os.environ.get(variable)]
    if left:
        console.warn(f"{name}: variables that are still set go on to count: {', '.join(left)}.")


def _say_who_is_signed_in(settings: Settings, console: Console) -> None:
    name = settings.environment.name
    people = list_signed_in(settings, console)
    if people:
        console.warn(
            f"Still signed in to {name}: {', '.join(people)}. Without the client secret their tokens can be"
            f" neither refreshed nor revoked; to sign out first: procore-login signout --all --env {name}"
        )


_UNSET = {
    "client-id": "client_id",
    "redirect-uri": "redirect_uri",
    "company": "company",
    "store": "store",
    "default": "environment",
}
_VALUES = ("client_id", "client_secret_stdin", "redirect_uri", "company", "store", "default", "unset")
# What each of these says by itself, and a second way to say it would contradict.
_ALONE = {
    "show": (*_VALUES, "dotenv", "remove"),
    "remove": (*_VALUES, "dotenv"),
    "dotenv": ("client_id", "client_secret_stdin", "redirect_uri", "unset"),
    "no_check": ("show", "remove"),
}
# What means nothing without the other.
_NEEDS = {"yes": "remove", "as_json": "show"}
_OPTIONS = {"dotenv": "import", "as_json": "json"}


def _refuse_empty(_ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        name = option.opts[0].lstrip("-")
        raise click.BadParameter(f"it is empty; to take the value out: --unset {name}", param=option)
    return value


@click.command(
    cls=ExplainedCommand,
    variables=["PROCORE_ENV", "PROCORE_CLIENT_ID", "PROCORE_COMPANY_ID", "PROCORE_LOGIN_STORE"],
    codes={"3": "Procore refused client id and client secret: nothing is saved"},
    epilog="Example: procore-login configure --env sandbox --client-id ID --client-secret-stdin < secret",
)
@options.environment
@click.option(
    "--client-id", metavar="ID", callback=_refuse_empty, help="The app's client id in the Developer Portal."
)
@click.option("--client-secret-stdin", is_flag=True, help="Read the client secret from standard input.")
@click.option(
    "--redirect-uri",
    metavar="URI",
    callback=_refuse_empty,
    help="Exactly as it is registered in the Developer Portal.",
)
@click.option(
    "--company", type=click.IntRange(min=1), metavar="ID", help="The company that API calls are for."
)
@click.option("--store", type=click.Choice(["keyring", "file"]), help="Where tokens and secrets are kept.")
@click.option("--default", is_flag=True, help="Use this environment when none is named.")
@click.option("--unset", type=click.Choice(list(_UNSET)), multiple=True, help="Take a value out again.")
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
    client secret is kept in the keyring.
    """
    _refuse_contradictions(given)
    if given["show"]:
        show(_load(environment, console, is_strict=True), console, as_json=given["as_json"])
    elif given["remove"]:
        remove(_load(environment, console), console, is_agreed=given["yes"])
    elif not any(given[name] for name in (*_VALUES, "dotenv")):
        _interview(environment, console, may_check=not given["no_check"])
    else:
        is_strict = not (given["redirect_uri"] or given["unset"] or given["dotenv"])
        settings = _load(environment, console, is_strict=is_strict)
        _apply(settings, _read_draft(settings, given, console), console, may_check=not given["no_check"])


def configure_now(settings: Settings, console: Console) -> None:
    """The interview for the environment in force, saved. Raises as `command`, click.Abort at Ctrl-C."""
    from procore_cli.cli.commands.interview import interview
    from procore_cli.flows.credentials import prepare

    # What the check at the end could not do without is found out before anybody types.
    prepare(settings, os.environ)
    interview(settings, console, lambda draft: _apply(settings, draft, console, may_check=False))


def _refuse_contradictions(given: dict[str, Any]) -> None:
    for name, others in _ALONE.items():
        clash = next((other for other in others if given[other]), None) if given[name] else None
        if clash:
            first, second = (_OPTIONS.get(word, word.replace("_", "-")) for word in (name, clash))
            raise UsageMistakeError(
                f"--{first} and --{second} exclude each other.", "See procore-login configure --help."
            )
    for name, needed in _NEEDS.items():
        if given[name] and not given[needed]:
            option = _OPTIONS.get(name, name)
            raise UsageMistakeError(
                f"--{option} means something with --{needed} alone.", "See procore-login configure --help."
            )
    if given["client_secret_stdin"] and "client-id" in given["unset"]:
        raise UsageMistakeError(
            "--unset client-id and --client-secret-stdin exclude each other.", "Leave one of them out."
        )
    twice = next((name for name in given["unset"] if given[name.replace("-", "_")]), None)
    if twice:
        raise UsageMistakeError(
            f"--unset {twice} and --{twice} exclude each other.", "Leave one of them out."
        )


def _load(environment: str | None, console: Console, *, is_strict: bool = False) -> Settings:
    """The settings; unless `is_strict` a bad redirect URI does not stop its own correction."""
    from procore_cli.config.environments import DEFAULT_REDIRECT_URI
    from procore_cli.config.settings import Overrides, load_settings
    from procore_cli.context import trace_settings

    overrides = Overrides(environment)
    try:
        settings = load_settings(overrides, os.environ)
    except BadUrlError:
        if is_strict:
            raise
        environ = {**os.environ, "PROCORE_REDIRECT_URI": DEFAULT_REDIRECT_URI}
        settings = load_settings(overrides, environ)
    console.environment = settings.environment.name
    trace_settings(settings, console)
    return settings


def _interview(environment: str | None, console: Console, *, may_check: bool) -> None:
    from procore_cli.cli.commands.interview import ask_environment, interview
    from procore_cli.flows.credentials import prepare

    if not can_ask():
        name = _load(environment, console).environment.name
        raise UsageMistakeError(
            f"Nobody can be asked for the client id of {name}: this is not a terminal.",
            "Pass --client-id ID --client-secret-stdin, and the secret on standard input.",
        )
    if environment is None and not os.environ.get("PROCORE_ENV"):
        offered = _find_offered()
        if may_check:
            prepare(offered, os.environ)
        environment = ask_environment(offered.environment.name, console)
    settings = _load(environment, console)
    if may_check:
        prepare(settings, os.environ)
    interview(
        settings,
        console,
        lambda draft: _apply(settings, draft, console, may_check=False),
        may_check=may_check,
    )
    console.say(f"Now sign up: procore-login signup --env {settings.environment.name}")


def _find_offered() -> Settings:
    """The settings in force, without a word: they are loaded again once an environment is chosen."""
    from procore_cli.config.environments import DEFAULT_REDIRECT_URI
    from procore_cli.config.settings import Overrides, look_at_settings

    # A redirect URI that cannot be used is about to be corrected.
    return look_at_settings(Overrides(), {**os.environ, "PROCORE_REDIRECT_URI": DEFAULT_REDIRECT_URI})


def _read_draft(settings: Settings, given: dict[str, Any], console: Console) -> Draft:
    from procore_cli.cli.prompts import read_client_id
    from procore_cli.config.urls import read_redirect_uri
    from procore_cli.flows.app_setup import Draft

    if given["client_id"] is not None:
        read_client_id(given["client_id"])
    if given["redirect_uri"] is not None:
        read_redirect_uri(given["redirect_uri"], "--redirect-uri")
    changes = Changes(
        client_id=given["client_id"],
        redirect_uri=given["redirect_uri"],
        company=given["company"],
        store=given["store"],
        default_environment=settings.environment.name if given["default"] else None,
        removed=frozenset(_UNSET[name] for name in given["unset"]),
    )
    if given["dotenv"]:
        from procore_cli.cli.commands.importing import read_import

        draft = read_import(given["dotenv"], changes, settings.environment, console)
        if draft.secret is None:
            draft = replace(draft, standing=_find_standing(settings, draft.changes, console))
        return draft
    if given["client_secret_stdin"]:
        return Draft(changes, _read_secret(console))
    return Draft(changes, standing=_find_standing(settings, changes, console))


def _find_standing(settings: Settings, changes: Changes, console: Console) -> str | None:
    """The client secret that a new client id has already; where another id has one, that is told."""
    from procore_cli.flows import app_setup

    if changes.client_id is None or settings.is_demo:
        return None
    try:
        kept = None if settings.client_secret else app_setup.find_kept(settings, console)
    except StorageError as error:
        # The id alone needs no store, and another may just be chosen.
        name = settings.environment.name
        console.warn(f"{name}: whether a client secret is kept could not be found out: {error.message}")
        kept = None
    standing = app_setup.find_standing(settings, kept, changes.client_id)
    if standing is None and kept is not None:
        name = settings.environment.name
        console.warn(
            f"{name}: the client secret that is kept belongs to the client id {kept.client_id}. Give the new"
            f" one: procore-login configure --env {name} --client-secret-stdin"
        )
    return standing


def _apply(settings: Settings, draft: Draft, console: Console, *, may_check: bool) -> None:
    from procore_cli.flows import app_setup

    app_setup.validate(settings, draft)
    if may_check:
        app_setup.check(settings, draft, console)
    app_setup.save(settings, draft, console)


def _read_secret(console: Console) -> str:
    from procore_cli.cli.prompts import read_secret
    from procore_cli.config.config_file import LONGEST_SECRET

    if sys.stdin is None:
        raise UsageMistakeError("Standard input is closed.", "Pass the client secret on standard input.")
    if sys.stdin.isatty():
        return ask(console, "Client secret (hidden)", read_secret, hidden=True)
    return read_secret(sys.stdin.read(LONGEST_SECRET + 2))
