"""The pretend app, its sample user, companies and projects; refuses to hold anything real."""

from __future__ import annotations

from typing import Final

# Public on purpose: they open nothing but the pretend Procore on this machine.
DEMO_CLIENT_ID: Final = "pretend-client-id"
DEMO_CLIENT_SECRET: Final = "pretend-client-secret"
DEMO_APP_NAME: Final = "procore-login"

SAMPLE_ID: Final = 11111
SAMPLE_EMAIL: Final = "joecontractor@procore.com"
SAMPLE_NAME: Final = "Joe Contractor"

SAMPLE_COMPANY_ID: Final = 22222
# The company in which the app is not installed.
UNCONNECTED_COMPANY_ID: Final = 44444

SAMPLE_COMPANIES: Final = (
    (SAMPLE_COMPANY_ID, "Pretend Construction", True),
    (33333, "Sample Bridges", True),
    (UNCONNECTED_COMPANY_ID, "Not Connected Builders", False),
)
SAMPLE_PROJECTS: Final = (
    (501, SAMPLE_COMPANY_ID, "Pretend Library"),
    (502, SAMPLE_COMPANY_ID, "Pretend School"),
    (503, SAMPLE_COMPANY_ID, "Pretend Station"),
    (601, 33333, "Sample Footbridge"),
)
