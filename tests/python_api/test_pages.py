"""`pages`: every item of a list, whatever page it is on, through the program's own session."""

import asyncio
import time
from unittest import mock

import httpx
import pytest
import requests

from procore_cli import ProcoreAuth, ProcoreError, pages
from procore_cli.errors import RedirectRefusedError, UnexpectedAnswerError, UsageMistakeError
from tests.api_server import Reply
from tests.python_api.caller import PATH, refuse
from tests.signed_in import last_token


def by_requests(path, **options):
    with requests.Session() as session:
        session.auth = ProcoreAuth(company=7)
        return list(pages(session, path, **options))


def by_httpx(path, **options):
    with httpx.Client(auth=ProcoreAuth(company=7), trust_env=False) as client:
        return list(pages(client, path, **options))


def by_async_httpx(path, **options):
    async def walk():
        async with httpx.AsyncClient(auth=ProcoreAuth(company=7), trust_env=False) as client:
            return [item async for item in pages(client, path, **options)]

    return asyncio.run(walk())


@pytest.fixture(params=[by_requests, by_httpx, by_async_httpx], ids=["requests", "httpx", "async"])
def walk(machine, request):
    return request.param


def test_the_items_of_every_page_come_in_order(walk, api, provider):
    api.pages([1, 2], {"data": [{"a": 3}], "meta": {}}, [])
    for path in (PATH, "projects", api.url + PATH):
        assert walk(path) == [1, 2, {"a": 3}]
    assert {(seen.token, seen.company) for seen in api.requests} == {(last_token(provider), "7")}
    api.requests.clear()
    assert walk(PATH, params={"size": 2, "a": "b c"}) == [1, 2, {"a": 3}]
    assert [seen.target for seen in api.requests][1:] == [f"{PATH}?page=2", f"{PATH}?page=3"]
    assert api.requests[0].target in (f"{PATH}?size=2&a=b+c", f"{PATH}?size=2&a=b%20c")


def test_the_paths_query_the_params_and_the_sessions_own_go_together(machine, api):
    following = {"Link": f'<{PATH}?company_id=7&page=2>; rel="next"'}
    path, expected = f"{PATH}?company_id=7", {"company_id=7", "size=2", "own=x"}
    with requests.Session() as session, httpx.Client(params={"own": "x"}, trust_env=False) as client:
        session.auth = client.auth = ProcoreAuth()
        session.params = {"own": "x"}
        for each in (session, client):
            api.requests.clear()
            api.in_turn(Reply(200, [1], following), Reply(200, [2]))
            assert list(pages(each, path, params={"size": 2})) == [1, 2]
            assert set(api.requests[0].target.partition("?")[2].split("&")) == expected
            assert "page=2" in api.last.target


def test_a_loop_of_the_other_kind_is_refused_before_anything_is_sent(machine, api):
    async def walk(session):
        return [item async for item in pages(session, PATH)]

    with requests.Session() as session, pytest.raises(UsageMistakeError, match="does not fit"):
        asyncio.run(walk(session))
    with pytest.raises(UsageMistakeError, match="does not fit"):
        list(pages(httpx.AsyncClient(), PATH))
    assert api.requests == []


def test_a_token_that_ends_on_the_way_costs_one_call(walk, api, provider):
    api.pages([1], [2])
    whole, old = api.plays[PATH], last_token(provider)
    api.plays[PATH] = lambda seen: (refuse(old)(seen) if "page=2" in seen.target else None) or whole(seen)
    assert walk(PATH) == [1, 2]
    assert len(api.requests) == 3


def test_it_waits_as_procore_asks(walk, api):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    reset = {"X-Rate-Limit-Reset": str(int(time.time()) + 30)}
    replies = [Reply(429, b"", {"Retry-After": "2"}), Reply(503, b"", reset), Reply(200, [1])]
    with mock.patch("time.sleep", slept.append), mock.patch("asyncio.sleep", sleep):
        api.in_turn(*replies)
        assert walk(PATH) == [1]
        assert (slept[0], 28 < slept[1] < 33) == (2, True)
        # Longer than it may: the answer is the session's own error.
        api.in_turn(*replies)
        with pytest.raises((requests.HTTPError, httpx.HTTPStatusError)):
            walk(PATH, max_wait=1)


def test_what_leads_elsewhere_or_in_a_circle_is_refused(walk, api, elsewhere):
    api.always([1], Link=f"<{elsewhere.url}{PATH}?page=2>; rel=next")
    with pytest.raises(RedirectRefusedError):
        walk(PATH)
    with requests.Session() as session:
        session.auth = ProcoreAuth()
        # The page itself is good.
        assert next(iter(pages(session, PATH))) == 1
    api.always([1], Link=f"<{PATH}>; rel=next")
    with pytest.raises(UnexpectedAnswerError, match="leads back"):
        walk(PATH)
    for path in (elsewhere.url + PATH, "../x", "//elsewhere/x", ""):
        with pytest.raises(UsageMistakeError):
            walk(path)
    assert elsewhere.requests == []


def test_what_is_no_list_is_an_error_and_an_error_is_the_sessions_own(walk, api):
    for body in ({"a": 1}, b"<html>", 7, {"data": {}}):
        api.always(body)
        with pytest.raises(ProcoreError, match="not answer with a list"):
            walk(PATH)
    api.always({}, 404)
    with pytest.raises((requests.HTTPError, httpx.HTTPStatusError)):
        walk(PATH)


def test_another_authentication_and_one_page_at_a_time(machine, api):
    api.reset()
    api.pages([1], [2])
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer own"
        found = pages(session, f"{api.url}{PATH}")
        assert next(iter(found)) == 1
        assert len(api.requests) == 1
        assert list(found) == [1, 2]
        assert list(pages(session, PATH)) == [1, 2]
    assert {seen.token for seen in api.requests} == {"own"}
