"""The pretend Procore's pages as text; refuses to let anything from outside in unescaped."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from procore_cli.demo.app import DEMO_APP_NAME, SAMPLE_EMAIL
from procore_cli.demo.models import DemoUser
from procore_cli.demo.style import STYLE
from procore_cli.environments import AUTHORIZE_PATH, OOB_REDIRECT_URI


def new_login_page(return_to: str, form_token: str, email: str, problem: str) -> str:
    """Ask who it is; the sample user is filled in where nothing was typed yet."""
    described = ' aria-invalid="true" aria-describedby="problem"' if problem else ""
    body = f"""<h1>Log in</h1>
<p class="soft">Any e-mail address will do. There is no password, and no mail is sent.</p>
<form method="post" action="/login">
{_hidden("form_token", form_token)}
{_hidden("return_to", return_to)}
<label for="email">E-mail</label>
<input id="email" name="email" value="{escape(email or SAMPLE_EMAIL)}" inputmode="email" autocomplete="email"
 autocapitalize="none" spellcheck="false" required autofocus{described}>
{f'<p class="problem" id="problem" role="alert">{escape(problem)}</p>' if problem else ""}
<button class="main">Log in</button>
</form>"""
    return _new_page("Log in", body)


def new_consent_page(
    user: DemoUser, redirect_uri: str, query: str, login_address: str, form_token: str
) -> str:
    """Ask whether the app may act for this user."""
    body = f"""<h1>Let {DEMO_APP_NAME} use your account?</h1>
<div class="who"><b aria-hidden="true">{escape(user.name[:1].upper())}</b>
<span>{escape(user.name)}<small>{escape(user.email)}</small></span></div>
<p>{DEMO_APP_NAME} will be able to</p>
<ul><li>see your name and e-mail address</li><li>see your companies, and act for you there</li></ul>
<p class="soft">{_describe_return(redirect_uri)}</p>
<form method="post" action="{escape(f"{AUTHORIZE_PATH}?{query}")}">
{_hidden("form_token", form_token)}
<button class="main" name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form>
<footer><a href="{escape(login_address)}">Use another account</a></footer>"""
    return _new_page("Allow access", body)


def new_code_page(code: str) -> str:
    """Show a code for pasting, in place of a redirect."""
    body = f"""<h1>Copy this code</h1>
<p>Paste it where the program asks for it. It works once, within ten minutes.</p>
<output class="code">{escape(code)}</output>"""
    return _new_page("Your code", body)


def new_error_page(why: str) -> str:
    """Say why the sign-in ends here."""
    body = f"""<h1>This sign-in cannot go on</h1>
<p>{escape(why)}</p>
<p class="soft">You can close this page. The program that sent you here still waits: end it there.</p>"""
    return _new_page("Cannot go on", body)


def _describe_return(redirect_uri: str) -> str:
    if redirect_uri == OOB_REDIRECT_URI:
        return "Afterwards this site shows you a code to paste."
    return f"Afterwards you go back to <strong>{escape(urlsplit(redirect_uri).netloc)}</strong>."


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def _new_page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} &ndash; pretend Procore</title>
<style>{STYLE}</style>
</head>
<body>
<p class="banner"><strong>pretend Procore</strong> &ndash; nothing here is real</p>
<main>
{body}
</main>
</body>
</html>
"""
