"""An account and its tokens: found, loaded, renewed, shown to `/me`, ended; the steps that commands share.

Refuses to open a browser: where a person is needed, an error says so. What could not be revoked is never a
secret: the person is told, and where to revoke it by hand (RFC 7009).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from procore_cli import models
from procore_cli.errors import (
    MissingCredentialsError,
    NotSignedInError,
    ProcoreError,
    ProcoreLoginError,
    TokenRefusedError,
    UnreachableError,
    WrongPersonError,
)
from procore_cli.flows.credentials import check_tokens, find_app
from procore_cli.models import EXPIRY_MARGIN_S, Account, Profile, User, seconds_left

if TYPE_CHECKING:
    from procore_cli.context import World
    from procore_cli.grants import AppCredentials, TokenAnswer, TokenSet
    from procore_cli.storage.entries import Loaded, SignInSaved


# Procore's support page "Revoke Access for My Connected Apps".
BY_HAND = "Revoke it at Procore by hand: My Profile Settings, tab My Connected Apps, Revoke."
# So long somebody whose sign-in has failed waits for its tokens' end.
PATIENCE_S = 10


def revoke_left(world: World, tokens: TokenSet | None) -> ProcoreLoginError | None:
    """Revoke what a sign-out took out of use; returns what went wrong.

    Where the values in force differ from the tokens' own nothing is sent, and a BindingError returned.
    """
    if tokens is None:
        return None
    try:
        check_tokens(world.settings, tokens.binding)
        app = find_app(world.settings, world.client_secrets)
        _revoke(world, app, tokens.refresh_token, tokens.access_token)
    except ProcoreLoginError as error:
        return error
    return None


def revoke_former(world: World, app: AppCredentials, saved: SignInSaved, tokens: TokenSet) -> None:
    """After a new sign-in the account's former tokens are revoked, never one that was just received."""
    former = saved.former
    if former is None:
        return
    if former.binding != tokens.binding:
        world.teller.warn(
            "The former tokens were made for another app or host than those in force; they were not revoked."
        )
        return
    kept = (tokens.access_token, tokens.refresh_token)
    revoke_unused(world, app, *(t for t in (former.refresh_token, former.access_token) if t not in kept))


def revoke_unused(world: World, app: AppCredentials, *tokens: str | None) -> None:
    """Revoke tokens that nobody here will use; failing to is a warning."""
    try:
        _revoke(world, app, *tokens)
    except ProcoreLoginError as error:
        world.teller.warn(f"The tokens that are no longer needed could not be revoked: {error.message}")


@contextmanager
def ending_unless_kept(world: World, app: AppCredentials, answer: TokenAnswer) -> Iterator[None]:
    """A block that is to keep what a sign-in brought; where it fails, the tokens are revoked first.

    Raises what the block raises, whatever becomes of that.
    """
    try:
        yield
    except Exception:
        _end_unkept(world, app, answer)
        raise


def _end_unkept(world: World, app: AppCredentials, answer: TokenAnswer) -> None:
    from procore_cli.threads import Limits, OutOfTimeError, call_within

    limits = Limits(notice_s=PATIENCE_S, give_up_s=PATIENCE_S)
    try:
        call_within(
            limits, lambda: _revoke(world, app, answer.refresh_token, answer.access_token), lambda: None
        )
    except OutOfTimeError:
        why = f"Procore did not say so within {PATIENCE_S} s."
    except ProcoreLoginError as error:
        why = error.message
    else:
        world.teller.say("The tokens that Procore had given are revoked again; nothing is kept.")
        return
    end = "Procore refuses it"
    if answer.expires_at is not None:
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(answer.expires_at))
    refreshing = ", the refresh token until somebody ends it" if answer.refresh_token else ""
    world.teller.warn(
        "The tokens that Procore had given are not kept, and could not be revoked; they may still live there,"
        f" the access token until {end}{refreshing}. {BY_HAND} ({why})"
    )


def _revoke(world: World, app: AppCredentials, *tokens: str | None) -> None:
    failures = [failure for token in tokens if token and (failure := _try_revoke(world, app, token))]
    if failures:
        raise failures[0]


def _try_revoke(world: World, app: AppCredentials, token: str) -> ProcoreLoginError | None:
    try:
        world.oauth.revoke(app, token)
    except UnreachableError:
        # The next one would wait as long.
        raise
    except ProcoreLoginError as error:
        return error
    return None


MAX_LABELS = 10


def find_account(world: World) -> Account:
    """The account asked for, or the current one, signed in or not.

    Raises NotSignedInError if nobody is current, UnknownAccountError.
    """
    account = world.teller.timed("account in the database", world.roster.find_account, world.settings.account)
    if account is None:
        raise _nobody_is_current(world)
    return account


def load(world: World, account: Account) -> Loaded:
    """The account's tokens, which may have expired. Raises SignInNeededError, BindingError, StorageError."""
    loaded = world.teller.timed("tokens out of the store", world.vault.load, account)
    if loaded is None:
        raise world.vault.new_not_signed_in_error(account)
    check_tokens(world.settings, loaded.tokens.binding)
    return loaded


def load_valid(world: World, account: Account, min_ttl_s: int, *, refused: str | None = None) -> Loaded:
    """The account's tokens, valid for `min_ttl_s` seconds: renewed when needed, as `keep_valid`.

    An access token that is `refused` has to be renewed. Raises as `load` and `renew`.
    """
    return keep_valid(world, account, load(world, account), min_ttl_s, refused=refused)


def keep_valid(
    world: World, account: Account, loaded: Loaded, min_ttl_s: int, *, refused: str | None = None
) -> Loaded:
    """`loaded`, or what replaces it because its end is near or an interrupted refresh may have ended it.

    Where only the latter cannot be cleared up, it is kept, with a warning. Raises as `renew`.
    """
    is_due = loaded.tokens.access_token == refused or models.is_renewal_due(
        loaded.tokens, loaded.entry.created_at, world.clock(), min_ttl_s
    )
    if not is_due and not loaded.is_suspect:
        return loaded
    try:
        return renew(world, account, loaded)
    except (ProcoreError, MissingCredentialsError) as error:
        if is_due:
            raise
        world.teller.warn(f"{error.message} The token from before that is used; Procore may have ended it.")
        # Asked once: each call of a long run would ask, and warn, again.
        return loaded._replace(is_suspect=False)


def renew(world: World, account: Account, seen: Loaded, *, may_ask: bool = True) -> Loaded:
    """New tokens in place of `seen`, from Procore or from whoever refreshed at the same time.

    Without `may_ask` Procore is left alone: if nobody else saved newer tokens, `seen` is returned.
    Raises MissingCredentialsError, BindingError, and as `Vault.refresh`.
    """
    app = find_app(world.settings, world.client_secrets)

    def exchange(tokens: TokenSet) -> TokenAnswer:
        return world.oauth.refresh(app, tokens.refresh_token or "")

    def discard(tokens: TokenSet) -> None:
        revoke_unused(world, app, tokens.refresh_token, tokens.access_token)

    with world.teller.phase("refresh"):
        renewed = world.vault.refresh(account, exchange, seen, discard, world.shield, may_ask=may_ask)
    # They may be another run's, of a sign-in to another app or host.
    check_tokens(world.settings, renewed.tokens.binding)
    return renewed


def ask_me(world: World, account: Account) -> tuple[Account, Loaded]:
    """Ask Procore whether the account's tokens are its own, refreshing when needed.

    Returns the account as `/me` describes it now, and the tokens. Raises any of our errors.
    """
    loaded = first = load(world, account)
    if models.is_renewal_due(first.tokens, first.entry.created_at, world.clock(), 0):
        loaded = renew(world, account, first)
    try:
        me = world.api.me(loaded.tokens.access_token)
    except TokenRefusedError:
        # The clock, or Procore, saw it otherwise: one refresh a run and one repetition, never a loop.
        renewed = renew(world, account, loaded, may_ask=loaded is first)
        if renewed.tokens == loaded.tokens:
            raise
        loaded = renewed
        me = world.api.me(loaded.tokens.access_token)
    if me.id != account.user.procore_id:
        raise WrongPersonError(
            f"{world.settings.environment.name}: Procore says that this account is {me.id},"
            f" not {account.user.procore_id}.",
            f"Run {sign_in_command(world)}",
        )
    return world.vault.remember(account, me), loaded


def find_shown_end(world: World, account: Account) -> int | None:
    """When the account's access token ends (seconds, UTC), as the database alone tells it to people.

    Raises SignInNeededError if it has none.
    """
    live = world.roster.find_live(account)
    return models.find_shown_end(live.expires_at, live.created_at, world.clock())


def new_profile(world: World, account: Account, expires_at: int | None) -> Profile:
    """The account as commands show it; `expires_at` in seconds (UTC)."""
    user, settings = account.user, world.settings
    return Profile(
        settings.environment.name,
        user.id,
        user.procore_id,
        user.email,
        account.name,
        settings.company,
        expires_at,
    )


def join_labels(accounts: list[Account]) -> str:
    """The accounts for people, cut short where there are many."""
    counts = Counter(account.user.label for account in accounts)
    labels = [_unambiguous(account.user, counts) for account in accounts]
    return ", ".join(labels[:MAX_LABELS]) + (", ..." if len(labels) > MAX_LABELS else "")


def _unambiguous(user: User, counts: Counter[str]) -> str:
    return user.label if counts[user.label] == 1 else f"{user.label} ({user.procore_id})"


def say_token_is_from_elsewhere(world: World) -> None:
    """Tell that PROCORE_ACCESS_TOKEN is in force."""
    world.teller.say("Using the token from PROCORE_ACCESS_TOKEN; nothing is stored or refreshed.")


def sign_in_command(world: World) -> str:
    """What to type in order to sign in to the environment in force."""
    return f"procore-login signin --env {world.settings.environment.name}"


def switch_command(world: World) -> str:
    """What to type in order to make another account the current one."""
    return f"procore-login switch WHO --env {world.settings.environment.name}"


def _nobody_is_current(world: World) -> NotSignedInError:
    name = world.settings.environment.name
    present = world.roster.list_signed_in()
    if present:
        return NotSignedInError(
            f"No account of {name} is the current one. Signed in: {join_labels(present)}.",
            f"Run {switch_command(world)}, or {sign_in_command(world)}",
        )
    otherwise = (
        f" ({switch_command(world)} chooses among those that are signed in)"
        if world.roster.has_rows()
        else ""
    )
    return NotSignedInError(f"Nobody is signed in to {name}.", f"Run {sign_in_command(world)}{otherwise}")


def whoami(world: World) -> Profile:
    """Ask Procore who is signed in, refreshing when needed. Raises NotSignedInError and any other of ours."""
    if world.settings.access_token:
        return _whoami_by_variable(world, world.settings.access_token)
    account, loaded = ask_me(world, find_account(world))
    return new_profile(world, account, loaded.tokens.expires_at)


def whoami_offline(world: World) -> Profile:
    """Who is signed in, by the database alone. Raises SignInNeededError."""
    account = find_account(world)
    return new_profile(world, account, find_shown_end(world, account))


def refresh(world: World) -> Profile:
    """Exchange the refresh token now (RFC 6749, section 6). Raises any of our errors."""
    account = find_account(world)
    loaded = renew(world, account, load(world, account))
    return new_profile(world, account, loaded.tokens.expires_at)


def token(world: World, min_ttl_s: int) -> str:
    """An access token that is valid for `min_ttl_s` seconds, refreshed when needed. Raises any of our errors.

    Where no token of Procore's lives that long, one with half of its life before it will do, with a warning.
    """
    if world.settings.access_token:
        say_token_is_from_elsewhere(world)
        return world.settings.access_token
    account = find_account(world)
    loaded = load_valid(world, account, min_ttl_s)
    left_s = seconds_left(loaded.tokens, world.clock())
    wanted_s = max(min_ttl_s, EXPIRY_MARGIN_S + 1)
    if left_s is not None and left_s < wanted_s:
        world.teller.warn(
            f"This token is valid for {max(0, left_s)} s, not for {wanted_s} s: no token lives longer."
        )
    return loaded.tokens.access_token


def _whoami_by_variable(world: World, access_token: str) -> Profile:
    say_token_is_from_elsewhere(world)
    try:
        me = world.api.me(access_token)
    except TokenRefusedError as error:
        raise TokenRefusedError(
            error.message, "Renew the token in PROCORE_ACCESS_TOKEN, or unset it."
        ) from None
    settings = world.settings
    return Profile(settings.environment.name, None, me.id, me.login, me.name, settings.company, None)


# A call that begins is to end before its token does.
_MIN_TTL_S = 60


class RunToken:
    """One account's token, or the one that PROCORE_ACCESS_TOKEN gives."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: tuple[Account, Loaded] | None = None
        self._just_renewed = False
        self._has_said = False

    def read(self) -> str:
        """The token for the next call, refreshed when that is due. Raises any of our errors."""
        given = self._world.settings.access_token
        if given:
            self._say_where_it_comes_from()
            return given
        account, loaded = self._held or self._load()
        valid = keep_valid(self._world, account, loaded, _MIN_TTL_S)
        self._just_renewed = valid.tokens != loaded.tokens
        self._held = account, valid
        return valid.tokens.access_token

    def renew(self) -> bool:
        """Another token in place of one that got a 401; whether there is one. Raises any of our errors."""
        if self._held is None:
            return False
        account, refused = self._held
        loaded = renew(self._world, account, refused, may_ask=not self._just_renewed)
        self._held = account, loaded
        self._just_renewed = True
        return loaded.tokens != refused.tokens

    def secrets(self) -> tuple[str, ...]:
        """What was sent, and no error text may repeat."""
        given = self._world.settings.access_token
        held = self._held[1].tokens.access_token if self._held else None
        return tuple(token for token in (given, held) if token)

    def new_refusal(self, reason: str) -> TokenRefusedError:
        """The error for a 401 that no refresh mends."""
        world = self._world
        by_variable = world.settings.access_token is not None
        return TokenRefusedError(
            f"{world.settings.environment.name}: Procore did not accept the access token (401: {reason}).",
            "Renew the token in PROCORE_ACCESS_TOKEN, or unset it."
            if by_variable
            else f"Run {sign_in_command(world)}",
        )

    def _say_where_it_comes_from(self) -> None:
        if not self._has_said:
            say_token_is_from_elsewhere(self._world)
            self._has_said = True

    def _load(self) -> tuple[Account, Loaded]:
        account = find_account(self._world)
        return account, load(self._world, account)
