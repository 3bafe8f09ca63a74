"""`--paginate`, `--slurp` and `--jsonl`: every page once, in order, and nothing made up."""

import json

from tests.api.api_machine import assert_ended
from tests.api.api_server import Reply, pages


def test_every_page_is_printed_as_it_came(call, api):
    pages(api, b"[1, 2]\n", b"[3 ]", b"[]")
    called = call("projects", "--paginate", "--company", "7")
    assert_ended(called)
    assert called.out == b"[1, 2]\n[3 ][]"
    assert [seen.headers["procore-company-id"] for seen in api.requests] == ["7", "7", "7"]


def test_without_paginate_one_page_is_asked_for(call, api):
    pages(api, [1], [2])
    assert call("projects").out == b"[1]"
    assert len(api.requests) == 1


def test_slurp_makes_one_array_of_all_pages(call, api):
    pages(api, [1, 2], {"data": [3]}, [])
    called = call("projects", "--paginate", "--slurp")
    assert_ended(called)
    assert json.loads(called.out) == [[1, 2], {"data": [3]}, []]


def test_slurp_of_a_page_without_a_body_is_an_empty_array(call, api):
    api.always(b"", 204)
    assert call("projects", "--paginate", "--slurp").out == b"[]"


def test_jsonl_prints_an_item_a_line_of_lists_and_of_data(call, api):
    pages(api, b'[{"a": 1.10,\n "b": "x\\ny z"}, 2]', {"data": [[3], None], "meta": {"data": [9]}}, [])
    called = call("projects", "--paginate", "--jsonl")
    assert_ended(called)
    assert called.out == b'{"a":1.10,"b":"x\\ny z"}\n2\n[3]\nnull\n'


def test_jsonl_works_for_one_page_and_for_an_object(call, api):
    api.always(b'{"id": 1, "data": {"x": []}}')
    assert call("projects/1", "--jsonl").out == b'{"id":1,"data":{"x":[]}}\n'


def test_what_is_not_json_cannot_be_taken_apart(call, api):
    for body in (b"<html>", b'[{"a":1}, ', b"[1] [2]", b"\xff", b"[NaN]"):
        api.always(body)
        for form in ("--jsonl", "--slurp"):
            called = call("projects", "--paginate", form)
            assert_ended(called, 5)
            assert "not JSON" in called.err


def test_an_error_on_a_later_page_leaves_the_array_whole(call, api):
    pages(api, [1], [2])
    whole = api.plays["/rest/v1.0/projects"]
    api.plays["/rest/v1.0/projects"] = lambda seen: (
        Reply(500, b"{}") if seen.target.endswith("=2") else whole(seen)
    )
    called = call("projects", "--paginate", "--slurp")
    assert_ended(called, 5)
    assert called.out == b"[[1]]{}"


def test_a_link_is_read_as_it_may_be_written(call, api):
    for links, target in (
        (["</rest/v1.0/projects?page=2>; rel=next"], "projects?page=2"),
        (['<?page=2&a="b">; REL="first NEXT"'], "projects?page=2&a=%22b%22"),
        (['<x?page=9>; rel="last"; title="a, <b>; rel=next", <x?page=2>; rel="next"'], "x?page=2"),
        (["<x?page=9>; rel=last", "<x?page=2>; rel=next"], "x?page=2"),
    ):
        api.in_turn(Reply(200, b"[1]", links=tuple(links)), Reply(200, b"[2]"))
        assert call("projects", "--paginate").out == b"[1][2]"
        assert api.last.target == f"/rest/v1.0/{target}"


def test_a_list_without_a_next_link_ends(call, api):
    for link in ("", "next", "<x?page=2>", "<x>; rel=prev", "<x>; rel=nextish"):
        api.always(b"[1]", Link=link)
        assert call("x", "--paginate").out == b"[1]"


def test_a_list_that_leads_back_to_itself_ends(call, api):
    api.plays["/rest/v1.0/a"] = lambda _: Reply(200, b"1", {"Link": "<b>; rel=next"})
    api.plays["/rest/v1.0/b"] = lambda _: Reply(200, b"2", {"Link": "<a>; rel=next"})
    called = call("a", "--paginate")
    assert_ended(called, 5)
    assert called.out == b"12"


def test_include_shows_the_head_of_each_page(call, api):
    pages(api, [1], [2])
    out = call("projects", "--paginate", "--include").out
    assert out.count(b"HTTP/1.1 200 OK\n") == 2
    assert b"\n\n[1]\nHTTP/1.1" in out


def test_silent_follows_the_pages_all_the_same(call, api):
    pages(api, [1], [2], [3])
    assert call("projects", "--paginate", "--silent").out == b""
    assert len(api.requests) == 3


def test_each_page_may_wait_anew(call, api):
    second, third = (f'<{api.url}/rest/v1.0/projects?page={number}>; rel="next"' for number in (2, 3))
    pause = Reply(429, b"", {"Retry-After": "40"})
    api.in_turn(
        Reply(200, b"[1]", {"Link": second}), pause, Reply(200, b"[2]", {"Link": third}), pause, Reply()
    )
    called = call("projects", "--paginate")
    assert_ended(called)
    assert called.slept == [40, 40]


def test_silent_pages_share_a_connection(call, api):
    pages(api, [1] * 50_000, [2], [3])
    assert_ended(call("projects", "--paginate", "--silent"))
    assert len({seen.client for seen in api.requests}) == 1


SHORT = (
    "Warning: production: the list says that it has 6 items, but 3 came: Procore linked to no further page."
)


def test_a_list_that_says_it_has_more_than_came_is_warned_of_in_every_form(call, api, tmp_path):
    for form in ((), ("--jsonl",), ("--slurp",), ("--silent",), ("--output", f"{tmp_path}/x")):
        for terminal in ("", "out"):
            pages(api, [1, 2], [3], [])
            short = call("projects", "--paginate", *form, terminal=terminal)
            pages(api, [1, 2, 3], [4, 5], [6])
            whole = call("projects", "--paginate", *form, terminal=terminal)
            assert_ended(short)
            assert (short.said, whole.said) == ([SHORT], []), form


def test_what_can_be_counted_is_counted(call, api):
    for bodies, said in (
        ([{"data": [1, {"data": [2]}]}, {"meta": [0, 0, 0, 0], "data": ["3"]}, {"data": []}], [SHORT]),
        ([[1, 2, 3], [4, 5, 6], [7, 8, 9]], []),
        # What is no list cannot be counted.
        ([{"projects": [1]}, {"projects": []}, {"data": {}}], []),
        ([[1], {"error": 1}, [2]], []),
    ):
        pages(api, *bodies)
        assert call("projects", "--paginate").said == said
        assert call("projects", "--paginate", "--jsonl").said == said


def test_without_a_total_that_is_a_number_nothing_is_missed(call, api):
    for total in ({}, *({"Total": each} for each in ("", "many", "-3", "1e3", "57, 57"))):
        api.always([1], **total)
        called = call("projects", "--paginate")
        assert_ended(called)
        assert (called.out, called.said) == (b"[1]", [])


def test_who_asks_for_later_pages_alone_misses_nothing(call, api):
    api.always([1], Total="57")
    assert call("projects?page=2", "--paginate").said == []
    assert call("projects?per_page=1&page=2", "--paginate").said == []
    assert call("projects").said == []
    assert len(call("projects?page=1", "--paginate").said) == 1


def test_what_is_not_json_is_passed_on_whole_though_a_total_comes_with_it(call, api):
    body = b"id,name\n" * 30_000
    api.always(body, Total="57")
    called = call("projects", "--paginate")
    assert_ended(called)
    assert (called.out, called.said) == (body, [])
