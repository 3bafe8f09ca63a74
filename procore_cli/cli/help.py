"""The commands by purpose, how help is laid out, and what was mistyped; refuses to know what commands do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import click

from procore_cli.config.environments import ENVIRONMENTS
from procore_cli.errors import UsageMistakeError


class CommandHelp(NamedTuple):
    """A command in --help: its line, something to type, and the module of `cli` that has it."""

    line: str
    example: str
    module: str


# In the order of --help. All of it stands here, so that --help imports no command.
SECTIONS: Mapping[str, Mapping[str, CommandHelp]] = {
    "Sign in": {
        "signup": CommandHelp(
            "Sign in with Procore for the first time here.", "signup --env demo", "commands.signin"
        ),
        "signin": CommandHelp(
            "Sign in with Procore in the browser.", "signin --env sandbox", "commands.signin"
        ),
        "whoami": CommandHelp("Show who is signed in.", "whoami --json", "commands.tokens"),
        "signout": CommandHelp("Revoke the tokens and delete them here.", "signout --all", "commands.signin"),
    },
    "Use the token": {
        "api": CommandHelp("Call the API and print what it answers.", "api companies", "commands.api"),
        "exec": CommandHelp(
            "Run a command with an access token in its environment.",
            "exec -- python3 sync.py",
            "commands.exec",
        ),
        "token": CommandHelp(
            "Print a valid access token, for scripts.", "token --min-ttl 600", "commands.tokens"
        ),
        "refresh": CommandHelp(
            "Exchange the refresh token for new tokens now.", "refresh", "commands.tokens"
        ),
    },
    "Several accounts": {
        "accounts": CommandHelp("List who is signed in.", "accounts --check", "commands.accounts"),
        "switch": CommandHelp(
            "Make another account the current one.", "switch joecontractor@procore.com", "commands.accounts"
        ),
    },
    "Set up and look": {
        "configure": CommandHelp(
            "Set an environment's client id, secret and redirect URI.",
            "configure --env sandbox",
            "commands.configure",
        ),
        "doctor": CommandHelp("Check the whole path to a sign-in.", "doctor --offline", "commands.doctor"),
        "database": CommandHelp(
            "Make the tables of a PostgreSQL database that machines share.",
            "database init",
            "commands.database",
        ),
        "completion": CommandHelp(
            "Print a script that completes this program's words.", "completion bash", "completion"
        ),
    },
    "Try and test": {
        "demo": CommandHelp(
            "Run a pretend Procore to test against, or forget its state.", "demo serve", "commands.demo"
        ),
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


def write_commands(formatter: click.HelpFormatter) -> None:
    """Every command with its line and its example."""
    for title, section in SECTIONS.items():
        with formatter.section(title):
            for name, listed in section.items():
                # As wide in each section.
                formatter.write_dl([(f"{name:<10}", listed.line), ("", f"$ procore-login {listed.example}")])


# As wide as a hyphen, and no place to break a line.
_STAND_IN = "\x00"


class Formatter(click.HelpFormatter):
    """As click's, with no word broken at its hyphen, and ranges in words."""

    def write_text(self, text: str) -> None:
        """A paragraph. What is to be typed is full of hyphens."""
        written = len(self.buffer)
        super().write_text(text.replace("-", _STAND_IN))
        self.buffer[written:] = [piece.replace(_STAND_IN, "-") for piece in self.buffer[written:]]

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Names and what they mean."""
        super().write_dl([(name, _in_words(meaning)) for name, meaning in rows], col_max, col_spacing)


def _in_words(meaning: str) -> str:
    meaning = re.sub(r"\b(\d+)<=x<=(\d+)\]", r"\1 to \2]", meaning)
    return re.sub(r"\bx>=(\d+)\]", r"\1 or more]", meaning)


class HelpContext(click.Context):
    """What makes click use it."""

    formatter_class = Formatter


# In the order of --help.
_VARIABLES: Mapping[str, str] = {
    "PROCORE_ENV": "the environment, where --env is silent",
    "PROCORE_LOGIN_ACCOUNT": "the account, where --account is silent",
    "PROCORE_COMPANY_ID": "the company, where no option names one",
    "PROCORE_ACCESS_TOKEN": "a token from elsewhere: used as it is, never stored",
    "PROCORE_CLIENT_ID": "the app, with PROCORE_CLIENT_SECRET",
    "PROCORE_REDIRECT_URI": "the app's redirect URI",
    "PROCORE_LOGIN_URL": "another base URL; PROCORE_API_URL is the API's",
    "PROCORE_LOGIN_STORE": "keyring or file: where tokens and secrets are kept",
    "PROCORE_LOGIN_HOME": "the data folder",
    "PROCORE_LOGIN_DB": "another SQLite file, or the postgresql:// URL of a shared database",
    "PROCORE_LOGIN_KEY": "what opens the tokens there; or its file, PROCORE_LOGIN_KEY_FILE",
    "PROCORE_LOGIN_EXEC": "set for COMMAND, and read by this program in it",
    "BROWSER": "the browser, where --browser is silent",
    "HTTPS_PROXY": "the proxy; NO_PROXY and REQUESTS_CA_BUNDLE too",
}
# What counts for whoever looks at the accounts, talks to Procore, or does so as one of several.
OF_DATABASE = ("PROCORE_ENV", "PROCORE_LOGIN_HOME", "PROCORE_LOGIN_DB")
OF_PROCORE = (
    *OF_DATABASE,
    "PROCORE_COMPANY_ID",
    "PROCORE_CLIENT_ID",
    "PROCORE_LOGIN_URL",
    "PROCORE_LOGIN_STORE",
    "PROCORE_LOGIN_KEY",
    "HTTPS_PROXY",
)
OF_ACCOUNT = (*OF_PROCORE, "PROCORE_LOGIN_ACCOUNT")
OF_DOCTOR = tuple(name for name in _VARIABLES if name != "PROCORE_LOGIN_EXEC")

# What an exit code means, unless a command has its own words for it.
CODES: dict[str, str] = {
    "2": "usage; an environment or account that is not known",
    "3": "a setting is missing or wrong, or Procore refuses the app",
    "4": "somebody has to sign in (again)",
    "5": "Procore or the network failed",
    "6": "keyring, database, data folder or standard output failed",
}


class ExplainedCommand(click.Command):
    """`variables` are names of the list above; `codes` say what an exit code means here, beside 0, 1 and 130.

    Where a code has no words, it means the usual.
    """

    context_class = HelpContext
    # What is left over is refused here, where it can be looked at.
    allow_extra_args = True

    def __init__(
        self, *args: Any, variables: Sequence[str] = (), codes: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._variables = variables
        self._codes = codes or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line. Raises click.UsageError, UsageMistakeError."""
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            # click's parser does not always say whose option it was.
            error.ctx = error.ctx or ctx
            raise
        if rest and not ctx.resilient_parsing:
            raise _new_superfluous(" ".join(rest), ctx)
        return rest

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, then the variables and the exit codes."""
        super().format_options(ctx, formatter)
        if self._variables:
            with formatter.section("Variables"):
                formatter.write_dl([each for each in _VARIABLES.items() if each[0] in self._variables])
        if self._codes:
            with formatter.section("Exit codes"):
                formatter.write_dl([(code, words or CODES[code]) for code, words in self._codes.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example, whole on a line of its own."""
        if self.epilog:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write(f"{'':>{formatter.current_indent}}{self.epilog}\n")


class ExplainedGroup(click.Group):
    """A group whose commands are such."""

    context_class = HelpContext
    command_class = ExplainedCommand


_PROGRAM = "procore-login"
# They stand on each command, never on the program.
_VALUED_ON_COMMANDS = frozenset({"-e", "--env", "-a", "--account"})
_ON_COMMANDS = _VALUED_ON_COMMANDS | {"--json", "--debug"}


def read_mistake(error: click.ClickException, arguments: Sequence[str] = ()) -> UsageMistakeError:
    """click's error as ours, with the hint what to type; `arguments` is the whole command line."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else _PROGRAM
    see = f"See `{path} --help`"
    if isinstance(error, click.BadOptionUsage):
        takes_one = context is not None and error.option_name in _list_valued(context)
        return UsageMistakeError(f"{error.option_name} {'needs a' if takes_one else 'takes no'} value.", see)
    if context is None:
        return UsageMistakeError(error.format_message(), see)
    if isinstance(error, click.NoSuchCommand):
        return _no_such_command(error, context)
    if isinstance(error, click.NoSuchOption):
        return _no_such_option(error, context, arguments)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return UsageMistakeError(f"{_name(error.param)} is missing.", _find_example(context))
    if isinstance(error, click.BadParameter) and error.param is not None:
        return UsageMistakeError(f"{_name(error.param)} {_what_is_wrong(error, error.param.type)}", see)
    return UsageMistakeError(error.format_message(), see)


def _find_example(context: click.Context) -> str:
    """Something to type in place of a command that lacks an argument."""
    name = context.info_name or ""
    for section in SECTIONS.values():
        if name in section:
            return f"For example: `{_PROGRAM} {section[name].example}`"
    return f"See `{context.command_path} --help`"


def _no_such_command(error: click.NoSuchCommand, context: click.Context) -> UsageMistakeError:
    word, path = error.command_name, context.command_path
    where, synonym = (f" in {path}", None) if context.parent else ("", SYNONYMS.get(word.casefold()))
    meant = synonym or next(iter(error.possibilities or []), None)
    hint = f"Did you mean `{path} {meant}`?" if meant else f"See `{path} --help`"
    return UsageMistakeError(f'There is no command "{word}"{where}.', hint)


def _no_such_option(
    error: click.NoSuchOption, context: click.Context, arguments: Sequence[str]
) -> UsageMistakeError:
    name, path = error.option_name, context.command_path
    if context.parent is None and name in _ON_COMMANDS:
        return UsageMistakeError(f"{name} stands after the command, not before it.", _in_order(arguments))
    guess = f"Did you mean {error.possibilities[0]}? " if error.possibilities else ""
    return UsageMistakeError(f"There is no option {name} in {path}.", f"{guess}See `{path} --help`")


def _in_order(arguments: Sequence[str]) -> str:
    """The command line with the command's name first; nothing that may be a secret is shown."""
    examples = {name: listed.example for section in SECTIONS.values() for name, listed in section.items()}
    place = 0
    while place < len(arguments) - 1 and arguments[place].partition("=")[0] in _ON_COMMANDS:
        place += 2 if arguments[place] in _VALUED_ON_COMMANDS else 1
    name = arguments[place] if arguments[place : place + 1] and arguments[place] in examples else "whoami"
    # As many as its example has.
    takes = list(takewhile(_is_argument, examples[name].split()[1:]))
    rest = list(takewhile(_is_argument, arguments[place + 1 :]))[: len(takes)]
    words = [name, *arguments[:place], *rest]
    how = "Type" if len(words) >= len(arguments) else "For example:"
    return f"{how} `{_PROGRAM} {' '.join(map(shlex.quote, words))}`"


def _is_argument(word: str) -> bool:
    return not word.startswith("-")


def _new_superfluous(word: str, context: click.Context) -> UsageMistakeError:
    """What a word may be the value of is said."""
    path, valued = context.command_path, _list_valued(context)
    if word in ENVIRONMENTS and "--env" in valued:
        guess = f"Did you mean --env {word}? "
    elif "@" in word and " " not in word and "--account" in valued:
        guess = f"Did you mean --account {word}? "
    else:
        # It may be a secret that was typed in the wrong place.
        further = "further " if any(isinstance(p, click.Argument) for p in context.command.params) else ""
        return UsageMistakeError(f"{path} takes no {further}argument here.", f"See `{path} --help`")
    return UsageMistakeError(f'{path} does not take "{word}".', f"{guess}See `{path} --help`")


def _list_valued(context: click.Context) -> list[str]:
    """The names of the options that take a value."""
    options = (param for param in context.command.params if isinstance(param, click.Option))
    return [name for option in options if not option.is_flag for name in option.opts]


def _what_is_wrong(error: click.BadParameter, kind: click.ParamType[Any]) -> str:
    if isinstance(kind, click.IntRange):
        limits = f"from {kind.min} up" if kind.max is None else f"from {kind.min} to {kind.max}"
        return f"must be a whole number {limits}."
    if isinstance(kind, click.Choice):
        *others, last = map(str, kind.choices)
        return f"must be {', '.join(others)} or {last}."
    return f"cannot be used: {error.message}"


def _name(param: click.Parameter) -> str:
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return (param.metavar or (param.name or "").upper()).removesuffix("...")
