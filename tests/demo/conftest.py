"""A pretend Procore on a free port, a clock that a test can move, and a browser that shows its steps."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from procore_cli import log
from procore_cli.config.environments import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET
from procore_cli.console import Console
from procore_cli.demo.server import DemoServer
from tests.moments import Clock

REDIRECT_URI = "http://localhost:4567/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Reply:
    """An answer as the client saw it."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    def json(self) -> Any:
        return json.loads(self.text)

    def hidden(self, name: str) -> str:
        return unescape(re.search(f'name="{name}" value="([^"]*)"', self.text)[1])

    def action(self) -> str:
        return unescape(re.search(r'<form method="post" action="([^"]*)"', self.text)[1])

    def returned(self) -> dict[str, str]:
        """The parameters that a redirect carries."""
        return {
            name: values[0] for name, values in parse_qs(urlsplit(self.headers["Location"]).query).items()
        }


@dataclass
class Client:
    """One browser, or one program: follows nothing by itself."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, target: str, body: str | None = None, **headers: str) -> Reply:
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            for line in response.headers.get_all("Set-Cookie", []):
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
            return Reply(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def get(self, target: str, **headers: str) -> Reply:
        return self.send("GET", target, **headers)

    def post(self, target: str, **fields: str) -> Reply:
        return self.send("POST", target, urlencode(fields))

    def authorize_target(self, **changes: str | None) -> str:
        query = {
            "client_id": DEMO_CLIENT_ID,
            "response_type": "code",
            "redirect_uri": REDIRECT_URI,
            "state": "abc123",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return "/oauth/authorize?" + urlencode({k: v for k, v in (query | changes).items() if v is not None})

    def log_in(self, target: str, email: str = "joecontractor@procore.com") -> Reply:
        """From the authorize page to the consent page, in a browser that knows nobody yet."""
        self.cookies.clear()
        login = self.get(self.get(target).headers["Location"])
        answer = self.post(login.action(), email=email, return_to=login.hidden("return_to"))
        return self.get(answer.headers["Location"])

    def decide(self, consent: Reply, decision: str) -> Reply:
        return self.post(consent.action(), decision=decision)

    def new_code(self, email: str = "joecontractor@procore.com", **changes: str | None) -> str:
        consent = self.log_in(self.authorize_target(**changes), email)
        return self.decide(consent, "allow").returned()["code"]

    def ask_oauth(self, endpoint: str, **fields: str | None) -> Reply:
        """A form with the app's credentials; None leaves a field out."""
        app = {"client_id": DEMO_CLIENT_ID, "client_secret": DEMO_CLIENT_SECRET}
        return self.post(f"/oauth/{endpoint}", **{k: v for k, v in (app | fields).items() if v is not None})

    def exchange(self, code: str, **changes: str | None) -> Reply:
        fields = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER} | changes
        return self.ask_oauth("token", grant_type="authorization_code", **fields)

    def refresh(self, refresh_token: str, **changes: str) -> Reply:
        return self.ask_oauth("token", grant_type="refresh_token", refresh_token=refresh_token, **changes)

    def revoke(self, token: str, **changes: str) -> Reply:
        return self.ask_oauth("revoke", token=token, **changes)

    def new_tokens(self, email: str = "joecontractor@procore.com") -> dict[str, Any]:
        return self.exchange(self.new_code(email)).json()

    def new_service_token(self) -> dict[str, Any]:
        return self.ask_oauth("token", grant_type="client_credentials").json()

    def control(self, method: str, target: str, value: Any = None, **headers: str) -> Reply:
        """What tests in other languages do, below /demo/."""
        body = None if value is None else json.dumps(value)
        sent = {"Host": urlsplit(self.url).netloc, "Content-Type": "application/json"} | headers
        return self.send(method, f"/demo/{target}", body, **sent)

    def me(self, access_token: str) -> Reply:
        return self.get("/rest/v1.0/me", Authorization=f"Bearer {access_token}")


def new_multipart(fields: dict[str, Any]) -> str:
    """A body with the boundary x."""
    parts = (
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return "".join(parts) + "--x--\r\n"


@pytest.fixture
def told() -> Iterator[Callable[[], list[str]]]:
    """What the person has been told, line by line."""
    stream = io.StringIO()
    with log.heard_by(Console(stream)):
        yield lambda: stream.getvalue().splitlines()


@pytest.fixture
def clock() -> Clock:
    """Stands still until a test moves it."""
    return Clock()


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(data_folder: Path, clock: Clock) -> Iterator[DemoServer]:
    with DemoServer(data_folder, clock) as running:
        yield running


@pytest.fixture
def client(server: DemoServer) -> Client:
    return Client(server.url)


@dataclass
class Program:
    """An integration: a bearer token and a company with every call; JSON both ways."""

    client: Client
    token: str
    company: int | str | None = 22222

    @property
    def headers(self) -> dict[str, str]:
        company = {} if self.company is None else {"Procore-Company-Id": str(self.company)}
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | company

    def send(self, method: str, target: str, value: Any = None, **headers: str) -> Reply:
        body = None if value is None else json.dumps(value)
        return self.client.send(method, target, body, **(self.headers | headers))

    def add(self, **project: Any) -> Reply:
        return self.send("POST", "/rest/v1.0/projects", {"company_id": self.company, "project": project})

    def get(self, target: str, **headers: str) -> Reply:
        return self.send("GET", target, **headers)

    def names(self, target: str) -> list[str]:
        return [item["name"] for item in self.get(target).json()]


@pytest.fixture
def program(server: DemoServer, client: Client) -> Program:
    return Program(client, server.provider.sign_in(11111)["access_token"])


@pytest.fixture
def speak(server: DemoServer) -> Callable[[bytes], bytes]:
    """Send bytes as they are on a connection of their own; returns all that comes back."""

    def send(data: bytes) -> bytes:
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as answer:
                return answer.read()

    return send
