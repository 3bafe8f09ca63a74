"""`doctor` against a real gnome-keyring: unlocked, and locked with nobody to ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.gnome_stand import Desktop, new_machine, opening_desktop

pytestmark = pytest.mark.gnome_keyring


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    """gnome-keyring runs and is unlocked."""
    with opening_desktop(tmp_path / "desktop") as desktop:
        desktop.start_keyring()
        yield desktop


def test_an_unlocked_keyring_is_named_and_left_empty_and_a_locked_one_that_cannot_ask_is_named(
    tmp_path, desktop, provider
):
    machine = new_machine(tmp_path, desktop, provider)

    def look() -> tuple[int, dict[str, str], dict[str, str]]:
        result = machine.run("doctor", "--json")
        checks = {check["name"]: check for check in result.json["checks"]}
        return result.code, checks["keyring"], checks["keyring proof"]

    code, keyring, proof = look()
    assert (code, proof["status"], desktop.list_services()) == (0, "ok", [])
    assert keyring["detail"] == "in use: keyring.backends.SecretService.Keyring; unlocked"
    desktop.lock()
    code, keyring, proof = look()
    assert (code, proof["status"]) == (6, "failed")
    assert "it is locked now" in keyring["detail"]
    assert "is locked" in proof["detail"]
