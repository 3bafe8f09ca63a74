"""The data folder: ours alone, and whole after every crash."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path

import platformdirs
import pytest

from procore_cli import folder
from procore_cli.errors import DataFolderError


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def data_folder(tmp_path: Path, said: list[str]) -> Path:
    return folder.open_folder(tmp_path / "data", said.append)


@pytest.fixture
def no_umask() -> object:
    former = os.umask(0)
    yield
    os.umask(former)


def test_a_new_folder_is_ours_alone_whatever_the_umask(
    tmp_path: Path, said: list[str], no_umask: None
) -> None:
    path = folder.open_folder(tmp_path / "a" / "b", said.append)
    assert mode_of(path) == 0o700
    assert said == []


def test_a_subfolder_brings_its_parent_along(tmp_path: Path, said: list[str], no_umask: None) -> None:
    path = folder.open_subfolder(tmp_path / "data", "locks", said.append)
    assert (mode_of(path), mode_of(path.parent)) == (0o700, 0o700)


def test_a_folder_that_is_too_open_is_tightened_and_reported(data_folder: Path, said: list[str]) -> None:
    data_folder.chmod(0o755)
    folder.open_folder(data_folder, said.append)
    assert mode_of(data_folder) == 0o700
    assert len(said) == 1
    assert str(data_folder) in said[0]
    assert "0755" in said[0]


def test_a_folder_that_is_there_needs_no_writable_disk(
    data_folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.ensure_file(data_folder / "file", said.append)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(os, "open", refuse)
    folder.open_folder(data_folder, said.append)
    folder.ensure_file(data_folder / "file", said.append)
    with pytest.raises(DataFolderError, match="Read-only"):
        folder.open_folder(data_folder / "other", said.append)


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path, said: list[str]) -> None:
    path = tmp_path / "data"
    path.write_text("")
    with pytest.raises(DataFolderError, match="not a folder") as failure:
        folder.open_folder(path, said.append)
    assert failure.value.exit_code == 6
    assert str(path) in failure.value.message


def test_a_folder_below_a_file_is_refused(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError):
        folder.open_folder(tmp_path / "file" / "data", said.append)


def test_a_folder_of_somebody_else_is_refused(
    data_folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: data_folder.stat().st_uid + 1)
    with pytest.raises(DataFolderError, match="another user"):
        folder.open_folder(data_folder, said.append)


def test_a_new_file_is_ours_alone_whatever_the_umask(data_folder: Path, no_umask: None) -> None:
    folder.new_file(data_folder / "file", b"data")
    assert mode_of(data_folder / "file") == 0o600
    assert (data_folder / "file").read_bytes() == b"data"


def test_a_new_file_replaces_nothing(data_folder: Path) -> None:
    (data_folder / "file").write_text("there")
    with pytest.raises(DataFolderError):
        folder.new_file(data_folder / "file", b"data")
    assert (data_folder / "file").read_text() == "there"


def test_a_new_file_is_not_made_through_a_link(data_folder: Path, tmp_path: Path) -> None:
    (data_folder / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataFolderError):
        folder.new_file(data_folder / "file")
    assert not (tmp_path / "elsewhere").exists()


def test_ensuring_a_file_twice_keeps_its_content(data_folder: Path, said: list[str]) -> None:
    folder.ensure_file(data_folder / "file", said.append)
    folder.save_bytes(data_folder / "file", b"data")
    folder.ensure_file(data_folder / "file", said.append)
    assert (data_folder / "file").read_bytes() == b"data"


def test_a_file_that_is_too_open_is_tightened_and_reported(data_folder: Path, said: list[str]) -> None:
    path = data_folder / "file"
    folder.new_file(path)
    path.chmod(0o644)
    folder.check_file(path, said.append)
    folder.check_file(path, said.append)
    assert mode_of(path) == 0o600
    assert len(said) == 1
    assert "0644" in said[0]


def test_a_link_is_not_a_file_of_ours(data_folder: Path, tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "elsewhere").write_text("secret")
    (data_folder / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataFolderError, match="symbolic link"):
        folder.check_file(data_folder / "file", said.append)
    with pytest.raises(DataFolderError, match="symbolic link"):
        folder.find_bytes(data_folder / "file", said.append)


def test_a_pipe_is_not_a_file_and_does_not_block(data_folder: Path, said: list[str]) -> None:
    os.mkfifo(data_folder / "file", 0o600)
    with pytest.raises(DataFolderError, match="regular"):
        folder.find_bytes(data_folder / "file", said.append)


def test_a_socket_is_not_a_file(data_folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # A socket's whole path may be too long for the system.
    monkeypatch.chdir(data_folder)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("file")
        with pytest.raises(DataFolderError, match="regular"):
            folder.check_file(data_folder / "file", said.append)


def test_a_file_of_somebody_else_is_refused(
    data_folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.new_file(data_folder / "file")
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(DataFolderError, match="another user"):
        folder.check_file(data_folder / "file", said.append)


def test_a_missing_file_is_found_to_be_none(data_folder: Path, said: list[str]) -> None:
    assert folder.find_bytes(data_folder / "file", said.append) is None


def test_a_missing_file_cannot_be_checked(data_folder: Path, said: list[str]) -> None:
    with pytest.raises(DataFolderError, match="No such file"):
        folder.check_file(data_folder / "file", said.append)


def test_saving_replaces_the_whole_content_and_leaves_one_file(data_folder: Path, no_umask: None) -> None:
    folder.save_bytes(data_folder / "file", b"a long first text")
    folder.save_bytes(data_folder / "file", b"short")
    assert (data_folder / "file").read_bytes() == b"short"
    assert mode_of(data_folder / "file") == 0o600
    assert [path.name for path in data_folder.iterdir()] == ["file"]


def test_a_crash_while_saving_keeps_the_former_content(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.save_bytes(data_folder / "file", b"former")

    def crash(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        folder.save_bytes(data_folder / "file", b"new")
    assert (data_folder / "file").read_bytes() == b"former"
    assert [path.name for path in data_folder.iterdir()] == ["file"]


def test_saving_replaces_a_link_and_not_what_it_points_at(data_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("theirs")
    (data_folder / "file").symlink_to(tmp_path / "elsewhere")
    folder.save_bytes(data_folder / "file", b"ours")
    assert (tmp_path / "elsewhere").read_text() == "theirs"
    assert not (data_folder / "file").is_symlink()


def test_saving_into_a_missing_folder_names_the_path(data_folder: Path) -> None:
    with pytest.raises(DataFolderError, match="No such file") as failure:
        folder.save_bytes(data_folder / "gone" / "file", b"data")
    assert str(data_folder / "gone" / "file") in failure.value.message


def test_a_file_system_that_cannot_sync_a_folder_is_good_enough(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    folder.save_bytes(data_folder / "file", b"data")
    assert (data_folder / "file").read_bytes() == b"data"


def test_deleting_what_is_not_there_is_fine(data_folder: Path) -> None:
    folder.new_file(data_folder / "file")
    folder.delete_file(data_folder / "file")
    folder.delete_file(data_folder / "file")
    assert list(data_folder.iterdir()) == []


def test_without_modes_and_owners_nothing_is_tightened(
    data_folder: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_HAS_MODES", False)
    monkeypatch.delattr(os, "geteuid")
    folder.save_bytes(data_folder / "file", b"data")
    (data_folder / "file").chmod(0o644)
    assert folder.find_bytes(data_folder / "file", said.append) == b"data"
    assert mode_of(data_folder / "file") == 0o644
    assert said == []


def test_a_link_inside_the_data_folder_is_not_a_folder_of_ours(
    data_folder: Path, tmp_path: Path, said: list[str]
) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (data_folder / "locks").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DataFolderError, match="symbolic link"):
        folder.open_subfolder(data_folder, "locks", said.append)
    assert mode_of(tmp_path / "elsewhere") == 0o755


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs itself is asked")
@pytest.mark.parametrize(
    "variables",
    [
        {"HOME": "/home/somebody"},
        {"HOME": "/home/somebody", "XDG_DATA_HOME": "/elsewhere/data"},
        {"HOME": "/home/somebody/", "XDG_DATA_HOME": "/elsewhere//data/"},
        {"HOME": "/home/somebody", "XDG_DATA_HOME": "relative"},
        {"HOME": "/home/somebody", "XDG_DATA_HOME": " "},
        {"HOME": "relative"},
        {},
    ],
)
def test_the_usual_folder_is_the_one_that_platformdirs_names(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    found = folder.find_folder(variables)

    assert found == Path(platformdirs.user_data_dir("procore-login", appauthor=False))
