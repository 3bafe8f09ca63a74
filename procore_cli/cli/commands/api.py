"""`procore-login api`: a call to Procore's API with the account's token; refuses to open a browser."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

import click

from procore_cli.cli import options
from procore_cli.cli.api_response import Form, open_writer
from procore_cli.cli.help import CODES, OF_ACCOUNT, ExplainedCommand
from procore_cli.cli.prompts import ask, can_ask
from procore_cli.client.fields import Field, add_query, new_object, read_field
from procore_cli.client.paths import read_url
from procore_cli.client.request import Body, Call, new_body, read_body, read_header, read_text
from procore_cli.config.environments import COMPANY_HEADER
from procore_cli.config.settings import Overrides, Settings
from procore_cli.console import Console
from procore_cli.context import Context, open_context
from procore_cli.errors import CompanyRefusedError, UsageMistakeError
from procore_cli.flows import api_call

_MOST_LISTED = 20


def show_companies(context: Context, error: CompanyRefusedError) -> None:
    """Tell the error, then the companies; at a terminal one of them can be kept for the calls to come.

    Raises click.Abort at Ctrl-C, and what saving raises: ConfigurationError, StorageError.
    """
    if not error.companies:
        return
    # Whatever becomes of the question, what has happened is said.
    context.console.fail(error)
    error.is_told = True
    say = context.console.say
    say(f"The companies of this account in {context.settings.environment.name}:")
    for company in error.companies[:_MOST_LISTED]:
        say(f"  {company.id}  {company.name}")
    if len(error.companies) > _MOST_LISTED:
        say(f"  and {len(error.companies) - _MOST_LISTED} more:", "`procore-login api companies`")
    # The variable would win over what is kept.
    if can_ask() and not os.environ.get("PROCORE_COMPANY_ID"):
        _offer(context, {str(company.id): company.id for company in error.companies})


def _offer(context: Context, ids: dict[str, int]) -> None:
    """Keep the company whose id is typed, if one is."""
    # Hardly any call ends here.
    from procore_cli.flows import app_setup

    try:
        answer = ask("Keep one of them for the calls to come? Its id, or Enter for none", str, offered="")
    except click.Abort as stopped:
        # Click makes one error of two: at Ctrl-D there is no answer, at Ctrl-C the run is over.
        if not isinstance(stopped.__context__, EOFError):
            raise
        click.echo(err=True)
        return
    if answer in ids:
        app_setup.save(context.settings, app_setup.AppSetup(company=ids[answer]))
        context.console.say("Run the command again.")
    elif answer:
        context.console.say("That id was not in the list; nothing is kept.")


_FIELDS = {"raw_fields": False, "fields": True}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class ApiCommand(ExplainedCommand):
    """A command that knows in which order its fields were typed, which lists of objects depend on."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line. Raises click.UsageError."""
        rest = super().parse_args(ctx, list(args))
        _, _, order = self.make_parser(ctx).parse_args(args)
        ctx.meta[__name__] = [option.name for option in order if option.name in _FIELDS]
        return rest


@click.command(
    cls=ApiCommand,
    variables=(*OF_ACCOUNT, "PROCORE_ACCESS_TOKEN"),
    codes=CODES | {"5": "Procore answered with an error, or was not reached"},
    epilog="Example: procore-login api companies/123/projects --company 123 --jsonl",
)
@click.argument("path", shell_complete=options.complete_words("me", "companies"))
@click.option(
    "-X",
    "--method",
    type=click.Choice(_METHODS, case_sensitive=False),
    metavar="METHOD",
    shell_complete=options.complete_words(*_METHODS),
    help="Another than GET, or POST with a body.",
)
@click.option(
    "-f",
    "--raw-field",
    "raw_fields",
    multiple=True,
    metavar="KEY=VALUE",
    help="A field that is text; tags[]=a adds to a list, owner[id]=7 goes into an object.",
)
@click.option(
    "-F",
    "--field",
    "fields",
    multiple=True,
    metavar="KEY=VALUE",
    help="A field that may be a number, true, false, null, or @FILE (@- is standard input).",
)
@click.option(
    "--form",
    "parts",
    multiple=True,
    metavar="KEY=VALUE",
    help="A field of a multipart form, or a file: 'KEY=@FILE;type=application/pdf'.",
)
@click.option(
    "--input",
    "input_name",
    metavar="FILE",
    shell_complete=options.complete_file,
    help="The body: a file, or - for standard input.",
)
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Another header.")
@click.option("--paginate", is_flag=True, help="Go on to the next page until there is none.")
@click.option("--slurp", is_flag=True, help="With --paginate: one JSON array of all pages.")
@click.option("--jsonl", is_flag=True, help="One item a line, of a list or of the list in `data`.")
@click.option("-i", "--include", is_flag=True, help="Show the status line and the headers first.")
@click.option("--silent", is_flag=True, help="Print no body.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=options.complete_file,
    help="Save the body in a file, once it is there whole.",
)
@click.option(
    "--max-wait",
    "max_wait_s",
    type=click.IntRange(min=0, max=86400),
    default=60,
    metavar="SECONDS",
    show_default=True,
    help="How long to wait at most, for one call, when Procore asks for pauses.",
)
@options.environment
@options.account()
@options.company
@options.debug
@click.pass_obj
def api_command(
    console: Console, /, environment: str | None, account: str | None, company: int | None, **given: Any
) -> None:
    """Call Procore's API and print what it answers.

    PATH is a path of the API, such as /rest/v1.0/companies; one without /rest gets /rest/v1.0/ in front.
    Fields make a JSON object, which is sent with POST; with an explicit GET they are its query.
    """
    _check(given)
    form = next((form for form in (Form.SLURP, Form.JSONL, Form.SILENT) if given[form.value]), Form.WHOLE)
    file = None if given["output"] == "-" else given["output"]
    with open_context(Overrides(environment, account, company), console) as context:
        call = _read_call(context.settings, given)
        wanted = api_call.Wanted(call, given["paginate"], given["max_wait_s"])
        try:
            with open_writer(
                console, form, include=given["include"], output=file, paginate=given["paginate"]
            ) as writer:
                api_call.call(context, wanted, writer)
        except CompanyRefusedError as error:
            show_companies(context, error)
            raise


def _check(given: dict[str, Any]) -> None:
    """What contradicts itself is found before anything is read or sent."""
    reads_stdin = [given["input_name"] == "-", *(text.partition("=")[2] == "@-" for text in given["fields"])]
    contradictions = {
        "--slurp needs --paginate": given["slurp"] and not given["paginate"],
        "--slurp and --jsonl contradict each other": given["slurp"] and given["jsonl"],
        "--slurp and --include contradict each other": given["slurp"] and given["include"],
        "--silent and --output contradict each other": given["silent"] and given["output"],
        "--silent and --jsonl contradict each other": given["silent"] and given["jsonl"],
        "--silent and --slurp contradict each other": given["silent"] and given["slurp"],
        "--form and --input contradict each other": given["parts"] and given["input_name"] is not None,
        "Only one of --input and -F can read standard input": sum(reads_stdin) > 1,
    }
    for what, is_so in contradictions.items():
        if is_so:
            raise UsageMistakeError(f"{what}.", "See `procore-login api --help`")


def _read_call(settings: Settings, given: dict[str, Any]) -> Call:
    stdin = None if sys.stdin is None else sys.stdin.buffer
    url = read_url(given["path"], settings.environment)
    fields = _read_fields(given, stdin)
    body = None if given["input_name"] is None else read_body(given["input_name"], stdin)
    content_type = "application/json"
    if given["parts"]:
        body, content_type = _read_form(given["parts"], fields)
        fields = []
    method = given["method"] or ("POST" if fields or body is not None else "GET")
    if given["parts"] and method in ("GET", "HEAD"):
        raise UsageMistakeError(f"--form sends a body, which {method} has none of.", "Use -X POST.")
    if given["paginate"] and method != "GET":
        raise UsageMistakeError("--paginate follows the pages of a GET alone.", "Use -X GET.")
    if fields and (body is not None or method in ("GET", "HEAD")):
        url = add_query(url, fields)
    elif fields:
        body = new_body(new_object(fields))
    ours = {} if body is None else {"Content-Type": content_type}
    return Call(method, url, _read_headers(given, settings, ours), body)


def _read_form(texts: tuple[str, ...], fields: list[Field]) -> tuple[Body, str]:
    """The form and its Content-Type; the fields are texts beside its own. Raises UsageMistakeError."""
    from procore_cli.client.multipart import Part, new_form, read_part

    beside = []
    # A form has no way to say that a list is empty.
    for each in (field for field in fields if not field.is_empty):
        text = each.value if isinstance(each.value, str) else json.dumps(each.value)
        beside.append(Part(each.key, text))
    return new_form([*beside, *map(read_part, texts)])


def _read_fields(given: dict[str, Any], stdin: BinaryIO | None) -> list[Field]:
    def read_file(name: str) -> str:
        return read_text(name, stdin)

    texts = {name: iter(given[name]) for name in _FIELDS}
    order = click.get_current_context().meta[__name__]
    return [read_field(next(texts[name]), typed=_FIELDS[name], read_file=read_file) for name in order]


def _read_headers(given: dict[str, Any], settings: Settings, ours: dict[str, str]) -> dict[str, str]:
    if settings.company is not None:
        ours[COMPANY_HEADER] = str(settings.company)
    theirs = dict(map(read_header, given["headers"]))
    replaced = {name.lower() for name in theirs}
    if given["parts"] and "content-type" in replaced:
        raise UsageMistakeError("--form has a Content-Type of its own.", "Leave that header out.")
    return {name: value for name, value in ours.items() if name.lower() not in replaced} | theirs
