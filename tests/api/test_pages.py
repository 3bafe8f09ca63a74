"""`--paginate`, `--slurp` and `--jsonl`: every page once, in order, and nothing made up."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procore_cli.client.json_pages import on_one_line, read_items
from tests.api_server import Reply

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(VALUES, max_size=6), st.booleans(), st.sampled_from([None, 1]))
def test_the_items_are_those_of_the_list(values: list[Any], is_ascii: bool, indent: int | None):
    data = json.dumps(values, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "surrogatepass")
    if b"\xed" in data and not is_ascii:
        data = json.dumps(values, indent=indent).encode()
    items, is_list = read_items(data)
    assert is_list
    assert [json.loads(item) for item in items] == values
    assert not any("\n" in on_one_line(item) for item in items)
    assert [json.loads(on_one_line(item)) for item in items] == values


ITEMS = [
    ('{"data": [1, {"data": [2]}], "x": 3}', ["1", '{"data": [2]}'], True),
    ('{"x": {"data": [9]}, "data": []}', [], True),
    ('{"x": [9], "y": "data", "data" : [1 ]}', ["1"], True),
    ('{"d\\u0061ta": [1]}', ["1"], True),
    ('{"x": 1, "data": {"y": 2}}', ['{"x": 1, "data": {"y": 2}}'], False),
    ("[]", [], True),
    ("[ [ ] , [ 1 , 2 ] ]", ["[ ]", "[ 1 , 2 ]"], True),
    *((each, [each], False) for each in ("{}", "7", '"x"', "null")),
    *((each, [], False) for each in ("", " \n")),
    # Numbers and texts come out as they are written, with more digits than Python reads.
    (
        '\ufeff [ 1.10 ,-1E+2, 1234567890.5,"\\u00e9\\n" , 0 ] \n',
        ["1.10", "-1E+2", "1234567890.5", '"\\u00e9\\n"', "0"],
        True,
    ),
    (f"[{'9' * 5000}]", ["9" * 5000], True),
]
SENSELESS = [
    *(b"[1", b"[1,]", b"[1 2]", b"[,]", b"[1]]", b'{"a" 1}', b'{"a":1,}', b"{1:2}", b'{"data":[1]'),
    *(b"[NaN]", b"[-Infinity]", b"[1.]", b"[01]", b"[tru]", b'["a]', b"\xff", b"[" * 100_000),
    *(b'{"data":[1] "x":2}', b"\xc2\xa0[1]"),
]


def test_the_items_of_data_are_the_items_and_what_is_not_json_is_refused():
    assert [(text, *read_items(text.encode())) for text, _, _ in ITEMS] == ITEMS
    for data in SENSELESS:
        with pytest.raises(ValueError, match=r".+"):
            read_items(data)


@pytest.mark.parametrize("text", ['a"b', "\\", '\\\\"', "\\" * 7 + '"', "a [ , ] {b}", "\n \t"])
def test_a_text_keeps_its_spaces_whatever_is_escaped_in_it(text):
    value = json.dumps({"a b": [text, 1, text]}, indent=2)
    assert on_one_line(value) == json.dumps({"a b": [text, 1, text]}, separators=(",", ":"))


def test_the_pages_of_a_list_are_one_list_of_items_as_they_came(call, api):
    api.pages(b"[1, 2.50]\n", {"data": [{"a": 3}]}, b"[]")
    called = call("projects", "--paginate", "--company", "7")
    assert called.out == b'[1,2.50,{"a": 3}]'
    api.pages([], b"", [])
    assert call("projects", "--paginate").out == b"[]"
    assert json.loads(call("projects", "--paginate", terminal="out").out) == []
    api.pages([{"a": [1]}], [2])
    plain = call("projects", "--paginate", terminal="out", variables={"NO_COLOR": "1"})
    assert plain.out.splitlines() == (b'[|  {|    "a": [|      1|    ]|  },|  2|]'.split(b"|"))


def test_a_page_that_is_no_list_among_lists_ends_it_with_a_whole_array(call, api):
    other = b'{"x": 2}'
    for bodies, out in (([[1], other], b"[1]"), ([[1], b"<html>"], b"[1]"), ([other, [1]], other)):
        api.pages(*bodies)
        called = call("projects", "--paginate", code=5)
        assert called.out.startswith(out)
        assert "One page is a list and another is not" in called.err


def test_every_page_has_the_company(call, api):
    api.pages([1], [2], [3])
    call("projects", "--paginate", "--company", "7")
    assert [seen.headers["procore-company-id"] for seen in api.requests] == ["7", "7", "7"]


def test_without_paginate_one_page_is_asked_for(call, api):
    api.pages([1], [2])
    assert call("projects").out == b"[1]"
    assert len(api.requests) == 1


def test_slurp_makes_one_array_of_all_pages(call, api):
    api.pages([1, 2], {"data": [3]}, [])
    assert json.loads(call("projects", "--paginate", "--slurp").out) == [[1, 2], {"data": [3]}, []]
    api.always(b"", 204)
    assert call("x", "--paginate", "--slurp").out == b"[]"


def test_jsonl_prints_an_item_a_line_of_lists_and_of_data(call, api):
    api.pages(b'[{"a": 1.10,\n "b": "x\\ny z"}, 2]', {"data": [[3], None], "meta": {"data": [9]}}, [])
    out = call("projects", "--paginate", "--jsonl").out
    assert out == b'{"a":1.10,"b":"x\\ny z"}\n2\n[3]\nnull\n'
    api.always(b'{"id": 1, "data": {"x": []}}')
    assert call("projects/1", "--jsonl").out == b'{"id":1,"data":{"x":[]}}\n'


def test_what_is_not_json_cannot_be_taken_apart(call, api):
    for body in (b"<html>", b'[{"a":1}, ', b"[1] [2]", b"\xff", b"[NaN]"):
        api.always(body)
        for form in ("--jsonl", "--slurp"):
            assert "not JSON" in call("projects", "--paginate", form, code=5).err


def test_an_error_on_a_later_page_leaves_the_array_whole(call, api):
    api.pages([1], [2])
    whole = api.plays["/rest/v1.0/projects"]
    api.plays["/rest/v1.0/projects"] = lambda seen: Reply(500, b"{}") if "=2" in seen.target else whole(seen)
    assert call("projects", "--paginate", "--slurp", code=5).out == b"[[1]]{}"
    assert call("projects", "--paginate", code=5).out == b"[1]{}"


def test_a_link_is_read_as_it_may_be_written(call, api):
    for links, target in (
        (["</rest/v1.0/projects?page=2>; rel=next"], "projects?page=2"),
        (['<?page=2&a="b">; REL="first NEXT"'], "projects?page=2&a=%22b%22"),
        (['<x?page=9>; rel="last"; title="a, <b>; rel=next", <x?page=2>; rel="next"'], "x?page=2"),
        (["<x?page=9>; rel=last", "<x?page=2>; rel=next"], "x?page=2"),
    ):
        api.in_turn(Reply(200, b"[1]", links=tuple(links)), Reply(200, b"[2]"))
        assert call("projects", "--paginate").out == b"[1,2]"
        assert api.last.target == f"/rest/v1.0/{target}"


def test_a_list_ends_without_a_next_link_or_where_it_leads_back_to_itself(call, api):
    for link in ("", "next", "<x?page=2>", "<x>; rel=prev", "<x>; rel=nextish"):
        api.always(b"[1]", Link=link)
        assert call("x", "--paginate").out == b"[1]"
    api.plays["/rest/v1.0/a"] = lambda _: Reply(200, b"1", {"Link": "<b>; rel=next"})
    api.plays["/rest/v1.0/b"] = lambda _: Reply(200, b"2", {"Link": "<a>; rel=next"})
    assert call("a", "--paginate", code=5).out == b"12"


def test_include_shows_the_head_of_each_page(call, api):
    api.pages([1], [2])
    out = call("projects", "--paginate", "--include").out
    assert out.count(b"HTTP/1.1 200 OK\n") == 2
    assert b"\n\n[1]\nHTTP/1.1" in out


def test_each_page_may_wait_anew(call, api):
    pause = Reply(429, b"", {"Retry-After": "40"})
    first, second = (Reply(200, b"[1]", {"Link": f"<x?page={number}>; rel=next"}) for number in (2, 3))
    api.in_turn(first, pause, second, pause, Reply())
    assert call("projects", "--paginate").slept == [40, 40]


def test_silent_follows_the_pages_over_one_connection(call, api):
    api.pages([1] * 50_000, [2], [3])
    assert call("projects", "--paginate", "--silent").out == b""
    assert len(api.requests) == 3
    assert len({seen.client for seen in api.requests}) == 1


SHORT = (
    "Warning: production: the list says that it has 6 items, but 3 came: Procore linked to no further page."
)


def test_a_list_that_says_it_has_more_than_came_is_warned_of_in_every_form(call, api, tmp_path):
    for form in ((), ("--jsonl",), ("--slurp",), ("--silent",), ("--output", f"{tmp_path}/x")):
        for terminal in ("", "out"):
            api.pages([1, 2], [3], [])
            short = call("projects", "--paginate", *form, terminal=terminal)
            api.pages([1, 2, 3], [4, 5], [6])
            whole = call("projects", "--paginate", *form, terminal=terminal)
            assert (short.said, whole.said) == ([SHORT], []), form


def test_what_can_be_counted_is_counted(call, api):
    for bodies, said in (
        ([{"data": [1, {"data": [2]}]}, {"meta": [0, 0, 0, 0], "data": ["3"]}, {"data": []}], [SHORT]),
        ([[1, 2, 3], [4, 5, 6], [7, 8, 9]], []),
        # What is no list cannot be counted.
        ([{"projects": [1]}, {"projects": []}, {"data": {}}], []),
    ):
        api.pages(*bodies)
        assert call("projects", "--paginate").said == said
        assert call("projects", "--paginate", "--jsonl").said == said


def test_without_a_total_that_is_a_number_or_all_pages_nothing_is_missed(call, api):
    for total in ({}, *({"Total": each} for each in ("", "many", "-3", "1e3", "57, 57"))):
        api.always([1], **total)
        called = call("projects", "--paginate")
        assert (called.out, called.said) == (b"[1]", [])
    api.always([1], Total="57")
    for later in (("x?page=2", "--paginate"), ("x?per_page=1&page=2", "--paginate"), ("x",)):
        assert call(*later).said == []
    assert len(call("projects?page=1", "--paginate").said) == 1


def test_what_is_not_json_is_passed_on_whole_though_a_total_comes_with_it(call, api):
    body = b"id,name\n" * 30_000
    api.always(body, Total="57")
    called = call("projects", "--paginate")
    assert (called.out, called.said) == (body, [])
