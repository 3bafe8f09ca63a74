"""Whose token a call carries (RFC 6750); refuses a call without a valid one, in Procore's words."""

from __future__ import annotations

from procore_cli.demo.provider import Provider
from procore_cli.demo.state import IssuedToken
from procore_cli.demo.wire import Answer, Call, RefusedCallError, new_errors

REALM = 'Bearer realm="pretend Procore"'
CHALLENGE = ("WWW-Authenticate", f'{REALM}, error="invalid_token"')


def read_token(provider: Provider, call: Call) -> IssuedToken:
    """What the call's bearer token stands for. Raises RefusedCallError with a 401."""
    token = provider.find_token(call.authorization)
    if token is None:
        raise RefusedCallError(new_unauthorized())
    return token


def new_unauthorized() -> Answer:
    """The API's 401."""
    return new_errors(401, "Invalid or expired access token.", CHALLENGE)
