"""A browser that a reader can follow: opens the link, logs in, allows or denies, and goes where it is sent.

    python stub_browser.py [--email E] [--deny] [--stay-away-from-home] LINK

It knows forms, cookies and redirects, and nothing of OAuth.
"""

import argparse
import http.cookiejar
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from html import unescape
from urllib.response import addinfourl


class StayAway(urllib.request.HTTPRedirectHandler):
    """Goes where it is sent, but never to this path."""

    def __init__(self, path: str) -> None:
        self.path = path

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if urllib.parse.urlsplit(newurl).path == self.path:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Page:
    """What the browser shows: an address and a text; of what it stays away from, the address alone."""

    def __init__(self, answer: addinfourl) -> None:
        self.url = answer.headers.get("Location", answer.geturl())
        self.text = answer.read().decode("utf-8")

    @property
    def forms(self) -> list[str]:
        return re.findall(r"<form.*?</form>", self.text, re.DOTALL)

    def fields(self, form: int = 0) -> dict[str, str]:
        """The hidden fields of a form, the first one if no other is named."""
        inputs = re.findall(r"<input[^>]*>", self.forms[form] if self.forms else "")
        return {name(tag): value(tag) for tag in inputs if name(tag)}

    def action(self, form: int = 0) -> str:
        """Where a form is sent."""
        found = re.match(r'<form[^>]* action="([^"]*)"', self.forms[form] if self.forms else "")
        return urllib.parse.urljoin(self.url, unescape(found[1])) if found else self.url


def name(tag: str) -> str:
    found = re.search(r' name="([^"]*)"', tag)
    return unescape(found[1]) if found else ""


def value(tag: str) -> str:
    found = re.search(r' value="([^"]*)"', tag)
    return unescape(found[1]) if found else ""


class Browser:
    def __init__(self, stay_away_from: str | None = None) -> None:
        # Loopback is never reached through a proxy.
        handlers = [
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        ]
        self._opener = urllib.request.build_opener(
            *handlers, *([StayAway(stay_away_from)] if stay_away_from else [])
        )

    def open(self, url: str, form: dict[str, str] | None = None) -> Page:
        """Go to an address, or send a form there; an error page is a page too."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            with self._opener.open(url, data, timeout=30) as answer:
                return Page(answer)
        except urllib.error.HTTPError as error:
            with error:
                return Page(error)

    def sign_in(self, link: str, email: str, decision: str = "allow") -> Page:
        """Walk through Procore's pages: log in, then allow; or deny, which may be a form of its own."""
        login = self.open(link)
        consent = self.open(login.action(), login.fields() | {"email": email})
        # A server may remember what was allowed before.
        if not consent.forms:
            return consent
        form = -1 if decision == "deny" else 0
        return self.open(consent.action(form), consent.fields(form) | {"decision": decision})


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--email", default="joecontractor@procore.com")
    parser.add_argument("--deny", action="store_true")
    parser.add_argument("--stay-away-from-home", action="store_true")
    parser.add_argument("--just-open", action="store_true")
    parser.add_argument("link")
    asked = parser.parse_args(arguments)
    browser = Browser("/home" if asked.stay_away_from_home else None)
    if asked.just_open:
        browser.open(asked.link)
    else:
        browser.sign_in(asked.link, asked.email, "deny" if asked.deny else "allow")


if __name__ == "__main__":
    main(sys.argv[1:])
