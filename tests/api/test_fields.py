"""Fields and bodies as people name them: what they become, and what is found out before anything is sent."""

import io
import json
import os
import threading
from typing import Any

import pytest

from procore_cli.client.fields import add_query, new_object, read_field
from procore_cli.client.request import LARGEST_KEPT, read_body, read_text
from procore_cli.errors import UsageMistakeError

NO_INPUT = io.BytesIO()


def read(*texts: str, typed: bool = True) -> Any:
    fields = [read_field(text, typed=typed, read_file=lambda name: f"file {name}") for text in texts]
    return json.loads(new_object(fields))


TYPED = [
    *(
        ("7", 7),
        ("-0", 0),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("12345678901234567890123", 12345678901234567890123),
    ),
    *(("true", True), ("false", False), ("null", None), ("@some/file", "file some/file"), ("@-", "file -")),
    ("9" * 400, int("9" * 400)),
]
TEXTS = ["007", "+7", "7 ", ".5", "0x10", "1_000", "٣", "True", "NaN", "Infinity", "", "a=b", "9" * 401]


def test_a_typed_value_is_what_json_would_read_and_a_raw_one_stays_text():
    for text, value in (*TYPED, *((each, each) for each in TEXTS)):
        assert read(f"x={text}") == {"x": value}
        assert type(read(f"x={text}")["x"]) is type(value)
    for text in ("7", "true", "null", "@file", "1.5"):
        assert read(f"x={text}", typed=False) == {"x": text}


NESTED = [
    ("a[b]=1 a[c][d]=2", {"a": {"b": 1, "c": {"d": 2}}}),
    ("a[]=1 a[]=x", {"a": [1, "x"]}),
    ("a[b][]=1 a[b][]=2", {"a": {"b": [1, 2]}}),
    ("a[][x]=1 a[][y]=2 a[][x]=3", {"a": [{"x": 1, "y": 2}, {"x": 3}]}),
    ("a[][x][]=1 a[][x][]=2", {"a": [{"x": [1, 2]}]}),
    ("a[][x][y]=1 a[][x][z]=2", {"a": [{"x": {"y": 1, "z": 2}}]}),
    ("a[][x][x]=1 a[][x][y]=2", {"a": [{"x": {"x": 1, "y": 2}}]}),
    ("a[][x][x]=1 a[][x]=2", {"a": [{"x": {"x": 1}}, {"x": 2}]}),
    ("a.c-d=1", {"a.c-d": 1}),
    ("a[] b[c][] d[] d[]=1", {"a": [], "b": {"c": []}, "d": [1]}),
    ("a[0]=1", {"a": {"0": 1}}),
]
LOST = [
    "a" + "[b]" * 60 + "[]",
    *("novalue", "=1", "[a]=1", "a[=1", "a]=1", "a[b]c=1", "a[[b]]=1", "a" + "[b]" * 60 + "=1", "a=\udcff"),
    *(
        "a=1 a=2",
        "a=1 a[b]=2",
        "a=1 a[]=2",
        "a[b]=1 a=2",
        "a[]=1 a[b]=2",
        "a[b]=1 a[]=2",
        "a[]=1 a=2",
        "a[]=1 a[",
        "[]",
    ),
    *("a=1e999", "a=12345678901234567.89"),
]


def test_brackets_nest_and_make_lists_and_what_would_be_lost_is_refused():
    assert [(texts, read(*texts.split())) for texts, _ in NESTED] == NESTED
    assert read("a b=1") == {"a b": 1}
    for texts in LOST:
        with pytest.raises(UsageMistakeError):
            read(*texts.split())


def test_a_query_takes_the_keys_as_they_are():
    texts = ["filters[id][]=1", "filters[id][]=2", "q=a b&c", "on=true", "none=null", "part=1.50"]
    fields = [read_field(text, typed=True, read_file=str) for text in texts]
    assert add_query("http://x/y?z=1", fields) == (
        "http://x/y?z=1&filters%5Bid%5D%5B%5D=1&filters%5Bid%5D%5B%5D=2&q=a%20b%26c&on=true&none=&part=1.5"
    )
    assert add_query("http://x/y", []) == "http://x/y"


def test_a_file_is_sent_as_often_as_it_is_asked_for_and_as_long_as_it_was_said_to_be(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"x" * 200_000)
    body = read_body(str(path), NO_INPUT)
    assert (body.length, body.is_repeatable) == (200_000, True)
    assert b"".join(body.open()) == b"".join(body.open()) == b"x" * 200_000
    path.write_bytes(b"x" * 200_001)
    assert b"".join(body.open()) == b"x" * 200_000
    for change in (lambda: path.write_bytes(b"x" * 199_999), path.unlink):
        change()
        with pytest.raises(UsageMistakeError, match="cannot be read"):
            list(body.open())


@pytest.mark.parametrize("name", ["missing", ".", "", "a\0b"])
def test_what_cannot_be_read_is_found_out_before_anything_is_sent(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for reading in (read_body, read_text):
        with pytest.raises(UsageMistakeError, match="cannot be read"):
            reading(name, NO_INPUT)


def test_a_small_stream_is_kept_and_a_large_one_sent_once():
    for size in (0, 1, LARGEST_KEPT):
        body = read_body("-", io.BytesIO(b"x" * size))
        assert (body.length, body.is_repeatable) == (size, True)
        assert b"".join(body.open()) == b"".join(body.open()) == b"x" * size
    data = os.urandom(LARGEST_KEPT + 200_000)
    body = read_body("-", io.BytesIO(data))
    assert (body.length, body.is_repeatable) == (None, True)
    assert b"".join(body.open()) == data
    assert not body.is_repeatable


@pytest.mark.parametrize("size", [3, LARGEST_KEPT + 1])
def test_a_named_pipe_is_a_stream_too(tmp_path, size):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"x" * size,))
    writer.start()
    sent = b"".join(read_body(str(path), NO_INPUT).open())
    writer.join()
    assert sent == b"x" * size


def test_a_field_from_a_file_is_utf_8_text(tmp_path):
    (tmp_path / "f").write_bytes(b"\xff")
    with pytest.raises(UsageMistakeError, match="not UTF-8 text"):
        read_text(str(tmp_path / "f"), NO_INPUT)
