"""`ProcoreAuth.async_headers` (aiohttp), `api_url`, and a token that was refused outside of any client."""

import asyncio
import copy
import io
import json
import pickle
import sys
import time
from unittest import mock

import pytest
import requests

from procore_cli import ProcoreAuth, get_token
from procore_cli.errors import TokenRefusedError
from procore_cli.library import token_cache
from procore_cli.library.auth import forget_everything
from tests.python_api.caller import PATH, get
from tests.signed_in import last_token, refreshes


def headers(auth, url):
    return asyncio.run(auth.async_headers(url))


def test_the_headers_are_for_the_api_alone(machine, provider, api, elsewhere):
    auth = ProcoreAuth(company="123")
    assert auth.api_url == api.url
    expected = {"Authorization": f"Bearer {last_token(provider)}", "Procore-Company-Id": "123"}
    assert headers(auth, api.url + PATH) == expected
    for url in (elsewhere.url + PATH, api.url.replace("//", "//user@"), "nonsense"):
        assert headers(auth, url) == {}


def test_headers_that_were_refused_are_renewed(machine, provider, api):
    auth = ProcoreAuth()
    old = headers(auth, api.url + PATH)
    new = asyncio.run(auth.async_headers(api.url + PATH, refused=old))
    assert new["Authorization"] == f"Bearer {last_token(provider)}" != old["Authorization"]
    # Within the same second, and with the same end.
    other = ProcoreAuth()
    with mock.patch.object(token_cache, "_LOOK_S", 0):
        headers(other, api.url + PATH)
        newest = get_token(refused=new["Authorization"].removeprefix("Bearer "))
        assert headers(other, api.url + PATH)["Authorization"] == f"Bearer {newest}"


def test_news_are_looked_for_once_a_second(machine, provider, api):
    auth = ProcoreAuth()
    headers(auth, api.url + PATH)
    provider.lifetime_s = 4000
    assert machine.run_here("refresh").code == 0
    with mock.patch.object(token_cache, "_LOOK_S", 0):
        found = headers(auth, api.url + PATH)
    assert found["Authorization"] == f"Bearer {last_token(provider)}"
    with (
        mock.patch.object(token_cache.TokenCache, "_look") as look,
        mock.patch.object(token_cache, "_LOOK_S", 99),
    ):
        for _ in range(3):
            headers(auth, api.url + PATH)
    assert look.call_count == 1


def test_a_task_that_is_cancelled_leaves_the_others_their_token(machine, provider, api):
    auth = ProcoreAuth()

    async def ask():
        first, second = (asyncio.ensure_future(auth.async_headers(api.url + PATH)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(ask())["Authorization"] == f"Bearer {last_token(provider)}"


def test_exactly_the_token_that_was_refused_is_renewed(machine, provider, monkeypatch):
    old = get_token()
    new = get_token(refused=old)
    assert new == last_token(provider) != old
    assert get_token(refused=old) == get_token() == new
    assert get_token(refused="never seen") == new
    assert refreshes(provider) == 1
    monkeypatch.setenv("PROCORE_ACCESS_TOKEN", "from-elsewhere")
    with pytest.raises(TokenRefusedError):
        get_token(refused="from-elsewhere")


def test_other_languages_report_it_on_standard_input(machine, provider, monkeypatch):
    old = last_token(provider)

    def token(said, *options):
        monkeypatch.setattr(sys, "stdin", said if said is None else io.StringIO(said))
        return machine.run_here("token", "--refused-stdin", *options)

    assert token(f"{old}\n").out == f"{last_token(provider)}\n" != f"{old}\n"
    assert refreshes(provider) == 1
    for nothing in ("", " \n", None, "two words", "\xfc"):
        assert token(nothing).code == 2
    assert token(f"\ufeffBearer {last_token(provider)}\r\n").out == f"{last_token(provider)}\n"
    assert refreshes(provider) == 2
    told = json.loads(token(old, "--json").out)
    assert told["access_token"] == last_token(provider)
    assert (told["environment"], told["api_url"]) == ("production", machine.variables["PROCORE_API_URL"])
    assert told["expires_at"].endswith("Z")
    assert refreshes(provider) == 2


class Own(ProcoreAuth):
    """A program's own."""


def test_a_subclass_stays_one(machine):
    own = Own("production")
    assert type(copy.deepcopy(own)) is type(pickle.loads(pickle.dumps(own))) is Own
    assert isinstance(own, Own)
    with mock.patch.dict(sys.modules, {"httpx": mock.MagicMock()}):
        assert isinstance(own, ProcoreAuth)
        assert not isinstance(own, dict)


def test_its_arguments_travel_and_no_token_does(machine, provider, api):
    auth = ProcoreAuth(company="123", min_ttl=70)
    get(api.url + PATH, auth)
    session = requests.Session()
    session.auth = auth
    travelled = pickle.loads(pickle.dumps((auth, session)))
    for copied in (travelled[0], travelled[1].auth, copy.deepcopy(auth)):
        assert isinstance(copied, ProcoreAuth)
        assert last_token(provider).encode() not in pickle.dumps(copied)
        assert get(api.url + PATH, copied).ok
        assert (api.last.token, api.last.company) == (last_token(provider), "123")


def test_the_clock_is_looked_up_when_it_is_used(machine, provider, api):
    auth = ProcoreAuth()
    get(api.url + PATH, auth)
    with mock.patch("time.time", return_value=time.time() + 5390):
        assert get(api.url + PATH, auth).ok
        assert get_token(min_ttl=1) == last_token(provider)
    assert refreshes(provider) == 1


def test_what_is_held_can_be_forgotten(machine, provider, api, monkeypatch):
    auth = ProcoreAuth()
    get(api.url + PATH, auth)
    monkeypatch.setenv("PROCORE_ACCESS_TOKEN", "from-elsewhere")
    api.reset()
    forget_everything()
    assert get(api.url + PATH, auth).ok
    assert api.last.token == "from-elsewhere"
