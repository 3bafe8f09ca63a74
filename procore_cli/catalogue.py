"""The commands by what they are for, with an example each, as `--help` lists them; imports no command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

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


class Formatter(Protocol):
    """What is used of click's formatter."""

    width: int

    def write(self, string: str) -> None:
        """Add text as it is."""


def list_in_order(commands: Mapping[str, str]) -> list[str]:
    """The commands' names, in the order in which `--help` shows them."""
    placed = [name for section in SECTIONS.values() for name in section if name in commands]
    return [*placed, *(name for name in commands if name not in placed)]


def write_commands(formatter: Formatter, commands: Mapping[str, str]) -> None:
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
