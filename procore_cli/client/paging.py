"""From one page of a list to the next (RFC 8288): at the API's own origin, and never in a circle."""

from __future__ import annotations

from procore_cli.client.paths import find_next
from procore_cli.config.urls import find_origin, is_at
from procore_cli.errors import RedirectRefusedError, UnexpectedAnswerError
from procore_cli.models import Environment


class Pager:
    """The way through one list, which begins at `url`."""

    def __init__(self, environment: Environment, url: str) -> None:
        self._environment = environment
        # A link may hold a cursor of kilobytes, and there may be ten thousand of them: a number each.
        self._seen = {hash(url)}

    def find_next(self, link: str, url: str) -> str | None:
        """The next page's URL, from the `Link` header of the page at `url`; None after the last one.

        Raises RedirectRefusedError, UnexpectedAnswerError.
        """
        following = find_next(link, url, self._environment)
        if following is None:
            return None
        if not is_at(url, self._environment.api_url):
            raise RedirectRefusedError(
                f"the link to the next page was not followed: it comes from {find_origin(url)}.",
                "Call the list at Procore itself.",
            )
        if hash(following) in self._seen:
            raise UnexpectedAnswerError(
                "the link to the next page leads back to one that was there before.",
                "All pages before it came.",
            )
        self._seen.add(hash(following))
        return following
