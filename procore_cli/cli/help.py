"""The commands by purpose, how help is laid out, and what was mistyped; refuses to know what commands do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import click

from procore_cli.config.environments import ENVIRONMENTS, find_nearest
from procore_cli.console import find_columns
from procore_cli.errors import UsageMistakeError

# A section's title and its commands, each with one thing to type.
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Sign in": {
        "signup": "signup --env demo",
        "signin": "signin --env sandbox",
        "whoami": "whoami --json",
        "signout": "signout --all",
    },
    "Use the token": {
        "api": "api companies",
        "exec": "exec -- python3 sync.py",
        "token": "token --min-ttl 600",
        "refresh": "refresh",
    },
    "Several accounts": {
        "accounts": "accounts --check",
        "switch": "switch WHO",
    },
    "Set up and look": {
        "configure": "configure --env sandbox",
        "doctor": "doctor --offline",
        "completion": "completion bash",
    },
    "Try and test": {
        "demo": "demo serve",
    },
}
# What somebody types who knows another program of the kind.
SYNONYMS: Mapping[str, str] = {
    "login": "signin",
    "log-in": "signin",
    "sign-in": "signin",
    "auth": "signin",
    "register": "signup",
    "sign-up": "signup",
    "logout": "signout",
    "log-out": "signout",
    "sign-out": "signout",
    "revoke": "signout",
    "status": "whoami",
    "me": "whoami",
    "users": "accounts",
    "list": "accounts",
    "ls": "accounts",
    "use": "switch",
    "call": "api",
    "get": "api",
    "run": "exec",
    "init": "configure",
    "setup": "configure",
    "config": "configure",
    "check": "doctor",
    "completions": "completion",
    "serve": "demo serve",
    "help": "--help",
    "version": "--version",
}
_NARROW_COLUMNS = 60


class SectionWriter(Protocol):
    """What is used of click's formatter."""

    width: int

    def write(self, string: str) -> None:
        """Add text as it is."""


def list_in_order(commands: Mapping[str, str]) -> list[str]:
    """The commands' names, in the order in which `--help` shows them."""
    placed = [name for section in SECTIONS.values() for name in section if name in commands]
    return [*placed, *(name for name in commands if name not in placed)]


def write_commands(formatter: SectionWriter, commands: Mapping[str, str]) -> None:
    """Every command with its line and its example; `commands` are the help lines by name."""
    rest = {name: name for name in commands if not any(name in section for section in SECTIONS.values())}
    for title, section in [*SECTIONS.items(), ("Others", rest)]:
        known = {name: example for name, example in section.items() if name in commands}
        if known:
            formatter.write(f"\n{title}:\n")
        for name, example in known.items():
            for line in _lines(name, commands[name], example, formatter.width):
                formatter.write(line + "\n")


def _lines(name: str, help_line: str, example: str, width: int) -> Iterator[str]:
    from textwrap import wrap

    typed = f"$ procore-login {example}"
    if width < _NARROW_COLUMNS:
        yield f"  {name}"
        yield from wrap(help_line, width, initial_indent="    ", subsequent_indent="    ")
        yield from wrap(
            typed, width, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False
        )
        return
    yield from wrap(f"{name:<12}{help_line}", width, initial_indent="  ", subsequent_indent=" " * 14)
    yield f"{'':14}{typed}"


_NARROWEST_COLUMNS, _WIDEST_COLUMNS = 40, 100
# As wide as a hyphen, and no place to break a line.
_STAND_IN = "\x00"


class Formatter(click.HelpFormatter):
    """As click's where there is room for two columns, and with no word broken at its hyphen."""

    def write_text(self, text: str) -> None:
        """A paragraph. What is to be typed is full of hyphens."""
        written = len(self.buffer)
        super().write_text(text.replace("-", _STAND_IN))
        self.buffer[written:] = [piece.replace(_STAND_IN, "-") for piece in self.buffer[written:]]

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Names and what they mean, with click's ranges in words."""
        rows = [(name, _in_words(meaning)) for name, meaning in rows]
        if self.width >= _NARROW_COLUMNS:
            super().write_dl(rows, col_max, col_spacing)
            return
        for name, meaning in rows:
            self.write_text(name)
            self.indent()
            self.write_text(meaning)
            self.dedent()


def _in_words(meaning: str) -> str:
    meaning = re.sub(r"\b(\d+)<=x<=(\d+)\]", r"\1 to \2]", meaning)
    return re.sub(r"\bx>=(\d+)\]", r"\1 or more]", meaning)


class HelpContext(click.Context):
    """What makes click use it."""

    def make_formatter(self) -> click.HelpFormatter:
        """One as wide as the terminal, within what can be read."""
        return Formatter(width=find_columns(_NARROWEST_COLUMNS, _WIDEST_COLUMNS) - 1)


def lay_out(command: click.Command) -> click.Command:
    """The command, and those in it, with help that fits."""
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    for one in (command, *inner):
        one.context_class = HelpContext
    return command


_VARIABLES: Mapping[str, str] = {
    "PROCORE_ENV": "the environment, where --env is silent",
    "PROCORE_LOGIN_ACCOUNT": "the account, where --account is silent",
    "PROCORE_ACCESS_TOKEN": "a token from elsewhere: used as it is, never stored",
    "PROCORE_CLIENT_ID": "the app, with PROCORE_CLIENT_SECRET and PROCORE_REDIRECT_URI",
    "PROCORE_COMPANY_ID": "the company, where --company is silent",
    "PROCORE_LOGIN_STORE": "keyring or file: where the tokens are kept",
    "PROCORE_LOGIN_HOME": "the data folder",
    "PROCORE_LOGIN_DB": "another SQLite file for the rows",
    "PROCORE_LOGIN_EXEC": "set for COMMAND, so that this program in it knows its token",
    "BROWSER": "the browser, where --browser is silent",
    "HTTPS_PROXY": "the proxy; NO_PROXY and REQUESTS_CA_BUNDLE count as well",
}


class ExplainedCommand(click.Command):
    """`variables` are names of the list above, `codes` say what an exit code means here."""

    def __init__(
        self, *args: Any, variables: Sequence[str] = (), codes: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._variables = variables
        self._codes = codes or {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, then the variables and the exit codes."""
        super().format_options(ctx, formatter)
        if self._variables:
            with formatter.section("Variables"):
                formatter.write_dl([(name, _VARIABLES[name]) for name in self._variables])
        if self._codes:
            with formatter.section("Exit codes"):
                formatter.write_dl(list(self._codes.items()))


_PROGRAM = "procore-login"
# They stand on each command, never on the program.
_ON_COMMANDS = frozenset({"-e", "--env", "-a", "--account", "--json", "--debug"})


def read_mistake(error: click.ClickException, typed: Sequence[str]) -> UsageMistakeError:
    """click's error as ours, with the hint what to type; `typed` is the command line."""
    context = getattr(error, "ctx", None)
    # click's parser does not always say whose option it was; what fails there has a command in front.
    command = context.command_path if context else " ".join([_PROGRAM, *typed[:1]])
    see = f"See {command} --help."
    if isinstance(error, click.BadOptionUsage):
        what = "takes no value" if "not take" in error.message else "needs a value"
        return UsageMistakeError(f"{error.option_name} {what}.", see)
    if context is None:
        return UsageMistakeError(error.format_message(), see)
    if isinstance(error, click.NoSuchOption):
        return _no_such_option(error, context)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        usage = " ".join(context.get_usage().split()).removeprefix("Usage: ")
        return UsageMistakeError(f"{_name(error.param)} is missing.", f"Usage: {usage}")
    if isinstance(error, click.BadParameter) and error.param is not None:
        return _bad_value(error, error.param, see)
    return _other(error, context, see)


def unknown_command(typed: list[str], commands: Iterable[str], program: str = _PROGRAM) -> UsageMistakeError:
    """The error for a command that is none of `program`'s; `typed` is the command line from it on."""
    word, *rest = typed
    known = list(commands)
    what = f'There is no command "{word}"' + ("." if program == _PROGRAM else f" in {program}.")
    meant = SYNONYMS.get(word.casefold()) if program == _PROGRAM else None
    if meant == "--help" and rest and rest[0] in known:
        meant = f"{rest[0]} --help"
    if meant is None or (meant[0] != "-" and meant.split()[0] not in known):
        meant = find_nearest(word, known)
    hint = f"Did you mean {program} {meant}?" if meant else f"See {program} --help."
    return UsageMistakeError(what, hint)


def _no_such_option(error: click.NoSuchOption, context: click.Context) -> UsageMistakeError:
    name, path = error.option_name, context.command_path
    if context.parent is None and name in _ON_COMMANDS:
        return UsageMistakeError(
            f"{name} stands after the command, not before it.", f"For example: {_PROGRAM} whoami {name} ..."
        )
    options = [option for param in context.command.get_params(context) for option in param.opts]
    near = find_nearest(name, options) if name.startswith("--") else None
    guess = f"Did you mean {near}? " if near else ""
    return UsageMistakeError(f"There is no option {name} in {path}.", f"{guess}See {path} --help.")


def _bad_value(error: click.BadParameter, param: click.Parameter, see: str) -> UsageMistakeError:
    name, kind = _name(param), param.type
    given = error.message.partition(" is not ")[0].strip("'\"")
    if isinstance(kind, click.IntRange):
        return UsageMistakeError(f'{name} must be a whole number {_range(kind)}, not "{given}".', see)
    if isinstance(kind, click.Choice):
        known = [str(choice) for choice in kind.choices]
        near = find_nearest(given, known)
        wanted = f"{', '.join(known[:-1])} or {known[-1]}"
        guess = f"Did you mean {near}? " if near else ""
        return UsageMistakeError(f'{name} must be {wanted}, not "{given}".', f"{guess}{see}")
    return UsageMistakeError(f"{name} cannot be used: {error.message}", see)


def _range(kind: click.IntRange) -> str:
    if kind.max is None:
        return f"from {kind.min} up"
    return f"up to {kind.max}" if kind.min is None else f"from {kind.min} to {kind.max}"


def _other(error: click.ClickException, context: click.Context, see: str) -> UsageMistakeError:
    if isinstance(context.command, click.Group):
        # An older click has no class of its own for it.
        named = getattr(error, "command_name", None) or _quoted(error.message)
        if named is not None:
            return unknown_command([named], context.command.list_commands(context), context.command_path)
    extra = re.fullmatch(r"Got unexpected extra arguments? \((.*)\)", error.message, re.DOTALL)
    if extra is not None:
        guess = _guess_option(extra[1], context)
        # A word that is not known may be a secret that was typed in the wrong place.
        what = f'does not take "{extra[1]}"' if guess else "takes no argument here"
        return UsageMistakeError(f"{context.command_path} {what}.", f"{guess}{see}")
    return UsageMistakeError(error.format_message(), see)


def _quoted(text: str) -> str | None:
    found = re.fullmatch(r"No such command '(.*)'\.", text, re.DOTALL)
    return found[1] if found else None


def _guess_option(word: str, context: click.Context) -> str:
    """What a word may be the value of."""
    options: Mapping[str, bool] = {
        "--env": word in ENVIRONMENTS,
        "--account": "@" in word and " " not in word,
    }
    known = {option for param in context.command.params for option in param.opts}
    meant = next((option for option, fits in options.items() if fits and option in known), None)
    return f"Did you mean {meant} {word}? " if meant else ""


def _name(param: click.Parameter) -> str:
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return (param.metavar or (param.name or "").upper()).removesuffix("...")
