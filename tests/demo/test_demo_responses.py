"""Canned answers: which call gets which, how often, and what of them is refused."""

from __future__ import annotations

import http.client

import pytest

from procore_cli.demo.records import BadValueError
from procore_cli.demo.responses import Responses
from procore_cli.demo.server import DemoServer

RFIS = "/rest/v1.0/projects/{id}/rfis"


@pytest.fixture
def respond(server):
    def respond(method="GET", path=RFIS, **fields):
        return server.responses.add({"method": method, "path": path, **fields})

    return respond


def test_an_answer_is_what_was_asked_for_whatever_the_call_carries(client, respond):
    own = {"X-Request-Id": 7, "date": "soon", "content-type": "text/html", "x-rate-limit-remaining": 0}
    respond(json=[{"id": 1}], status=206, headers=own)
    reply = client.get("/rest/v1.0/projects/501/rfis/")

    assert (reply.status, reply.json()) == (206, [{"id": 1}])
    assert [reply.headers.get_all(name) for name in own] == [["7"], ["soon"], ["text/html"], ["0"]]
    assert reply.headers["X-Rate-Limit-Limit"] == "3600"
    assert client.get("/rest/v1.0/projects/501/x/rfis").status == 404
    assert client.send("POST", "/rest/v1.0/projects/501/rfis").status == 404
    assert client.send("HEAD", "/rest/v1.0/projects/501/rfis").status == 206


def test_an_error_without_a_body_gets_one_and_a_success_does_not(client, respond):
    for status, text in ((500, '{"errors": ["The pretend Procore was asked to answer 500."]}'), (202, "")):
        respond(status=status)

        assert client.get("/rest/v1.0/projects/1/rfis").text == text
    respond(status=204, json=[1])
    assert client.get("/rest/v1.0/projects/1/rfis").headers["Content-Length"] is None


def test_counted_answers_are_used_up_in_their_order_and_before_one_that_stays(client, respond):
    respond(json="stays")
    respond(status=503, times=2)
    respond(status=429, times=1, headers={"Retry-After": "0"})
    respond("POST", "/oauth/token", status=503, times=1)

    replies = [client.get("/rest/v1.0/projects/1/rfis").status for _ in range(5)]
    assert replies == [503, 503, 429, 200, 200]
    # What is asked there meanwhile is not done.
    assert [client.exchange(code).status for code in [client.new_code()] * 3] == [503, 200, 400]


def test_the_last_one_counts_unless_another_says_more_of_the_call(client, respond):
    for path, query, text in (
        (RFIS, None, "former"),
        ("/rest/v1.0/projects/501/rfis", None, "one project"),
        (RFIS, {"page": 2, "view": "all"}, "page 2"),
        (RFIS, None, "latter"),
    ):
        respond(path=path, query=query, json=text)

    for target, text in (
        ("501/rfis?page=2&view=all", "one project"),
        ("502/rfis?page=2&view=all&x=1", "page 2"),
        ("502/rfis?page=2", "latter"),
        ("502/rfis", "latter"),
    ):
        assert client.get(f"/rest/v1.0/projects/{target}").json() == text


def test_no_answer_at_all_is_one_too(client, respond, server):
    respond(status=None, times=1)
    with pytest.raises(http.client.RemoteDisconnected):
        client.get("/rest/v1.0/projects/1/rfis")

    assert server.calls.list()[-1].status is None
    assert client.get("/rest/v1.0/projects/1/rfis").status == 404


def test_a_list_comes_in_procores_pages(client, respond):
    respond(json=[*range(25)], pages=True, headers={"X-Extra": "1"})
    respond(path="/rest/v2.0/things", json=[*range(25)], pages=True)
    second = client.get("/rest/v1.0/projects/1/rfis?per_page=10&page=2")
    wrapped = client.get("/rest/v2.0/things")

    assert (second.json(), second.headers["Total"]) == ([*range(10, 20)], "25")
    assert 'page=3&per_page=10>; rel="next"' in second.headers["Link"]
    assert second.headers["X-Extra"] == "1"
    assert (wrapped.json(), wrapped.headers["Per-Page"]) == ({"data": [*range(10)]}, "10")
    assert client.get("/rest/v1.0/projects/1/rfis?page=0").status == 400


def test_a_late_answer_is_let_go_when_the_server_ends(data_folder, clock):
    with DemoServer(data_folder, clock) as server:
        server.responses.add({"method": "get", "path": "/rest/x", "delay_s": 600})
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/rest/x")
    connection.close()


def test_what_cannot_be_used_is_refused_by_the_name_of_its_field():
    good = {"method": "GET", "path": "/rest/x"}
    for change, words in (
        ({"method": "FETCH"}, "method is not one of GET"),
        ({"path": "rest"}, "path is not a path"),
        ({"path": "/x?page=2"}, "path is not"),
        ({"path": "/demo/calls"}, "path is not"),
        ({"json": {1, 2}}, "json is not"),
        ({"json": float("nan")}, "json is not"),
        ({"status": 199}, "status is not 200 to 599, or null"),
        ({"status": "503"}, "status is not"),
        ({"headers": ["X"]}, "headers is not"),
        ({"headers": {"X Y": "1"}}, "headers is not"),
        ({"headers": {"X": "1\r\nY: 2"}}, "headers is not"),
        ({"headers": {"content-length": "1"}}, "headers is not"),
        ({"query": {"a": [1]}}, "query is not"),
        ({"query": "a=1"}, "query is not"),
        ({"times": 0}, "times is not a whole number from 1"),
        ({"delay_s": -1}, "delay_s is not"),
        ({"delay_s": 601}, "delay_s is not"),
        ({"delay_s": float("nan")}, "delay_s is not"),
        ({"pages": 1}, "pages is not true or false"),
        ({"pages": True, "json": {}}, "json is not a list"),
        ({"body": "x"}, "body is not known"),
    ):
        with pytest.raises(BadValueError, match=words):
            Responses().add(good | change)
    with pytest.raises(BadValueError, match="path is missing"):
        Responses().add({"method": "GET"})
