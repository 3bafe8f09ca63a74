"""A page of JSON: its items as they were written, and what is no page."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procore_cli.client.json_pages import on_one_line, read_items

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(VALUES, max_size=6), st.booleans(), st.sampled_from([None, 1]))
def test_the_items_are_those_of_the_list(values, is_ascii, indent):
    data = json.dumps(values, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "surrogatepass")
    if b"\xed" in data and not is_ascii:
        data = json.dumps(values, indent=indent).encode()
    items, is_list = read_items(data)
    assert is_list
    assert [json.loads(item) for item in items] == values
    assert not any("\n" in on_one_line(item) for item in items)
    assert [json.loads(on_one_line(item)) for item in items] == values


def test_numbers_and_texts_come_out_as_they_are_written():
    data = b'\xef\xbb\xbf [ 1.10 ,-1E+2, 12345678901234567890.5,"\\u00e9\\n" , 0 ] \n'
    assert read_items(data) == (["1.10", "-1E+2", "12345678901234567890.5", '"\\u00e9\\n"', "0"], True)


def test_a_number_may_have_more_digits_than_python_reads():
    assert read_items(b"[%s]" % (b"9" * 5000)) == (["9" * 5000], True)


ITEMS = [
    ('{"data": [1, {"data": [2]}], "x": 3}', ["1", '{"data": [2]}'], True),
    ('{"x": {"data": [9]}, "data": []}', [], True),
    ('{"x": [9], "y": "data", "data" : [1 ]}', ["1"], True),
    ('{"d\\u0061ta": [1]}', ["1"], True),
    ('{"x": 1, "data": {"y": 2}}', ['{"x": 1, "data": {"y": 2}}'], False),
    ("[]", [], True),
    ("[ [ ] , [ 1 , 2 ] ]", ["[ ]", "[ 1 , 2 ]"], True),
    ("{}", ["{}"], False),
    ("7", ["7"], False),
    ('"x"', ['"x"'], False),
    ("null", ["null"], False),
    ("", [], False),
    (" \n", [], False),
]


def test_the_items_of_data_are_the_items():
    assert [(text, *read_items(text.encode())) for text, _, _ in ITEMS] == ITEMS


SENSELESS = [
    *(b"[1", b"[1,]", b"[1 2]", b"[,]", b"[1]]", b'{"a" 1}', b'{"a":1,}', b"{1:2}", b'{"data":[1]'),
    *(b"[NaN]", b"[-Infinity]", b"[1.]", b"[01]", b"[tru]", b'["a]', b"\xff", b"[" * 100_000),
    b'{"data":[1] "x":2}',
    b"\xc2\xa0[1]",
]


def test_what_is_not_json_is_refused():
    for data in SENSELESS:
        with pytest.raises(ValueError, match=r".+"):
            read_items(data)


@pytest.mark.parametrize("text", ['a"b', "\\", '\\\\"', "\\" * 7 + '"', "a [ , ] {b}", "\n \t"])
def test_a_text_keeps_its_spaces_whatever_is_escaped_in_it(text):
    value = json.dumps({"a b": [text, 1, text]}, indent=2)
    assert on_one_line(value) == json.dumps({"a b": [text, 1, text]}, separators=(",", ":"))
