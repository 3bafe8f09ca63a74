"""One contract for both stores, what is the file store's own, and an app's secret over both."""

from __future__ import annotations

import stat

import pytest

from procore_cli.errors import DataFolderError, KeyringError
from procore_cli.storage.files import PART_CHARS, ClientSecrets, SecretStore, StoredSecret, new_file_name
from tests.store.store_world import World, set_fault

SERVICE = "procore-login/production/0123abcd/1"
ORIGIN = "https://login.procore.com"


@pytest.fixture
def store(either_world: World) -> SecretStore:
    return either_world.stores(either_world.store_name)


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
    assert (either_world.home / "secrets").exists() is (either_world.store_name == "file")
    store.save(SERVICE, "token-set", "shorter")
    assert store.load(SERVICE, "token-set") == "shorter"


def test_secret_files_are_ours_alone_and_name_the_environment(world: World) -> None:
    store = world.stores("file")
    store.save(SERVICE, "token-set", "text")
    (path,) = (world.home / "secrets").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.name.startswith("production-")
    # One that is too open is tightened and reported.
    path.chmod(0o644)
    assert world.stores("file").load(SERVICE, "token-set") == "text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "0644" in world.said[0]
    path.write_bytes(b"\xff\xfe")
    assert store.load(SERVICE, "token-set") == "\ufffd\ufffd"
    path.unlink()
    path.mkdir()
    with pytest.raises(DataFolderError) as failure:
        world.stores("file").load(SERVICE, "token-set")
    assert failure.value.exit_code == 6
    name = new_file_name("procore-login/../../etc/passwd/1", "token-set")
    assert name.replace("-", "").isalnum()


# An app's secret


def new_secrets(world: World) -> ClientSecrets:
    return ClientSecrets(world.stores, world.store_name, world.environment)


def test_each_environment_keeps_one_secret_and_what_it_belongs_to(either_world: World) -> None:
    assert new_secrets(either_world).find() is None
    new_secrets(either_world).save("client-id", ORIGIN, "first")
    new_secrets(either_world).save("other-id", ORIGIN, "the-secret")
    found = new_secrets(either_world).find()
    assert found == StoredSecret("production", "other-id", ORIGIN, "the-secret")
    assert "the-secret" not in repr(found)
    assert either_world.count_secrets() == 1
    either_world.environment = "monthly"
    assert new_secrets(either_world).find() is None
    assert new_secrets(either_world).find("production") == found
    new_secrets(either_world).save("client-id", ORIGIN, "another")
    assert new_secrets(either_world).delete() is True
    assert new_secrets(either_world).delete() is False
    assert new_secrets(either_world).find("production") == found
    assert either_world.count_secrets() == 1


def test_a_damaged_secret_counts_as_none(world: World) -> None:
    for text in ("", "{}", "null", "[]", '[1,"a","b"]', '[1,"a","b",3]', '[2,"a","b","c"]', "[1"):
        world.stores("file").save("procore-login/production/client-secret", "client-secret", text)
        assert new_secrets(world).find() is None, text


def test_a_keyring_that_forgets_a_secret_is_an_error(keyring_world: World) -> None:
    set_fault("forget-write")
    with pytest.raises(KeyringError, match="production") as failure:
        new_secrets(keyring_world).save("client-id", ORIGIN, "the-secret")
    assert "the-secret" not in failure.value.message + failure.value.hint


def test_a_proof_leaves_the_secret_alone_and_nothing_behind(
    either_world: World, saves: list[tuple[str, str]]
) -> None:
    new_secrets(either_world).save("client-id", ORIGIN, "the-secret")
    saves.clear()
    new_secrets(either_world).prove()
    # Windows' backend of keyring rewrites what lies under a service that gets a second user name.
    assert [service for service, _ in saves] == ["procore-login/production/proof/1"]
    assert either_world.count_secrets() == 1
