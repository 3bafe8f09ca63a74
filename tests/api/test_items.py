"""A list that comes in pieces: the same items wherever the pieces are cut, and little memory."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procore_cli.client.json_pages import on_one_line, read_items, read_values

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, max_size=6), st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_the_items_are_those_of_the_list_wherever_it_is_cut(
    values: list[Any], size: int, is_ascii: bool, indent: int | None
) -> None:
    data = json.dumps(values, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "surrogatepass")
    if b"\xed" in data and not is_ascii:
        data = json.dumps(values, indent=indent).encode()

    items = list(read_items(cut(data, size)))

    assert [json.loads(item) for item in items] == values
    assert not any("\n" in item for item in items)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_numbers_and_texts_come_out_as_they_are_written(size: int) -> None:
    data = b'\xef\xbb\xbf [ 1.10 ,-1E+2, 12345678901234567890.5,"\\u00e9\\n" , 0 ] \n'

    items = list(read_items(cut(data, size)))

    assert items == ["1.10", "-1E+2", "12345678901234567890.5", '"\\u00e9\\n"', "0"]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('{"data": [1, {"data": [2]}], "x": 3}', ["1", '{"data":[2]}']),
        ('{"x": {"data": [9]}, "data": []}', []),
        ('{"d\\u0061ta": [1]}', ["1"]),
        ('{"x": 1, "data": {"y": 2}}', ['{"x":1,"data":{"y":2}}']),
        ("{}", ["{}"]),
        ("7", ["7"]),
        ('"x"', ['"x"']),
        ("null", ["null"]),
        ("", []),
        (" \n", []),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_the_items_of_data_are_the_items(text: str, items: list[str], size: int) -> None:
    assert list(read_items(cut(text.encode(), size))) == items


@pytest.mark.parametrize(
    "data",
    [
        *(b"[1", b"[1,]", b"[1 2]", b"[,]", b"[1]]", b'{"a" 1}', b'{"a":1,}', b"{1:2}", b'{"data":[1]'),
        *(b"[NaN]", b"[-Infinity]", b"[1.]", b"[01]", b"[tru]", b'["a]', b"\xff", b"[" * 100_000),
        b'{"data":[1] "x":2}',
    ],
)
@pytest.mark.parametrize("size", [1, 100_001])
def test_what_is_not_json_is_refused(data: bytes, size: int) -> None:
    pieces = cut(data, size if len(data) < 1000 else 100_001)
    with pytest.raises(ValueError, match=r".+"):
        list(read_items(pieces))


def test_a_long_list_takes_no_more_memory_than_a_short_one() -> None:
    page = b",".join([b'{"name": "' + b"x" * 200 + b'"}'] * 300)
    chunks = itertools.chain([b"["], itertools.islice(itertools.cycle([page, b","]), 79), [b"]"])
    tracemalloc.start()
    count = sum(1 for _ in read_items(chunks))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 12_000
    assert peak < 2_000_000


@pytest.mark.parametrize("text", ['a"b', "\\", '\\\\"', "\\" * 7 + '"', "a [ , ] {b}", "\n \t"])
def test_a_text_keeps_its_spaces_whatever_is_escaped_in_it(text: str) -> None:
    value = json.dumps({"a b": [text, 1, text]}, indent=2)

    assert on_one_line(value) == json.dumps({"a b": [text, 1, text]}, separators=(",", ":"))


def test_the_values_of_a_list_come_as_they_were() -> None:
    assert list(read_values([b"[ { 'a' : 1 } , 2 ]".replace(b"'", b'"')])) == ['{ "a" : 1 }', "2"]
