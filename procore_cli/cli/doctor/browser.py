"""The browser that would be opened, and what stands between it and this process; opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from shutil import which

from procore_cli.cli.doctor.case import Case
from procore_cli.cli.doctor.check import Check, fine, warning


def check_browser(case: Case) -> Iterator[Check]:
    """Which program would show the link, and how its answer gets back here."""
    from procore_cli.callback.browser import Place, find_browser, find_place

    place = find_place(case.environ, case.platform)
    browser = find_browser(None, case.environ, case.platform, which)
    named = _list_missing(case)
    if named:
        instead = f"{browser.name} is used instead" if browser else "no other can be opened either"
        yield warning(
            "browser",
            f"BROWSER names no graphical browser that is installed ({named}); {instead}.",
            "Let BROWSER name an installed one, or unset it: unset BROWSER",
        )
    elif browser is not None and place is not Place.SSH:
        yield fine("browser", f"{browser.name} ({browser.command[0]}); {_describe(case)}")
    elif case.settings.own_server:
        yield fine("browser", f"none can be opened; the demo user signs in by itself; {_describe(case)}")
    else:
        yield _new_remote(case, browser is not None)


def _new_remote(case: Case, is_found: bool) -> Check:
    from procore_cli.callback.browser import find_place
    from procore_cli.callback.receiver import Guidance

    place = find_place(case.environ, case.platform)
    words = Guidance(case.settings.redirect_uri, place, listens=True, pastes=True)
    what = "one would be opened on this machine" if is_found else "none can be opened here"
    hint = words.before_link(is_opened=False) or "Open the printed link in any browser, then paste."
    return warning("browser", f"{what}: {_describe(case)}. The link is printed.", hint)


def _describe(case: Case) -> str:
    from procore_cli.callback.browser import find_place, has_display, is_wsl

    signs = [f"place: {find_place(case.environ, case.platform).value}"]
    if case.platform not in ("win32", "darwin"):
        signs.append("a display" if has_display(case.environ) else "no display")
    signs.append("over SSH" if case.environ.get("SSH_CONNECTION") else "not over SSH")
    return ", ".join([*signs, *(["WSL"] if is_wsl(case.environ) else [])])


def _list_missing(case: Case) -> str:
    """The programs that BROWSER names, where none of them will do; their arguments are left out."""
    from procore_cli.callback.browser import find_in_variable

    value = case.environ.get("BROWSER", "")
    if not value or find_in_variable(value, case.platform, which):
        return ""
    names = [
        part.split()[0] for part in value.split(";" if case.platform == "win32" else ":") if part.strip()
    ]
    return ", ".join(names)
