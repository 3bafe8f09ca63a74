"""An account and its tokens: found, loaded, renewed, shown to `/me`; the steps that commands share.

Refuses to open a browser: where a person is needed, an error says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from procore_cli import log
from procore_cli.errors import (
    MissingCredentialsError,
    NobodySignedInError,
    NotSignedInError,
    ProcoreError,
    TokenRefusedError,
    UnknownAccountError,
    WrongPersonError,
)
from procore_cli.flows import revocation, service_account
from procore_cli.flows.credentials import check_tokens, find_app
from procore_cli.grants import EXPIRY_MARGIN_S, seconds_left
from procore_cli.models import SERVICE_ACCOUNT, Account, Me, Profile, command, new_end
from procore_cli.storage.failures import new_twice_refused_error

if TYPE_CHECKING:
    from procore_cli.context import Context
    from procore_cli.grants import TokenSet
    from procore_cli.storage.store import Held, Reason


MAX_LABELS = 10
_RENEW_ELSEWHERE = "Renew the token in PROCORE_ACCESS_TOKEN, or unset it."


def find_account(context: Context, *, guesses: bool = True) -> Account:
    """The account asked for, or the current one, signed in or not.

    In a shared database, where a machine may be a new one each time, it `guesses` the only one signed in.
    Raises NotSignedInError if nobody is current, UnknownAccountError, and as `service_account.find`.
    """
    if context.settings.account == SERVICE_ACCOUNT:
        return service_account.find(context)
    choice = service_account.new_choice(context.settings)
    try:
        account = context.accounts.find_account(context.settings.account, choice)
    except UnknownAccountError as error:
        if context.settings.is_from_variable("account"):
            variable = error.source = context.settings.sources["account"]
            error.hint = f"Correct {variable}, or unset it: `unset {variable}`"
        raise
    if account is None and guesses and context.settings.shared:
        only = context.accounts.list_signed_in(2)
        account = only[0] if len(only) == 1 else None
    if account is None:
        raise _nobody_is_current(context)
    if account.service and choice.is_exact and account.service.company != choice.company:
        # The current one is another company's.
        return context.accounts.find_service(choice) or account
    return account


def find_stored_account(context: Context, *, guesses: bool = True) -> Account:
    """As `find_account`, for what needs one that is stored. Raises NotSignedInError."""
    if context.settings.account != SERVICE_ACCOUNT:
        return find_account(context, guesses=guesses)
    account = service_account.find_stored(context)
    if account is None:
        raise service_account.new_unstored_error(context)
    return account


def load(context: Context, account: Account, *, waits: bool = False) -> Held:
    """The account's tokens, which may have expired. Raises SignInNeededError, BindingError, StorageError.

    `waits`: for a refresh under way, where a 401 would not be heard of.
    """
    if not account.is_stored:
        return service_account.load(context, account)
    loaded = context.tokens.load(account, waits=waits)
    if loaded is None:
        raise context.accounts.new_not_signed_in_error(account)
    check_tokens(context.settings, loaded.tokens.binding)
    return loaded


def load_valid(context: Context, account: Account, min_ttl_s: int, *, refused: str | None = None) -> Held:
    """The account's tokens, valid for `min_ttl_s` seconds: renewed when needed, as `keep_valid`.

    An access token that is `refused` has to be renewed. Raises as `load` and `renew`.
    """
    return keep_valid(context, account, load(context, account), min_ttl_s, refused=refused)


def keep_valid(
    context: Context, account: Account, loaded: Held, min_ttl_s: int, *, refused: str | None = None
) -> Held:
    """`loaded`, or what replaces it because its end is near or an interrupted refresh may have ended it.

    Where only the latter cannot be cleared up, it is kept, with a warning. Raises as `renew`.
    """
    reason = _find_reason(context, loaded, min_ttl_s, refused)
    if reason is None:
        return loaded
    renewed = loaded
    try:
        renewed = renew(context, account, loaded, reason)
    except (ProcoreError, MissingCredentialsError) as error:
        if reason != "early":
            raise
        where = context.settings.environment.name
        context.console.warn(
            f"{error.happened_in(where)} The token from before that is used; Procore may have ended it."
        )
    if renewed.generation != loaded.generation:
        return renewed
    # Asked once for a while: each call of a long run would ask, and warn, again.
    return loaded._replace(may_be_revoked=False, asked_at=context.clock())


def _find_reason(context: Context, held: Held, min_ttl_s: int, refused: str | None) -> Reason | None:
    """Why the tokens are to be renewed; None where they are not."""
    if held.tokens.access_token == refused:
        return "refused"
    now = context.clock()
    if held.is_due(now, min_ttl_s):
        return "due"
    return "early" if held.may_be_revoked or held.is_due_early(now) else None


def renew(context: Context, account: Account, seen: Held, reason: Reason, *, may_ask: bool = True) -> Held:
    """New tokens in place of `seen`, from Procore or from whoever refreshed at the same time.

    Without `may_ask` Procore is left alone: if nobody else saved newer tokens, `seen` is returned.
    A service account's is asked for whatever `may_ask` says; where it was refused, once a minute.
    Raises MissingCredentialsError, BindingError, and as `Refresh.run`.
    """
    if not account.is_stored:
        return service_account.renew(context, account, seen, is_refused=reason == "refused")
    app = find_app(context.settings, context.storage.client_secrets)
    may_ask = may_ask or account.service is not None

    def exchange(tokens: TokenSet, before_send: Callable[[], None]) -> TokenSet:
        if account.service is not None:
            return context.oauth.client_credentials(app, tokens.binding, before_send)
        return context.oauth.refresh(app, tokens, before_send)

    def discard(tokens: TokenSet) -> None:
        revocation.revoke_unused(context, app, tokens.refresh_token, tokens.access_token)

    # Not at the top: most commands find a token that will do.
    from procore_cli.storage.refresh import Refresh

    refresh = Refresh(context.accounts, context.tokens, account, exchange, discard, context.shield)
    renewed = refresh.run(seen, reason, may_ask=may_ask)
    # They may be another run's, of a sign-in to another app or host.
    check_tokens(context.settings, renewed.tokens.binding)
    return renewed


def ask_me(context: Context, account: Account) -> tuple[Account, Held]:
    """Ask Procore whether the account's tokens are its own, refreshing when needed.

    Returns the account as `/me` describes it now, and the tokens. Raises any of our errors.
    """
    loaded = first = load(context, account)
    if first.is_due(context.clock(), 0):
        loaded = renew(context, account, first, "due")
    try:
        me = _ask(context, account, loaded)
    except TokenRefusedError:
        # The clock, or Procore, saw it otherwise: one refresh a run and one repetition, never a loop.
        renewed = renew(context, account, loaded, "refused", may_ask=loaded is first)
        if renewed.tokens == loaded.tokens:
            raise
        loaded = renewed
        me = _ask_again(context, account, loaded)
    if me.id != account.user.procore_id:
        raise WrongPersonError(
            f"Procore says that this account is {me.id}, not {account.user.procore_id}.",
            f"Run {account.sign_in_command(context.settings.environment.name)}",
        )
    return context.accounts.remember(account, me), loaded


def _ask(context: Context, account: Account, loaded: Held) -> Me:
    if account.service is None:
        return context.api.me(loaded.tokens.access_token)
    return service_account.ask_me(context, loaded.tokens.access_token, account.service.company)


def _ask_again(context: Context, account: Account, loaded: Held) -> Me:
    try:
        return _ask(context, account, loaded)
    except TokenRefusedError:
        if account.service is None:
            raise
        raise new_twice_refused_error(account, context.settings.environment.name) from None


def new_profile(context: Context, account: Account, expires_at: int | None) -> Profile:
    """The account as commands show it; `expires_at` in seconds (UTC)."""
    user, settings, service = account.user, context.settings, account.service
    return Profile(
        settings.environment.name,
        user.id,
        user.procore_id,
        user.email,
        account.name,
        service.company if service else settings.company,
        new_end(expires_at),
        "service" if service else "user",
    )


def join_labels(accounts: list[Account]) -> str:
    """The accounts for people, cut short where there are many."""
    counts = Counter(account.label for account in accounts)
    labels = [
        each.label if counts[each.label] == 1 else f"{each.label} ({each.user.procore_id})"
        for each in accounts
    ]
    return ", ".join(labels[:MAX_LABELS]) + (", ..." if len(labels) > MAX_LABELS else "")


def say_token_is_from_elsewhere() -> None:
    """Tell that PROCORE_ACCESS_TOKEN is in force."""
    log.say("Using the token from PROCORE_ACCESS_TOKEN; nothing is stored or refreshed.")


def sign_in_command(context: Context) -> str:
    """What to type in order to sign in to the environment in force."""
    return command("signin", context.settings.environment.name)


def switch_command(context: Context, present: list[Account]) -> str:
    """What to type in order to make the first of these the current account."""
    first = present[0]
    is_shared = sum(each.user.email == first.user.email for each in present) > 1
    who = str(first.user.procore_id) if is_shared else first.who
    if first.service:
        who = f"{SERVICE_ACCOUNT} --company {first.service.company}"
    return command(f"switch {who}", context.settings.environment.name)


def _nobody_is_current(context: Context) -> NotSignedInError:
    name = context.settings.environment.name
    present = context.accounts.list_signed_in(MAX_LABELS + 1)
    if present:
        by_name = "Name one with --account or PROCORE_LOGIN_ACCOUNT. Or make one current, for example"
        first = by_name if context.settings.shared else "Make one current, for example"
        return NotSignedInError(
            f"No account of {name} is the current one. Signed in: {join_labels(present)}.",
            f"{first} {switch_command(context, present)}; or sign in: {sign_in_command(context)}",
            environment=name,
        )
    hint = f"Run {sign_in_command(context)}"
    return NobodySignedInError(f"Nobody is signed in to {name}.", hint, environment=name)


def whoami(context: Context) -> Profile:
    """Ask Procore who is signed in, refreshing when needed. Raises NotSignedInError and any other of ours."""
    if context.settings.access_token:
        return _whoami_by_variable(context, context.settings.access_token)
    account = find_account(context)
    if not account.is_stored:
        return _whoami_unstored(context, account)
    account, loaded = ask_me(context, account)
    return new_profile(context, account, loaded.tokens.expires_at)


def _whoami_unstored(context: Context, account: Account) -> Profile:
    company = context.settings.company
    if company is None:
        raise service_account.new_no_company_error()
    loaded = load(context, account)
    me = _ask(context, account, loaded)
    name = context.settings.environment.name
    end = new_end(loaded.tokens.expires_at)
    return Profile(name, None, me.id, me.login, me.name, company, end, "service")


def whoami_offline(context: Context) -> Profile:
    """Who is signed in, by the database alone. Raises SignInNeededError."""
    account = find_stored_account(context)
    return new_profile(context, account, context.accounts.find_shown_end(account, context.clock()))


def refresh(context: Context) -> Profile:
    """Exchange the refresh token now (RFC 6749, section 6). Raises any of our errors."""
    account = find_stored_account(context)
    loaded = renew(context, account, load(context, account), "asked")
    return new_profile(context, account, loaded.tokens.expires_at)


class Token(NamedTuple):
    """An access token, and when it ends (seconds, UTC) where that is known."""

    text: str
    expires_at: int | None


def find_any_token(context: Context, min_ttl_s: int, refused: str | None = None) -> Token:
    """An access token that is valid for `min_ttl_s` seconds, renewed when needed. Raises any of our errors.

    Where no token of Procore's lives that long, one with half of its life before it will do, with a warning.
    To the one that is `refused` Procore has answered 401: it is renewed, unless another run has done so.
    """
    given = context.settings.access_token
    if not given:
        return find_token(context, find_account(context), min_ttl_s, refused)
    say_token_is_from_elsewhere()
    if given == refused:
        raise TokenRefusedError("Procore did not accept the access token.", _RENEW_ELSEWHERE)
    return Token(given, None)


def find_token(context: Context, account: Account, min_ttl_s: int, refused: str | None = None) -> Token:
    """As `find_any_token`, of an account that has been found."""
    loaded = keep_valid(context, account, load(context, account, waits=True), min_ttl_s, refused=refused)
    left_s = seconds_left(loaded.tokens, context.clock())
    wanted_s = max(min_ttl_s, EXPIRY_MARGIN_S + 1)
    if left_s is not None and left_s < wanted_s:
        context.console.warn(
            f"This token is valid for {max(0, left_s)} s, not for {wanted_s} s: no token lives longer."
        )
    return Token(loaded.tokens.access_token, loaded.tokens.expires_at)


def _whoami_by_variable(context: Context, access_token: str) -> Profile:
    say_token_is_from_elsewhere()
    is_service = context.settings.account == SERVICE_ACCOUNT
    try:
        if is_service:
            me = service_account.ask_me(context, access_token, context.settings.company)
        else:
            me = context.api.me(access_token)
    except TokenRefusedError as error:
        raise TokenRefusedError(error.message, _RENEW_ELSEWHERE) from None
    settings = context.settings
    # exec says so of the token that it handed over.
    kind: Literal["user", "service"] = "service" if is_service else "user"
    return Profile(settings.environment.name, None, me.id, me.login, me.name, settings.company, None, kind)
