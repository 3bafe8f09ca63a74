"""`--paginate`, `--slurp` and `--jsonl`: every page once, in order, and nothing made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.api_machine import Caller, assert_ended
from tests.api.api_server import ApiServer, Reply, pages


def test_every_page_is_printed_as_it_came(call: Caller, api: ApiServer) -> None:
    pages(api, b"[1, 2]\n", b"[3 ]", b"[]")

    called = call("projects", "--paginate", "--company", "7")

    assert_ended(called)
    assert called.out == b"[1, 2]\n[3 ][]"
    assert [seen.headers["procore-company-id"] for seen in api.requests] == ["7", "7", "7"]


def test_without_paginate_one_page_is_asked_for(call: Caller, api: ApiServer) -> None:
    pages(api, [1], [2])

    assert call("projects").out == b"[1]"
    assert len(api.requests) == 1


def test_slurp_makes_one_array_of_all_pages(call: Caller, api: ApiServer) -> None:
    pages(api, [1, 2], {"data": [3]}, [])

    called = call("projects", "--paginate", "--slurp")

    assert_ended(called)
    assert json.loads(called.out) == [[1, 2], {"data": [3]}, []]


def test_slurp_of_a_page_without_a_body_is_an_empty_array(call: Caller, api: ApiServer) -> None:
    api.always(b"", 204)

    assert call("projects", "--paginate", "--slurp").out == b"[]"


def test_jsonl_prints_an_item_a_line_of_lists_and_of_data(call: Caller, api: ApiServer) -> None:
    pages(api, b'[{"a": 1.10,\n "b": "x\\ny z"}, 2]', {"data": [[3], None], "meta": {"data": [9]}}, [])

    called = call("projects", "--paginate", "--jsonl")

    assert_ended(called)
    assert called.out == b'{"a":1.10,"b":"x\\ny z"}\n2\n[3]\nnull\n'


def test_jsonl_works_for_one_page_and_for_an_object(call: Caller, api: ApiServer) -> None:
    api.always(b'{"id": 1, "data": {"x": []}}')

    assert call("projects/1", "--jsonl").out == b'{"id":1,"data":{"x":[]}}\n'


@pytest.mark.parametrize("form", ["--jsonl", "--slurp"])
@pytest.mark.parametrize("body", [b"<html>", b'[{"a":1}, ', b"[1] [2]", b"\xff", b"[NaN]"])
def test_what_is_not_json_cannot_be_taken_apart(call: Caller, api: ApiServer, form: str, body: bytes) -> None:
    api.always(body)

    called = call("projects", "--paginate", form)

    assert_ended(called, 5)
    assert "not JSON" in called.err


def test_an_error_on_a_later_page_leaves_the_array_whole(call: Caller, api: ApiServer) -> None:
    pages(api, [1], [2])
    whole = api.plays["/rest/v1.0/projects"]
    api.plays["/rest/v1.0/projects"] = lambda seen: (
        Reply(500, b"{}") if seen.target.endswith("=2") else whole(seen)
    )

    called = call("projects", "--paginate", "--slurp")

    assert_ended(called, 5)
    assert called.out == b"[[1]]{}"


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("</rest/v1.0/projects?page=2>; rel=next", "/rest/v1.0/projects?page=2"),
        ('<?page=2&a="b">; REL="first NEXT"', "/rest/v1.0/projects?page=2&a=%22b%22"),
        ('<x?page=9>; rel="last"; title="a, <b>; rel=next", <x?page=2>; rel="next"', "/rest/v1.0/x?page=2"),
    ],
)
def test_a_link_is_read_as_it_may_be_written(call: Caller, api: ApiServer, link: str, target: str) -> None:
    api.in_turn(Reply(200, b"[1]", {"Link": link}), Reply(200, b"[2]"))

    assert call("projects", "--paginate").out == b"[1][2]"
    assert api.last.target == target


def test_two_link_headers_are_both_read(call: Caller, api: ApiServer) -> None:
    api.in_turn(
        Reply(200, b"[1]", links=("<x?page=9>; rel=last", "<x?page=2>; rel=next")), Reply(200, b"[2]")
    )

    assert call("x", "--paginate").out == b"[1][2]"


@pytest.mark.parametrize("link", ["", "next", "<x?page=2>", "<x>; rel=prev", "<x>; rel=nextish"])
def test_a_list_without_a_next_link_ends(call: Caller, api: ApiServer, link: str) -> None:
    api.always(b"[1]", Link=link)

    assert call("x", "--paginate").out == b"[1]"


def test_a_list_that_leads_back_to_itself_ends(call: Caller, api: ApiServer) -> None:
    api.plays["/rest/v1.0/a"] = lambda _: Reply(200, b"1", {"Link": "<b>; rel=next"})
    api.plays["/rest/v1.0/b"] = lambda _: Reply(200, b"2", {"Link": "<a>; rel=next"})

    called = call("a", "--paginate")

    assert_ended(called, 5)
    assert called.out == b"12"


def test_include_shows_the_head_of_each_page(call: Caller, api: ApiServer) -> None:
    pages(api, [1], [2])

    out = call("projects", "--paginate", "--include").out

    assert out.count(b"HTTP/1.1 200 OK\n") == 2
    assert b"\n\n[1]\nHTTP/1.1" in out


def test_silent_follows_the_pages_all_the_same(call: Caller, api: ApiServer) -> None:
    pages(api, [1], [2], [3])

    assert call("projects", "--paginate", "--silent").out == b""
    assert len(api.requests) == 3


def test_each_page_may_wait_anew(call: Caller, api: ApiServer) -> None:
    second, third = (f'<{api.url}/rest/v1.0/projects?page={number}>; rel="next"' for number in (2, 3))
    pause = Reply(429, b"", {"Retry-After": "40"})
    api.in_turn(
        Reply(200, b"[1]", {"Link": second}), pause, Reply(200, b"[2]", {"Link": third}), pause, Reply()
    )

    called = call("projects", "--paginate")

    assert_ended(called)
    assert called.slept == [40, 40]


def test_silent_pages_share_a_connection(call: Caller, api: ApiServer) -> None:
    pages(api, [1] * 50_000, [2], [3])

    assert_ended(call("projects", "--paginate", "--silent"))
    assert len({seen.client for seen in api.requests}) == 1


SHORT = (
    "Warning: production: the list says that it has 6 items, but 3 came: Procore linked to no further page."
)


@pytest.mark.parametrize("form", [(), ("--jsonl",), ("--slurp",), ("--silent",), ("--output", "{folder}/x")])
@pytest.mark.parametrize("terminal", ["", "out"])
@pytest.mark.parametrize(
    ("bodies", "said"),
    [
        ([[1, 2], [3], []], [SHORT]),
        ([{"data": [1, {"data": [2]}]}, {"meta": [0, 0, 0, 0], "data": ["3"]}, {"data": []}], [SHORT]),
        ([[1, 2], [3, 4], [5, 6]], []),
        ([[1, 2, 3], [4, 5, 6], [7, 8, 9]], []),
        # What is no list cannot be counted.
        ([{"projects": [1]}, {"projects": []}, {"data": {}}], []),
        ([[1], {"error": 1}, [2]], []),
    ],
)
def test_a_list_that_says_it_has_more_than_came_is_warned_of(
    call: Caller, api: ApiServer, tmp_path: Path, form: tuple[str, ...], terminal: str, bodies, said
) -> None:
    pages(api, *bodies)

    called = call(
        "projects", "--paginate", *(each.format(folder=tmp_path) for each in form), terminal=terminal
    )

    assert_ended(called)
    assert called.said == said


@pytest.mark.parametrize("total", [None, "", "many", "-3", "1e3", "57, 57"])
def test_without_a_total_that_is_a_number_nothing_is_missed(
    call: Caller, api: ApiServer, total: str | None
) -> None:
    api.always([1], **({} if total is None else {"Total": total}))

    called = call("projects", "--paginate")

    assert_ended(called)
    assert (called.out, called.said) == (b"[1]", [])


@pytest.mark.parametrize("path", ["projects?page=2", "projects?per_page=1&page=2"])
def test_who_asks_for_later_pages_alone_misses_nothing(call: Caller, api: ApiServer, path: str) -> None:
    api.always([1], Total="57")

    assert call(path, "--paginate").said == []
    assert call("projects").said == []
    assert len(call("projects?page=1", "--paginate").said) == 1


def test_what_is_not_json_is_passed_on_whole_though_a_total_comes_with_it(
    call: Caller, api: ApiServer
) -> None:
    body = b"id,name\n" * 30_000
    api.always(body, Total="57")

    called = call("projects", "--paginate")

    assert_ended(called)
    assert (called.out, called.said) == (body, [])
