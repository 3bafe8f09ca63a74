"""`procore-login api`: a call to Procore's API with the account's token; refuses to open a browser."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from procore_cli.commands import options
from procore_cli.errors import CompanyRefusedError, UsageMistakeError
from procore_cli.render import Teller

if TYPE_CHECKING:
    from procore_cli.calling import Wanted
    from procore_cli.models import Environment
    from procore_cli.outlet import Outlet
    from procore_cli.procore.bodies import Body
    from procore_cli.procore.fields import Field
    from procore_cli.settings import Settings
    from procore_cli.world import World

_MOST_LISTED = 20
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@click.command(epilog="Example: procore-login api projects --company 123 --paginate --jsonl")
@click.argument("path")
@click.option(
    "-X", "--method", type=click.Choice(_METHODS, case_sensitive=False), help="GET, or POST with a body."
)
@click.option("-f", "--raw-field", "raw", multiple=True, metavar="KEY=VALUE", help="A field that is text.")
@click.option(
    "-F",
    "--field",
    "typed",
    multiple=True,
    metavar="KEY=VALUE",
    help="A field that may be a number, true, false, null, or @FILE (@- is standard input).",
)
@click.option("--input", "input_name", metavar="FILE", help="The body: a file, or - for standard input.")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Another header.")
@click.option("--company", type=click.IntRange(min=1), metavar="ID", help="The company that the call is for.")
@click.option("--paginate", is_flag=True, help="Go on to the next page until there is none.")
@click.option("--slurp", is_flag=True, help="With --paginate: one JSON array of all pages.")
@click.option("--jsonl", is_flag=True, help="One item a line, of a list or of the list in `data`.")
@click.option("-i", "--include", is_flag=True, help="Show the status line and the headers first.")
@click.option("--silent", is_flag=True, help="Print no body.")
@click.option("-o", "--output", metavar="FILE", help="Save the body in a file, once it is there whole.")
@click.option(
    "--max-wait",
    "max_wait_s",
    type=click.IntRange(min=0, max=86400),
    default=60,
    metavar="SECONDS",
    show_default=True,
    help="How long to wait in all when Procore asks for a pause.",
)
@options.environment
@options.account("Another account than the current one: its e-mail or Procore id.")
@options.debug
@click.pass_obj
def command(teller: Teller, /, environment: str | None, account: str | None, **typed: Any) -> None:
    """Call Procore's API and print what it answers.

    PATH is a path of the API, such as /rest/v1.0/companies; one without /rest gets /rest/v1.0/ in front.
    Fields make a JSON object, which is sent with POST; with an explicit GET they are its query.
    """
    from procore_cli import calling, sinks
    from procore_cli.settings import Asked
    from procore_cli.world import open_world

    _check(typed)
    with open_world(Asked(environment, account), teller) as world:
        outlet = _new_outlet(teller, typed)
        wanted = _read_wanted(world.settings, typed)
        try:
            calling.call(world, wanted, outlet)
        except CompanyRefusedError as error:
            _show_companies(world, error)
            raise
        except BrokenPipeError:
            # Click would end with 1, but a reader that has enough (`| head`) is no failure.
            sinks.forget_stdout()


def _check(typed: dict[str, Any]) -> None:
    """What contradicts itself is found before anything is read or sent."""
    contradictions = {
        "--slurp needs --paginate": typed["slurp"] and not typed["paginate"],
        "--slurp and --jsonl contradict each other": typed["slurp"] and typed["jsonl"],
        "--slurp and --include contradict each other": typed["slurp"] and typed["include"],
        "--silent and --output contradict each other": typed["silent"] and typed["output"],
        "--silent and --jsonl contradict each other": typed["silent"] and typed["jsonl"],
        "--silent and --slurp contradict each other": typed["silent"] and typed["slurp"],
        "Only one of --input and -F can read standard input": _count_stdin(typed) > 1,
    }
    for what, is_so in contradictions.items():
        if is_so:
            raise UsageMistakeError(f"{what}.", "See procore-login api --help.")


def _count_stdin(typed: dict[str, Any]) -> int:
    names = [typed["input_name"], *(_file_of(text) for text in typed["typed"])]
    return names.count("-")


def _file_of(field: str) -> str:
    value = field.partition("=")[2]
    return value[1:] if value.startswith("@") else ""


def _new_outlet(teller: Teller, typed: dict[str, Any]) -> Outlet:
    from procore_cli.gauge import Gauge
    from procore_cli.outlet import Form, Outlet

    forms = {"slurp": Form.SLURP, "jsonl": Form.JSONL, "silent": Form.SILENT}
    form = next((form for name, form in forms.items() if typed[name]), Form.WHOLE)
    output = None if typed["output"] == "-" else typed["output"]
    gauge = Gauge(teller, counts_pages=typed["paginate"])
    return Outlet(gauge, form, include=typed["include"], output=output)


def _read_wanted(settings: Settings, typed: dict[str, Any]) -> Wanted:
    from procore_cli.calling import Wanted
    from procore_cli.procore.fields import add_query
    from procore_cli.procore.paths import read_url
    from procore_cli.procore.stream import Call

    url = read_url(typed["path"], settings.environment)
    fields, body = _read_fields(typed), _read_input(typed["input_name"])
    method = typed["method"] or ("POST" if fields or body is not None else "GET")
    if typed["paginate"] and method != "GET":
        raise UsageMistakeError("--paginate follows the pages of a GET alone.", "Use -X GET.")
    if fields and (body is not None or method in ("GET", "HEAD")):
        url = add_query(url, fields)
    elif fields:
        body = _new_object(fields)
    call = Call(method, url, _read_headers(typed, settings, body), body)
    return Wanted(call, typed["paginate"], typed["max_wait_s"])


def _read_fields(typed: dict[str, Any]) -> list[Field]:
    from procore_cli.procore.bodies import read_text
    from procore_cli.procore.fields import read_field

    def read_file(name: str) -> str:
        return read_text(name, sys.stdin.buffer)

    fields = [read_field(text, typed=False, read_file=read_file) for text in typed["raw"]]
    return fields + [read_field(text, typed=True, read_file=read_file) for text in typed["typed"]]


def _read_input(name: str | None) -> Body | None:
    from procore_cli.procore.bodies import read_body

    return None if name is None else read_body(name, sys.stdin.buffer)


def _new_object(fields: list[Field]) -> Body:
    from procore_cli.procore.bodies import Bytes
    from procore_cli.procore.fields import new_object

    return Bytes(new_object(fields))


def _read_headers(typed: dict[str, Any], settings: Settings, body: Body | None) -> dict[str, str]:
    from procore_cli.procore.headers import COMPANY_HEADER, read_header

    company = typed["company"] or settings.company
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if company is not None:
        headers[COMPANY_HEADER] = str(company)
    for name, value in map(read_header, typed["headers"]):
        former = next((known for known in headers if known.lower() == name.lower()), None)
        if former is not None:
            del headers[former]
        headers[name] = value
    return headers


def _show_companies(world: World, error: CompanyRefusedError) -> None:
    """The account's companies on stderr; at a terminal one of them can be kept for the calls to come."""
    if not error.companies:
        return
    teller, environment = world.teller, world.settings.environment
    teller.say(f"The companies of this account in {environment.name}:")
    for company in error.companies[:_MOST_LISTED]:
        teller.say(f"  {company.id}  {company.name}")
    if len(error.companies) > _MOST_LISTED:
        teller.say(f"  and {len(error.companies) - _MOST_LISTED} more: procore-login api companies")
    # The variable would win over what is kept.
    if sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("PROCORE_COMPANY_ID"):
        _offer(world, {company.id for company in error.companies}, environment)


def _offer(world: World, ids: set[int], environment: Environment) -> None:
    from procore_cli.config import Changes, save_config
    from procore_cli.folder import open_folder

    prompt = "Keep one of them for the calls to come? Its id, or Enter for none"
    answer = click.prompt(prompt, default="", show_default=False, err=True).strip()
    if not answer:
        return
    if not answer.isascii() or not answer.isdigit() or int(answer[:19]) not in ids:
        world.teller.say("That is none of them; nothing is kept.")
        return
    open_folder(world.settings.folder, world.teller.warn)
    save_config(world.settings.folder, environment.name, Changes(company=int(answer)))
    world.teller.say(f"Kept {answer} for {environment.name}. Run the command again.")
