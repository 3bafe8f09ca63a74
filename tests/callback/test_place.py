"""What kind of machine a sign-in runs on."""

import pytest

from procore_cli.callback.browser import Place, find_place

SSH = {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}
SCREEN = {"DISPLAY": ":0"}


CASES = [
    (SCREEN, "linux", Place.DESK),
    ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", Place.DESK),
    ({}, "linux", Place.NO_DISPLAY),
    ({}, "darwin", Place.DESK),
    ({}, "win32", Place.DESK),
    (SSH | SCREEN, "linux", Place.SSH),
    (SSH, "darwin", Place.SSH),
    (SSH, "win32", Place.SSH),
    (SSH | {"WSL_DISTRO_NAME": "Debian"}, "linux", Place.SSH),
    ({"WSL_DISTRO_NAME": "Debian"}, "linux", Place.WSL),
    ({"WSL_INTEROP": "/run/WSL/8_interop"} | SCREEN, "linux", Place.WSL),
    ({"container": "podman"}, "linux", Place.CONTAINER),
    ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "linux", Place.CONTAINER),
    ({"CODESPACES": "true"} | SCREEN, "linux", Place.CONTAINER),
    ({"container": "", "SSH_CONNECTION": ""}, "linux", Place.NO_DISPLAY),
]


def test_variables_tell_the_place(tmp_path):
    found = [(environ, platform, find_place(environ, platform, tmp_path)) for environ, platform, _ in CASES]
    assert found == CASES


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_a_file_of_its_engine_tells_a_container(tmp_path, mark):
    (tmp_path / "run").mkdir()
    (tmp_path / mark).touch()
    assert find_place(SCREEN, "linux", tmp_path) is Place.CONTAINER
