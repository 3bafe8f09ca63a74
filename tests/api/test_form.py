"""`--form`: a multipart body, its files read from disk while they are sent."""

import email
import email.policy
import os
from pathlib import Path

import pytest


def read_parts(seen):
    """Name, file's name, type and content of each part."""
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + seen.body, policy=email.policy.HTTP)
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            None if part.get_filename() is None else part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def test_files_and_texts_are_sent_as_the_parts_of_a_form(call, api, tmp_path):
    plan, notes = tmp_path / 'pl"an.pdf', tmp_path / "notes.txt"
    plan.write_bytes(b"%PDF\r\n\0" * 100_000)
    notes.write_bytes(b"\xff\r\n--x")
    call(
        *("submittals", "-f", "submittal[number]=007", "-F", "private=true", "-f", "tags[]"),
        *("--form", f"submittal[attachments][]=@{plan};type=application/x-plan", "--form", f"notes=@{notes}"),
        *("--form", "title=Tür = auf"),
    )
    assert (api.last.method, int(api.last.headers["content-length"])) == ("POST", len(api.last.body))
    assert read_parts(api.last) == [
        ("submittal[number]", None, None, b"007"),
        ("private", None, None, b"true"),
        ("submittal[attachments][]", "pl%22an.pdf", "application/x-plan", plan.read_bytes()),
        ("notes", "notes.txt", "text/plain", b"\xff\r\n--x"),
        ("title", None, None, "Tür = auf".encode()),
    ]


def test_a_files_name_and_type_can_be_given_and_need_not_be_utf_8(call, api, tmp_path):
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/n\xe9")
    for name in ("a;b", odd):
        Path(tmp_path, name).write_bytes(b"x")
    call("f", "--form", f"f=@{tmp_path}/a;b;filename=x.pdf;type=text/x;charset=y", "--form", f"g=@{odd}")
    assert b'filename="x.pdf"\r\nContent-Type: text/x;charset=y' in api.last.body
    assert b'filename="n\xe9"' in api.last.body


def test_it_is_sent_again_with_a_new_token(call, api, tmp_path):
    (tmp_path / "f").write_bytes(b"x")
    call.provider.expire()
    api.accepts = lambda bearer: bearer in call.provider._bearers
    call("files", "-X", "PATCH", "--form", f"f=@{tmp_path}/f")
    assert [seen.body == api.last.body for seen in api.requests] == [True, True]
    assert read_parts(api.last) == [("f", "f", "application/octet-stream", b"x")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--form", "x"), "not KEY=VALUE"),
        (("--form", "=x"), "not KEY=VALUE"),
        (("--form", "f=@/nonexistent/f"), "No such file"),
        (("--form", "f=@/"), "it is no file"),
        (("--form", "f=@-"), "a form field is a file"),
        (("--form", "f=@/etc/hostname;type=nonsense"), "no media type"),
        (("--form", "f=<x"), "begins with <"),
        (("--form", "f=\udce9"), "not UTF-8"),
        (("--form", "\udce9=x"), "not UTF-8"),
        (("--form", "a=b", "-H", "Content-Type: x/y"), "Content-Type of its own"),
        (("--form", "a=b", "--input", "-"), "contradict"),
        (("--form", "a=b", "-X", "GET"), "GET has none of"),
    ],
)
def test_what_cannot_be_sent_is_said_before_anything_is(call, api, options, said):
    assert said.casefold() in call("files", *options, code=2).err.casefold()
    assert api.requests == []


def test_a_field_from_a_file_that_is_no_text_names_the_form(call, tmp_path):
    (tmp_path / "f").write_bytes(b"\xff")
    assert "--form 'KEY=@FILE'" in call("files", "-F", f"f=@{tmp_path}/f", code=2).err
