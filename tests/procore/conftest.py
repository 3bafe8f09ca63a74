"""Transports and servers that are closed when a test ends, and certificates made for the occasion."""

import datetime
import logging
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from procore_cli.client.responses import Answer
from procore_cli.client.transport import Transport
from procore_cli.grants import AppCredentials
from procore_cli.models import Environment
from tests.procore.procore_servers import Behaviour, Server

NewTransport = Callable[..., Transport]
Serve = Callable[..., Server]


@pytest.fixture
def credentials() -> AppCredentials:
    return AppCredentials("the-client-id", "the-client-secret", "PROCORE_CLIENT_ID")


@pytest.fixture
def new_transport(monkeypatch: pytest.MonkeyPatch) -> Iterator[NewTransport]:
    made: list[Transport] = []

    def new(environ: dict[str, str] | None = None, **options: Any) -> Transport:
        for name, value in (environ or {}).items():
            monkeypatch.setenv(name, value)
        made.append(Transport(**{"connect_timeout_s": 5, "read_timeout_s": 5, **options}))
        return made[-1]

    yield new
    for transport in made:
        transport.close()


@pytest.fixture
def traced(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The lines for `--debug`, as a program's log hears them: its `messages`."""
    caplog.set_level(logging.DEBUG, logger="procore_cli")
    return caplog


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[Server] = []

    def start(behave: Behaviour, context: ssl.SSLContext | None = None) -> Server:
        started.append(Server(behave, context))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def environment_at() -> Callable[..., Environment]:
    def at(login_url: str, api_url: str | None = None) -> Environment:
        return Environment("sandbox", login_url, api_url or login_url)

    return at


@pytest.fixture
def ask(new_transport: NewTransport, environment_at: Callable[..., Environment]) -> Callable[..., Answer]:
    """Send one request to a base URL, whose environment lies there or `at`: a POST where there is a form."""

    def ask(
        url: str,
        *,
        path: str = "/x?code=s3cret",
        form: str | None = None,
        bearer: str | None = None,
        at: str = "",
        transport: Transport | None = None,
        **options: Any,
    ) -> Answer:
        transport = transport or new_transport(**options)
        method, environment = "GET" if form is None else "POST", environment_at(at or url)
        return transport.request(method, url + path, environment=environment, form=form, bearer=bearer)

    return ask


@dataclass(frozen=True)
class Certificates:
    """A CA's file, and a server context whose certificate it signed."""

    ca_file: Path
    context: ssl.SSLContext


def new_certificates(
    folder: Path,
    *hosts: str,
    from_day: int = -1,
    to_day: int = 1,
    issuer: str = "unknown CA",
    chain: bool = False,
) -> Certificates:
    """A certificate for hosts, self-signed where the issuer is one of them; `chain` shows its CA too."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    days = [now + datetime.timedelta(days=day) for day in (from_day, to_day)]

    def certificate(subject: str, public_key: Any, signer: Any, is_ca: bool) -> bytes:
        names = [
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in (issuer, subject)
        ]
        builder = x509.CertificateBuilder(*names, public_key, x509.random_serial_number(), *days)
        alternatives = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(alternatives, critical=False)
        builder = builder.add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    signer = key if issuer in hosts else ca_key
    own = certificate(hosts[0], key.public_key(), signer, is_ca=False)
    ca = own if signer is key else certificate(issuer, ca_key.public_key(), ca_key, is_ca=True)
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ca.pem").write_bytes(ca)
    (folder / "server.pem").write_bytes(own + (ca if chain else b"") + key.private_bytes(*plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return Certificates(folder / "ca.pem", context)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return new_certificates(tmp_path_factory.mktemp("tls"), "localhost", "procore.test")


@pytest.fixture
def new_context(tmp_path: Path) -> Callable[..., ssl.SSLContext]:
    """Make a server context whose certificate, for one host, has something wrong with it."""
    return lambda host="localhost", **wrong: new_certificates(tmp_path, host, **wrong).context
