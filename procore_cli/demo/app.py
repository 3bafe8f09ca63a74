"""The pretend app, its sample user and its companies, in this one place; refuses to hold anything real."""

from __future__ import annotations

from typing import Final

# Public on purpose: they open nothing but the pretend Procore on this machine.
DEMO_CLIENT_ID: Final = "pretend-client-id"
DEMO_CLIENT_SECRET: Final = "pretend-client-secret"
DEMO_APP_NAME: Final = "procore-login"

SAMPLE_ID: Final = 11111
SAMPLE_EMAIL: Final = "joecontractor@procore.com"
SAMPLE_NAME: Final = "Joe Contractor"

COMPANIES: Final = (
    {"id": 22222, "name": "Pretend Construction", "is_active": True},
    {"id": 33333, "name": "Sample Bridges", "is_active": True},
)
