"""Every check, in the order in which one relies on another; none of them ends the others."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from procore_cli.cli.doctor.context import Check, DoctorContext, conceal, failed
from procore_cli.cli.doctor.files import WRITING, check_database, check_folder, check_writing
from procore_cli.cli.doctor.network import (
    check_api_host,
    check_app,
    check_ca,
    check_clock,
    check_login_host,
    check_proxy,
)
from procore_cli.cli.doctor.settings import check_config, check_environment, check_variables, check_version
from procore_cli.cli.doctor.sign_in import (
    check_accounts,
    check_browser,
    check_keyring,
    check_leftovers,
    check_port,
    check_proof,
    check_refreshes,
)
from procore_cli.errors import ProcoreLoginError

Step = Callable[[DoctorContext], Iterable[Check]]

STEPS: tuple[tuple[str, Step], ...] = (
    ("version", check_version),
    ("environment", check_environment),
    ("data folder", check_folder),
    ("config", check_config),
    ("variables", check_variables),
    ("database", check_database),
    (WRITING, check_writing),
    ("keyring", check_keyring),
    ("keyring proof", check_proof),
    ("port", check_port),
    ("browser", check_browser),
    ("proxy", check_proxy),
    ("CA", check_ca),
    ("login host", check_login_host),
    ("API host", check_api_host),
    ("credentials", check_app),
    ("clock", check_clock),
    ("accounts", check_accounts),
    ("interrupted refresh", check_refreshes),
    ("leftovers", check_leftovers),
)


def examine(context: DoctorContext, steps: Iterable[tuple[str, Step]] = STEPS) -> Iterator[Check]:
    """Each check as soon as it is done; raises nothing but what a person's Ctrl-C raises."""
    for name, step in steps:
        context.console.show_wait(f"Checking: {name} ...")
        found: list[Check] = []
        try:
            with context.console.phase(f"check {name}"):
                # One by one: what was found before a failure stands.
                found.extend(step(context))
        except ProcoreLoginError as error:
            found.append(failed(name, error))
        except Exception as error:  # noqa: BLE001 - one check must not hide what the others say
            found.append(_new_bug(context, name, error))
        if any(check.status == "failed" for check in found):
            context.broken.add(name)
        context.console.show_wait("")
        for check in found:
            yield replace(check, detail=conceal(context, check.detail), fix=conceal(context, check.fix))


def _new_bug(context: DoctorContext, name: str, error: Exception) -> Check:
    for line in "".join(traceback.format_tb(error.__traceback__)).splitlines():
        context.console.trace(line)
    # The text of a foreign exception may hold anything: its class has to do.
    bug = ProcoreLoginError(
        f"this check failed unexpectedly ({type(error).__name__}): a bug in procore-login.",
        "Run doctor again with --debug and report what it prints; it holds no secret.",
    )
    return failed(name, bug)
