"""procore-login.1, made from the commands themselves; refuses to write files (generate does).

The macros are those of man(7) that groff and mandoc share.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click

from procore_cli import __version__
from procore_cli.cli.main import group
from procore_cli.config.environments import ENVIRONMENTS
from tools import man_text

CHANGELOG: Final = Path(__file__).parent.parent / "CHANGELOG.md"
PROGRAM: Final = "procore-login"

# A page of 80 columns indents an example by 7.
_EXAMPLE_WIDTH: Final = 70
_ESCAPES: Final = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", '"': r"\(dq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)


def new_man_page() -> str:
    """The whole page, in roff; the same for the same commands, changelog and version."""
    sections = {
        "NAME": [f"{_escape(PROGRAM)} \\- {_escape(man_text.NAME)}"],
        "SYNOPSIS": [f"{_bold(PROGRAM)} {_italic('COMMAND [OPTIONS] [ARGUMENTS]')}"],
        "DESCRIPTION": [*_help(man_text.DESCRIPTION), *_environments()],
        "OPTIONS": _options(_new_context()),
        "COMMANDS": _commands(_new_context()),
        "ENVIRONMENT": _list(man_text.ENVIRONMENT),
        "FILES": _list(man_text.FILES),
        "EXIT STATUS": _list((str(code), meaning) for code, meaning in man_text.EXIT_STATUS),
        "EXAMPLES": _examples(_new_context()),
        "SEE ALSO": _help(man_text.SEE_ALSO),
        "BUGS": _help(man_text.BUGS),
    }
    # Names of variables and paths must not be hyphenated, since people copy them.
    lines = [_title(), ".nh", ".ad l"]
    for name, content in sections.items():
        lines += [f'.SH "{name}"', *content]
    # A heading is followed by its text at once.
    return re.sub(r"^(\.S[HS] .*\n)\.PP\n", r"\1", "\n".join(lines) + "\n", flags=re.MULTILINE)


def _title() -> str:
    # The page is as old as the release that it describes, whenever it is made.
    found = re.search(r"^## \S+ - (\d{4}-\d{2}-\d{2})$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    date = found[1] if found else ""
    return f'.TH "{PROGRAM.upper()}" "1" "{date}" "{PROGRAM} {__version__}" "User Commands"'


def _new_context() -> click.Context:
    return click.Context(group, info_name=PROGRAM, help_option_names=["-h", "--help"])


def _environments() -> Iterator[str]:
    return _list((e.name, _sentence(e.meaning)) for e in ENVIRONMENTS.values())


def _commands(parent: click.Context) -> Iterator[str]:
    for context in _walk(parent):
        yield f'.SS "{_escape(_usage(context))}"'
        yield from _help(context.command.help or "")
        yield from _options(context)


def _usage(context: click.Context) -> str:
    # What click says of a group, and of choices, changes from version to version.
    command = context.command
    pieces = ["COMMAND"] if isinstance(command, click.Group) else command.collect_usage_pieces(context)
    return " ".join([context.command_path, *pieces])


def _walk(parent: click.Context) -> Iterator[click.Context]:
    """The context of each command that --help shows, subcommands after their group."""
    command = parent.command
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(parent):
        found = command.get_command(parent, name)
        if found is not None and not found.hidden:
            context = click.Context(found, info_name=name, parent=parent)
            yield context
            yield from _walk(context)


def _help(text: str) -> Iterator[str]:
    """A command's docstring: click's \\b keeps the lines of a paragraph, \\f ends the help."""
    for paragraph in inspect.cleandoc(text.partition("\f")[0]).split("\n\n"):
        first, _, rest = paragraph.partition("\n")
        if first.strip() == "\b":
            yield from (".PP", ".nf", *map(_guard, map(_escape, rest.splitlines())), ".fi")
        else:
            yield from _paragraph(" ".join(paragraph.split()))


def _options(context: click.Context) -> Iterator[str]:
    for option in context.command.get_params(context):
        if not isinstance(option, click.Option) or option.hidden:
            continue
        # Each command has --help: the page says so once, with the program's own options.
        if "--help" not in option.opts or context.parent is None:
            yield from (".TP", _option_names(option), *_wrap(_meaning(option)))


def _option_names(option: click.Option) -> str:
    """`-e, --env NAME`: what is typed in bold, what it stands for in italics."""
    value = "" if option.is_flag else f" {_italic(_value_name(option))}"
    names = sorted([*option.opts, *option.secondary_opts], key=lambda name: name.startswith("--"))
    return ", ".join(map(_bold, names)) + value


def _value_name(option: click.Option) -> str:
    choices = option.type.choices if isinstance(option.type, click.Choice) else ()
    return option.metavar or "|".join(map(str, choices)) or option.type.name.upper()


def _meaning(option: click.Option) -> str:
    """The help and the default, without the ranges that click adds: an error names them."""
    default = f" [default: {option.default}]" if option.show_default else ""
    return f"{option.help or ''}{default}"


def _list(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, meaning in rows:
        yield from (".TP", _bold(name), *_wrap(meaning))


def _paragraph(text: str) -> Iterator[str]:
    yield from (".PP", *_wrap(text))


def _examples(parent: click.Context) -> Iterator[str]:
    for context in _walk(parent):
        summary = context.command.get_short_help_str(limit=200).rstrip(".")
        for example in re.findall(rf"{PROGRAM} .*", context.command.epilog or ""):
            # An epilog may go on after the command: "..., as a monitoring job would".
            line, separator, remark = example.partition(", as ")
            yield from _paragraph(f"{summary}{separator}{remark}:")
            yield from (".PP", ".nf", *_break(line), ".fi")


def _break(example: str) -> Iterator[str]:
    """A command line in bold, continued with a backslash where it is too long for a page."""
    line = ""
    for part in re.split(r" (?=--\w)", example):
        if line and len(f"{line} {part} \\") > _EXAMPLE_WIDTH:
            yield _bold(f"{line} \\")
            line = f"  {part}"
        else:
            line = f"{line} {part}".removeprefix(" ") if line else part
    yield _bold(line)


def _bold(text: str) -> str:
    return rf"\fB{_escape(text)}\fR"


def _italic(text: str) -> str:
    return rf"\fI{_escape(text)}\fR"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _wrap(text: str) -> Iterator[str]:
    """Lines that a person can read in the source, too."""
    yield from map(_guard, textwrap.wrap(_escape(text), 78, break_long_words=False, break_on_hyphens=False))


def _guard(line: str) -> str:
    # A line that begins with a dot would be a request.
    return rf"\&{line}" if line.startswith(".") else line


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)
