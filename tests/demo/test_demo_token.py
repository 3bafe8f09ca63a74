"""The token endpoint: codes, refresh tokens, and Doorkeeper's error bodies."""

from __future__ import annotations

import base64
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.demo.conftest import REDIRECT_URI, VERIFIER, new_multipart

FIELDS = {"access_token", "token_type", "expires_in", "refresh_token", "created_at"}


def test_a_code_is_exchanged_for_what_procore_answers(client, clock):
    reply = client.exchange(client.new_code())

    answer = reply.json()
    assert reply.status == 200
    assert set(answer) == FIELDS
    assert (answer["token_type"], answer["expires_in"], answer["created_at"]) == ("bearer", 5400, clock.now)
    assert reply.headers["Content-Type"].startswith("application/json")
    assert 480 <= len(answer["access_token"]) <= 570


def test_of_those_who_use_one_code_or_one_refresh_token_at_once_one_wins(client):
    token = client.new_tokens()["refresh_token"]
    for use, secret in ((client.exchange, client.new_code()), (client.refresh, token)):
        with ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(use, [secret] * 4))

        assert sorted(reply.status for reply in replies) == [200, 400, 400, 400]


def test_a_wrong_verifier_uses_the_code_up_and_without_a_challenge_none_is_needed(client):
    code, plain = client.new_code(), client.new_code(code_challenge=None, code_challenge_method=None)

    assert_refused(client.exchange(code, code_verifier="w" * 43), 400, "invalid_grant")
    assert_refused(client.exchange(code), 400, "invalid_grant")
    assert client.exchange(plain, code_verifier=None).status == 200


def test_a_code_lives_ten_minutes(client, clock):
    early, late = client.new_code(), client.new_code()
    clock.now += 599
    assert client.exchange(early).status == 200
    clock.now += 1

    assert_refused(client.exchange(late), 400, "invalid_grant")


def test_redirect_uri_and_verifier_are_those_of_the_code(client):
    for changes, error in (
        ({"redirect_uri": "http://localhost:4567/callback/"}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:4567/callback"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
    ):
        assert_refused(client.exchange(client.new_code(), **changes), 400, error)


def test_wrong_credentials_get_401_and_leave_the_code_alone(client):
    wrongs = (
        {"client_secret": "sésame"},
        {"client_secret": None},
        {"client_id": "wrong"},
        {"client_id": None},
    )
    for wrong in wrongs:
        code = client.new_code()
        reply = client.exchange(code, **wrong)

        assert_refused(reply, 401, "invalid_client")
        assert 'error="invalid_client"' in reply.headers["WWW-Authenticate"]
        assert "same" not in reply.text
        assert client.exchange(code).status == 200


FORMS = {
    "application/x-www-form-urlencoded; charset=utf-8": urlencode,
    "multipart/form-data; boundary=x": new_multipart,
    "application/json": json.dumps,
}
JSON = {"Content-Type": "application/json"}
APP = {"client_id": "pretend-client-id", "client_secret": "pretend-client-secret"}
BASIC = "Basic " + base64.b64encode(":".join(APP.values()).encode()).decode()


@pytest.mark.parametrize("kind", FORMS)
def test_a_request_may_have_each_form_and_the_credentials_in_its_body_or_as_basic(client, kind):
    for credentials, headers, slash in ((APP, {}, ""), ({}, {"Authorization": BASIC}, "/")):

        def send(target, credentials=credentials, headers=headers, slash=slash, **fields):
            body = FORMS[kind](fields | credentials)
            return client.send("POST", f"/oauth/{target}{slash}", body, **{"Content-Type": kind}, **headers)

        back = {"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
        first = send("token", grant_type="authorization_code", code=client.new_code(), **back)
        tokens = send("token", grant_type="refresh_token", refresh_token=first.json()["refresh_token"]).json()
        service = send("token", grant_type="client_credentials").json()

        for token in (tokens["access_token"], service["access_token"]):
            assert client.get("/oauth/token/info", Authorization=f"Bearer {token}").status == 200
            assert (send("revoke", token=token).status, send("revoke", token=token).json()) == (200, {})
            assert client.get("/oauth/token/info", Authorization=f"Bearer {token}").status == 401


def test_a_request_that_makes_no_sense_gets_a_body_of_doorkeepers_shape(client):
    grant = "grant_type=client_credentials&" + urlencode(APP)
    wrong = "Basic " + base64.b64encode(b"pretend-client-id:wrong").decode()
    for body, headers, error in (
        ("", {}, "invalid_request"),
        ("grant_type=", {}, "invalid_request"),
        ("grant_type=password", {}, "unsupported_grant_type"),
        ("grant_type=authorization_code", {}, "invalid_request"),
        ("grant_type=refresh_token", {}, "invalid_request"),
        ("grant_type=refresh_token&refresh_token=a&refresh_token=b", {}, "invalid_request"),
        ("%zz=%FF&grant_type=%E2%82", {}, "unsupported_grant_type"),
        # A form that cannot be read has no fields.
        (grant, {"Content-Type": "text/plain"}, "invalid_request"),
        (grant, JSON, "invalid_request"),
        (grant, {"Content-Type": "multipart/form-data"}, "invalid_request"),
        (json.dumps([["grant_type", "client_credentials"]]), JSON, "invalid_request"),
        ('{"grant_type": "client_credentials", "grant_type": "refresh_token"}', JSON, "invalid_request"),
        ('{"grant_type": ["client_credentials"]}', JSON, "invalid_request"),
        ("[" * 60_000, JSON, "invalid_request"),
        # Basic counts, whatever the body says.
        *((grant, {"Authorization": each}, "invalid_client") for each in (wrong, "Basic ?", "basic /w==")),
    ):
        reply = client.send("POST", "/oauth/token", body, **headers)

        assert_refused(reply, 401 if error == "invalid_client" else 400, error)


def test_what_stands_in_the_query_is_refused(client):
    grant = "grant_type=client_credentials&" + urlencode(APP)
    for query, body in ((grant, ""), (urlencode(APP), "grant_type=client_credentials"), ("x=1", grant)):
        for endpoint in ("token", "revoke"):
            reply = client.send("POST", f"/oauth/{endpoint}?{query}", f"{body}&token=x")

            assert_refused(reply, 400, "invalid_request")


def test_a_service_account_gets_an_access_token_alone_and_may_hold_several(client, clock):
    first, second = client.new_service_token(), client.new_service_token()

    assert set(first) == FIELDS - {"refresh_token"}
    assert (first["token_type"], first["expires_in"], first["created_at"]) == ("bearer", 5400, clock.now)
    for token in (first, second):
        header = f"Bearer {token['access_token']}"
        info = client.get("/oauth/token/info", Authorization=header).json()
        assert info["resource_owner_id"] is None
    wrong = client.ask_oauth("token", grant_type="client_credentials", client_secret="wrong")
    assert_refused(wrong, 401, "invalid_client")


def test_a_refresh_gives_a_new_pair_a_year_later_too(client, clock):
    former = client.new_tokens()
    clock.now += 365 * 24 * 3600
    answer = client.refresh(former["refresh_token"]).json()

    assert (set(answer), answer["created_at"]) == (FIELDS, clock.now)
    assert not {answer["access_token"], answer["refresh_token"]} & set(map(str, former.values()))
    assert client.me(former["access_token"]).status == 401
    assert client.me(answer["access_token"]).json()["id"] == 11111


def test_a_refresh_takes_the_secret_and_a_refresh_token_and_knows_no_scope(client):
    tokens = client.new_tokens()

    assert_refused(client.refresh(tokens["refresh_token"], client_secret="wrong"), 401, "invalid_client")
    assert_refused(client.refresh(tokens["access_token"]), 400, "invalid_grant")
    reply = client.refresh(tokens["refresh_token"], scope="everything")
    assert (reply.status, "scope" in reply.json()) == (200, False)


def test_revoking_either_token_ends_both_and_leaves_other_sign_ins_alone(client):
    other = client.new_tokens()
    for kind in ("refresh_token", "access_token"):
        tokens = client.new_tokens()
        reply = client.revoke(tokens[kind])

        assert (reply.status, reply.json()) == (200, {})
        assert client.me(tokens["access_token"]).status == 401
        assert_refused(client.refresh(tokens["refresh_token"]), 400, "invalid_grant")
    assert client.me(other["access_token"]).status == 200
    assert client.revoke("never issued").status == 200


def test_revoking_needs_the_secret_and_a_token(client):
    tokens = client.new_tokens()

    assert_refused(client.revoke(tokens["access_token"], client_secret="wrong"), 401, "invalid_client")
    assert_refused(client.revoke(""), 400, "invalid_request")
    assert_refused(client.send("POST", "/oauth/revoke", "token=a&token=b"), 400, "invalid_request")
    assert client.me(tokens["access_token"]).status == 200


def test_no_code_or_token_is_logged(client, caplog):
    caplog.set_level(logging.DEBUG)
    code = client.new_code()
    tokens = client.exchange(code).json()
    client.refresh(tokens["refresh_token"])
    secrets = (code, tokens["access_token"], tokens["refresh_token"])

    assert not [secret for secret in secrets if secret in caplog.text]


def assert_refused(reply, status, error):
    """An error of Doorkeeper's shape, and nothing else in it."""
    assert (reply.status, reply.json()["error"]) == (status, error)
    assert set(reply.json()) == {"error", "error_description"}
    assert reply.json()["error_description"]
