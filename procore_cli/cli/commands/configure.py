"""`procore-login configure`: an environment's app; its secret goes to the keyring, never to config.toml."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from procore_cli.cli import options
from procore_cli.cli.help import ExplainedCommand
from procore_cli.cli.prompts import ask, can_ask
from procore_cli.config.config_file import Changes
from procore_cli.errors import BadUrlError, StorageError, UsageMistakeError
from procore_cli.render import Teller

if TYPE_CHECKING:
    from procore_cli.config.settings import Settings
    from procore_cli.flows.app_setup import Draft


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
def command(teller: Teller, /, environment: str | None, **given: Any) -> None:
    """Set an environment's client id, client secret, redirect URI and company.

    Without options it asks for them. Procore is asked whether it knows the app before anything is saved. The
    client secret is kept in the keyring.
    """
    _refuse_contradictions(given)
    if given["show"]:
        from procore_cli.cli.commands.showing import show

        show(_load(environment, teller, is_strict=True), teller, as_json=given["as_json"])
    elif given["remove"]:
        from procore_cli.cli.commands.removing import remove

        remove(_load(environment, teller), teller, is_agreed=given["yes"])
    elif not any(given[name] for name in (*_VALUES, "dotenv")):
        _interview(environment, teller, may_check=not given["no_check"])
    else:
        is_strict = not (given["redirect_uri"] or given["unset"] or given["dotenv"])
        settings = _load(environment, teller, is_strict=is_strict)
        _apply(settings, _read_draft(settings, given, teller), teller, may_check=not given["no_check"])


def configure_now(settings: Settings, teller: Teller) -> None:
    """The interview for the environment in force, saved. Raises as `command`, click.Abort at Ctrl-C."""
    from procore_cli.cli.commands.interview import interview
    from procore_cli.flows.credentials import prepare

    # What the check at the end could not do without is found out before anybody types.
    prepare(settings, os.environ)
    interview(settings, teller, lambda draft: _apply(settings, draft, teller, may_check=False))


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


def _load(environment: str | None, teller: Teller, *, is_strict: bool = False) -> Settings:
    """The settings; unless `is_strict` a bad redirect URI does not stop its own correction."""
    from procore_cli.config.environments import DEFAULT_REDIRECT_URI
    from procore_cli.config.settings import Asked, load_settings
    from procore_cli.context import trace_settings

    asked = Asked(environment)
    try:
        settings = load_settings(asked, os.environ, teller.warn_once)
    except BadUrlError:
        if is_strict:
            raise
        environ = {**os.environ, "PROCORE_REDIRECT_URI": DEFAULT_REDIRECT_URI}
        settings = load_settings(asked, environ, teller.warn_once)
    teller.environment = settings.environment.name
    trace_settings(settings, asked, teller)
    return settings


def _interview(environment: str | None, teller: Teller, *, may_check: bool) -> None:
    from procore_cli.cli.commands.interview import ask_environment, interview
    from procore_cli.flows.credentials import prepare

    if not can_ask():
        name = _load(environment, teller).environment.name
        raise UsageMistakeError(
            f"Nobody can be asked for the client id of {name}: this is not a terminal.",
            "Pass --client-id ID --client-secret-stdin, and the secret on standard input.",
        )
    if environment is None and not os.environ.get("PROCORE_ENV"):
        offered = _find_offered()
        if may_check:
            prepare(offered, os.environ)
        environment = ask_environment(offered.environment.name, teller)
    settings = _load(environment, teller)
    if may_check:
        prepare(settings, os.environ)
    interview(
        settings,
        teller,
        lambda draft: _apply(settings, draft, teller, may_check=False),
        may_check=may_check,
    )
    teller.say(f"Now sign up: procore-login signup --env {settings.environment.name}")


def _find_offered() -> Settings:
    """The settings in force, without a word: they are loaded again once an environment is chosen."""
    from procore_cli.config.environments import DEFAULT_REDIRECT_URI
    from procore_cli.config.private_files import looking_only
    from procore_cli.config.settings import Asked, load_settings

    # A redirect URI that cannot be used is about to be corrected.
    environ = {**os.environ, "PROCORE_REDIRECT_URI": DEFAULT_REDIRECT_URI}
    with looking_only():
        return load_settings(Asked(), environ, lambda _: None)


def _read_draft(settings: Settings, given: dict[str, Any], teller: Teller) -> Draft:
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

        draft = read_import(given["dotenv"], changes, settings.environment, teller)
        if draft.secret is None:
            draft = replace(draft, standing=_find_standing(settings, draft.changes, teller))
        return draft
    if given["client_secret_stdin"]:
        return Draft(changes, _read_secret(teller))
    return Draft(changes, standing=_find_standing(settings, changes, teller))


def _find_standing(settings: Settings, changes: Changes, teller: Teller) -> str | None:
    """The client secret that a new client id has already; where another id has one, that is told."""
    from procore_cli.flows import app_setup

    if changes.client_id is None or settings.is_demo:
        return None
    try:
        kept = None if settings.client_secret else app_setup.find_kept(settings, teller)
    except StorageError as error:
        # The id alone needs no store, and another may just be chosen.
        name = settings.environment.name
        teller.warn(f"{name}: whether a client secret is kept could not be found out: {error.message}")
        kept = None
    standing = app_setup.find_standing(settings, kept, changes.client_id)
    if standing is None and kept is not None:
        name = settings.environment.name
        teller.warn(
            f"{name}: the client secret that is kept belongs to the client id {kept.client_id}. Give the new"
            f" one: procore-login configure --env {name} --client-secret-stdin"
        )
    return standing


def _apply(settings: Settings, draft: Draft, teller: Teller, *, may_check: bool) -> None:
    from procore_cli.flows import app_setup

    app_setup.validate(settings, draft)
    if may_check:
        app_setup.check(settings, draft, teller)
    app_setup.save(settings, draft, teller)


def _read_secret(teller: Teller) -> str:
    from procore_cli.cli.prompts import read_secret
    from procore_cli.config.config_file import LONGEST_SECRET

    if sys.stdin is None:
        raise UsageMistakeError("Standard input is closed.", "Pass the client secret on standard input.")
    if sys.stdin.isatty():
        return ask(teller, "Client secret (hidden)", read_secret, hidden=True)
    return read_secret(sys.stdin.read(LONGEST_SECRET + 2))
