"""``wellread log``."""

from __future__ import annotations

from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.call import DONE, Call, command, hint, open_base
from wellread.errors import UsageError

EXAMPLES = """
wellread log
wellread log 3f6c0d --json
"""


def log(
    call: Call,
    trace_id: Annotated[
        str, typer.Argument(metavar="TRACE_ID", help="One answer, by the id that ask --json and this list show.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Questions listed at most, newest first.")] = 20,
) -> int:
    """Show what was asked and what was answered.

    Answers that stood on a document that was deleted since are blank.
    """
    with open_base(call, read_only=True) as base:
        rows = base.log(limit, trace_id=trace_id or None)
    if trace_id and not rows:
        raise UsageError(f"{trace_id}: no such answer in the log; wellread log lists them")
    if call.json:
        show.dump({"questions": rows})
        return DONE
    for row in rows:
        when = show.line(str(row.asked_at))[:19].replace("T", " ")
        show.say(f"{when}  {show.line(row.question)}", "bold")
        show.say(show.line(row.text), indent=4)
        show.say(f"{'refused, ' if row.refused else ''}{show.duration(row.ms / 1e3)}, {row.trace_id}", "dim", indent=4)
    if not rows:
        show.say("nothing was asked yet")
        hint(call, 'next: wellread ask "…"')
    return DONE


def register(app: typer.Typer) -> None:
    """Adds the command to the program."""
    command(app, "log", examples=EXAMPLES)(log)
