"""Procore's hosts, paths and lifetimes, in this one place; refuses to know anything else about Procore."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from procore_cli.models import Environment


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` abbreviates, or is a misspelling of; None if there is none."""
    typed = word.casefold()
    names = list(known)
    # An abbreviation ("prod") is farther from its word than difflib looks.
    begun = [name for name in names if len(typed) > 1 and name.startswith(typed)]
    if begun:
        return begun[0]
    from difflib import get_close_matches

    near = get_close_matches(typed, names, n=1)
    return near[0] if near else None


PRODUCTION: Final = Environment(
    "production",
    "https://login.procore.com",
    "https://api.procore.com",
    "Procore itself, and On-Demand sandboxes",
)
SANDBOX: Final = Environment(
    "sandbox",
    "https://login-sandbox.procore.com",
    "https://sandbox.procore.com",
    "the developer sandbox, with sandbox credentials",
)
MONTHLY: Final = Environment(
    "monthly",
    "https://login-sandbox-monthly.procore.com",
    "https://api-monthly.procore.com",
    "the monthly sandbox, with production credentials",
)
FEDERAL: Final = Environment(
    "federal",
    "https://login.procoregov.com",
    "https://api.procoregov.com",
    "Procore for the US government",
)
# The embedded Procore gets its real URLs when it starts.
DEMO: Final = Environment("demo", "", "", "a pretend Procore on this machine, for trying things out")

ENVIRONMENTS: Final = {e.name: e for e in (PRODUCTION, SANDBOX, MONTHLY, FEDERAL, DEMO)}
DEFAULT_ENVIRONMENT: Final = PRODUCTION.name

AUTHORIZE_PATH: Final = "/oauth/authorize"
TOKEN_PATH: Final = "/oauth/token"
REVOKE_PATH: Final = "/oauth/revoke"
TOKEN_INFO_PATH: Final = "/oauth/token/info"
ME_PATH: Final = "/rest/v1.0/me"
COMPANIES_PATH: Final = "/rest/v1.0/companies"

# Which company an API call is about.
COMPANY_HEADER: Final = "Procore-Company-Id"

# The tutorial's redirect URI; Procore compares it exactly.
DEFAULT_REDIRECT_URI: Final = "http://localhost:4567/callback"
OOB_REDIRECT_URI: Final = "urn:ietf:wg:oauth:2.0:oob"

# The embedded Procore issues what Procore issues today.
DEMO_TOKEN_LIFETIME_S: Final = 5400
CODE_LIFETIME_S: Final = 600
