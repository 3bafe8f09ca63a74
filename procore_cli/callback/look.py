"""How the listener's pages look: style, icon, the one script; refuses anything that would have to be fetched.

Style and script stand in the page and are allowed by their hashes (CSP level 2), so nothing else can run.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


STYLE: Final = """
:root {
  color-scheme: light dark;
  --ground: #f3f4f7; --card: #ffffff; --edge: #dfe2e8; --ink: #171a21; --soft: #565d6b;
  --accent: #1f4fd1; --accent-strong: #183fa8; --on-accent: #ffffff; --tint: #e9eefc;
  --good: #136c3c; --good-tint: #e2f4e9; --bad: #a3260f; --bad-tint: #fdeae6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #101218; --card: #191c24; --edge: #2d323d; --ink: #eceef3; --soft: #a6adbb;
    --accent: #8fb0ff; --accent-strong: #b0c7ff; --on-accent: #0d1630; --tint: #222b45;
    --good: #7ad9a2; --good-tint: #173226; --bad: #ff9d8a; --bad-tint: #3d1f1a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; padding: 24px 16px;
  background: var(--ground); color: var(--ink);
  display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 20px;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main {
  width: 100%; max-width: 460px; padding: 40px; background: var(--card); border: 1px solid var(--edge);
  border-radius: 16px; box-shadow: 0 1px 2px #00000010, 0 12px 32px #00000014;
}
.symbol {
  display: flex; align-items: center; justify-content: center; width: 48px; height: 48px; margin-bottom: 24px;
  border-radius: 12px; color: var(--accent); background: var(--tint);
}
.good .symbol { color: var(--good); background: var(--good-tint); border-radius: 50%; }
.bad .symbol { color: var(--bad); background: var(--bad-tint); border-radius: 50%; }
svg { width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 2.25; stroke-linecap: round;
  stroke-linejoin: round; }
h1 { margin: 0 0 8px; font-size: 26px; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em;
  text-wrap: balance; }
h2 { margin: 24px 0 8px; font-size: 13px; font-weight: 600; color: var(--soft); }
p { margin: 0 0 16px; overflow-wrap: anywhere; }
main > :last-child { margin-bottom: 0; }
.lead, .aside, footer { color: var(--soft); }
.aside { font-size: 14px; }
.button {
  display: block; margin: 24px 0 20px; padding: 13px 20px; border-radius: 10px; background: var(--accent);
  color: var(--on-accent); font-weight: 600; text-align: center; text-decoration: none;
}
.button:hover { background: var(--accent-strong); }
a { color: var(--accent); text-underline-offset: 3px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 6px; }
.button:focus-visible { border-radius: 10px; }
code { font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.row {
  display: block; padding: 12px 16px; border: 1px solid var(--edge); border-radius: 10px;
  background: var(--ground); overflow-wrap: anywhere; white-space: pre-wrap;
}
dl { display: grid; grid-template-columns: auto 1fr; gap: 8px 24px; margin: 0 0 24px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; text-align: start; }
.next {
  margin-top: 24px; padding: 14px 16px; border: 1px solid var(--edge); border-radius: 10px;
  background: var(--ground);
}
.next strong { display: block; font-size: 13px; color: var(--soft); }
footer { font-size: 13px; text-align: center; }
@media (max-width: 480px) { main { padding: 28px 24px; } h1 { font-size: 23px; } }
"""

# From the page's own origin, whatever the path looks like; `replace` keeps the code out of the history.
CARRY_SCRIPT: Final = """
const given = location.hash.slice(1);
if (given) location.replace(location.origin + document.documentElement.dataset.carryTo + "?" + given);
"""

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_source(STYLE)}",
        f"script-src {_source(CARRY_SCRIPT)}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

# The shapes are our own; a trademark of Procore's is not among them.
SYMBOLS: Final = {
    "plain": '<circle cx="8" cy="12" r="4.5"/><path d="M12.5 12H22m-3 0v4m-4-4v3"/>',
    "good": '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
    "bad": '<path d="M12 6v7.5m0 4v.5"/>',
}

ICON: Final = (
    "data:image/svg+xml;base64,"
    + base64.b64encode(
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        b'<rect width="32" height="32" rx="8" fill="#1f4fd1"/>'
        b'<g fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round">'
        b'<circle cx="11" cy="16" r="5"/><path d="M16 16h11m-3 0v4.5m-5-4.5v3.5"/></g></svg>'
    ).decode()
)
