"""`procore-login doctor`: the whole path to a sign-in, looked at; refuses to change or to send a token."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import click

from procore_cli import log
from procore_cli.cli import options, output
from procore_cli.cli.doctor import accounts, files, network, settings, sign_in
from procore_cli.cli.doctor.context import Check, DoctorContext, failed, open_doctor_context, unchecked
from procore_cli.cli.help import OF_DOCTOR, ExplainedCommand
from procore_cli.config.settings import Overrides, Settings
from procore_cli.console import Console, without_marks
from procore_cli.errors import ProcoreLoginError


class Step(NamedTuple):
    """A check by its name; what has to be in order first, and whether it asks somebody over the network.

    The check gives its lines, and may raise a ProcoreLoginError, which is then the line. In `needs` stand
    names of lines, and of variables that must be readable.
    """

    name: str
    check: Callable[[DoctorContext], Iterable[Check]]
    needs: tuple[str, ...] = ()
    is_online: bool = False


# In the order in which one relies on another.
STEPS = (
    Step("version", settings.check_version),
    Step("pretend Procore", network.start_pretend_procore, is_online=True),
    Step("environment", settings.check_environment),
    Step("data folder", files.check_folder),
    Step("config", settings.check_config),
    Step("variables", settings.check_variables),
    Step("database", files.check_database, ("PROCORE_LOGIN_DB", "data folder")),
    Step("keyring", sign_in.check_keyring, ("PROCORE_LOGIN_STORE", "config")),
    Step("keyring proof", sign_in.check_proof, ("data folder", "database", "database writing", "keyring")),
    Step("port", sign_in.check_port, ("PROCORE_REDIRECT_URI", "config")),
    Step("browser", sign_in.check_browser),
    Step("proxy", network.check_proxy),
    Step("CA", network.check_ca),
    Step(
        "login host",
        network.check_login_host,
        ("pretend Procore", "PROCORE_LOGIN_URL", "proxy", "CA"),
        is_online=True,
    ),
    Step(
        "API host",
        network.check_api_host,
        ("pretend Procore", "PROCORE_API_URL", "proxy", "CA"),
        is_online=True,
    ),
    # As long as one of these is in doubt, so is to whom the secret would go, or which it is.
    Step(
        "credentials",
        network.check_app,
        (
            "data folder",
            "config",
            "PROCORE_CLIENT_ID",
            "PROCORE_CLIENT_SECRET",
            "PROCORE_LOGIN_STORE",
            "PROCORE_LOGIN_URL",
            "pretend Procore",
        ),
    ),
    Step("clock", network.check_clock, is_online=True),
    Step("accounts", accounts.check_accounts, ("database",)),
    Step("interrupted refresh", accounts.check_refreshes, ("database",)),
    Step("leftovers", accounts.check_leftovers, ("database",)),
)


def _find_steps(settings: Settings) -> Iterable[Step]:
    """The checks in their order; those of a file and a keyring give way to those of a shared database."""
    if settings.shared is None:
        return STEPS
    from procore_cli.cli.doctor import postgres

    others = {
        "database": (
            Step("server", postgres.check_server, ("PROCORE_LOGIN_DB",)),
            Step("schema", postgres.check_schema, ("server",)),
            Step("writing", postgres.check_writing, ("schema",)),
            Step("keys", postgres.check_keys, ("PROCORE_LOGIN_KEY", "schema")),
        ),
        "keyring proof": (),
        "accounts": (Step("accounts", postgres.check_accounts, ("schema",)),),
        "interrupted refresh": (Step("interrupted refresh", postgres.check_refreshes, ("schema",)),),
        "leftovers": (),
    }
    return [each for step in STEPS for each in others.get(step.name, (step,))]


def examine(context: DoctorContext, console: Console) -> Iterator[Check]:
    """Each check as soon as it is done; raises nothing but what a person's Ctrl-C raises."""
    for step in _find_steps(context.settings):
        if step.is_online and context.offline:
            continue
        console.show_wait(f"Checking: {step.name} ...")
        with log.phase(f"check {step.name}"):
            # One by one: what was found before a failure stands.
            for check in _take(context, step):
                line = check._replace(name=check.name or step.name)
                if line.status == "failed":
                    context.broken.add(line.name)
                console.show_wait("")
                yield line


def _take(context: DoctorContext, step: Step) -> Iterator[Check]:
    ground = next((name for name in step.needs if name in context.broken), None)
    if ground is not None:
        context.broken.add(step.name)
        yield unchecked(ground)
        return
    try:
        yield from step.check(context)
    except ProcoreLoginError as error:
        yield failed(error)
    except Exception as error:  # noqa: BLE001 - one check must not hide what the others say
        for text in "".join(traceback.format_tb(error.__traceback__)).splitlines():
            log.trace(text)
        # The text of a foreign exception may hold anything: its class has to do.
        yield failed(
            ProcoreLoginError(
                f"this check failed unexpectedly ({type(error).__name__}): a bug in procore-login.",
                "Run doctor again with --debug and report what it prints; it holds no secret.",
            )
        )


@click.command(
    cls=ExplainedCommand,
    epilog="Example: procore-login doctor --env sandbox --offline",
    variables=OF_DOCTOR,
    codes={"0": "signing in can work", "other": "that of the first check that failed"},
)
@options.environment
@click.option("--offline", is_flag=True, help="Skip what needs the network.")
@options.as_json
@options.debug
@click.pass_obj
def doctor_command(console: Console, environment: str | None, offline: bool, as_json: bool) -> None:
    """Check the whole path to a sign-in and say what to do.

    Refreshes nothing and shows no secret: its report can be pasted into an issue. It ends with the exit code
    of the first check that failed, and with 0 only if signing in can work.
    """
    overrides, found = Overrides(environment, heeds_account=False), list[Check]()
    with open_doctor_context(overrides, console, offline=offline) as context:
        for check in examine(context, console):
            check = check._replace(fix=console.shorten(check.fix))
            found.append(check)
            if not as_json:
                output.print_check(check.status, check.name, check.detail, check.fix)
    errors = {check.name: check.error for check in found if check.error is not None}
    if as_json:
        lines = [
            {"name": name, "status": status, "detail": detail, "fix": without_marks(fix)}
            for status, detail, fix, name, _ in found
        ]
        output.print_json({"ok": not errors, "checks": lines})
    elif errors:
        console.say(f"Signing in to {context.name} cannot work yet: see {', '.join(errors)}.")
    else:
        seen = ", as far as can be seen offline" if offline else ""
        console.say(f"Signing in to {context.name} can work{seen}.")
    for error in errors.values():
        # The report has told it.
        error.is_told = True
        raise error
