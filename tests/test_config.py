"""`config.toml`: what is read, what is refused, and what is kept when it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from procore_cli.config import AppConfig, Changes, Config, load_config, save_config
from procore_cli.errors import BrokenConfigError, DataFolderError, UnknownEnvironmentError


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def load(folder: Path) -> Config:
    return load_config(folder, lambda _: None)


def test_no_file_is_an_empty_configuration(data_folder: Path) -> None:
    assert load(data_folder) == Config()


def test_every_setting_is_read(data_folder: Path) -> None:
    write(
        data_folder,
        'environment = "sandbox"\nstore = "file"\n[environments.sandbox]\nclient_id = "id"\n'
        'redirect_uri = "http://localhost:9/x"\ncompany = 7\n',
    )

    config = load(data_folder)

    assert (config.environment, config.store, config.unknown) == ("sandbox", "file", ())
    assert config.app("sandbox") == AppConfig("id", "http://localhost:9/x", 7)
    assert config.app("production") == AppConfig()


def test_unknown_keys_are_named_and_do_no_harm(data_folder: Path) -> None:
    write(
        data_folder,
        'colour = "blue"\n[environments.sandbox]\nshade = 1\n[environments.mars]\nclient_id = "x"\n',
    )

    assert load(data_folder).unknown == ("colour", "environments.sandbox.shade", "environments.mars")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("client_id = = 1", "config.toml, line 1, column 13"),
        ('x = "a"\ny = [1,', "config.toml, at its end"),
        ("[environments]\nsandbox = 3\n", "environments.sandbox"),
        ('[environments.sandbox]\ncompany = "7"\n', "environments.sandbox.company"),
        ("[environments.sandbox]\ncompany = true\n", "environments.sandbox.company"),
        ("[environments.sandbox]\nclient_id = 5\n", "environments.sandbox.client_id"),
        ("environments = 1", "environments"),
        ("environment = 1", "environment"),
        ('store = "cloud"', "store"),
    ],
)
def test_a_broken_file_is_named_with_the_place_and_left_untouched(
    data_folder: Path, text: str, place: str
) -> None:
    path = write(data_folder, text)

    with pytest.raises(BrokenConfigError) as caught:
        load(data_folder)
    with pytest.raises(BrokenConfigError):
        save_config(data_folder, "sandbox", Changes(client_id="new"))

    assert place in caught.value.message
    assert caught.value.exit_code == 3
    assert path.read_text() == text


def test_a_file_that_is_not_utf_8_is_refused(data_folder: Path) -> None:
    (data_folder / "config.toml").write_bytes(b'environment = "\xff"')
    (data_folder / "config.toml").chmod(0o600)

    with pytest.raises(BrokenConfigError, match="not UTF-8"):
        load(data_folder)


def test_an_unknown_default_environment_exits_2_and_suggests_the_nearest(data_folder: Path) -> None:
    write(data_folder, 'environment = "sandbx"')

    with pytest.raises(UnknownEnvironmentError) as caught:
        load(data_folder)

    assert caught.value.exit_code == 2
    assert "Did you mean sandbox?" in caught.value.hint


def test_saving_keeps_comments_order_and_unknown_keys(data_folder: Path) -> None:
    write(
        data_folder,
        '# mine\ncolour = "blue"\n\n[environments.sandbox]\n# the app\nclient_id = "old"\nshade = 1\n',
    )

    save_config(data_folder, "sandbox", Changes(client_id="new", company=7, default_environment="sandbox"))
    save_config(data_folder, "federal", Changes(redirect_uri="http://localhost:9/", store="file"))

    text = (data_folder / "config.toml").read_text()
    assert text.startswith('# mine\ncolour = "blue"\n')
    assert '# the app\nclient_id = "new"\nshade = 1\ncompany = 7\n' in text
    config = load(data_folder)
    assert (config.environment, config.store) == ("sandbox", "file")
    assert config.app("federal") == AppConfig(redirect_uri="http://localhost:9/")


def test_a_new_file_is_private_from_the_start(data_folder: Path) -> None:
    save_config(data_folder, "sandbox", Changes(client_id="id"))

    assert (data_folder / "config.toml").stat().st_mode & 0o777 == 0o600
    assert load(data_folder).app("sandbox").client_id == "id"


def test_a_mode_that_is_too_open_is_tightened_and_reported(data_folder: Path) -> None:
    path = write(data_folder, "", mode=0o644)
    reports: list[str] = []

    load_config(data_folder, reports.append)

    assert path.stat().st_mode & 0o777 == 0o600
    assert len(reports) == 1
    assert "644" in reports[0]


def test_a_link_in_place_of_the_file_is_refused(data_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text("")
    (data_folder / "config.toml").symlink_to(tmp_path / "elsewhere.toml")

    with pytest.raises(DataFolderError):
        load(data_folder)
