"""The data folder: ours alone, and whole after every crash."""

import os
import pwd
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import platformdirs
import pytest
import requests

from procore_cli import ProcoreAuth
from procore_cli.config import private_files
from procore_cli.config.folders import find_folder
from procore_cli.errors import DataFolderError
from procore_cli.storage.files import SecretFiles, new_file_name
from tests.cli import Machine
from tests.hearing import hearing


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def said() -> Iterator[list[str]]:
    with hearing() as said:
        yield said


@pytest.fixture
def data_folder(tmp_path: Path, said: list[str]) -> Path:
    return private_files.open_folder(tmp_path / "data")


@pytest.fixture
def no_umask() -> Iterator[None]:
    former = os.umask(0)
    yield
    os.umask(former)


def look(root: Path) -> dict[Path, tuple[int, bytes | None]]:
    """What lies below a folder, with its modes."""
    return {p: (p.lstat().st_mode, p.read_bytes() if p.is_file() else None) for p in root.rglob("*")}


@pytest.mark.usefixtures("no_umask")
def test_what_is_made_is_ours_alone_whatever_the_umask_and_a_subfolder_brings_its_parent_along(
    tmp_path, said
):
    locks = private_files.open_subfolder(tmp_path / "a" / "data", "locks")
    private_files.new_file(locks / "new")
    private_files.ensure_file(locks / "ensured")
    private_files.save_bytes(locks / "saved", b"")
    assert {mode_of(path) for path in locks.iterdir()} == {0o600}
    assert [mode_of(path) for path in (locks, locks.parent)] == [0o700, 0o700]
    assert said == []


def test_what_is_too_open_is_tightened_and_reported_once(data_folder, said):
    path = data_folder / "file"
    private_files.new_file(path)
    for use, what, wrong, right in (
        (private_files.open_folder, data_folder, 0o755, 0o700),
        (private_files.check_file, path, 0o644, 0o600),
    ):
        what.chmod(wrong)
        use(what)
        use(what)
        assert mode_of(what) == right
        (line,) = said
        assert str(what) in line
        assert f"{wrong:04o}" in line
        said.clear()


def test_a_folder_that_is_there_needs_no_writable_disk(data_folder, monkeypatch):
    private_files.ensure_file(data_folder / "file")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(os, "open", refuse)
    private_files.open_folder(data_folder)
    private_files.ensure_file(data_folder / "file")
    with pytest.raises(DataFolderError, match="Read-only"):
        private_files.open_folder(data_folder / "other")


Use = Callable[[Path], object]
# What lies in the place of a file or folder of ours, who uses it, and what is said.
REFUSED: dict[str, tuple[Use, Use, str]] = {
    "a file as a folder": (Path.touch, private_files.open_folder, "not a folder"),
    "a folder below a file": (Path.touch, lambda path: private_files.open_folder(path / "x"), "Not a dir"),
    "a file that is there already": (Path.touch, private_files.new_file, "File exists"),
    "a link to a file": (
        lambda path: path.symlink_to("../elsewhere/file"),
        private_files.check_file,
        "symbolic link",
    ),
    "a link that is read": (
        lambda path: path.symlink_to("../elsewhere/file"),
        private_files.find_bytes,
        "symbolic link",
    ),
    "a link to a folder": (
        lambda path: path.symlink_to("../elsewhere"),
        lambda path: private_files.open_subfolder(path.parent, path.name),
        "symbolic link",
    ),
    "a pipe, which does not block": (
        lambda path: os.mkfifo(path, 0o600),
        private_files.find_bytes,
        "regular",
    ),
    "nothing to be checked": (lambda _: None, private_files.check_file, "No such file"),
    "no folder to save in": (
        lambda _: None,
        lambda path: private_files.save_bytes(path / "file", b"data"),
        "No such file",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_ours_to_use_is_refused_by_its_path_and_left_as_it_is(data_folder, tmp_path, case):
    prepare, use, words = REFUSED[case]
    path = data_folder / "thing"
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "elsewhere" / "file").write_text("theirs")
    prepare(path)
    before = look(tmp_path)
    with pytest.raises(DataFolderError, match=words) as caught:
        use(path)
    assert caught.value.exit_code == 6
    assert str(path) in caught.value.message
    assert look(tmp_path) == before


@pytest.mark.parametrize(
    ("us", "way_out"),
    [
        (1, "If it is yours: `sudo chown -R us: {}`;"),
        (471_147, "If it is yours: `sudo chown -R 471147 {}`;"),
        # It would lock out whose folder it is.
        (0, "Run this without sudo, as joe;"),
    ],
)
@pytest.mark.parametrize("name", ["", "config.toml", "locks"])
def test_the_error_names_the_owner_and_the_line_that_takes_the_whole_folder_over(
    data_folder, monkeypatch, name, us, way_out
):
    (data_folder / "locks").mkdir(mode=0o700)
    private_files.new_file(data_folder / "config.toml")
    names = {1000: "joe", 1: "us", 0: "root"}
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: mock.Mock(pw_name=names[uid]))
    monkeypatch.setattr(os, "geteuid", lambda: us)
    real = (Path.stat, Path.lstat)

    def give_away(call: Callable[..., os.stat_result], path: Path) -> os.stat_result:
        values = list(call(path))
        values[stat.ST_UID] = 1000 if path == data_folder / name else us
        return os.stat_result(values)

    monkeypatch.setattr(Path, "stat", lambda path, **_: give_away(real[0], path))
    monkeypatch.setattr(Path, "lstat", lambda path: give_away(real[1], path))
    of_a_file: list[Use] = [private_files.find_bytes, private_files.check_file]
    path = data_folder / name
    for use in (
        of_a_file if name == "config.toml" else [lambda _: private_files.open_subfolder(data_folder, "locks")]
    ):
        with pytest.raises(DataFolderError) as caught:
            use(path)
        assert caught.value.message == f"{path} cannot be used: it belongs to another user (joe, uid 1000)."
        assert caught.value.hint.startswith(way_out.format(data_folder))
        assert caught.value.hint.endswith("or let PROCORE_LOGIN_HOME name another data folder.")


def test_what_a_folder_hides_may_exist_and_is_said_to_be_whose_the_folder_is(data_folder, monkeypatch):
    assert [private_files.may_exist(path) for path in (data_folder, data_folder / "x")] == [True, False]
    refuse, owner = mock.Mock(side_effect=PermissionError(13, "Permission denied")), os.geteuid()
    monkeypatch.setattr(Path, "lstat", refuse)
    with pytest.raises(DataFolderError, match=r"config\.toml cannot be used: Permission denied"):
        private_files.find_bytes(data_folder / "config.toml")
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(DataFolderError, match="data cannot be used: it belongs to another user"):
        private_files.find_bytes(data_folder / "config.toml")
    monkeypatch.setattr(Path, "stat", refuse)
    assert private_files.may_exist(data_folder / "x")


def test_saving_replaces_the_whole_content_or_a_link_and_a_crash_keeps_what_was_there(
    data_folder, tmp_path, monkeypatch
):
    path, theirs, real = data_folder / "file", tmp_path / "elsewhere", os.fsync
    assert private_files.find_bytes(path) is None
    theirs.write_text("theirs")
    path.symlink_to(theirs)

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "A file system that cannot sync a folder is good enough")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    private_files.save_bytes(path, b"a long first text")
    private_files.save_bytes(path, b"former")
    private_files.ensure_file(path)
    assert (theirs.read_text(), path.is_symlink(), path.read_bytes()) == ("theirs", False, b"former")
    crash = mock.patch.object(Path, "replace", side_effect=KeyboardInterrupt)
    with crash, pytest.raises(KeyboardInterrupt):
        private_files.save_bytes(path, b"new")
    assert private_files.find_bytes(path) == b"former"
    assert list(data_folder.iterdir()) == [path]
    private_files.delete_file(path)
    private_files.delete_file(path)
    assert list(data_folder.iterdir()) == []


def test_without_modes_and_owners_nothing_is_tightened(data_folder, said, monkeypatch):
    monkeypatch.setattr(private_files, "_HAS_MODES", False)
    monkeypatch.delattr(os, "geteuid")
    private_files.save_bytes(data_folder / "file", b"data")
    (data_folder / "file").chmod(0o644)
    assert private_files.find_bytes(data_folder / "file") == b"data"
    assert (mode_of(data_folder / "file"), said) == (0o644, [])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs itself is asked")
def test_the_usual_folder_is_the_one_that_platformdirs_names():
    for home, data in (
        ("/home/somebody", None),
        ("/home/somebody", "/elsewhere/data"),
        ("/home/somebody/", "/elsewhere//data/"),
        ("/home/somebody", "relative"),
        ("/home/somebody", " "),
        ("relative", None),
        (None, None),
    ):
        variables = {name: value for name, value in (("HOME", home), ("XDG_DATA_HOME", data)) if value}
        others = {name: os.environ[name] for name in os.environ if name not in ("HOME", "XDG_DATA_HOME")}
        with mock.patch.dict(os.environ, others | variables, clear=True):
            named = Path(platformdirs.user_data_dir("procore-login", appauthor=False))
            assert find_folder(variables) == named, variables


class Homeless(Machine):
    """A computer whose user has neither HOME nor an entry in the system's list."""

    def environ(self) -> dict[str, str]:
        taken = ("HOME", "PROCORE_LOGIN_HOME")
        return {name: value for name, value in super().environ().items() if name not in taken}


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Homeless:
    monkeypatch.setattr(pwd, "getpwuid", mock.Mock(side_effect=KeyError("getpwuid(): uid not found")))
    monkeypatch.chdir(tmp_path)
    return Homeless(tmp_path / "machine")


def test_without_a_home_folder_the_way_out_is_named_and_nothing_is_made(homeless, tmp_path):
    for words in (
        *("signup --env demo", "whoami", "whoami --offline", "token --env demo", "accounts", "signout"),
        *("switch joe", "configure --show", "configure --client-id x --no-check", "configure --remove --yes"),
        *("demo reset", ""),
    ):
        homeless.run_here(*words.split()).ended(
            6,
            "There is no data folder: HOME is not set",
            "Hint: Let PROCORE_LOGIN_HOME name a folder",
            prints=True,
        )
        assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "machine"]


def test_without_a_home_folder_doctor_tells_of_it_and_goes_on(homeless):
    result = homeless.run_here("doctor", "--offline", "--json")
    demo = homeless.run_here("doctor", "--json", "--env", "demo").ended(6, prints=True)
    assert result.code == 6
    lines = {line["name"]: (line["status"], line["detail"]) for line in result.json["checks"]}
    status, detail = lines["data folder"]
    assert (status, "There is no data folder" in detail) == ("failed", True)
    assert lines["config"][1] == "not checked: data folder is not in order."
    assert lines["CA"][0] == "ok"
    for words in ("unexpectedly", os.devnull):
        assert words not in result.out + demo.out


def test_a_token_from_elsewhere_needs_no_home_folder(homeless, provider):
    homeless.point_at(provider)
    token = homeless.variables["PROCORE_ACCESS_TOKEN"] = provider.tokens()["access_token"]
    commands = (("token", "--debug"), ("whoami", "--json"), ("api", "/rest/v1.0/me"), ())
    results = [homeless.run_here(*words) for words in commands]
    assert [result.code for result in results] == [0, 0, 0, 0], results
    assert results[0].out == f"{token}\n"
    assert "setting: database = none" in results[0].err
    assert "PROCORE_ACCESS_TOKEN is set" in results[3].out
    with mock.patch.dict(os.environ, homeless.environ(), clear=True):
        request = requests.Request("GET", f"{provider.url}/x").prepare()
        assert ProcoreAuth()(request).headers["Authorization"] == f"Bearer {token}"


def test_a_named_database_in_a_folder_that_may_not_be_looked_into_is_no_bug(tmp_path, monkeypatch):
    machine = Machine(tmp_path / "machine", {"PROCORE_LOGIN_DB": str(tmp_path / "hidden/deep/x.db")})

    def hide(look: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def look_or_refuse(path: object, *args: object, **named: object) -> os.stat_result:
            if "hidden/deep" in str(path):
                raise PermissionError(13, "Permission denied")
            return look(path, *args, **named)

        return look_or_refuse

    monkeypatch.setattr(os, "stat", hide(os.stat))
    monkeypatch.setattr(os, "lstat", hide(os.lstat))
    for words in (("whoami", "--offline"), ("accounts",), ("signout", "--all"), ("doctor", "--offline"), ()):
        result = machine.run_here(*words).ended(6, prints=True)
        said = f"The database {tmp_path}/hidden/deep/x.db cannot be opened."
        assert said in result.out + result.err
        # Alone the program says of a file for all environments once what it is.
        assert words or result.err.count(said) == 1
        assert "bug" not in result.out + result.err


@pytest.fixture(params=["ignored", "refused"])
def modeless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system gives everything the mode 0755, whatever is asked of it."""
    chmod, mkdir, opened = os.chmod, Path.mkdir, os.open

    def change(path: Path, mode: int, **_: object) -> None:
        if request.param == "refused":
            raise PermissionError(1, "Operation not permitted")

    def make(path: Path, *arguments: Any, **named: Any) -> None:
        mkdir(path, *arguments, **named)
        chmod(path, 0o755)

    def create(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        descriptor = opened(path, flags, *arguments, **named)
        if flags & os.O_CREAT:
            os.fchmod(descriptor, 0o755)
        return descriptor

    monkeypatch.setattr(Path, "chmod", change)
    monkeypatch.setattr(Path, "mkdir", make)
    monkeypatch.setattr(os, "open", create)


KEEPS_NO_MODES = "keeps no modes: other users may be able to read the settings"


@pytest.mark.usefixtures("modeless")
def test_a_mode_that_did_not_stick_is_said_to_be_what_it_is(tmp_path, said):
    path = private_files.open_folder(tmp_path / "data")
    private_files.open_subfolder(path, "locks")
    private_files.ensure_file(path / "file")
    private_files.save_bytes(path / "file", b"data")
    assert private_files.find_bytes(path / "file") == b"data"
    assert mode_of(path / "file") == 0o755
    # The same line each time, so that a command says it once.
    (line,) = set(said)
    assert KEEPS_NO_MODES in line


@pytest.mark.usefixtures("modeless")
def test_no_secret_is_kept_where_modes_do_not_stick_but_one_can_be_deleted(tmp_path, said, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("something was written"))
    home = tmp_path / "data"
    (home / "secrets").mkdir(parents=True)
    secret = home / "secrets" / new_file_name("procore-login/demo/client-secret", "client-secret")
    secret.write_text("hush")
    secrets = SecretFiles(home)
    for use in (
        lambda: secrets.save("procore-login/demo/client-secret", "client-secret", "hush2"),
        lambda: secrets.load("procore-login/demo/client-secret", "client-secret"),
        lambda: private_files.save_bytes(home / "secrets/other", b"hush2", for_secrets=True),
    ):
        with pytest.raises(DataFolderError, match=r"Secrets cannot be kept in .* \(0755\)") as caught:
            use()
        assert "PROCORE_LOGIN_HOME" in caught.value.hint
        assert "/etc/wsl.conf" in caught.value.hint
    assert [path.read_text() for path in (home / "secrets").iterdir()] == ["hush"]
    secrets.delete("procore-login/demo/client-secret", "client-secret")
    assert list((home / "secrets").iterdir()) == []


@pytest.mark.usefixtures("modeless")
def test_where_modes_do_not_stick_a_command_with_a_keyring_warns_once_and_with_files_sends_nothing(
    tmp_path, provider
):
    machine = Machine(tmp_path / "machine")
    commands = ("configure --client-id x --no-check", "whoami --offline", "configure --show", "accounts")
    results = [machine.run_here(*words.split()) for words in commands]
    assert [result.code for result in results] == [0, 4, 0, 0]
    assert [result.err.count(KEEPS_NO_MODES) for result in results] == [1, 1, 1, 1]
    assert "mode is" not in "".join(result.err for result in results)
    machine.point_at(provider)
    machine.variables["PROCORE_LOGIN_STORE"] = "file"
    machine.run_here("signup").ended(6, "Secrets cannot be kept in")
    assert provider.checks == provider.issued == []


@pytest.mark.usefixtures("modeless")
@pytest.mark.parametrize(("store", "status"), [("file", "failed"), ("keyring", "warning")])
def test_doctor_says_where_modes_do_not_stick(tmp_path, store, status):
    machine = Machine(tmp_path / "machine", {"PROCORE_LOGIN_STORE": store})
    machine.run_here("configure", "--client-id", "x", "--no-check")
    before = sorted(machine.data.rglob("*"))
    result = machine.run_here("doctor", "--offline", "--json")
    (line,) = (line for line in result.json["checks"] if line["name"] == "data folder")
    assert line["status"] == status
    assert "keeps no modes" in line["detail"]
    assert "/etc/wsl.conf" in line["fix"]
    assert [path for path in sorted(machine.data.rglob("*")) if path.name.startswith(".")] == []
    assert set(before) <= set(machine.data.rglob("*"))
