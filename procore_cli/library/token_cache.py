"""One account's tokens in memory, for many calls, threads and tasks; refuses to block an event loop."""

from __future__ import annotations

import copy
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from procore_cli import log
from procore_cli.config.settings import Overrides, Settings, load_settings
from procore_cli.context import Context
from procore_cli.errors import (
    BindingError,
    ConfigurationError,
    ProcoreLoginError,
    StorageError,
    errors_in,
)
from procore_cli.flows import access
from procore_cli.models import Account
from procore_cli.threads import Call, in_own_thread, start

if TYPE_CHECKING:
    import asyncio

    from procore_cli.storage.store import Generation, Held

T = TypeVar("T")

# Where new tokens are refused as old ones are, each call would cost a refresh.
_GIVEN_UP_S = 60
# So long another process's news may wait.
_LOOK_S = 1.0


def load_program_settings(overrides: Overrides) -> Settings:
    """What is in force for a program, which starts no pretend Procore.

    Raises ConfigurationError, UsageMistakeError.
    """
    settings = load_settings(overrides, os.environ)
    if settings.own_server:
        raise ConfigurationError(
            "there is no pretend Procore to call: PROCORE_LOGIN_URL is not set.",
            "Run `procore-login demo serve` and set the variables that it prints, or run your program by"
            " `procore-login exec --env demo -- ...`",
        ).happened_in(settings.environment.name)
    return settings


@contextmanager
def open_program_context(settings: Settings) -> Iterator[Context]:
    """The world of one call of a program's, whose signals are its own; its errors name the environment."""
    with errors_in(settings.environment.name), ExitStack() as stack:
        yield Context(settings, log.LOG_CONSOLE, time.time, in_own_thread, stack)


class TokenCache:
    """One account's tokens: the account that was current at the first call, unless one is named.

    `settings` are those of the first call: a token is never sent to where others would have it sent.
    """

    def __init__(
        self,
        overrides: Overrides,
        min_ttl_s: int,
        find_account: Callable[[Context], Account] = access.find_account,
    ) -> None:
        """`find_account` says whose they are. Raises ConfigurationError, UsageMistakeError."""
        self.settings = load_program_settings(overrides)
        self.lock = threading.Lock()
        self._find_account = find_account
        self._min_ttl_s = min_ttl_s
        self._account: Account | None = None
        self._loaded: Held | None = None
        self._failure: ProcoreLoginError | None = None
        self._given_up: tuple[str, float] = ("", 0)
        self._look_after = 0.0
        # The clock that the ends of tokens go by.
        self._now: Callable[[], float] = lambda: time.time()
        # What is under way in an event loop, by the loop and the token that was refused.
        self._tasks: dict[tuple[asyncio.AbstractEventLoop, str | None], asyncio.Future[str]] = {}

    @property
    def company(self) -> int | None:
        """Which company calls are for; a service account's own, where no other is named."""
        service = self._account.service if self._account else None
        return self.settings.company or (service.company if service else None)

    def find(self, refused: str | None = None) -> str:
        """A token that is not `refused`, unless there is no other. Raises any of our errors."""
        is_early = self._takes_early()
        if not is_early and (token := self._find_at_once(refused)):
            return token
        former_failure = self._failure
        with self.lock:
            # One thread fetches for all; those who waited share what came of it, a failure too.
            if not is_early and (token := self._find_in_hand(refused)):
                return token
            if self._failure is not None and self._failure is not former_failure:
                raise copy.copy(self._failure)
            try:
                self._loaded = loaded = self._load(refused)
            except ProcoreLoginError as error:
                token = self._find_in_hand(refused)
                if is_early and token and isinstance(error, StorageError):
                    log.warn(f"{error.message} The tokens that are there are used until they end.")
                    return token
                # A copy: the error itself holds the frames that it came through.
                self._failure = copy.copy(error)
                raise
            return loaded.tokens.access_token

    def find_checked(self) -> str:
        """As `find`, for a caller that will not hear of a 401: another process may have renewed the token.

        Costs a look into the database once a second, none into the keyring.
        """
        if self._is_look_due():
            self._look()
        return self.find()

    async def find_async(self, refused: str | None = None, *, is_checked: bool = False) -> str:
        """As `find`, or if it `is_checked` as `find_checked`; what takes time happens in a worker thread."""
        if is_checked and self._is_look_due():
            await self._share("", self._look_async)
        if not self._is_early() and (token := self._find_at_once(refused)):
            return token
        return await self._share(refused, partial(self.find, refused))

    def give_up(self, token: str) -> None:
        """A new token was refused as well: for a minute, its refusals are not the token's fault."""
        self._given_up = (token, time.time() + _GIVEN_UP_S)
        if self._account is not None and self._account.service is not None:
            log.warn(
                f"{self._account.label}: Procore refused a new token. Another machine may be asking with the"
                " same app, where each new token ends the last."
            )

    def begin_anew(self) -> None:
        """In a process that was forked: what another thread held at that moment would be held for ever."""
        self.lock = threading.Lock()
        self._tasks = {}

    def _find_at_once(self, refused: str | None) -> str | None:
        if self.settings.access_token:
            access.say_token_is_from_elsewhere()
            return self.settings.access_token
        if refused == self._given_up[0] and time.time() < self._given_up[1]:
            return refused
        return self._find_in_hand(refused)

    def _find_in_hand(self, refused: str | None) -> str | None:
        """The token that will do without a look into the store, if there is one."""
        loaded = self._loaded
        if loaded is None or loaded.is_due(self._now(), self._min_ttl_s):
            return None
        token = loaded.tokens.access_token
        return token if token != refused else None

    def _is_early(self) -> bool:
        """Whether the token in hand is better renewed, though it can still be used."""
        return self._loaded is not None and self._loaded.is_due_early(self._now())

    def _takes_early(self) -> bool:
        """As `_is_early`, for one caller: the others go on with what is in hand."""
        if self._loaded is None or not self._is_early():
            return False
        self._loaded = self._loaded._replace(asked_at=self._now())
        return True

    def _is_look_due(self) -> bool:
        if self._loaded is None or self._account is None:
            return False
        now = time.monotonic()
        if now < self._look_after:
            return False
        self._look_after = now + _LOOK_S
        return True

    def _look(self) -> None:
        """Let the token in hand go if another process has replaced it."""
        loaded, account = self._loaded, self._account
        if loaded is None or account is None:
            return
        with open_program_context(self.settings) as context:
            if not account.is_stored:
                self._loaded = access.load(context, account)
            elif self._find_generation(context, account) not in (None, loaded.generation):
                self._loaded = None

    def _find_generation(self, context: Context, account: Account) -> Generation | None:
        """What the store has now; None where it is shared and cannot be asked: a token outlives that."""
        try:
            return context.accounts.find_live(account).generation
        except StorageError:
            if self.settings.shared is None:
                raise
            return None

    def _look_async(self) -> str:
        try:
            self._look()
        except ProcoreLoginError:
            # The next token is asked for where that is told.
            self._loaded = None
        return ""

    def _load(self, refused: str | None) -> Held:
        with open_program_context(self.settings) as context:
            if self.settings.shared is not None:
                self._now = context.clock
            # From the first call on it is the same, whichever may become current meanwhile.
            if self._account is None:
                self._account = self._find_account(context)
            try:
                return access.load_valid(context, self._account, self._min_ttl_s, refused=refused)
            except BindingError as error:
                again = "If it was changed since the first call: make a new ProcoreAuth."
                raise error.reworded(error.message, f"{error.hint} {again}") from None

    async def _share(self, refused: str | None, work: Callable[[], str]) -> str:
        """What `work` returns, done once for all the tasks of a loop that ask meanwhile."""
        import asyncio

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return await run_in_worker(work)
        key = (loop, refused)
        task = self._tasks.get(key)
        if task is None:
            self._tasks[key] = task = asyncio.ensure_future(run_in_worker(work))
            task.add_done_callback(partial(self._forget, key))
        # Whoever is cancelled leaves the others what they wait for.
        return await asyncio.shield(task)

    def _forget(self, key: tuple[asyncio.AbstractEventLoop, str | None], task: asyncio.Future[str]) -> None:
        self._tasks.pop(key, None)
        if not task.cancelled():
            # Whoever still waits raises it; if nobody does, asyncio must not complain.
            task.exception()


async def run_in_worker(work: Callable[[], T]) -> T:
    """What `work` returns, done in a thread of its own; the event loop is asyncio's or one of anyio's.

    Not in the loop's own pool, which a program may have filled with what waits for this.
    """
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        # httpx brings it, and with it the loops that are not asyncio's.
        from anyio import to_thread

        return await to_thread.run_sync(work)
    call, ended = Call(work), asyncio.Event()

    def run() -> None:
        call.run()
        # A loop that has been closed waits for nothing.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(ended.set)

    start(threading.Thread(target=run, name="procore-login", daemon=False))
    await ended.wait()
    return call.result()
