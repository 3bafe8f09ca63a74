"""The credentials are looked at before a link is printed or a browser opens."""

import pytest

from procore_cli.client.oauth import Verdict, read_probe
from procore_cli.client.responses import Answer as ServerAnswer
from procore_cli.client.responses import find_date
from tests.people import SECOND, People
from tests.provider import CHECK, CLIENT_ID, CLIENT_SECRET, Answer
from tests.signed_in import assert_ended, sign_in

INVALID_CLIENT = {"error": "invalid_client", "error_description": "Client authentication failed."}


@pytest.fixture
def provider(people: People) -> People:
    """Everybody here signs in where several people have accounts."""
    return people


def test_the_first_sign_in_of_an_app_asks_about_it(machine, people):
    assert_ended(sign_in(machine))
    (check,) = people.checks
    assert check.form.pop("code_verifier")
    assert check.form.pop("code").startswith(CHECK)
    assert check.form == {
        "grant_type": "authorization_code",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": machine.redirect_uri,
    }
    # A later one does not, but for another app.
    people.person = SECOND
    assert_ended(sign_in(machine))
    machine.variables["PROCORE_CLIENT_ID"] = "another-app"
    assert_ended(sign_in(machine), 3)
    assert [check.form["client_id"] for check in people.checks] == [CLIENT_ID, "another-app"]


def test_wrong_credentials_a_redirect_or_nobody_there_end_it_before_the_link(machine, people):
    moved = Answer(302, "", {"Location": f"{people.url}/elsewhere"})
    right = ("invalid_client", "PROCORE_CLIENT_ID", "Is production the right environment?")
    cases: list[tuple[dict[str, str], Answer | None, int, tuple[str, ...]]] = [
        ({"PROCORE_CLIENT_SECRET": "hush-a-wrong-one"}, None, 3, right),
        ({}, moved, 5, ("redirect",)),
        ({"PROCORE_LOGIN_URL": "http://127.0.0.1:1"}, None, 5, ("cannot be reached",)),
    ]
    own = machine.variables
    for variables, answer, code, said in cases:
        machine.variables = own | variables
        people.check = lambda _, answer=answer: answer
        result = sign_in(machine).ended(code)
        assert [words for words in said if words not in result.err] == []
        assert "/oauth/authorize" not in result.err
        assert people.requests == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(500, "<h1>Sorry</h1>", {"Content-Type": "text/html"}), "500, an HTML page"),
        (Answer(503, INVALID_CLIENT), "503, invalid_client: Client authentication failed."),
        (Answer(400, {"error": "invalid_request"}), "400, invalid_request"),
        (Answer(200, {"access_token": "hush-access-of-nobody"}), "200, no reason given"),
    ],
)
def test_any_other_answer_passes_with_a_warning(machine, people, answer, words):
    people.check = lambda _: answer
    sign_in(machine).ended(0, "Warning: production: whether client id and client secret are right", words)


def test_the_demos_own_app_is_not_asked_about(machine, people):
    people.check = lambda _: Answer(401, INVALID_CLIENT)
    machine.variables["PROCORE_ENV"] = "demo"
    machine.run("signup", "--env", "demo", "--paste", stdin="").ended(4, "Run the command in a terminal")
    # What comes after the check: nobody can paste here.
    assert people.checks == []


def test_of_the_answer_the_verdict_words_without_what_was_sent_and_the_time_are_read():
    body = b'{"error": "no hush-code, hush-secret"}'
    assert read_probe(ServerAnswer(400, {}, body, ["hush-code", "hush-secret"])).words == "400, no …, …"
    assert read_probe(ServerAnswer(400, {}, b'{"error": "invalid_grant"}')).verdict is Verdict.ACCEPTED
    for headers, seconds in (
        ({"date": "Tue, 24 Nov 2026 12:00:00 GMT"}, 1795521600),
        ({"date": "soon"}, None),
    ):
        assert find_date(headers) == seconds
    assert find_date({}) is None
