"""A database that is gone, a folder from a backup, a shared database, another store: at worst one sign-in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kills.aftermath import show
from tests.kills.conftest import NewScene
from tests.kills.forks import End
from tests.kills.scene import Scene

pytestmark = pytest.mark.kills

STORES = ("file", "keyring")


def works(scene: Scene, end: End) -> bool:
    """Whether the command printed a token that Procore takes; a dead one is never right."""
    if end.code != 0:
        assert end.code == 4, show(end)
        return False
    assert scene.provider.is_alive(end.out.strip()), "token prints one that is dead"
    return True


def use_after_at_most_one_sign_in(scene: Scene) -> int:
    """Run what a person would; returns how many sign-ins it took."""
    scene.provider.settle()
    sign_ins = 0
    # `whoami` asks Procore; what it finds out, every command after it knows.
    checked = scene.run("whoami")
    assert checked.code in (0, 4), show(checked)
    if checked.code == 4:
        signed_in = scene.sign_in()
        assert signed_in.code == 0, show(signed_in)
        sign_ins += 1
    for command in ("token", "refresh", "token", "whoami", "refresh", "token"):
        end = scene.run(command)
        assert end.code == 0, f"{command}: {show(end)}"
        if command == "token":
            works(scene, end)
    return sign_ins


@pytest.mark.parametrize("kind", STORES)
def test_a_deleted_database_costs_one_sign_in(new_scene: NewScene, kind: str) -> None:
    scene = new_scene(kind)
    scene.sign_in()
    (scene.machine.data / "production.db").unlink()

    assert scene.run("token").code == 4
    assert use_after_at_most_one_sign_in(scene) == 1


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("saves", [1, 2])
def test_a_backup_from_before_a_refresh_costs_at_most_one_sign_in(
    new_scene: NewScene, tmp_path: Path, kind: str, saves: int
) -> None:
    scene = new_scene(kind)
    scene.sign_in()
    shutil.copytree(scene.machine.data, tmp_path / "copy")
    for _ in range(saves):
        assert scene.run("refresh").code == 0
    shutil.rmtree(scene.machine.data)
    shutil.copytree(tmp_path / "copy", scene.machine.data)

    assert use_after_at_most_one_sign_in(scene) <= 1


@pytest.mark.parametrize("kind", STORES)
def test_a_backup_from_during_a_refresh_costs_at_most_one_sign_in(
    new_scene: NewScene, tmp_path: Path, kind: str
) -> None:
    scene = new_scene(kind)
    scene.sign_in()
    killed = scene.run("refresh", kill_at="sent POST /oauth/token")
    assert killed.signal is not None
    shutil.copytree(scene.machine.data, tmp_path / "copy")
    scene.run("token")
    scene.sign_in()
    shutil.rmtree(scene.machine.data)
    shutil.copytree(tmp_path / "copy", scene.machine.data)

    assert use_after_at_most_one_sign_in(scene) <= 1


@pytest.mark.parametrize("kind", STORES)
def test_a_data_folder_that_moved_costs_at_most_one_sign_in(new_scene: NewScene, kind: str) -> None:
    scene = new_scene(kind)
    scene.sign_in()
    moved = scene.machine.home / "moved"
    scene.machine.data.rename(moved)
    scene.machine.variables["PROCORE_LOGIN_HOME"] = str(moved)

    assert use_after_at_most_one_sign_in(scene) <= 1


def share(scene: Scene) -> Callable[[str], None]:
    """Two data folders, one database; what is returned chooses the folder."""
    scene.machine.variables["PROCORE_LOGIN_DB"] = str(scene.machine.home / "shared.db")
    folders = {name: scene.machine.home / name for name in ("one", "two")}

    def choose(name: str) -> None:
        scene.machine.variables["PROCORE_LOGIN_HOME"] = str(folders[name])

    return choose


@pytest.mark.parametrize("kind", STORES)
def test_two_folders_with_one_database_work_in_turns_after_at_most_one_sign_in(
    new_scene: NewScene, kind: str
) -> None:
    scene = new_scene(kind)
    choose = share(scene)
    choose("one")
    assert scene.sign_in().code == 0
    choose("two")
    assert use_after_at_most_one_sign_in(scene) <= 1

    for name in ("one", "two", "one", "two"):
        choose(name)
        assert use_after_at_most_one_sign_in(scene) == 0


@pytest.mark.parametrize("kind", STORES)
def test_a_kill_in_one_folder_is_mended_in_the_other(new_scene: NewScene, kind: str) -> None:
    scene = new_scene(kind)
    choose = share(scene)
    choose("one")
    assert scene.sign_in().code == 0
    assert scene.run("refresh", kill_at="after save of part 2").signal is not None

    choose("two")
    assert use_after_at_most_one_sign_in(scene) <= 1
    choose("one")
    assert use_after_at_most_one_sign_in(scene) == 0


@pytest.mark.parametrize("order", [STORES, STORES[::-1]], ids=["file first", "keyring first"])
def test_another_store_takes_what_is_new_and_no_sign_in(new_scene: NewScene, order: tuple[str, str]) -> None:
    scene = new_scene("keyring")
    for store in order:
        scene.machine.variables["PROCORE_LOGIN_STORE"] = store
        if store == order[0]:
            assert scene.sign_in().code == 0
        assert use_after_at_most_one_sign_in(scene) == 0
        assert len(scene.read_texts()) == 2


@pytest.mark.parametrize("order", [STORES, STORES[::-1]], ids=["file first", "keyring first"])
@pytest.mark.parametrize("step", ["sent POST /oauth/token", "after save of part 1", "after save of part 2"])
def test_a_store_that_changes_after_a_kill_costs_at_most_one_sign_in(
    new_scene: NewScene, order: tuple[str, str], step: str
) -> None:
    scene = new_scene("keyring")
    scene.machine.variables["PROCORE_LOGIN_STORE"] = order[0]
    assert scene.sign_in().code == 0
    assert scene.run("refresh", kill_at=step).signal is not None
    scene.machine.variables["PROCORE_LOGIN_STORE"] = order[1]

    assert use_after_at_most_one_sign_in(scene) == (step != "after save of part 2")
