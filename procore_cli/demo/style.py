"""The one stylesheet of the pretend Procore's pages, and the header that allows it alone.

Refuses to let a form lead anywhere but to this site and to the program that waits.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final
from urllib.parse import urlsplit

STYLE: Final = """
:root { color-scheme: light dark; --paper: #eef0ee; --card: #fff; --ink: #1b2420; --soft: #55625b;
  --line: #cfd6d1; --accent: #1c6048; --on-accent: #fff; --tape: #f2c230; --bad: #a3261b }
@media (prefers-color-scheme: dark) { :root { --paper: #111613; --card: #1a211d; --ink: #e6ece8;
  --soft: #9fada5; --line: #35403a; --accent: #6fcfa6; --on-accent: #0b2419; --bad: #ff9d92 } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
.banner { margin: 0; padding: .6rem 1rem; text-align: center; font-size: .875rem; color: #2b2200;
  background: var(--tape) }
main { width: min(26rem, 100% - 2rem); margin: clamp(1.5rem, 9vh, 6rem) auto 2rem; padding: 2rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 16px;
  box-shadow: 0 1px 2px #0001, 0 12px 32px #0001 }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; text-wrap: balance }
p { margin: 0 0 1rem }
.soft { color: var(--soft); font-size: .9375rem }
.problem { margin: .6rem 0 0; color: var(--bad); font-weight: 600 }
label { display: block; margin: 1.25rem 0 .375rem; font-weight: 600 }
input, button { width: 100%; min-height: 3rem; padding: 0 .9rem; border: 1px solid var(--soft);
  border-radius: 10px; background: transparent; color: inherit; font: inherit }
button { margin-top: .75rem; cursor: pointer; font-weight: 600 }
button.main { margin-top: 1.5rem; background: var(--accent); border-color: var(--accent);
  color: var(--on-accent) }
button:hover { filter: brightness(1.08) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
a { display: inline-block; padding: .25rem 0; color: var(--accent) }
.who { display: flex; gap: .75rem; align-items: center; margin: 1.25rem 0; padding: .75rem;
  border: 1px solid var(--line); border-radius: 12px; overflow-wrap: anywhere }
.who b { flex: none; display: grid; place-items: center; width: 2.5rem; height: 2.5rem;
  border-radius: 50%; background: var(--accent); color: var(--on-accent) }
.who span { line-height: 1.35 }
.who small { display: block; color: var(--soft); font-size: .875rem }
ul { margin: -.5rem 0 1rem; padding-left: 1.2rem }
.code { display: block; padding: .9rem; border: 1px dashed var(--soft); border-radius: 10px;
  font: 1.05rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; user-select: all }
footer { margin-top: 1.25rem; text-align: center }
@media (max-width: 26rem) { main { padding: 1.5rem } }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none';"
    " form-action"
)
# Where a form's answer may lead. A source of CSP cannot name an IPv6 address, but it can name a scheme.
_FORM_TARGETS: Final = {
    ("http", "localhost"): "http://localhost:*",
    ("http", "127.0.0.1"): "http://127.0.0.1:*",
    ("http", "::1"): "http:",
}


def new_policy(redirect_uri: str = "") -> str:
    """The policy of a page; `redirect_uri`, which may be anything, is where its forms may lead in the end.

    Chromium applies form-action to the redirects after a form as well.
    """
    return f"{_POLICY} 'self' {_find_form_target(redirect_uri)}".rstrip()


def _find_form_target(redirect_uri: str) -> str:
    # One of our own words: what comes from outside is not written into a header.
    try:
        parts = urlsplit(redirect_uri)
        host = parts.hostname or ""
    except ValueError:
        return ""
    return "https:" if parts.scheme == "https" else _FORM_TARGETS.get((parts.scheme, host), "")
