"""What click has against a command line, in this program's words, with the nearest thing that exists.

Refuses to decide what is a mistake: click does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import click

from procore_cli.catalogue import SYNONYMS
from procore_cli.config.environments import ENVIRONMENTS, find_nearest
from procore_cli.errors import UsageMistakeError

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
