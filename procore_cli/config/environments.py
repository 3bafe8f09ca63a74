"""Procore's hosts and paths, in this one place; refuses to know anything else about Procore."""

from __future__ import annotations

from typing import Final

from procore_cli.models import Environment

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
# Its app.
DEMO_CLIENT_ID: Final = "pretend-client-id"
DEMO_CLIENT_SECRET: Final = "pretend-client-secret"

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
