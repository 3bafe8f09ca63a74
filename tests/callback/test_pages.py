"""What the pages say, and that they say it safely."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from http import HTTPStatus

from procore_cli.callback import pages
from procore_cli.callback.pending import Failure, Home
from procore_cli.models import Me, User
from procore_cli.webpage import security_headers
from tests.callback.listener_stand import HOME

URL = "https://login.procore.com/oauth/authorize?client_id=app&response_type=code"
FIRST_PAGE = "/"
FAILURE = Failure(
    "Lost", "Procore said no.", "Run `procore-login signin` again, with `--paste`.", "demo: it said no."
)
REFUSED = (400, 403, 404, 405, 414, 431, 500)
NOTICES = {
    **{name: each for name, each in vars(pages).items() if isinstance(each, pages.Notice) and name[0] != "_"},
    **{str(status): pages.find_refusal(HTTPStatus(status)) for status in REFUSED},
}
EVERY_PAGE = {
    "sign up": pages.button_page("/", URL, "production", "/callback"),
    "sign in": pages.button_page("/signin", URL, "production", None),
    "home": pages.home_page(HOME, "production"),
    "failure": pages.failure_page(FAILURE, "production"),
    "carry": pages.notice_page(pages.NO_CALLBACK, "production", FIRST_PAGE, "/my/callback"),
    **{name: pages.notice_page(each, "production", FIRST_PAGE) for name, each in NOTICES.items()},
}
# They have a next step of their own: the first page would not help, or is not to be had.
NO_WAY_BACK = {"TAKES_LONG", "NO_COOKIE", "403", "431"}


def find_run_together(page: str) -> list[str]:
    """Where one block ends and another begins with nothing between them."""
    return re.findall(r"</(?:h1|h2|p|pre|ul|label|div|section|header|main)><\w+", page)


class Outline(HTMLParser):
    """The elements of a page with their attributes, and the text that a person sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {}
        self.text = ""
        self._open = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("style", "script"):
            self.raw[self._open] = self.raw.get(self._open, "") + data
        else:
            self.text += data + " "

    def all_of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_every_page_has_a_language_a_title_one_heading_and_a_main_part_and_names_the_environment():
    for page in EVERY_PAGE.values():
        outline = Outline(page)
        assert page.startswith("<!doctype html>")
        assert outline.all_of("html")[0]["lang"] == "en"
        assert [len(outline.all_of(tag)) for tag in ("title", "h1", "main")] == [1, 1, 1]
        assert any(meta.get("name") == "viewport" for meta in outline.all_of("meta"))
        assert "production" in outline.text


def test_no_page_fetches_anything_or_breaks_the_content_security_policy():
    policy = dict(security_headers(script=pages.CARRY_SCRIPT))["Content-Security-Policy"]
    for outline in map(Outline, EVERY_PAGE.values()):
        attributes = [name for _, named in outline.elements for name in named]
        assert not [name for name in attributes if name.startswith("on")]
        assert not {"style", "src", "srcset"} & set(attributes)
        assert all(str(link["href"]).startswith("data:") for link in outline.all_of("link"))
        for kind, text in outline.raw.items():
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"{kind}-src 'sha256-{digest}'" in policy


def test_only_pages_that_carry_a_hash_have_a_script_and_it_leaves_no_trace_in_the_history():
    scripted = {name for name, page in EVERY_PAGE.items() if "script" in Outline(page).raw}
    assert scripted == {"sign up", "carry"}
    outline = Outline(EVERY_PAGE["carry"])
    assert outline.all_of("script")[0]["data-carry-to"] == "/my/callback"
    assert "location.replace(location.origin + " in outline.raw["script"]
    # Without scripts a person has to carry it.
    by_hand = {name for name, page in EVERY_PAGE.items() if "<noscript><p>Scripts are off" in page}
    assert by_hand == scripted


def test_a_button_leads_to_procore_and_its_page_to_the_other_one():
    for name, label, other in (
        ("sign up", "Sign Up with Procore", "/signin"),
        ("sign in", "Sign In with Procore", "/"),
    ):
        outline = Outline(EVERY_PAGE[name])
        assert outline.all_of("a")[0] == {"class": "button", "href": URL}
        assert {"href": other} in outline.all_of("a")
        assert label in outline.text


def test_home_leads_with_the_person_says_each_thing_once_and_keeps_the_rows_letters():
    text = " ".join(Outline(EVERY_PAGE["home"]).text.split())
    row = '[1, 11111, "joecontractor@procore.com"]'
    told = (
        "Signed in as Joe Contractor",
        "joecontractor@procore.com",
        "Procore id 11111",
        "close this tab",
        row,
    )
    assert sorted(told, key=text.index) == list(told)
    assert [text.count(each) for each in ("Joe Contractor", "joecontractor@", "11111")] == [1, 2, 2]
    nameless = Home(User(2, 9007199254740993, None), Me(9007199254740993, "second@example.com", None))
    umlaut = Home(User(1, 2, "m\xfcller@example.com"), Me(2, "m\xfcller@example.com", None))
    text = " ".join(Outline(pages.home_page(nameless, "demo")).text.split())
    assert "Signed in as second@example.com" in text
    assert "[2, 9007199254740993, null]" in text
    assert "None" not in text
    assert '[1, 2, "m\xfcller@example.com"]' in Outline(pages.home_page(umlaut, "demo")).text


def test_names_are_written_in_their_own_direction_and_emails_from_left_to_right():
    email, name = "\u05de\u05e9\u05d4@example.com", "\u05d9\u05d5\u05e1\u05d9"
    page = pages.home_page(Home(User(1, 2, email), Me(2, email, name)), "demo")
    assert f"<bdi>{name}</bdi>" in page
    assert f'<bdi dir="ltr">{email}</bdi>' in page
    assert '<pre class="code" dir="ltr">[1, 2, ' in page


def test_markup_from_outside_stays_text():
    attack = "<script>alert('1')</script>\"&"
    hint = f"Run `{attack}` {attack}."
    for page in (
        pages.failure_page(Failure(attack, attack, hint, attack), attack),
        pages.home_page(Home(User(1, 2, attack), Me(2, attack, attack)), attack),
        pages.button_page("/", attack, attack, attack),
        pages.notice_page(pages.NO_CALLBACK, attack, attack, attack),
    ):
        assert attack not in page
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(&#x27;1&#x27;)" in page


def test_control_and_direction_characters_are_shown_not_used():
    hidden = "\x00\x1b\x7f\x9b\u061c\u200e\u202e\u2066\u2028\ud800"
    page = pages.home_page(Home(User(1, 2, f"a{hidden}b"), Me(2, "c", f"Joe{hidden}!")), "demo")
    assert not set(hidden) & set(page)
    assert r"Joe\u0000\u001b\u007f\u009b\u061c\u200e\u202e\u2066\u2028\ud800!" in page
    page.encode()


def test_a_failure_says_what_happened_and_sets_apart_what_to_type():
    text = " ".join(Outline(EVERY_PAGE["failure"]).text.split())
    told = (
        "Lost",
        "Procore said no.",
        "demo: it said no.",
        "What to do next",
        "Run",
        "procore-login signin",
        "again, with --paste .",
    )
    assert sorted(told, key=text.index) == list(told)
    for part in (
        "<p>Run</p>\n<pre",
        "<code>procore-login signin</code></pre>\n<p>again",
        "<code>--paste</code>.</p>",
    ):
        assert part in EVERY_PAGE["failure"]
    page = pages.failure_page(Failure("Lost", "No.", "Run `procore-login doctor`."), "demo")
    assert "<code>procore-login doctor</code></pre>\n</section>" in page


def test_each_notice_is_another_one_and_a_dead_end_leads_to_the_first_page_while_the_program_waits():
    assert len({each.title for each in NOTICES.values()}) == len(NOTICES)
    for name, notice in NOTICES.items():
        assert "What to do next" in EVERY_PAGE[name], name
        assert (f'href="{FIRST_PAGE}"' in EVERY_PAGE[name]) is (name not in NO_WAY_BACK), name
        ended = Outline(pages.notice_page(notice, "production", None))
        assert ended.all_of("a") == [], name
        assert ("The sign-in has ended" in ended.text) is (name not in NO_WAY_BACK), name


def test_words_do_not_run_together_where_a_browser_knows_text_alone():
    for name, page in EVERY_PAGE.items():
        assert find_run_together(page) == [], name
