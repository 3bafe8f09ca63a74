"""Texts in parts, and token sets as texts: whole or nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from procore_cli.errors import (
    BusyError,
    DataFolderError,
    GrantRefusedError,
    KeyringError,
    ProcoreError,
    RefreshRefusedError,
    StorageError,
)
from procore_cli.grants import TokenSet
from procore_cli.models import Binding
from procore_cli.storage import failures, files, tokens_text
from procore_cli.storage.files import ClosedError, GivenUpError
from tests.store.store_world import World, new_tokens


def test_a_text_is_one_part_while_it_fits_windows_and_several_if_not() -> None:
    for size in (0, 1, 1000, files.PAYLOAD_CHARS, files.PAYLOAD_CHARS + 1, 6000, files.PAYLOAD_CHARS * 16):
        text = "".join(chr(33 + i % 90) for i in range(size))
        pieces = files.split_text(text)
        assert len(pieces) == max(1, math.ceil(size / files.PAYLOAD_CHARS))
        assert all(len(piece.encode("utf-16-le")) <= 2560 for piece in pieces)
        assert files.join_parts(pieces) == text


def test_a_text_of_more_than_sixteen_parts_is_refused_without_showing_it() -> None:
    with pytest.raises(StorageError, match="too long") as failure:
        files.split_text("secret" * files.PAYLOAD_CHARS * 3)
    assert "secret" not in failure.value.message


LONG = "".join(str(i) for i in range(1000))


def _swap(pieces: list[str]) -> list[str]:
    return [pieces[1], pieces[0], *pieces[2:]]


def _mix(pieces: list[str]) -> list[str]:
    return [pieces[0], *files.split_text(LONG[::-1])[1:]]


def test_torn_parts_are_never_joined() -> None:
    damages: list[Callable[[list[str]], list[str]]] = [
        lambda pieces: [],
        lambda pieces: pieces[:-1],
        lambda pieces: pieces[1:],
        lambda pieces: pieces * 20,
        lambda pieces: [*pieces, pieces[-1]],
        lambda pieces: [*pieces[:-1], pieces[-1][:-1]],
        lambda pieces: [*pieces[:-1], pieces[-1].replace("9", "8")],
        lambda pieces: [*pieces[:-1], "no header"],
        _swap,
        _mix,
    ]
    pieces = files.split_text(LONG)
    assert files.join_parts(pieces) == LONG
    assert [files.join_parts(damage(pieces)) for damage in damages] == [None] * len(damages)


def test_a_part_that_claims_hundreds_of_others_is_torn(world: World) -> None:
    store = world.stores("file")
    (part,) = files.split_text("text")
    store.save(
        files.new_part_service("production", "name", 1), files.TOKENS_USERNAME, part.replace("1/1", "1/99")
    )
    assert files.load_text(store, "production", "name") is None


def test_a_text_of_which_a_part_is_missing_is_torn(world: World) -> None:
    store = world.stores("file")
    assert files.save_text(store, "production", "name", LONG) == 3
    assert files.load_text(store, "production", "name") == LONG
    store.delete(files.new_part_service("production", "name", 2), files.TOKENS_USERNAME)
    assert files.load_text(store, "production", "name") is None


def test_a_text_of_unknown_size_is_deleted_whole(world: World) -> None:
    store = world.stores("file")
    files.save_text(store, "production", "name", "x" * files.PAYLOAD_CHARS * files.MAX_PARTS)
    assert world.count_secrets() == files.MAX_PARTS
    files.delete_text(store, "production", "name", None)
    assert world.count_secrets() == 0


def test_each_part_has_a_service_of_its_own_that_names_the_environment() -> None:
    services = {files.new_part_service("sandbox", "name", number) for number in (1, 2)}
    assert len(services) == 2
    assert all(service.startswith("procore-login/sandbox/") for service in services)


@pytest.mark.parametrize(("expires_at", "lifetime_s"), [(None, None), (1_780_000_000, 5400)])
@pytest.mark.parametrize("refresh_token", [None, "re\u00e9\ud800fresh"])
def test_a_token_set_comes_back_as_it_was(
    expires_at: int | None, lifetime_s: int | None, refresh_token: str | None
) -> None:
    kept = TokenSet("access", refresh_token, expires_at, new_tokens(1).binding, lifetime_s)
    text = tokens_text.new_tokens_text(kept)
    assert text.isascii()
    assert tokens_text.read_tokens_text(text) == kept


def test_a_token_set_of_the_first_release_has_no_lifetime() -> None:
    text = (
        '{"format":1,"access_token":"access","refresh_token":"refresh","expires_at":1780000000,'
        '"binding":{"client_id":"id","login_origin":"login","api_origin":"api"}}'
    )

    assert tokens_text.read_tokens_text(text) == TokenSet(
        "access", "refresh", 1_780_000_000, Binding("id", "login", "api"), None
    )


def _changed(**values: Any) -> str:
    return json.dumps({**json.loads(tokens_text.new_tokens_text(new_tokens(1))), **values})


def test_what_is_not_a_token_set_is_never_read_as_one() -> None:
    texts = [
        "",
        "null",
        "[]",
        "3",
        "{}",
        "[" * 100_000,
        _changed(format=2),
        _changed(access_token=None),
        _changed(access_token=5),
        _changed(refresh_token=[]),
        _changed(expires_at="soon"),
        _changed(lifetime_s=True),
        _changed(expires_at=True),
        _changed(expires_at=1.5),
        _changed(binding=None),
        _changed(binding={"client_id": "id"}),
        _changed(binding={"client_id": 1, "login_origin": "a", "api_origin": "b"}),
    ]
    assert [text[:99] for text in texts if tokens_text.read_tokens_text(text) is not None] == []


def test_a_recorded_failure_keeps_its_exit_code_and_words() -> None:
    for kind in (GrantRefusedError, ClosedError, GivenUpError, DataFolderError, KeyringError, BusyError):
        text = failures.new_failure_text(kind("What happened.", "What to do."))
        shared = failures.read_failure(text, "production")
        assert (shared.exit_code, shared.message) == (kind.exit_code, "What happened.")
        assert shared.hint == "What to do."
        assert isinstance(shared, GrantRefusedError) == (kind is GrantRefusedError)


@pytest.mark.parametrize("where", ["", "production"])
def test_a_recorded_failure_names_its_environment_as_often_as_it_did(where: str) -> None:
    error = RefreshRefusedError("production's tokens are refused.", environment=where)
    shared = failures.read_failure(failures.new_failure_text(error), "production")
    assert str(shared.happened_in("production")) == str(error.happened_in("production"))


def test_what_an_earlier_release_recorded_names_its_environment_already() -> None:
    text = '["ProcoreError", "production: Procore answered 500.", "Try again."]'
    shared = failures.read_failure(text, "production").happened_in("production")
    assert (str(shared), shared.environment) == ("production: Procore answered 500.", "production")


def test_a_recorded_failure_that_makes_no_sense_is_a_general_one() -> None:
    for text in (None, "", "5", "[]", '["SystemExit", "a", "b"]', '["annotations", "a", "b"]'):
        assert type(failures.read_failure(text, "production")) is ProcoreError, text
