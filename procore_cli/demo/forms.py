"""The first form of a page, as a browser would send it; refuses to run scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    """A form's address, its fields with the values that they hold, and its named buttons."""

    action: str
    fields: dict[str, str] = field(default_factory=dict, repr=False)
    buttons: list[tuple[str, str]] = field(default_factory=list)


def find_form(html: str) -> Form | None:
    """The first form of a page, if there is one."""
    reader = _FormReader()
    reader.feed(html)
    return reader.form


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form: Form | None = None
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form" and self.form is None:
            self.form, self._inside = Form(values.get("action", "")), True
        elif self.form is not None and self._inside and "name" in values:
            self._add(self.form, tag, values)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False

    def _add(self, form: Form, tag: str, values: dict[str, str]) -> None:
        if tag == "input":
            form.fields[values["name"]] = values.get("value", "")
        elif tag == "button":
            form.buttons.append((values["name"], values.get("value", "")))
