"""How `exec` hands a token to the command that it was given, and how that starts and ends.

Refuses to hand on the client secret, and to put a shell or a file in between.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from procore_cli.config.variables import new_token_digest, without_what_exec_set
from procore_cli.errors import CommandNotFoundError, CommandNotRunnableError, ProcoreLoginError
from procore_cli.flows import access

if TYPE_CHECKING:
    from subprocess import Popen

    from procore_cli.context import Context


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


def new_environ(
    context: Context, environ: Mapping[str, str], min_ttl_s: int, company: int | None
) -> dict[str, str]:
    """The variables of a child that starts now: `environ` with a token valid for `min_ttl_s` seconds.

    `company` goes before the one in force. Raises what `access.token` raises.
    """
    settings = context.settings
    taken_out = ("PROCORE_CLIENT_SECRET", "PROCORE_LOGIN_EXEC")
    # In an exec in an exec, what the outer one says of another environment would be believed of this one.
    kept = without_what_exec_set(settings.environment.name, environ)
    given = {name: value for name, value in kept.items() if name not in taken_out}
    given |= {"PROCORE_ENV": settings.environment.name, "PROCORE_API_URL": settings.environment.api_url}
    if settings.is_demo:
        given["PROCORE_LOGIN_URL"] = settings.environment.login_url
    company = company or settings.company
    if company is not None:
        given["PROCORE_COMPANY_ID"] = str(company)
    return given | _new_token_variables(context, min_ttl_s)


def _new_token_variables(context: Context, min_ttl_s: int) -> dict[str, str]:
    if context.settings.access_token:
        # From elsewhere: whose it is nobody here knows, and the store has no fresher one.
        return {"PROCORE_ACCESS_TOKEN": access.token(context, min_ttl_s)}
    who = str(access.find_account(context).user.procore_id)
    # Named, so that token and name are one account's even if another becomes the current one now.
    named = replace(context, settings=replace(context.settings, account=who))
    token = access.token(named, min_ttl_s)
    return {
        "PROCORE_ACCESS_TOKEN": token,
        "PROCORE_LOGIN_ACCOUNT": who,
        "PROCORE_LOGIN_EXEC": new_token_digest(token),
    }


# What somebody may send to this process alone, though it is meant for the command.
_RELAYED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT", "SIGQUIT", "SIGBREAK")
# A terminal sends these to the command as well.
_KEYS = ("SIGINT", "SIGQUIT", "SIGBREAK")
_OF_CHILD = ("SIGCHLD",)
# Python ignores these, and what is ignored stays so in the command.
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")
# What reads a script that names no interpreter, and how far a byte is looked for that no text has.
_SHELL = "/bin/sh"
_LONGEST_FIRST_LINE = 4096


def become(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Let the command take this process over: its signals, job control and exit code are its own (POSIX).

    Raises CommandNotFoundError, CommandNotRunnableError.
    """
    if not command[0]:
        raise _new_start_error(command[0], environ, FileNotFoundError())
    program = _find_program(command[0], environ)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    former = {number: signal.signal(number, signal.SIG_DFL) for number in _find_signals(_IGNORED_BY_PYTHON)}
    try:
        try:
            os.execvpe(program, list(command), environ)  # noqa: S606 - to run what was typed is the purpose
        except OSError as error:
            os.execvpe(_SHELL, _find_script(program, command, error), environ)  # noqa: S606
    except OSError as error:
        raise _new_start_error(command[0], environ, error) from None
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the command while this process stays; returns its exit code, on POSIX -N for a death by signal N.

    What is sent to this process goes on to the command, which shares its process group and its terminal.
    Raises CommandNotFoundError, CommandNotRunnableError.
    """
    program = _find_program(command[0], environ)
    with _relaying() as relay:
        try:
            try:
                child = _start(program, command, environ)
            except OSError as error:
                child = _start(_SHELL, _find_script(program, command, error), environ)
        except OSError as error:
            raise _new_start_error(command[0], environ, error) from None
        relay.begin(child)
        return relay.wait(child)


def end_like(code: int) -> NoReturn:
    """End this process as the command ended: with its exit code, or by the same signal."""
    if code < 0:
        _die_of(-code)
    sys.exit(code if code >= 0 else 128 - code)


class _Relay:
    """Passes on to the command what was sent to this process alone."""

    def __init__(self, woken: socket.socket) -> None:
        """`woken` has something to read after each signal."""
        self._woken = woken
        self._child: Popen[bytes] | None = None
        self._early: list[int] = []
        self._keys = _find_signals(_KEYS)

    def begin(self, child: Popen[bytes]) -> None:
        """From here on there is somebody to pass it on to."""
        self._child = child
        for number in self._early:
            child.send_signal(number)

    def wait(self, child: Popen[bytes]) -> int:
        """Its exit code, once it has one."""
        if sys.platform == "win32":
            return child.wait()
        # A signal that comes just before a plain wait would be handled after the child's end only.
        while (code := child.poll()) is None:
            self._woken.recv(4096)
        return code

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal; that a child has ended is told by the waking alone."""
        if number in _find_signals(_OF_CHILD):
            return
        if self._child is None:
            self._early.append(number)
        elif number not in self._keys or not _is_in_foreground():
            self._child.send_signal(number)


@contextmanager
def _relaying() -> Iterator[_Relay]:
    ours, waking = socket.socketpair()
    waking.setblocking(False)
    relay = _Relay(ours)
    # What is ignored here (nohup, a job in the background) is ignored in the command, too.
    numbers = [each for each in _find_signals(_RELAYED) if signal.getsignal(each) is not signal.SIG_IGN]
    former_fd = signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    former = {number: signal.signal(number, relay) for number in (*numbers, *_find_signals(_OF_CHILD))}
    try:
        yield relay
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(former_fd)
        ours.close()
        waking.close()


def _find_signals(names: Sequence[str]) -> list[signal.Signals]:
    return [signal.Signals[name] for name in names if name in signal.Signals.__members__]


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
    import errno

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
