"""Every error that the program shows, each with its exit code; refuses to print anything itself.

The message says what happened, the hint what to type or where to look. Neither may carry a secret.
Text from outside is escaped where it is shown (console), not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self


class ProcoreLoginError(Exception):
    """The root of all errors; by itself, a bug.

    `exit_code` is what the process ends with.
    """

    exit_code: ClassVar[int] = 1
    # A command that goes on after it was told says so: it is told once.
    is_told = False

    def __init__(
        self, message: str, hint: str = "", *, environment: str = "", setting: str = "", source: str = ""
    ) -> None:
        """`environment` is given where the message itself names it; `happened_in` says it of all others.

        `setting` is what it is about, if it is about one, and `source` who says so: the name of a variable,
        an option, or the part of `config.toml`.
        """
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.environment = environment
        self.names_environment = bool(environment)
        self.setting = setting
        self.source = source

    def __str__(self) -> str:
        """What happened, with the environment's name, once."""
        is_bare = self.environment and not self.names_environment
        return f"{self.environment}: {self.message}" if is_bare else self.message

    def happened_in(self, environment: str) -> Self:
        """The error, which is about this environment from now on unless it is about one already."""
        self.environment = self.environment or environment
        return self

    def reworded(self, message: str, hint: str | None = None) -> Self:
        """The same error in other words; what it is about stays."""
        other = type(self)(message, self.hint if hint is None else hint)
        other.environment, other.names_environment = self.environment, self.names_environment
        other.setting, other.source = self.setting, self.source
        return other


@contextmanager
def errors_in(environment: str) -> Iterator[None]:
    """A block whose errors are about an environment, unless they say otherwise."""
    try:
        yield
    except ProcoreLoginError as error:
        error.happened_in(environment)
        raise


class UsageMistakeError(ProcoreLoginError):
    """What was typed, or what a variable names, is not something the program knows."""

    exit_code = 2


class UnknownEnvironmentError(UsageMistakeError):
    """An environment name that is none of ours, wherever it stands."""


class UnknownAccountError(UsageMistakeError):
    """`--account` fits no row, or more than one.

    `account` is what was asked for.
    """

    account = ""


class AmbiguousAccountError(UnknownAccountError):
    """A name fits more than one row."""


class ConfigurationError(ProcoreLoginError):
    """A setting is missing or wrong."""

    exit_code = 3


class MissingCredentialsError(ConfigurationError):
    """No client id or no client secret for the environment."""


class RefusedCredentialsError(ConfigurationError):
    """Procore does not know the client id, or the secret is not its own (`invalid_client`)."""


class NoServiceAccountError(RefusedCredentialsError):
    """The app is not one that may sign in by itself (`unauthorized_client`, `unsupported_grant_type`)."""


class BindingError(ConfigurationError):
    """Tokens or a client secret belong to another app or host than the one in force."""


class BadUrlError(ConfigurationError):
    """A base URL, a redirect URI or a proxy that cannot be used."""


class BrokenConfigError(ConfigurationError):
    """`config.toml` cannot be read or holds a value of the wrong type."""


class BrokenDotenvError(ConfigurationError):
    """The `.env` that `configure --import` names cannot be read, or holds no credentials."""


class BrokenSeedError(ConfigurationError):
    """The seed file of `demo serve` cannot be read or holds a value that cannot be used."""


class CaFileError(ConfigurationError):
    """The CA file that `REQUESTS_CA_BUNDLE` names cannot be used."""


class SignInNeededError(ProcoreLoginError):
    """A person has to sign in, again or for the first time."""

    exit_code = 4


class NotSignedInError(SignInNeededError):
    """Nobody is signed in, or not the account that was asked for."""


class NobodySignedInError(NotSignedInError):
    """Nobody is signed in to the environment."""


class OtherFolderError(NotSignedInError):
    """The account's tokens lie in the files of another data folder."""


class ConsentDeniedError(SignInNeededError):
    """The person, or Procore, said no at the consent page."""


class SignInNotBegunError(SignInNeededError):
    """What comes to a web app's callback answers no sign-in that it has begun of late."""


class SignInTimedOutError(SignInNeededError):
    """Nobody came back from the browser in time."""


class RefreshRefusedError(SignInNeededError):
    """The refresh token is no longer valid."""


class WrongPersonError(SignInNeededError):
    """The browser was signed in as somebody else than the account asked for."""


class TokenRefusedError(SignInNeededError):
    """Procore answered 401 to a bearer token that cannot be refreshed."""


class ProcoreError(ProcoreLoginError):
    """Procore or the network failed."""

    exit_code = 5


class UnreachableError(ProcoreError):
    """No connection was made: nothing was sent, so trying again is safe."""


class AnswerLostError(ProcoreError):
    """The request may have arrived, its answer did not: it must not be repeated blindly."""


class RedirectRefusedError(ProcoreError):
    """A redirect, or a link to the next page, that must not be followed."""


class UnexpectedAnswerError(ProcoreError):
    """An error answer, or one that makes no sense."""


class GrantRefusedError(ProcoreError):
    """Procore answered `invalid_grant`: the code or the refresh token is not valid (any more)."""


class CompanyRefusedError(ProcoreError):
    """A call names no company, or one in which the app is not installed.

    `companies` are the account's.
    """

    def __init__(self, message: str, hint: str = "", companies: Sequence[Any] = ()) -> None:
        super().__init__(message, hint)
        self.companies = companies


class BusyError(ProcoreError):
    """Another process held the account's lock for too long."""


class StorageError(ProcoreLoginError):
    """Keyring, database or data folder failed."""

    exit_code = 6


class KeyringError(StorageError):
    """The keyring is missing, locked, too slow, or refused a call."""


class DatabaseError(StorageError):
    """The SQLite file cannot be used."""


class DataFolderError(StorageError):
    """The data folder or a file in it cannot be used."""


class NoThreadError(StorageError):
    """The system starts no further thread: nothing was sent."""


class OutputError(StorageError):
    """Standard output, or the file of `--output`, cannot be written."""


class PortTakenError(ProcoreLoginError):
    """The listener's port is not to be had."""

    exit_code = 7


class CommandNotFoundError(ProcoreLoginError):
    """The command that `exec` was given does not exist."""

    exit_code = 127


class CommandNotRunnableError(ProcoreLoginError):
    """The command that `exec` was given exists, but cannot be started."""

    exit_code = 126
