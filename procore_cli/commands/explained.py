"""A command whose help also names the variables that matter to it, and the exit codes that are its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

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
