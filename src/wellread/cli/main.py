"""The program: the options before a command, how a mistake in the call ends, and the entry point."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any

import typer

import wellread
from wellread.cli import call, show
from wellread.cli.table import CommandGroup, LazyCommands

EPILOG = """\b
A first day:
  wellread init mybase && cd mybase
  wellread add ~/documents
  wellread ask "Which crossings take dogs, and what do they cost?"
  wellread sync

\b
Exit codes:
  0 done   1 error   2 usage   3 done in part (some files failed)
  4 refused (not in the documents, or not allowed)   130 stopped by Ctrl-C
"""


class Program(CommandGroup):
    """The group of all commands; a mistake in the call is one line that says where to look, like every other error."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = LazyCommands("")

    def main(self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any) -> Any:  # type: ignore[override]  # the rest goes through
        """Runs a command line and exits with its code (standalone), or gives the code back."""
        try:
            code = super().main(args, standalone_mode=False, **extra)
        except typer.TyperException as fault:
            given = sys.argv[1:] if args is None else args
            code = call.failed(_mistake(fault), call.USAGE, "UsageError", json="--json" in given)
        except typer.Abort:
            show.note("stopped; nothing was changed")
            code = call.INTERRUPTED
        if standalone_mode:
            sys.exit(code or call.DONE)
        return code or call.DONE


def _mistake(fault: typer.TyperException) -> str:
    context = getattr(fault, "ctx", None)
    path = context.command_path if context is not None else "wellread"
    message = fault.format_message().strip().rstrip(".").replace(". Did you mean", "; did you mean")
    message = message[:1].lower() + message[1:]
    return message if message.endswith("?") else f"{message}; see {path} --help"


app = typer.Typer(
    name="wellread",
    cls=Program,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"wellread {wellread.__version__}")
        raise typer.Exit()


@app.callback()
def program(  # noqa: PLR0913  # each parameter is an option
    ctx: typer.Context,
    base: call.Base = None,
    overrides: call.Overrides = None,
    json: call.Json = False,
    tenant: call.Tenant = "",
    group: call.Groups = None,
    quiet: call.Quiet = False,
    user: call.User = "",
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Ask a folder of documents, and get answers with their exact sources; everything runs on this machine.

    The options below may stand before or after the command.
    """
    ctx.obj = call.shared(base, overrides, json, tenant, group, quiet, user)
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def run() -> None:
    """The entry point ``wellread``: the command line of this process, its exit code as the end of the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter shows «?», and continues
    app(prog_name="wellread")
