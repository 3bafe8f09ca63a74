"""What stands between this process and a person's browser; refuses to claim more than the signs say."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

# What Docker and Podman leave in their containers.
_MARKS = (".dockerenv", "run/.containerenv")
# What systemd-nspawn, Podman and LXC, Kubernetes, and GitHub's Codespaces set.
_VARIABLES = ("container", "KUBERNETES_SERVICE_HOST", "CODESPACES")


class Place(Enum):
    """What stands between this process and a browser."""

    DESK = "a browser of this machine"
    SSH = "an SSH connection"
    WSL = "Windows is outside"
    CONTAINER = "a container"
    NO_DISPLAY = "no display"


def find_place(environ: Mapping[str, str], platform: str, root: Path = Path("/")) -> Place:
    """Judge by variables and files what kind of machine this is; `platform` is sys.platform.

    SSH counts first: whoever sits elsewhere has no use for what is true of the machine itself.
    """
    if environ.get("SSH_CONNECTION"):
        return Place.SSH
    if platform in ("win32", "darwin"):
        return Place.DESK
    if is_wsl(environ):
        return Place.WSL
    if any(environ.get(name) for name in _VARIABLES) or any((root / mark).exists() for mark in _MARKS):
        return Place.CONTAINER
    return Place.DESK if has_display(environ) else Place.NO_DISPLAY


def is_wsl(environ: Mapping[str, str]) -> bool:
    """Whether this is Linux inside Windows."""
    return bool(environ.get("WSL_DISTRO_NAME") or environ.get("WSL_INTEROP"))


def has_display(environ: Mapping[str, str]) -> bool:
    """Whether a graphical program could show itself (X11 or Wayland)."""
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
