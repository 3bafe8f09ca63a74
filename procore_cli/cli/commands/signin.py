"""`procore-login signup`, `signin` and `signout`: the browser flow, and the end of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from procore_cli.cli import options, output, prompts
from procore_cli.cli.help import CODES, OF_ACCOUNT, OF_PROCORE, ExplainedCommand
from procore_cli.config.settings import Overrides, load_settings
from procore_cli.console import Console
from procore_cli.context import open_context
from procore_cli.errors import MissingCredentialsError, UsageMistakeError
from procore_cli.flows import sign_out
from procore_cli.models import SERVICE_ACCOUNT, new_service_options

if TYPE_CHECKING:
    from procore_cli.flows.sign_in import SignedIn

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_TIMEOUT_S = 300
_VARIABLES = (*OF_PROCORE, "PROCORE_REDIRECT_URI", "BROWSER")
_PORT_TAKEN = "the port is taken, and nobody can paste"
_FOR_A_PERSON = ("no_browser", "browser", "paste")


def flow_options(command: F) -> F:
    """`--no-browser`, `--browser`, `--paste`, `--timeout`."""
    for option in (
        click.option(
            "--timeout",
            "timeout_s",
            type=click.IntRange(min=1, max=86400),
            default=DEFAULT_TIMEOUT_S,
            metavar="SECONDS",
            show_default=True,
            help="How long to wait for the browser.",
        ),
        click.option("--paste", is_flag=True, help="Do not listen: paste the address the browser ends on."),
        click.option("--browser", metavar="COMMAND", help="Open the link with this program."),
        click.option("--no-browser", is_flag=True, help="Print the link and wait; open nothing."),
    ):
        command = option(command)
    return command


def run(
    console: Console,
    word: str,
    environment: str | None,
    account: str | None,
    as_json: bool,
    browser_options: Mapping[str, Any],
    company: int | None = None,
    *,
    is_service: bool = False,
) -> None:
    """Sign in and show the profile; `word` is the command's name."""
    overrides = Overrides(environment, account, company, heeds_account=False, heeds_token=False)
    wanted = None if is_service else browser_options
    try:
        signed_in = _sign_in(overrides, console, wanted)
    except MissingCredentialsError as error:
        _configure(overrides, console, error)
        signed_in = _sign_in(overrides, console, wanted)
    console.say(_outcome(word, signed_in))
    output.print_profile(
        signed_in.profile,
        as_json=as_json,
        now=time.time(),
        shows_token=False,
        signed_up=signed_in.signed_up,
    )


def _sign_in(overrides: Overrides, console: Console, browser_options: Mapping[str, Any] | None) -> SignedIn:
    """The person's sign-in, or without `browser_options` the service account's."""
    # The web server and the flows take their time to load, and signout needs none.
    if browser_options is None:
        from procore_cli.flows.sign_in_service import sign_in_service

        with open_context(overrides, console) as context:
            return sign_in_service(context)
    from procore_cli.callback.receiver import BrowserOptions
    from procore_cli.flows.sign_in import sign_in

    wanted = BrowserOptions(**browser_options)
    with open_context(overrides, console) as context:
        return sign_in(context, wanted)


def _configure(overrides: Overrides, console: Console, error: MissingCredentialsError) -> None:
    """Offer to configure where a person can answer, else raise the error."""
    # Only who has no app pays for the questions.
    from procore_cli.cli.commands.interview import interview

    if not prompts.can_ask():
        raise error
    console.say(error.message)
    if not prompts.confirm("Configure it now?", default=True):
        console.say("", error.hint)
        error.is_told = True
        raise error
    interview(load_settings(overrides, os.environ), may_check=True)


def _outcome(word: str, signed_in: SignedIn) -> str:
    profile = signed_in.profile
    who, where = profile.email, profile.environment
    if profile.kind == "service":
        return f"Signed in to {where} as the service account of company {profile.company}."
    if signed_in.signed_up:
        return f"Signed up as {who} in {where}: the first sign-in here. No Procore account was made."
    return f"Signed in as {who} in {where}" + (", who had signed up before." if word == "signup" else ".")


@click.command(
    cls=ExplainedCommand,
    variables=_VARIABLES,
    codes=CODES | {"4": "denied, or timed out", "7": _PORT_TAKEN},
    epilog="Example: procore-login signup --env sandbox",
)
@options.environment
@flow_options
@options.as_json
@options.debug
@click.pass_obj
def signup_command(
    console: Console, /, environment: str | None, as_json: bool, **browser_options: Any
) -> None:
    """Sign in with Procore for the first time here, in the browser.

    You need a Procore account: none is made. Your row is made here, your tokens are kept, and your profile
    is shown. Somebody who has signed up before is signed in.
    """
    run(console, "signup", environment, None, as_json, browser_options)


@click.command(
    cls=ExplainedCommand,
    variables=_VARIABLES,
    codes=CODES | {"4": "denied, timed out, or the wrong person", "7": _PORT_TAKEN},
    epilog="Example: procore-login signin --account joecontractor@procore.com",
)
@options.environment
@options.account("Save only if this e-mail or Procore id signs in.")
@click.option(
    "--service-account",
    "is_service",
    is_flag=True,
    help="Sign in the app itself, in the company of --company: no browser.",
)
@options.company
@flow_options
@options.as_json
@options.debug
@click.pass_obj
def signin_command(
    console: Console,
    /,
    environment: str | None,
    account: str | None,
    is_service: bool,
    company: int | None,
    as_json: bool,
    **browser_options: Any,
) -> None:
    """Sign in with Procore in the browser.

    Somebody who has never signed up here is signed up.
    """
    given = {"--account": account} | {
        f"--{name.replace('_', '-')}": browser_options[name] for name in _FOR_A_PERSON
    }
    contradicting = next((name for name, value in given.items() if value), None)
    if is_service and contradicting:
        raise UsageMistakeError(
            f"--service-account and {contradicting} exclude each other: no person signs in.",
            "See `procore-login signin --help`",
        )
    if account == SERVICE_ACCOUNT:
        raise UsageMistakeError(
            "A service account signs in without a browser.",
            f"Run `procore-login signin {new_service_options(company)}`",
        )
    run(console, "signin", environment, account, as_json, browser_options, company, is_service=is_service)


@click.command(
    cls=ExplainedCommand,
    variables=OF_ACCOUNT,
    codes=CODES
    | {
        "4": "the account that was named is not signed in",
        "5": "deleted here, but Procore was not reached: the tokens may still live there",
    },
    epilog="Example: procore-login signout --env sandbox --all",
)
@options.environment
@options.account()
@options.company
@click.option("--all", "everyone", is_flag=True, help="Sign out every account of the environment.")
@options.debug
@click.pass_obj
def signout_command(
    console: Console, environment: str | None, account: str | None, company: int | None, everyone: bool
) -> None:
    """Revoke the tokens at Procore, and delete them here.

    The user's row stays, so that signing in again finds it.
    """
    if everyone and account is not None:
        raise UsageMistakeError(
            "--all and --account exclude each other.", "See `procore-login signout --help`"
        )
    overrides = Overrides(environment, account, company, heeds_account=not everyone, heeds_token=False)
    with open_context(overrides, console) as context:
        if everyone:
            sign_out.sign_out_all(context)
        else:
            sign_out.sign_out(context)
