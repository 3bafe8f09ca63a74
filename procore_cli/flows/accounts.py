"""Who is signed in, who is current, and whether Procore still takes their tokens.

Refuses to open a browser.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.config.settings import Overrides, Settings, load_settings
from procore_cli.context import new_storage
from procore_cli.errors import (
    NobodySignedInError,
    ProcoreLoginError,
    SignInNeededError,
    StorageError,
    TokenRefusedError,
)
from procore_cli.flows import access, service_account
from procore_cli.models import SERVICE_ACCOUNT, Account, Profile

if TYPE_CHECKING:
    from procore_cli.context import Context
    from procore_cli.storage.accounts import Listed


class Line(NamedTuple):
    """An account in the list, as it was at `seen_at` (seconds, UTC).

    `problem` is what Procore, or the way to it, had against its tokens.
    """

    listed: Listed
    profile: Profile
    seen_at: float
    problem: ProcoreLoginError | None

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to sign in again."""
        if self.listed.account.service is not None and isinstance(self.problem, TokenRefusedError):
            # A minute mends that, or an app of its own.
            return False
        return isinstance(self.problem, SignInNeededError)


def find_known_environments() -> list[str]:
    """The environments that have a database here: the one in force first, others if they have an account.

    Raises as `open_context`.
    """
    settings = load_settings(Overrides(heeds_account=False), os.environ)
    in_force = settings.environment.name
    others = [name for name in ENVIRONMENTS if name != in_force and _has_accounts(settings, name)]
    return [in_force, *others] if new_storage(settings, in_force).has_database else others


def _has_accounts(settings: Settings, environment: str) -> bool:
    storage = new_storage(settings, environment)
    try:
        return storage.has_database and bool(storage.accounts.list_known(limit=1))
    except StorageError:
        if settings.shared is not None:
            # Each of the others would wait for it as long.
            raise
        # What is wrong with it is told when it is opened: once, where it is the same for all of them.
        return settings.named_database is None


def list_lines(context: Context, *, check: bool, with_strangers: bool) -> list[Line]:
    """The environment's accounts, signed in or not; `with_strangers`: rows that no environment knows, too.

    To `check`, Procore is asked about each that is signed in, or was refused; else neither network nor
    keyring is touched. Raises DatabaseError, DataFolderError.
    """
    problems: dict[int, ProcoreLoginError | None] = {}
    if check:
        for listed in _list(context, with_strangers=with_strangers):
            if listed.is_signed_in or listed.is_refused:
                problems[listed.account.key] = _check(context, listed.account)
    lines = []
    # Listed after the check: a refresh changes the time left, and a refusal ends it.
    for listed in _list(context, with_strangers=with_strangers):
        now = context.clock()
        profile = access.new_profile(context, listed.account, listed.find_shown_end(now))
        lines.append(Line(listed, profile, now, problems.get(listed.account.key)))
    return lines


def find_summary(lines: list[Line], environment: str | None) -> ProcoreLoginError | None:
    """What a check ends with: 4 if anybody has to sign in, else the first other problem's code.

    `environment` is the only one that was looked at, None for all.
    """
    waiting = [line for line in lines if line.needs_a_person]
    if waiting:
        profile, account = waiting[0].profile, waiting[0].listed.account
        is_shared = sum(line.profile.email == profile.email for line in lines) > 1
        return SignInNeededError(
            f"Accounts that have to sign in again: {len(waiting)} of {len(lines)}.",
            f"Run {account.sign_in_command(profile.environment, by_id=is_shared)}",
        )
    if not any(line.listed.is_signed_in for line in lines):
        return new_nobody_error(environment)
    return next((line.problem for line in lines if line.problem is not None), None)


def new_nobody_error(environment: str | None) -> NobodySignedInError:
    """Nobody is signed in to the environment, or to any of them."""
    return NobodySignedInError(
        "Nobody is signed in.", "Run `procore-login signin`", environment=environment or ""
    )


def switch(context: Context, who: str) -> Profile:
    """Make `who` (an e-mail, a Procore id, `service-account`) the current account.

    Raises UnknownAccountError, SignInNeededError if it is not signed in, DatabaseError.
    """
    before = context.accounts.find_current()
    if who == SERVICE_ACCOUNT:
        account = service_account.find_stored(context)
        if account is None:
            raise service_account.new_unstored_error(context)
    else:
        account = context.accounts.find_named(who, service_account.new_choice(context.settings))
    if not context.accounts.switch(account):
        raise context.accounts.new_not_signed_in_error(account)
    was = f" (it was {before.label})" if before and before.key != account.key else ""
    context.console.say(
        f"The current account of {context.settings.environment.name} is {account.label}{was}."
    )
    return access.new_profile(context, account, context.accounts.find_shown_end(account, context.clock()))


def _list(context: Context, *, with_strangers: bool) -> list[Listed]:
    return context.accounts.list_accounts() if with_strangers else context.accounts.list_known()


def _check(context: Context, account: Account) -> ProcoreLoginError | None:
    try:
        access.ask_me(context, account)
    except ProcoreLoginError as error:
        return error.happened_in(context.settings.environment.name)
    return None
