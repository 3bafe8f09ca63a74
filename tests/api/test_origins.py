"""The bearer stays at the API origin: a second server never learns it, whatever names that server."""

from __future__ import annotations

import pytest

from tests.api.api_machine import Caller, assert_ended
from tests.api.api_server import ApiServer, Reply, pages

OURS = ("authorization", "procore-company-id", "x-own")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_cloud_is_followed_without_anything_of_ours(
    call: Caller, api: ApiServer, elsewhere: ApiServer, status: int
) -> None:
    api.always(b"", status, Location=f"{elsewhere.url}/file?signature=a%2Fb#part")

    own = ("--company", "7", "-H", "X-Own: 1", "-H", "Cookie: a=b")
    called = call("file", *own, "-X", "GET", "--input", "-", stdin=b"a body of ours")

    assert_ended(called)
    assert called.out == b"from elsewhere"
    assert elsewhere.last.target == "/file?signature=a%2Fb"
    assert not {*OURS, "cookie", "content-type"} & elsewhere.last.headers.keys()
    assert (api.last.body, elsewhere.last.body) == (b"a body of ours", b"")


def test_a_redirect_at_the_api_keeps_the_bearer(call: Caller, api: ApiServer) -> None:
    api.plays["/rest/v1.0/old"] = lambda _: Reply(302, b"", {"Location": "new?a=b"})
    api.plays["/rest/v1.0/new"] = lambda _: Reply(200, b"new")

    called = call("old", "--company", "7", "-H", "X-Own: 1")

    assert called.out == b"new"
    assert all(name in api.last.headers for name in OURS)


def test_the_bearer_does_not_come_back_with_a_redirect_that_leads_home(
    call: Caller, api: ApiServer, elsewhere: ApiServer
) -> None:
    api.accepts = lambda _: True
    api.plays["/rest/v1.0/old"] = lambda _: Reply(302, b"", {"Location": f"{elsewhere.url}/x"})
    api.plays["/rest/v1.0/new"] = lambda _: Reply(200, b"new")
    elsewhere.always(b"", 302, Location=f"{api.url}/rest/v1.0/new")

    assert_ended(call("old", "--company", "7"))

    assert not set(OURS) & api.last.headers.keys()


def test_five_redirects_are_followed_and_no_more(call: Caller, api: ApiServer) -> None:
    api.always(b"", 302, Location="again")

    called = call("x")

    assert_ended(called, 5)
    assert len(api.requests) == 6
    assert "more than 5" in called.err


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_redirect_of_a_call_that_writes_is_not_followed(
    call: Caller, api: ApiServer, elsewhere: ApiServer, method: str
) -> None:
    api.always(b"moved", 307, Location=f"{elsewhere.url}/x")

    called = call("x", "-X", method)

    assert_ended(called, 5)
    assert called.out == b"moved"
    assert "redirect (307)" in called.err
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "location",
    [
        "http://joe:hush@{host}/x",
        "http://joe@{host}/x",
        "\\\\{host}\\x",
        "http:\\\\{host}/x",
        "ftp://{host}/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[::1",
        "http://{host}:x/",
        "../../../x",
        "/rest/v1.0/%2e%2e/x",
    ],
)
def test_an_odd_redirect_is_refused(
    call: Caller, api: ApiServer, elsewhere: ApiServer, location: str
) -> None:
    host = elsewhere.url.removeprefix("http://")
    # urljoin resolves dots by itself: what is left of them is what was encoded.
    api.plays["/rest/v1.0/x"] = lambda _: Reply(302, b"", {"Location": location.format(host=host)})

    called = call("x")

    assert_ended(called, 5)
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "path",
    ["{url}/x", "//{host}/x", "/\\{host}/x", "http://{api}@{host}/x", "x\r\nHost: {host}", "a/%2e%2e/x"],
)
def test_what_could_lead_elsewhere_is_refused_before_anything_is_sent(
    stranger: Caller, api: ApiServer, elsewhere: ApiServer, path: str
) -> None:
    hosts = {"host": elsewhere.url.removeprefix("http://"), "api": api.url.removeprefix("http://")}

    called = stranger("--", path.format(url=elsewhere.url, **hosts))

    assert_ended(called, 2)
    assert called.out == b""
    assert (api.requests, elsewhere.requests) == ([], [])


@pytest.mark.parametrize(
    "link",
    [
        "<{url}/rest/v1.0/projects?page=2>; rel=next",
        '<//{host}/x>; rel="next"',
        "</\\{host}/x>; rel=next",
        "<http://joe@{api}/x>; rel=next",
        "<http://{api}@{host}/x>; rel=next",
        "<https://{api}/x>; rel=next",
        "<javascript:alert(1)>; rel=next",
    ],
)
def test_a_next_page_elsewhere_is_refused_after_what_came_before(
    call: Caller, api: ApiServer, elsewhere: ApiServer, link: str
) -> None:
    hosts = {"host": elsewhere.url.removeprefix("http://"), "api": api.url.removeprefix("http://")}
    api.always(b"[1]", Link=link.format(url=elsewhere.url, **hosts))

    called = call("projects", "--paginate")

    assert_ended(called, 5)
    assert called.out == b"[1]"
    assert "next page was not followed" in called.err
    assert (len(api.requests), elsewhere.requests) == (1, [])


def test_a_next_page_that_another_cloud_names_is_refused(
    call: Caller, api: ApiServer, elsewhere: ApiServer
) -> None:
    pages(api, [1], [2])
    api.plays["/rest/v1.0/list"] = lambda _: Reply(302, b"", {"Location": f"{elsewhere.url}/x"})
    elsewhere.always(b"[1]", Link=f"<{api.url}/rest/v1.0/projects>; rel=next")

    called = call("list", "--paginate")

    assert_ended(called, 5)
    assert len(api.requests) == 1


def test_another_clouds_401_costs_no_refresh(call: Caller, api: ApiServer, elsewhere: ApiServer) -> None:
    api.always(b"", 302, Location=f"{elsewhere.url}/x")
    elsewhere.always(b"no", 401)

    called = call("x")

    assert_ended(called, 5)
    assert call.provider.count("/oauth/token") == 0
    assert elsewhere.url in called.err
