"""Debian's Chromium as a person's browser: tabs, pages, buttons, and what it wrote on its console.

Refuses to fetch a browser or a driver, and to talk to anything but this machine.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE_S = 15
_POLL_S = 0.02
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"),
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1",
)

Found = TypeVar("Found")


class Chromium:
    """One running browser; `folder` is its home and holds its profile."""

    def __init__(self, folder: Path, *, keeps_cookies: bool = True) -> None:
        options = _new_options(folder)
        if not keeps_cookies:
            blocked = {"profile.default_content_setting_values.cookies": 2}
            options.add_experimental_option("prefs", blocked)
        self._driver = webdriver.Chrome(options, _new_service(folder))

    def close(self) -> None:
        self._driver.quit()

    def forget(self) -> None:
        """Back to one empty tab without cookies, cache and console."""
        first, *others = self.tabs
        for tab in others:
            self.switch(tab)
            self._driver.close()
        self.switch(first)
        # A browser that has just started refuses commands while it is on its way to its first page.
        self.wait_until(lambda: self.cdp("Page.stopLoading") is not None)
        self.cdp("Page.navigate", url="about:blank")
        self.wait_until(lambda: self.url == "about:blank")
        for command in (
            "Emulation.setEmulatedMedia",
            "Network.clearBrowserCookies",
            "Network.clearBrowserCache",
            "Page.resetNavigationHistory",
        ):
            self.cdp(command)
        self.console()

    def cdp(self, command: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self._driver.execute_cdp_cmd(command, parameters)

    @property
    def tabs(self) -> list[str]:
        return self._driver.window_handles

    def switch(self, tab: str) -> None:
        self._driver.switch_to.window(tab)

    def open(self, url: str) -> None:
        """Type an address; returns once its page, or that of a redirect, begins."""
        self._driver.get(url)

    def open_tab(self, url: str) -> str:
        """Follow a link in a new tab, which becomes the current one; waits for nothing."""
        tab = str(self.cdp("Target.createTarget", url="about:blank")["targetId"])
        self.switch(tab)
        # Every other command that goes somewhere returns once a page begins.
        self.cdp("Runtime.evaluate", expression=f"setTimeout(() => {{ location.href = {json.dumps(url)} }})")
        return tab

    def show(self, path: Path) -> None:
        """Open a file; returns once it is laid out."""
        self.open(path.as_uri())
        shown = "document.readyState == 'complete' && location.href"
        self.wait_until(lambda: self.run(shown) == path.as_uri())

    def run(self, script: str) -> Any:
        """What a script in the page comes to, past the page's policy."""
        answer = self.cdp("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def prefer(self, scheme: str) -> None:
        """Say which colour scheme the person prefers, light or dark."""
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def reload(self) -> None:
        self.cdp("Page.reload")

    def back(self) -> None:
        self._driver.back()

    @property
    def url(self) -> str:
        return self._driver.current_url

    @property
    def text(self) -> str:
        """What the page shows, as a person would select it."""
        return str(self._driver.find_element(By.TAG_NAME, "body").text)

    @property
    def title(self) -> str:
        return self._driver.title

    def elements(self, selector: str) -> int:
        return len(self._driver.find_elements(By.CSS_SELECTOR, selector))

    def press(self, label: str) -> None:
        """Click the button, or the link that looks like one, of exactly this label."""
        query = f"//button[normalize-space()='{label}'] | //a[normalize-space()='{label}']"
        self.wait_until(lambda: self._driver.find_elements(By.XPATH, query))[0].click()

    def type(self, selector: str, text: str) -> None:
        field = self.wait_until(lambda: self._driver.find_elements(By.CSS_SELECTOR, selector))[0]
        field.clear()
        field.send_keys(text)

    def wait_for_title(self, title: str) -> None:
        """Wait until a page of this title (its part before any dash) is there."""
        self.wait_until(lambda: self.title.startswith(title), f"no page {title!r}")

    def wait_until(self, found: Callable[[], Found], message: str = "") -> Found:
        """Wait until something is found, through pages that come and go."""
        wait = WebDriverWait(self._driver, PATIENCE_S, _POLL_S, [WebDriverException])
        return wait.until(lambda _: found(), message)

    def console(self) -> list[str]:
        """The errors and policy violations that every tab wrote since the last call."""
        return [
            entry["message"]
            for entry in self._driver.get_log("browser")
            if entry["level"] == "SEVERE" or "Content Security Policy" in entry["message"]
        ]


def _new_options(folder: Path) -> webdriver.ChromeOptions:
    options = webdriver.ChromeOptions()
    options.binary_location = _find("chromium")
    # The tests wait for what they look for: a callback may take as long as it wants.
    options.page_load_strategy = "none"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*_FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    return options


def _new_service(folder: Path) -> Service:
    # An explicit driver: selenium would look for one on the network.
    keep = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return Service(_find("chromedriver"), env={**keep, "HOME": str(folder), "SE_OFFLINE": "true"})


def _find(program: str) -> str:
    path = shutil.which(program)
    assert path is not None, f"install Debian's chromium and chromium-driver: there is no {program}"
    return path
