"""A browser that a reader can follow: opens the link, logs in, allows, and goes where it is sent.

    python stub_browser.py [--email E] [--stay-away-from-home] LINK

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


class StayAtCallback(urllib.request.HTTPRedirectHandler):
    """Goes where it is sent, but never on to /home."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if urllib.parse.urlsplit(newurl).path == "/home":
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Page:
    """What the browser shows: an address and a text."""

    def __init__(self, answer: addinfourl) -> None:
        self.url = answer.geturl()
        self.text = answer.read().decode("utf-8")

    def fields(self) -> dict[str, str]:
        """The hidden fields of the first form."""
        form = re.search(r"<form.*?</form>", self.text, re.DOTALL)
        inputs = re.findall(r"<input[^>]*>", form[0] if form else "")
        return {name(tag): value(tag) for tag in inputs if name(tag)}

    def action(self) -> str:
        """Where the first form is sent."""
        found = re.search(r'<form[^>]* action="([^"]*)"', self.text)
        return urllib.parse.urljoin(self.url, unescape(found[1])) if found else self.url


def name(tag: str) -> str:
    found = re.search(r' name="([^"]*)"', tag)
    return unescape(found[1]) if found else ""


def value(tag: str) -> str:
    found = re.search(r' value="([^"]*)"', tag)
    return unescape(found[1]) if found else ""


class Browser:
    def __init__(self, stay_away_from_home: bool = False) -> None:
        # Loopback is never reached through a proxy.
        handlers = [
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        ]
        self._opener = urllib.request.build_opener(
            *handlers, *([StayAtCallback()] if stay_away_from_home else [])
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

    def sign_in(self, link: str, email: str) -> Page:
        """Walk through Procore's pages: log in, then allow."""
        login = self.open(link)
        consent = self.open(login.action(), login.fields() | {"email": email})
        return self.open(consent.action(), consent.fields() | {"decision": "allow"})


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--email", default="joecontractor@procore.com")
    parser.add_argument("--stay-away-from-home", action="store_true")
    parser.add_argument("--just-open", action="store_true")
    parser.add_argument("link")
    asked = parser.parse_args(arguments)
    browser = Browser(asked.stay_away_from_home)
    if asked.just_open:
        browser.open(asked.link)
    else:
        browser.sign_in(asked.link, asked.email)


if __name__ == "__main__":
    main(sys.argv[1:])
