"""An app's secret, over both stores."""

from __future__ import annotations

import pytest

from procore_cli.errors import KeyringError
from procore_cli.storage.files import ClientSecrets, StoredSecret
from tests.store.store_world import TickingStore, World

ORIGIN = "https://login.procore.com"


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


def test_a_keyring_that_forgets_a_secret_is_an_error(
    world: World, keyring_entries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_name = "keyring"
    monkeypatch.setenv("TEST_KEYRING_FAULT", "forget-write")
    with pytest.raises(KeyringError, match="production") as failure:
        new_secrets(world).save("client-id", ORIGIN, "the-secret")
    assert "the-secret" not in failure.value.message + failure.value.hint


def test_a_proof_leaves_the_secret_alone_and_nothing_behind(
    either_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_secrets(either_world).save("client-id", ORIGIN, "the-secret")
    services = []
    real_save = TickingStore.save

    def save(store: TickingStore, service: str, username: str, text: str) -> None:
        services.append(service)
        real_save(store, service, username, text)

    monkeypatch.setattr(TickingStore, "save", save)
    new_secrets(either_world).prove()
    # Windows' backend of keyring rewrites what lies under a service that gets a second user name.
    assert services == ["procore-login/production/proof/1"]
    assert either_world.count_secrets() == 1
