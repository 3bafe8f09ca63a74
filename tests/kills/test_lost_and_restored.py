"""A database that is gone, a folder from a backup or moved, a shared database, another store.

Each costs one sign-in or none, and which of the two is known; refuses to call "at most one" a result.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kills.aftermath import show
from tests.kills.conftest import NewScene
from tests.kills.forks import End
from tests.kills.inventory import Folder
from tests.kills.scene import Scene

pytestmark = pytest.mark.kills

STORES = ("file", "keyring")
# A refresh that ends at the step, and how many sign-ins that costs.
KILLED_AT = [
    ("after commit of pending refresh", 0),
    ("sent POST /oauth/token", 1),
    ("after save of part 1", 1),
    ("after save of part 2", 0),
]
FIRSTS = ("whoami", "token")
FIRST = pytest.mark.parametrize("first", FIRSTS)
# At every step over each store; which command comes first changes from one case to the next.
KILLS = [
    (kind, *killed_at, FIRSTS[(offset + number) % 2])
    for offset, kind in enumerate(STORES)
    for number, killed_at in enumerate(KILLED_AT)
]
KILLED = pytest.mark.parametrize(("kind", "step", "sign_ins", "first"), KILLS)


def list_warnings(end: End) -> list[str]:
    """What it warns of, except that Procore is another one than usual."""
    usual = ("PROCORE_LOGIN_URL", "PROCORE_API_URL")
    lines = [line for line in end.err.splitlines() if line.startswith("Warning")]
    return [line for line in lines if not any(name in line for name in usual)]


def count_sign_ins(scene: Scene, first: str = "whoami", *, is_stale: bool = False) -> int:
    """Run what a person would; returns how many sign-ins it took.

    `is_stale`: `token`, which asks nobody, prints one that Procore has ended; then only `whoami` finds out.
    """
    scene.provider.recover()
    begun = scene.run(first)
    if first == "token" and is_stale:
        assert begun.code == 0, show(begun)
        assert not scene.provider.is_alive(begun.out.strip())
        # What it finds out, every command after it knows.
        begun = scene.run("whoami")
    assert begun.code in (0, 4), show(begun)
    if begun.code == 4:
        assert scene.run("token").code == 4
        signed_in = scene.sign_in()
        assert signed_in.code == 0, show(signed_in)
    for command in ("token", "refresh", "whoami", "refresh", "token"):
        end = scene.run(command)
        assert end.code == 0, f"{command}: {show(end)}"
        assert list_warnings(end) == [], command
        assert command != "token" or scene.provider.is_alive(end.out.strip()), "token prints one that is dead"
    return int(begun.code == 4)


@FIRST
@pytest.mark.parametrize("kind", STORES)
def test_a_deleted_database_costs_one_sign_in(new_scene: NewScene, kind: str, first: str) -> None:
    scene = new_scene(kind)
    scene.sign_in()
    (scene.machine.data / "production.db").unlink()

    assert count_sign_ins(scene, first) == 1


@pytest.mark.parametrize(
    ("kind", "saves", "first"),
    [("file", 1, "token"), ("file", 2, "whoami"), ("keyring", 1, "whoami"), ("keyring", 2, "token")],
)
def test_a_backup_from_before_a_refresh_costs_one_sign_in(
    new_scene: NewScene, tmp_path: Path, kind: str, saves: int, first: str
) -> None:
    scene = new_scene(kind)
    scene.sign_in()
    shutil.copytree(scene.machine.data, tmp_path / "copy")
    for _ in range(saves):
        assert scene.run("refresh").code == 0
    shutil.rmtree(scene.machine.data)
    shutil.copytree(tmp_path / "copy", scene.machine.data)

    # A backup brings the files back with the list; the keyring has lost the entries of that list.
    assert count_sign_ins(scene, first, is_stale=kind == "file") == 1


@FIRST
@pytest.mark.parametrize("kind", STORES)
def test_a_backup_from_during_a_refresh_costs_one_sign_in(
    new_scene: NewScene, tmp_path: Path, kind: str, first: str
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

    assert count_sign_ins(scene, first) == 1


def move(scene: Scene) -> None:
    """The data folder goes to another place, and the variable follows."""
    moved = scene.machine.home / "moved"
    scene.machine.data.rename(moved)
    scene.machine.variables["PROCORE_LOGIN_HOME"] = str(moved)
    scene.drawers.append(Folder(moved / "secrets", "*"))


@FIRST
@pytest.mark.parametrize("kind", STORES)
def test_a_data_folder_that_moved_costs_no_sign_in(new_scene: NewScene, kind: str, first: str) -> None:
    scene = new_scene(kind)
    scene.sign_in()
    move(scene)

    assert count_sign_ins(scene, first) == 0
    assert_signs_out(scene)


@KILLED
def test_a_data_folder_that_moved_after_a_kill_costs_what_the_kill_costs(
    new_scene: NewScene, kind: str, first: str, step: str, sign_ins: int
) -> None:
    scene = new_scene(kind)
    scene.sign_in()
    assert scene.run("refresh", kill_at=step).signal is not None
    move(scene)

    assert count_sign_ins(scene, first) == sign_ins
    assert_signs_out(scene)


def assert_signs_out(scene: Scene) -> None:
    """A sign-out succeeds, and nothing is left to be warned of."""
    ended = scene.run("signout")
    assert ended.code == 0, show(ended)
    assert list_warnings(ended) == []
    assert scene.read_texts() == []


def share(scene: Scene) -> Callable[[str], None]:
    """Two data folders, one database; what is returned chooses the folder."""
    scene.machine.variables["PROCORE_LOGIN_DB"] = str(scene.machine.home / "shared.db")
    folders = {name: scene.machine.home / name for name in ("one", "two")}
    scene.drawers += [Folder(folder / "secrets", "*") for folder in folders.values()]

    def choose(name: str) -> None:
        scene.machine.variables["PROCORE_LOGIN_HOME"] = str(folders[name])

    return choose


@FIRST
@pytest.mark.parametrize("kind", STORES)
def test_two_folders_with_one_database_share_a_keyring_and_keep_their_files_apart(
    new_scene: NewScene, kind: str, first: str
) -> None:
    scene = new_scene(kind)
    choose = share(scene)
    choose("one")
    assert scene.sign_in().code == 0
    if kind == "file":
        texts = scene.read_texts()
        assert_is_signed_out_in(scene, choose, "two", first)
        assert scene.read_texts() == texts
        choose("one")
    for name in ("two", "one", "two"):
        if kind == "keyring":
            choose(name)
        assert count_sign_ins(scene, first) == 0
    assert_signs_out(scene)


@KILLED
def test_a_kill_in_one_folder_is_mended_where_its_tokens_lie(
    new_scene: NewScene, kind: str, first: str, step: str, sign_ins: int
) -> None:
    scene = new_scene(kind)
    choose = share(scene)
    choose("one")
    assert scene.sign_in().code == 0
    assert scene.run("refresh", kill_at=step).signal is not None

    if kind == "file":
        # The folder that was killed mends it; what the other one does meanwhile costs nothing.
        texts = scene.read_texts()
        assert_is_signed_out_in(scene, choose, "two", first)
        assert scene.read_texts() == texts
        choose("one")
    else:
        choose("two")
    assert count_sign_ins(scene, first) == sign_ins
    if kind == "keyring":
        choose("one")
    assert count_sign_ins(scene, first) == 0


@pytest.mark.parametrize(("step", "first"), [(step, first) for _, step, _, first in KILLS[: len(KILLED_AT)]])
def test_a_kill_in_one_folder_is_mended_by_a_sign_in_in_the_other(
    new_scene: NewScene, first: str, step: str
) -> None:
    scene = new_scene("file")
    choose = share(scene)
    choose("one")
    assert scene.sign_in().code == 0
    assert scene.run("refresh", kill_at=step).signal is not None

    choose("two")
    assert scene.sign_in().code == 0
    assert count_sign_ins(scene, first) == 0
    assert_is_signed_out_in(scene, choose, "one", first)
    choose("two")
    assert count_sign_ins(scene, first) == 0


def assert_is_signed_out_in(scene: Scene, choose: Callable[[str], None], name: str, first: str) -> None:
    """Every command says where the tokens lie; none of them adds anything."""
    choose(name)
    texts = scene.read_texts()
    for command in (first, "refresh", "signout"):
        ended = scene.run(command)
        assert ended.code == 4, show(ended)
        assert "the tokens lie in the data folder" in ended.err, show(ended)
    assert set(scene.read_texts()) <= set(texts)


@pytest.mark.parametrize("order", [STORES, STORES[::-1]], ids=["file first", "keyring first"])
def test_another_store_takes_what_is_new_and_no_sign_in(new_scene: NewScene, order: tuple[str, str]) -> None:
    scene = new_scene("keyring")
    for store in order:
        scene.machine.variables["PROCORE_LOGIN_STORE"] = store
        if store == order[0]:
            assert scene.sign_in().code == 0
        assert count_sign_ins(scene, "token") == 0
        assert len(scene.read_texts()) == 2


@KILLED
def test_a_store_that_changes_after_a_kill_costs_what_the_kill_costs(
    new_scene: NewScene, kind: str, first: str, step: str, sign_ins: int
) -> None:
    scene = new_scene("keyring")
    scene.machine.variables["PROCORE_LOGIN_STORE"] = kind
    assert scene.sign_in().code == 0
    assert scene.run("refresh", kill_at=step).signal is not None
    [scene.machine.variables["PROCORE_LOGIN_STORE"]] = set(STORES) - {kind}

    assert count_sign_ins(scene, first) == sign_ins
