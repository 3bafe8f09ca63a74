"""What the command that `exec` runs finds in its environment; refuses to hand on the client secret."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from procore_cli import access
from procore_cli.config.settings import new_token_digest, without_what_exec_set

if TYPE_CHECKING:
    from procore_cli.world import World


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
    world: World, environ: Mapping[str, str], min_ttl_s: int, company: int | None
) -> dict[str, str]:
    """The variables of a child that starts now: `environ` with a token valid for `min_ttl_s` seconds.

    `company` goes before the one in force. Raises what `access.token` raises.
    """
    settings = world.settings
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
    return given | _new_token_variables(world, min_ttl_s)


def _new_token_variables(world: World, min_ttl_s: int) -> dict[str, str]:
    if world.settings.access_token:
        # From elsewhere: whose it is nobody here knows, and the store has no fresher one.
        return {"PROCORE_ACCESS_TOKEN": access.token(world, min_ttl_s)}
    who = str(access.find_account(world).user.procore_id)
    # Named, so that token and name are one account's even if another becomes the current one now.
    named = replace(world, settings=replace(world.settings, account=who))
    token = access.token(named, min_ttl_s)
    return {
        "PROCORE_ACCESS_TOKEN": token,
        "PROCORE_LOGIN_ACCOUNT": who,
        "PROCORE_LOGIN_EXEC": new_token_digest(token),
    }
