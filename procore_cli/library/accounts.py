"""`Accounts`: the people who sign up in a web app; opens no browser, shows no page, makes nobody current."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from procore_cli.config.settings import Overrides
from procore_cli.errors import UnknownAccountError
from procore_cli.flows import sign_out, web_sign_in
from procore_cli.flows.web_sign_in import Begin
from procore_cli.library.auth import DEFAULT_MIN_TTL_S, ProcoreAuth
from procore_cli.library.token_cache import (
    TokenCache,
    load_program_settings,
    open_program_context,
    run_in_worker,
)
from procore_cli.models import Account
from procore_cli.storage.users import storable

if TYPE_CHECKING:
    from procore_cli.context import Context


class SignedInUser(NamedTuple):
    """Who has signed in: `id` is the row's; `signed_up` says that the row is new."""

    id: int
    procore_id: int
    email: str
    name: str | None
    signed_up: bool


class Accounts:
    """The accounts of one environment, for a web app in which people sign up and sign in with Procore.

    Keep one for all threads, tasks and forked workers: it holds no secret and no connection. What a worker
    begins any other one can finish, where both have the same data folder. Each method but `auth` has an async
    twin, which holds up no event loop. All raise subclasses of ProcoreLoginError.
    """

    def __init__(self, env: str | None = None) -> None:
        """`env`: production, sandbox, monthly, federal or demo, else the one in force at the first call."""
        self._environment = env

    def begin(self, redirect_uri: str) -> Begin:
        """Begin a sign-in: send the browser to `url`, and keep `kept` in its session until the callback.

        `redirect_uri` is the app's own callback, as the Developer Portal has it. Sends nothing to Procore.
        Raises ConfigurationError for an app, or a redirect URI, that cannot be used; StorageError.
        """
        with self._open() as context:
            return web_sign_in.begin(context, redirect_uri)

    def finish(self, callback_url: str, kept: str | None) -> SignedInUser:
        """Finish the sign-in of the browser that came to the callback: row and tokens are saved, or neither.

        `callback_url`: the whole address, or path and query. `kept`: what the session holds; None, or
        another sign-in's, is refused.
        Raises SignInNeededError where the person has to begin again, of which ConsentDeniedError says that
        they chose Deny; ProcoreError, StorageError, ConfigurationError.
        """
        with self._open() as context:
            me, _, saved = web_sign_in.finish(context, callback_url, kept)
        # As it can be stored, and so shown.
        email, name = storable(me.login), me.name and storable(me.name)
        return SignedInUser(saved.account.user.id, me.id, email, name, saved.is_new)

    def auth(self, user_id: int, *, company: int | str | None = None) -> ProcoreAuth:
        """The `auth=` of requests and httpx for one user, by the row's id.

        Reads nothing yet: its first request raises UnknownAccountError where there is no such row, and
        SignInNeededError where the person has to sign in again. Raises UsageMistakeError for a company that
        is none.
        """
        return AccountAuth(self, user_id, company)

    def sign_out(self, user_id: int) -> None:
        """End a user's tokens, here and at Procore; the row stays. Of one who is signed out it does nothing.

        Raises UnknownAccountError; a ProcoreError where Procore could not be told: here they are gone all the
        same.
        """
        _check_row_id(user_id)
        with self._open() as context:
            sign_out.sign_out_row(context, user_id)

    async def async_begin(self, redirect_uri: str) -> Begin:
        """As `begin`, in a thread."""
        return await run_in_worker(partial(self.begin, redirect_uri))

    async def async_finish(self, callback_url: str, kept: str | None) -> SignedInUser:
        """As `finish`, in a thread: whoever is cancelled meanwhile loses no tokens."""
        return await run_in_worker(partial(self.finish, callback_url, kept))

    async def async_sign_out(self, user_id: int) -> None:
        """As `sign_out`, in a thread."""
        await run_in_worker(partial(self.sign_out, user_id))

    def _new_overrides(self, company: int | None = None) -> Overrides:
        return Overrides(
            self._environment, None, company, heeds_account=False, heeds_token=False, source="env="
        )

    def _new_cache(self, company: int | None, find_account: Callable[[Context], Account]) -> TokenCache:
        cache = TokenCache(self._new_overrides(company), DEFAULT_MIN_TTL_S, find_account)
        self._environment = cache.settings.environment.name
        return cache

    @contextmanager
    def _open(self) -> Iterator[Context]:
        # Read each time, for a tenth of a millisecond: what `configure` changes is in force at once.
        settings = load_program_settings(self._new_overrides())
        # But for the environment, in which the ids of rows mean something.
        self._environment = settings.environment.name
        with open_program_context(settings) as context:
            yield context


class AccountAuth(ProcoreAuth):
    """A `ProcoreAuth` for the person of a row, whoever is current."""

    def __init__(self, accounts: Accounts, user_id: int, company: int | str | None = None) -> None:
        """Raises UsageMistakeError for a company that is none."""
        super().__init__(company=company)
        self._accounts = accounts
        self._user_id = user_id

    def __reduce__(self) -> tuple[Any, ...]:
        """What pickle and copy take: the arguments."""
        return type(self), (self._accounts, self._user_id, self._overrides.company)

    def _new_cache(self) -> TokenCache:
        return self._accounts._new_cache(self._overrides.company, self._find_account)

    def _find_account(self, context: Context) -> Account:
        _check_row_id(self._user_id)
        return context.accounts.find_by_row(self._user_id)


def _check_row_id(user_id: object) -> None:
    # SQLite would take a text for the number that it shows.
    if type(user_id) is not int:
        raise UnknownAccountError("The id of a user is not a number.", "Give the id that finish() returned.")
