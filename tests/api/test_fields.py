"""Fields as people type them: what they become in JSON, and which of them contradict each other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from procore_cli.client.fields import add_query, new_object, read_field
from procore_cli.errors import UsageMistakeError


def read(*texts: str, typed: bool = True) -> Any:
    fields = [read_field(text, typed=typed, read_file=lambda name: f"file {name}") for text in texts]
    return json.loads(new_object(fields))


TYPED = [
    ("7", 7),
    ("-0", 0),
    ("12345678901234567890123", 12345678901234567890123),
    ("1.5", 1.5),
    ("1e3", 1000.0),
    ("007", "007"),
    ("+7", "+7"),
    ("7 ", "7 "),
    (".5", ".5"),
    ("0x10", "0x10"),
    ("1_000", "1_000"),
    ("٣", "٣"),
    ("true", True),
    ("false", False),
    ("null", None),
    ("True", "True"),
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    ("", ""),
    ("a=b", "a=b"),
    ("@some/file", "file some/file"),
    ("@-", "file -"),
    ("9" * 401, "9" * 401),
]


def test_a_typed_value_is_what_json_would_read():
    for text, value in TYPED:
        assert read(f"x={text}") == {"x": value}
        assert type(read(f"x={text}")["x"]) is type(value)


def test_a_raw_value_stays_text():
    for text in ("7", "true", "null", "@file", "1.5"):
        assert read(f"x={text}", typed=False) == {"x": text}


NESTED = [
    (["a[b]=1", "a[c][d]=2"], {"a": {"b": 1, "c": {"d": 2}}}),
    (["a[]=1", "a[]=x"], {"a": [1, "x"]}),
    (["a[b][]=1", "a[b][]=2"], {"a": {"b": [1, 2]}}),
    (["a[][x]=1", "a[][y]=2", "a[][x]=3"], {"a": [{"x": 1, "y": 2}, {"x": 3}]}),
    (["a[][x][]=1", "a[][x][]=2"], {"a": [{"x": [1, 2]}]}),
    (["a[][x][y]=1", "a[][x][z]=2"], {"a": [{"x": {"y": 1, "z": 2}}]}),
    (["a[][x][x]=1", "a[][x][y]=2"], {"a": [{"x": {"x": 1, "y": 2}}]}),
    (["a[][x][x]=1", "a[][x]=2"], {"a": [{"x": {"x": 1}}, {"x": 2}]}),
    (["a b.c-d=1"], {"a b.c-d": 1}),
    (["a[0]=1"], {"a": {"0": 1}}),
]


def test_brackets_nest_and_make_lists():
    assert [(texts, read(*texts)) for texts, _ in NESTED] == NESTED


LOST = [
    ["novalue"],
    ["=1"],
    ["[a]=1"],
    ["a[=1"],
    ["a]=1"],
    ["a[b]c=1"],
    ["a[[b]]=1"],
    ["a=1", "a=2"],
    ["a=1", "a[b]=2"],
    ["a=1", "a[]=2"],
    ["a[b]=1", "a=2"],
    ["a[]=1", "a[b]=2"],
    ["a[b]=1", "a[]=2"],
    ["a[]=1", "a=2"],
    ["a" + "[b]" * 60 + "=1"],
    ["a=\udcff"],
    ["a=1e999"],
    ["a=12345678901234567.89"],
]


def test_what_would_be_lost_is_refused():
    for texts in LOST:
        with pytest.raises(UsageMistakeError):
            read(*texts)


def test_a_query_takes_the_keys_as_they_are():
    texts = ["filters[id][]=1", "filters[id][]=2", "q=a b&c", "on=true", "none=null", "part=1.50"]
    fields = [read_field(text, typed=True, read_file=str) for text in texts]
    assert add_query("http://x/y?z=1", fields) == (
        "http://x/y?z=1&filters%5Bid%5D%5B%5D=1&filters%5Bid%5D%5B%5D=2&q=a%20b%26c&on=true&none=&part=1.5"
    )
    assert add_query("http://x/y", []) == "http://x/y"
