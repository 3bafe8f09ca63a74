"""Bodies: kept where they are small, opened anew where they are files, and gone where they are streams."""

import io
import os
import threading

import pytest

from procore_cli.client.request import LARGEST_KEPT, read_body, read_text
from procore_cli.errors import UsageMistakeError


def test_a_file_is_sent_as_often_as_it_is_asked_for(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 200_000)
    body = read_body(str(tmp_path / "f"), io.BytesIO())
    assert (body.length, body.is_repeatable) == (200_000, True)
    assert b"".join(body.open()) == b"".join(body.open()) == b"x" * 200_000


def test_a_file_that_grew_is_sent_as_long_as_it_was_said_to_be(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    body = read_body(str(tmp_path / "f"), io.BytesIO())
    (tmp_path / "f").write_bytes(b"abcdef")
    assert b"".join(body.open()) == b"abc"


@pytest.mark.parametrize("change", ["shorter", "gone"])
def test_a_file_that_cannot_be_sent_whole_is_an_error(tmp_path, change):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    body = read_body(str(path), io.BytesIO())
    path.write_bytes(b"a") if change == "shorter" else path.unlink()
    with pytest.raises(UsageMistakeError, match="cannot be read"):
        list(body.open())


@pytest.mark.parametrize("name", ["missing", ".", "", "a\0b"])
def test_what_cannot_be_read_is_found_out_before_anything_is_sent(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for read in (read_body, read_text):
        with pytest.raises(UsageMistakeError, match="cannot be read"):
            read(name, io.BytesIO())


@pytest.mark.parametrize("size", [0, 1, LARGEST_KEPT])
def test_a_small_stream_is_kept(size):
    body = read_body("-", io.BytesIO(b"x" * size))
    assert (body.length, body.is_repeatable) == (size, True)
    assert b"".join(body.open()) == b"".join(body.open()) == b"x" * size


def test_a_large_stream_is_sent_once():
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
    body = read_body(str(path), io.BytesIO())
    sent = b"".join(body.open())
    writer.join()
    assert sent == b"x" * size


def test_a_field_from_a_file_is_utf_8_text(tmp_path):
    (tmp_path / "f").write_bytes(b"\xff")
    with pytest.raises(UsageMistakeError, match="not utf-8 text"):
        read_text(str(tmp_path / "f"), io.BytesIO())
