"""Sign in through a web app: the same steps, in two halves; the app's own page takes the callback.

What lies between them is in the session of the person's browser, signed; nothing in it is secret, since the
PKCE verifier is made from the state and a key that lies where the tokens lie. So any worker can finish.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from procore_cli.callback.authorization_response import Pairs, is_ours, read_callback
from procore_cli.client import oauth
from procore_cli.config.urls import read_redirect_uri
from procore_cli.errors import GrantRefusedError, SignInNeededError, SignInNotBegunError
from procore_cli.flows import revocation
from procore_cli.flows.credentials import find_app
from procore_cli.flows.sign_in import Redeemed, redeem, say_where_tokens_go
from procore_cli.grants import CodeGrant, is_from_the_future

if TYPE_CHECKING:
    from procore_cli.context import Context
    from procore_cli.grants import AppCredentials

# As long as a code of Procore's is good for.
LIFETIME_S = 600
_FORMAT = "1"
# What a signature is for.
_KEPT, _VERIFIER = f"kept {_FORMAT}", "verifier"
_MAX_PARAMETERS = 100
_AGAIN = "Begin the sign-in again."


class Begin(NamedTuple):
    """A sign-in that begins: `url` is where the browser goes, `kept` what its session holds meanwhile."""

    url: str
    kept: str


class _Kept(NamedTuple):
    """What `kept` says."""

    state: str
    begun_at: int
    redirect_uri: str


def begin(context: Context, redirect_uri: str) -> Begin:
    """Steps 1 and 2 of `flows.sign_in`; sends nothing.

    Raises ConfigurationError, StorageError, and BusyError while another run makes the key.
    """
    settings = context.settings
    redirect = read_redirect_uri(redirect_uri, "redirect_uri=")
    app = find_app(settings, context.storage.client_secrets)
    key, state = context.storage.web_key.load(), oauth.new_state()
    pkce = oauth.new_pkce(_new_verifier(key, state))
    login_url = settings.environment.login_url
    url = oauth.authorize_url(login_url, app.client_id, redirect.text, state, pkce.challenge)
    kept = _Kept(state, int(context.clock()), redirect.text)
    return Begin(url, _new_text(key, settings.environment.name, kept))


def finish(context: Context, callback_url: str, kept: str | None) -> Redeemed:
    """Steps 4 to 9; nobody becomes the current account.

    Raises any of our errors; afterwards either the row and the tokens are stored, or neither.
    """
    name, now = context.settings.environment.name, context.clock()
    found = ((key, _read_text(key, name, kept or "", now)) for key in context.storage.web_key.list())
    key, begun = next((each for each in found if each[1] is not None), (b"", None))
    pairs = _read_parameters(callback_url)
    if begun is None or not is_ours(pairs, begun.state):
        raise SignInNotBegunError(
            f"This callback answers no sign-in to {name} that this browser began in the last ten minutes.",
            _AGAIN,
            environment=name,
        )
    try:
        grant = CodeGrant(read_callback(pairs), begun.redirect_uri, _new_verifier(key, begun.state))
        app = find_app(context.settings, context.storage.client_secrets)
        say_where_tokens_go(context)
        # From the moment that the code is sent nothing cuts it off.
        return context.shield(lambda: _redeem(context, app, grant))
    except (SignInNeededError, GrantRefusedError) as error:
        raise error.reworded(error.message, _AGAIN) from None


def _redeem(context: Context, app: AppCredentials, grant: CodeGrant) -> Redeemed:
    redeemed = redeem(context, app, grant, makes_current=False)
    revocation.revoke_former(context, app, redeemed.saved, redeemed.tokens)
    return redeemed


def _read_parameters(url: str) -> Pairs:
    """The parameters of a callback, whole address or path and query; none where they cannot be read."""
    try:
        return parse_qsl(urlsplit(url).query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return []


def _new_verifier(key: bytes, state: str) -> str:
    """The PKCE verifier of a sign-in, 43 characters (RFC 7636, section 4.1)."""
    return _sign(key, _VERIFIER, state)


def _new_text(key: bytes, environment: str, kept: _Kept) -> str:
    content = _encode(json.dumps(kept).encode())
    return f"{_FORMAT}.{content}.{_sign(key, _KEPT, environment, content)}"


def _read_text(key: bytes, environment: str, text: str, now: float) -> _Kept | None:
    """What was kept; None for a text that is not ours, or that is older than it may be."""
    if text.count(".") != 2:
        return None
    number, content, signature = text.split(".")
    expected = _sign(key, _KEPT, environment, content)
    is_signed = hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode())
    if number != _FORMAT or not is_signed:
        return None
    kept = _Kept(*json.loads(urlsafe_b64decode(content + "=" * (-len(content) % 4))))
    is_old = now - kept.begun_at > LIFETIME_S or is_from_the_future(kept.begun_at, now)
    return None if is_old else kept


def _sign(key: bytes, purpose: str, *texts: str) -> str:
    message = "\0".join((purpose, *texts)).encode("utf-8", "replace")
    return _encode(hmac.digest(key, message, "sha256"))


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
