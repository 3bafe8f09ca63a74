"""One contract for both stores, and what is the file store's own."""

from __future__ import annotations

import stat

import pytest

from procore_cli.errors import DataFolderError
from procore_cli.storage.files import PART_CHARS, SecretStore, new_file_name
from tests.store.store_world import World

SERVICE = "procore-login/production/0123abcd/1"


@pytest.fixture
def store(either_world: World) -> SecretStore:
    return either_world.stores(either_world.store_name)


def test_a_store_is_found_by_its_name(
    either_world: World, store: SecretStore, keyring_entries: dict[object, str]
) -> None:
    store.save(SERVICE, "token-set", "text")
    is_file = either_world.store_name == "file"
    assert (either_world.home / "secrets").exists() == is_file
    assert len(keyring_entries) == (not is_file)


def test_a_store_keeps_each_text_until_it_is_replaced_or_deleted(
    either_world: World, store: SecretStore
) -> None:
    assert store.load(SERVICE, "token-set") is None
    store.delete(SERVICE, "token-set")
    store.save(SERVICE, "token-set", "first")
    store.save(SERVICE, "token-set", "x" * PART_CHARS)
    store.save(SERVICE + "0", "token-set", "two")
    store.save(SERVICE, "client-secret", "three")
    store.delete(SERVICE + "0", "token-set")

    for run in (store, either_world.stores(either_world.store_name)):
        assert run.load(SERVICE, "token-set") == "x" * PART_CHARS
        assert run.load(SERVICE + "0", "token-set") is None
        assert run.load(SERVICE, "client-secret") == "three"
    store.save(SERVICE, "token-set", "shorter")
    assert store.load(SERVICE, "token-set") == "shorter"


def test_secret_files_are_ours_alone_and_name_the_environment(world: World) -> None:
    world.stores("file").save(SERVICE, "token-set", "text")
    (path,) = (world.home / "secrets").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.name.startswith("production-")


def test_a_secret_file_that_is_too_open_is_tightened_and_reported(world: World) -> None:
    world.stores("file").save(SERVICE, "token-set", "text")
    (path,) = (world.home / "secrets").iterdir()
    path.chmod(0o644)
    assert world.stores("file").load(SERVICE, "token-set") == "text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "0644" in world.said[0]


def test_a_secret_file_that_is_a_folder_is_an_error(world: World) -> None:
    name = new_file_name(SERVICE, "token-set")
    (world.home / "secrets" / name).mkdir(parents=True)
    with pytest.raises(DataFolderError) as failure:
        world.stores("file").load(SERVICE, "token-set")
    assert failure.value.exit_code == 6


def test_a_file_of_other_bytes_is_loaded_as_some_text(world: World) -> None:
    store = world.stores("file")
    store.save(SERVICE, "token-set", "text")
    (path,) = (world.home / "secrets").iterdir()
    path.write_bytes(b"\xff\xfe")
    assert store.load(SERVICE, "token-set") == "\ufffd\ufffd"


def test_a_file_name_is_safe_whatever_the_service() -> None:
    name = new_file_name("procore-login/../../etc/passwd/1", "token-set")
    assert name.replace("-", "").isalnum()
