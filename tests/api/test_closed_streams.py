"""Standard streams that are closed: a mistake that is said, or nothing that anybody needed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.api.api_machine import Caller
from tests.api.api_server import ApiServer, Reply
from tests.cli import Result, command


def run(call: Caller, closed: str, *arguments: str) -> Result:
    """Run `api` as a shell does; `closed` is `<&-` or `>&-`."""
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command(), "api", *arguments],
        env=call.machine.environ(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    assert "bug" not in ended.stderr
    return Result(ended.returncode, ended.stdout, ended.stderr)


def test_a_body_from_a_file_needs_no_standard_input(call: Caller, api: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}")
    (tmp_path / "name").write_text("Joe")
    api.always("[]")

    result = run(call, "<&-", "x", "--input", str(tmp_path / "b.json"), "-F", f"a=@{tmp_path}/name")

    assert (result.code, result.out) == (0, "[]"), result.err
    assert (api.last.body, api.last.target) == (b"{}", "/rest/v1.0/x?a=Joe")


@pytest.mark.parametrize("arguments", [("--input", "-"), ("-F", "a=@-")])
def test_a_standard_input_that_is_closed_cannot_be_read(
    call: Caller, api: ApiServer, arguments: tuple[str, ...]
) -> None:
    result = run(call, "<&-", "x", *arguments)

    assert result.code == 2
    assert "Standard input cannot be read: it is closed." in result.err
    assert api.requests == []


def test_nobody_is_asked_for_a_company_without_standard_input(call: Caller, api: ApiServer) -> None:
    api.always({"errors": "App is not connected to this company"}, 403)
    api.plays["/rest/v1.0/companies"] = lambda _: Reply(200, [{"id": 7, "name": "Joe"}])

    result = run(call, "<&-", "projects")

    assert result.code == 5
    assert "  7  Joe" in result.err


def test_a_file_needs_no_standard_output(call: Caller, api: ApiServer, tmp_path: Path) -> None:
    api.always("[]")

    result = run(call, ">&-", "x", "--output", str(tmp_path / "f"))

    assert result.code == 0, result.err
    assert (tmp_path / "f").read_bytes() == b"[]"


def test_silence_needs_no_standard_output(call: Caller, api: ApiServer) -> None:
    api.always("[]")

    assert run(call, ">&-", "x", "--silent").code == 0


def test_an_error_is_told_where_its_body_cannot_be(call: Caller, api: ApiServer, tmp_path: Path) -> None:
    api.always({"errors": "odd"}, 422)

    result = run(call, ">&-", "x", "--output", str(tmp_path / "f"))

    assert result.code == 5
    assert "422 (odd)" in result.err
    assert "standard output" not in result.err


@pytest.mark.parametrize("arguments", [(), ("--include", "--output", "/dev/null")])
def test_what_needs_a_standard_output_sends_nothing_without(
    call: Caller, api: ApiServer, arguments: tuple[str, ...]
) -> None:
    result = run(call, ">&-", "x", *arguments)

    assert result.code == 6
    assert "Standard output is closed." in result.err
    assert api.requests == []


@pytest.mark.parametrize("form", [(), ("--jsonl",)])
def test_a_reader_that_has_enough_is_no_failure(call: Caller, api: ApiServer, form: tuple[str, ...]) -> None:
    api.always(["x" * 100] * 10_000)

    with subprocess.Popen(
        [*command(), "api", "x", *form],
        env=call.machine.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(1)
        running.stdout.close()
        err = running.stderr.read()

    assert running.returncode == 0
    assert b"Error" not in err
    assert b"Traceback" not in err
