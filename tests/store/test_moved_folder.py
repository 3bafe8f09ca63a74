"""A data folder that was moved or copied, with the database in it."""

from __future__ import annotations

import shutil
from pathlib import Path

from procore_cli.storage.files import new_place
from tests.store.databases import Home
from tests.store.store_world import SECOND, new_answer, new_tokens


def test_a_moved_data_folder_works_as_before(tmp_path: Path) -> None:
    home = Home(tmp_path / "old", None)
    home.sign_in(1)
    home.sign_in(2, SECOND)
    home.path.rename(tmp_path / "new")
    moved = Home(tmp_path / "new", None)
    assert moved.load().tokens == new_tokens(2)
    moved.refresh(lambda _: new_answer(3))
    assert moved.load().tokens == new_tokens(3)
    assert len(moved.files()) == 2
    assert moved.said == []
    assert not home.path.exists()


def test_a_copied_data_folder_leaves_the_original_alone(tmp_path: Path) -> None:
    home, copy = Home(tmp_path / "old", None), Home(tmp_path / "copy", None)
    home.sign_in(1)
    shutil.copytree(home.path, copy.path)
    copy.refresh(lambda _: new_answer(2))
    assert copy.load().tokens == new_tokens(2)
    assert home.load().tokens == new_tokens(1)
    assert (len(home.files()), len(copy.files())) == (1, 1)


def test_a_data_folder_whose_name_no_database_holds_is_not_noted(tmp_path: Path) -> None:
    assert new_place(tmp_path / "caf\udce9") is None
    assert new_place(tmp_path / "caf\u00e9") == str(tmp_path / "caf\u00e9")
