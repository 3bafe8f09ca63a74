"""Where a redirect may lead, judged without a socket."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from procore_cli.client.api import Api, find_redirected
from procore_cli.client.request import Call, new_body
from procore_cli.client.responses import Stream
from procore_cli.client.transport import Transport
from procore_cli.config.environments import SANDBOX
from procore_cli.config.urls import is_at
from procore_cli.errors import RedirectRefusedError

API = SANDBOX.api_url
CALL = Call("GET", f"{API}/rest/v1.0/files/1", {"Procore-Company-Id": "7"}, new_body(b"body"))


def follow(location: str, call: Call = CALL, status: int = 302) -> Call | None:
    headers: dict[str, Any] = {"location": location} if location else {}
    return find_redirected(call, cast(Stream, SimpleNamespace(status=status, headers=headers)))


AT_HOME = [
    ("2", f"{API}/rest/v1.0/files/2"),
    ("/a?b=c#d", f"{API}/a?b=c"),
    (f"{API}:443/a", f"{API}:443/a"),
    (API.upper() + "/a", f"https://{API[8:].upper()}/a"),
]


def test_at_the_same_origin_all_goes_along():
    for location, url in AT_HOME:
        call = follow(location)
        assert call is not None
        assert (call.url, call.headers, call.body) == (url, CALL.headers, CALL.body)


ELSEWHERE = [
    "https://files.example.com/x?sig=a%2Fb",
    "//files.example.com/x",
    f"{API}:8443/x",
    f"{API}.example.com/x",
    "https://sandbox.procore.com.example.com/x",
    f"{API}:0/x",
]


def test_at_another_origin_nothing_goes_along():
    for location in ELSEWHERE:
        call = follow(location)
        assert call is not None
        assert (call.method, call.headers, call.body) == ("GET", {}, None)


UNSAFE = [
    f"http{API[5:]}/x",
    "http://files.example.com/x",
    "http://127.0.0.1/x",
    "https://joe@files.example.com/x",
    f"https://{API[8:]}@files.example.com/x",
    "https://files.example.com\\@x/",
    "ftp://files.example.com/x",
    "data:text/plain,x",
    "https://files.example.com/\x01",
    "https://[::1",
    "https://files.example.com:99999/",
    f"https://files.example.com[{API[8:]}]/x",
    f"{API}[x]/x",
]


def test_what_is_less_safe_than_the_call_is_refused():
    for location in UNSAFE:
        with pytest.raises(RedirectRefusedError, match="a redirect was not followed"):
            follow(location)


def test_other_answers_calls_that_write_and_no_target_are_no_redirects():
    assert {follow("/x", status=status) for status in (200, 300, 304, 305, 400)} == {None}
    writing = [Call(method, CALL.url) for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")]
    assert [follow("/x", call) for call in writing] == [None] * len(writing)
    assert follow("") is None


@pytest.mark.parametrize(
    ("location", "named"),
    [("http://files.example.com/x", "http://files.example.com"), (f"{API}/a/../b", f"at {API}, has")],
)
def test_a_refusal_names_where_the_redirect_leads(location, named):
    with pytest.raises(RedirectRefusedError) as refusal:
        follow(location)
    assert named in refusal.value.message
    assert "--debug" in refusal.value.hint


def test_an_answer_whose_redirect_is_refused_is_let_go():
    closed: list[bool] = []
    headers = {"location": "ftp://files.example.com/x"}
    stream = SimpleNamespace(status=302, headers=headers, close=lambda: closed.append(True))
    transport = SimpleNamespace(open=lambda *_, **__: stream)
    with pytest.raises(RedirectRefusedError):
        Api(cast(Transport, transport), SANDBOX).open(CALL, "token")
    assert closed == [True]


AT = [
    (f"{API}/x", True),
    (f"{API.upper()}:443?x", True),
    (f"{API}:0/x", False),
    (f"{API}:444/x", False),
    (f"https://joe@{API[8:]}/x", False),
    (f"https://files.example.com[{API[8:]}]/x", False),
    (f"http://{API[8:]}:443/x", False),
    ("https://[::1", False),
    ("", False),
]


def test_what_is_at_an_origin_is_so_to_everybody():
    assert [(url, is_at(url, API)) for url, _ in AT] == AT
