"""How `exec` hands a token to the command that it was given, and how that starts and ends.

Refuses to hand on the client secret and what opens a shared database, and to put a shell or a file between.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TypeVar

from procore_cli.config.variables import new_token_digest, without_what_exec_set
from procore_cli.errors import (
    CommandNotFoundError,
    CommandNotRunnableError,
    ProcoreLoginError,
    StorageError,
)
from procore_cli.flows import access
from procore_cli.flows.credentials import find_stored, is_kept_for
from procore_cli.interruption import find_signals, handling
from procore_cli.models import SERVICE_ACCOUNT, Account, command

if TYPE_CHECKING:
    from subprocess import Popen

    from procore_cli.config.settings import Settings
    from procore_cli.context import Context


T = TypeVar("T")

# What Python puts into LC_CTYPE where the locale is C (PEP 538).
_COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})


def read_callers_environ() -> dict[str, str]:
    """The variables as the caller left them; to be asked for before this program sets one of its own."""
    # No program can be started with a variable that has no name.
    found = {name: value for name, value in os.environ.items() if name}
    if found.get("LC_CTYPE") in _COERCED:
        _undo_coercion(found)
    return found


def _undo_coercion(found: dict[str, str]) -> None:
    try:
        # Linux remembers what a process began with.
        block = Path("/proc/self/environ").read_bytes()
    except OSError:
        return
    entries = (entry.partition(b"=") for entry in block.split(b"\0"))
    former = next((value for name, _, value in entries if name == b"LC_CTYPE"), None)
    if former is not None:
        found["LC_CTYPE"] = os.fsdecode(former)
    elif block:
        del found["LC_CTYPE"]


def new_environ(context: Context, environ: Mapping[str, str], min_ttl_s: int) -> dict[str, str]:
    """The variables of a child that starts now: `environ` with a token valid for `min_ttl_s` seconds.

    Raises as `access.find_any_token`.
    """
    settings = context.settings
    taken_out = {
        "PROCORE_CLIENT_SECRET",
        "PROCORE_LOGIN_EXEC",
        "PROCORE_LOGIN_KEY",
        *_find_withheld(settings),
    }
    # In an exec in an exec, what the outer one says of another environment would be believed of this one.
    kept = without_what_exec_set(settings.environment.name, environ)
    given = {name: value for name, value in kept.items() if name not in taken_out}
    given |= {"PROCORE_ENV": settings.environment.name, "PROCORE_API_URL": settings.environment.api_url}
    if settings.is_demo:
        given["PROCORE_LOGIN_URL"] = settings.environment.login_url
    return given | _new_token_variables(context, min_ttl_s)


def _new_token_variables(context: Context, min_ttl_s: int) -> dict[str, str]:
    company = context.settings.company
    named = {} if company is None else {"PROCORE_COMPANY_ID": str(company)}
    if context.settings.access_token:
        # From elsewhere: whose it is nobody here knows, and the store has no fresher one.
        return named | {"PROCORE_ACCESS_TOKEN": access.find_any_token(context, min_ttl_s).text}
    account = access.find_account(context)
    _warn_of_the_end(context, account)
    given = named | {"PROCORE_ACCESS_TOKEN": access.find_token(context, account, min_ttl_s).text}
    service = account.service
    if not account.is_stored:
        # Nor has it one of a service account that is this process's alone.
        return given | {"PROCORE_LOGIN_ACCOUNT": SERVICE_ACCOUNT}
    if service is not None:
        # Which of several it is.
        given |= {"PROCORE_COMPANY_ID": str(service.company)}
    given |= {"PROCORE_LOGIN_ACCOUNT": SERVICE_ACCOUNT if service else str(account.user.procore_id)}
    if _find_withheld(context.settings):
        # The store is out of its reach: the token is to be used as it is.
        return given
    return given | {"PROCORE_LOGIN_EXEC": new_token_digest(given["PROCORE_ACCESS_TOKEN"])}


def _find_withheld(settings: Settings) -> dict[str, str]:
    """What opens a shared database and is not handed on: the variable's name, and what in it is secret."""
    shared, withheld = settings.shared, {}
    if shared is not None and shared.key is not None:
        withheld["PROCORE_LOGIN_KEY"] = "the key in PROCORE_LOGIN_KEY"
    if shared is not None and shared.has_password:
        withheld["PROCORE_LOGIN_DB"] = "the password in PROCORE_LOGIN_DB"
    return withheld


def _warn_of_the_end(context: Context, account: Account) -> None:
    """Tell if nothing in the command can renew its token: it gets no secret, and finds none."""
    settings = context.settings
    withheld = _find_withheld(settings)
    if withheld and account.is_stored:
        context.console.warn(
            f"The command does not get {' and '.join(withheld.values())}: it cannot renew its token.",
            "Give it a token that lives long enough (`--min-ttl SECONDS`), or keep such secrets in files:"
            " PROCORE_LOGIN_KEY_FILE names the key's, and libpq looks for a password in ~/.pgpass.",
        )
        return
    if settings.is_demo or not settings.is_from_variable("client secret"):
        return
    if not account.is_stored:
        context.console.warn(
            "The command does not get the client secret, so it cannot renew its token. If it may run longer"
            " than that lives, run it without exec: ProcoreAuth and our commands ask for tokens of their own."
        )
        return
    if settings.client_id:
        with suppress(StorageError):
            stored = find_stored(settings, context.storage.client_secrets)
            if stored is not None and is_kept_for(settings, stored, settings.client_id):
                return
    context.console.warn(
        "The client secret is in PROCORE_CLIENT_SECRET alone, which the command does not get: it cannot renew"
        " its token.",
        "Give it a token that lives long enough (`--min-ttl SECONDS`), or keep the secret:"
        f" {command('configure', settings.environment.name)}",
    )


# A terminal sends these to the command as well.
_KEYS = find_signals("SIGINT", "SIGQUIT", "SIGBREAK")
# What somebody may send to this process alone, though it is meant for the command.
_RELAYED = [*find_signals("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"), *_KEYS]
# Python ignores these, and what is ignored stays so in the command.
_IGNORED_BY_PYTHON = find_signals("SIGPIPE", "SIGXFSZ")
_STEP_S = 0.5
# What reads a script that names no interpreter, and how far a byte is looked for that no text has.
_SHELL = "/bin/sh"
_LONGEST_FIRST_LINE = 4096


def become(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Let the command take this process over: its signals, job control and exit code are its own (POSIX).

    Raises CommandNotFoundError, CommandNotRunnableError.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    with handling(signal.SIG_DFL, _IGNORED_BY_PYTHON):
        # To run what was typed is the purpose.
        _launch(lambda program, words: os.execvpe(program, list(words), environ), command, environ)  # noqa: S606
    raise AssertionError("exec returns to nobody")


def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the command while this process stays; returns its exit code, on POSIX -N for a death by signal N.

    What is sent to this process goes on to the command, which shares its process group and its terminal.
    Raises CommandNotFoundError, CommandNotRunnableError.
    """
    from subprocess import TimeoutExpired

    child: Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        elif number not in _KEYS or not _is_in_foreground():
            child.send_signal(number)

    # What is ignored here (nohup, a job in the background) is ignored in the command, too.
    numbers = [each for each in _RELAYED if signal.getsignal(each) is not signal.SIG_IGN]
    with handling(pass_on, numbers):
        child = _launch(lambda program, words: _start(program, words, environ), command, environ)
        for number in early:
            child.send_signal(number)
        while True:
            # In steps: a signal that comes just before a plain wait would be handled after its end only.
            with suppress(TimeoutExpired):
                return child.wait(_STEP_S)


def end_like(code: int) -> NoReturn:
    """End this process as the command ended: with its exit code, or by the same signal."""
    if code < 0:
        _die_of(-code)
    sys.exit(code if code >= 0 else 128 - code)


def _launch(
    start: Callable[[str, Sequence[str]], T], command: Sequence[str], environ: Mapping[str, str]
) -> T:
    """Have `start` start a program with these words; a script without #! is the shell's, as in a shell."""
    try:
        if not command[0]:
            raise FileNotFoundError
        program = _find_program(command[0], environ)
        try:
            return start(program, command)
        except OSError as error:
            return start(_SHELL, _find_script(program, command, error))
    except OSError as error:
        raise _new_start_error(command[0], environ, error) from None


def _is_in_foreground() -> bool:
    """Whether what a person types at the terminal reaches the command without our help."""
    if sys.platform == "win32":
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _die_of(number: int) -> None:
    with suppress(OSError, ValueError):
        if sys.platform != "win32":
            import resource

            # The core of the command tells something, this process's would tell the token.
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _find_program(name: str, environ: Mapping[str, str]) -> str:
    """The file that a shell would start by that name; the name itself where there is none."""
    if sys.platform == "win32":
        import shutil

        # Windows' own search knows of .exe alone.
        return shutil.which(name) or name
    if os.sep in name:
        return name
    # Python's own search passes a script without #! over for what has the same name further on.
    places = (f"{folder or os.curdir}{os.sep}{name}" for folder in os.get_exec_path(environ))
    return next((place for place in places if os.access(place, os.X_OK) and Path(place).is_file()), name)


def _start(program: str, words: Sequence[str], environ: Mapping[str, str]) -> Popen[bytes]:
    from subprocess import Popen

    if sys.platform == "win32":
        return Popen([program, *words[1:]], env=environ)  # noqa: S603
    # What the caller opened for the command stays open, as it does where this process is replaced.
    return Popen(words, executable=program, env=environ, close_fds=False)  # noqa: S603


def _find_script(program: str, words: Sequence[str], error: OSError) -> list[str]:
    """The words that start a script without #!, as a shell does; for anything else `error` is raised."""
    if error.errno != errno.ENOEXEC or sys.platform == "win32":
        raise error
    with Path(program).open("rb") as file:
        first_line = file.readline(_LONGEST_FIRST_LINE)
    if b"\0" in first_line:
        # No text: a program for another system, say.
        raise error
    return [_SHELL, f"./{program}" if program.startswith("-") else program, *words[1:]]


def _new_start_error(name: str, environ: Mapping[str, str], error: OSError) -> ProcoreLoginError:
    """What a shell says by 127 (there is no such command) and 126 (there is, but it cannot run)."""
    import shutil

    is_path = any(separator in name for separator in (os.sep, os.altsep) if separator)
    exists = Path(name).exists() if is_path else shutil.which(name, os.F_OK, environ.get("PATH")) is not None
    if not name or not exists:
        where = "there is no such file" if is_path else "it is in no folder of PATH"
        return CommandNotFoundError(
            f"The command {name or '(an empty text)'} was not found: {where}.",
            "Check its spelling. exec uses no shell: for aliases, pipes and the like, run sh -c '...'.",
        )
    if isinstance(error, FileNotFoundError):
        why = "the interpreter that its first line names is missing"
    else:
        why = (os.strerror(error.errno) if error.errno else "it cannot be started").lower()
    return CommandNotRunnableError(
        f"The command {name} cannot be run: {why}.",
        "Check that it is a script or a program for this system, with permission to run (chmod +x).",
    )
