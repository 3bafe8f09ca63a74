"""What may be called, and where a redirect may lead: each trick that would lead elsewhere."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from procore_cli.client.api import Api, find_redirected
from procore_cli.client.paths import find_next, read_url
from procore_cli.client.request import Call, new_body
from procore_cli.client.responses import Stream
from procore_cli.client.transport import Transport
from procore_cli.config.environments import PRODUCTION, SANDBOX
from procore_cli.config.urls import is_at
from procore_cli.errors import RedirectRefusedError, UsageMistakeError
from procore_cli.models import Environment

HOST = "127.0.0.1:8081"
HERE = Environment("sandbox", "https://login.example.com", "http://127.0.0.1:8080")
READ = [
    ("/rest/v1.0/companies", "/rest/v1.0/companies"),
    ("projects", "/rest/v1.0/projects"),
    ("/restaurants", "/rest/v1.0/restaurants"),
    ("rest/v2.0/companies/1", "/rest/v2.0/companies/1"),
    ("v1.1/projects?a=v", "/rest/v1.1/projects?a=v"),
    ("v2/x", "/rest/v2/x"),
    ("vendors", "/rest/v1.0/vendors"),
    ("a?at=12:30&u=http://x/../y", "/rest/v1.0/a?at=12:30&u=http://x/../y"),
    ("a?q=100%25", "/rest/v1.0/a?q=100%25"),
    ("a b/\xfc", "/rest/v1.0/a%20b/%C3%BC"),
    ("a...b/..c/d..", "/rest/v1.0/a...b/..c/d.."),
    ("a//b", "/rest/v1.0/a//b"),
    ("@example.com/x", "/rest/v1.0/@example.com/x"),
    (f"{HERE.api_url}/vapid/x?a=b", "/vapid/x?a=b"),
    (HERE.api_url.upper(), "/"),
]
REFUSED = [
    *("http://{host}/x", "//{host}/x", "///{host}/x", "/\\{host}/x", "\\\\{host}/x", "http:/\\{host}/x"),
    *("http:\\\\{host}/x", "http:{host}/x", "http:/{host}/x", "http:///{host}/x", "http://{api}@{host}/x"),
    *("http://joe@{api}/x", "http://joe:hush@{api}/x", "http://{api}\\@{host}/x", "http://{api}%40{host}/x"),
    *(
        "http://{api}%2F@{host}/x",
        "http://{api}.example.com/x",
        "http://{api} @{host}/x",
        "http://[{host}]/x",
    ),
    *("https://{api}/x", "ftp://{api}/x", "javascript:alert(1)", "x\r\nHost: {host}", "x\n", " x", "x\x00"),
    *("x\x7f", "x\u2028y", "x\u202ey", "..", "../x", "a/../../x", "a/%2e%2e/x", "a/.%2E/x", "/rest/v1.0/./x"),
    *("a/%5c..%5cx", "a%00b", "a%0d%0ab", "x#part", ""),
]


def test_a_path_is_put_behind_the_apis_own_base():
    assert [(typed, read_url(typed, HERE).removeprefix(HERE.api_url)) for typed, _ in READ] == READ
    for typed in ("https://api.procore.com/x", "https://API.procore.com:443/x"):
        assert read_url(typed, PRODUCTION) == "https://api.procore.com/x"


def test_what_could_lead_elsewhere_is_refused():
    for path in REFUSED:
        with pytest.raises(UsageMistakeError, match="Nothing was sent"):
            read_url(path.format(host=HOST, api="127.0.0.1:8080"), HERE)


@pytest.mark.parametrize("link", ["</x>;a" + " " * 48_000 + "x", "</" + "x" * 8192 + ">; rel=next"])
def test_a_link_header_is_not_read_without_end(link):
    with pytest.raises(RedirectRefusedError, match="more than 8192 characters"):
        find_next(link, HERE.api_url, HERE)


def test_space_around_the_links_counts_for_nothing():
    link = " " * 9000 + "</a>; rel=first , , </b> ; rel=next" + " " * 9000
    assert find_next(link, HERE.api_url, HERE) is None
    assert find_next(link.replace(", ,", ","), HERE.api_url, HERE) == f"{HERE.api_url}/b"


API = SANDBOX.api_url
CALL = Call("GET", f"{API}/rest/v1.0/files/1", {"Procore-Company-Id": "7"}, new_body(b"body"))
AT_HOME = [
    ("2", f"{API}/rest/v1.0/files/2"),
    ("/a?b=c#d", f"{API}/a?b=c"),
    (f"{API}:443/a", f"{API}:443/a"),
    (API.upper() + "/a", f"https://{API[8:].upper()}/a"),
]
ELSEWHERE = [
    *("https://files.example.com/x?sig=a%2Fb", "//files.example.com/x", f"{API}:8443/x", f"{API}:0/x"),
    *(f"{API}.example.com/x", "https://sandbox.procore.com.example.com/x"),
]
UNSAFE = [
    *(f"http{API[5:]}/x", "http://files.example.com/x", "http://127.0.0.1/x", "ftp://files.example.com/x"),
    *("https://joe@files.example.com/x", f"https://{API[8:]}@files.example.com/x", "data:text/plain,x"),
    *("https://files.example.com\\@x/", "https://files.example.com/\x01", "https://[::1", f"{API}[x]/x"),
    *("https://files.example.com:99999/", f"https://files.example.com[{API[8:]}]/x"),
]


def follow(location: str, call: Call = CALL, status: int = 302) -> Call | None:
    headers: dict[str, Any] = {"location": location} if location else {}
    return find_redirected(call, cast(Stream, SimpleNamespace(status=status, headers=headers)))


def test_a_redirect_takes_all_along_at_the_same_origin_and_nothing_to_another():
    for location, url in AT_HOME:
        call = follow(location)
        assert call is not None
        assert (call.url, call.headers, call.body) == (url, CALL.headers, CALL.body)
    for location in ELSEWHERE:
        call = follow(location)
        assert call is not None
        assert (call.method, call.headers, call.body) == ("GET", {}, None)


def test_what_is_less_safe_than_the_call_is_refused_and_named():
    for location in UNSAFE:
        with pytest.raises(RedirectRefusedError, match="a redirect was not followed"):
            follow(location)
    for location, named in ((UNSAFE[1], "http://files.example.com"), (f"{API}/a/../b", f"at {API}, has")):
        with pytest.raises(RedirectRefusedError) as refusal:
            follow(location)
        assert named in refusal.value.message
        assert "--debug" in refusal.value.hint


def test_other_answers_calls_that_write_and_no_target_are_no_redirects():
    assert {follow("/x", status=status) for status in (200, 300, 304, 305, 400)} == {None}
    writing = [Call(method, CALL.url) for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")]
    assert [follow("/x", call) for call in writing] == [None] * len(writing)
    assert follow("") is None


def test_an_answer_whose_redirect_is_refused_is_let_go():
    closed: list[bool] = []
    headers = {"location": "ftp://files.example.com/x"}
    stream = SimpleNamespace(status=302, headers=headers, close=lambda: closed.append(True))
    transport = SimpleNamespace(open=lambda *_, **__: stream)
    with pytest.raises(RedirectRefusedError):
        Api(cast(Transport, transport), SANDBOX).open(CALL, "token")
    assert closed == [True]


NOT_AT = [
    *("https://{}:0/x", "https://{}:444/x", "https://{}:x/x", "http://{}/x", "http://{}:443/x", "//{}/x", ""),
    *("https://{}.example.com/x", "https://{}@example.com/x", "https://{}\\.example.com/x", "https://[{}/x"),
    *("https://{}\n.example.com/x", "https://joe@{}/x", "https://example.com/https://{}", "https://[::1"),
    *("https://example.com\\@{}/x", "https://example.com[{}]/x"),
]


def test_what_is_not_surely_the_api_is_not_the_api():
    for url in (f"{API}/x", f"{API.upper()}:443?x", f"{API}:443/x?y=user@example.com"):
        assert is_at(url, API), url
    for form in NOT_AT:
        assert not is_at(form.format(API[8:]), API), form
