"""``wellread log``."""

from __future__ import annotations

from typing import Annotated

import typer

from wellread.cli import cited, show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.errors import UsageError
from wellread.store.log import LoggedQuestion

EXAMPLES = """
wellread log
wellread log 3f6c0d --json
"""


@command(examples=EXAMPLES)
def log(
    call: Call,
    trace_id: Annotated[
        str, typer.Argument(metavar="TRACE_ID", help="One answer, by the id that ask --json and this list show.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Questions listed at most, newest first.")] = 20,
    conversation: Annotated[
        str, typer.Option("--conversation", metavar="ID", help="One wellread chat, oldest question first.")
    ] = "",
) -> int:
    """Show what was asked and what was answered.

    Answers that stood on a document that was deleted since are blank.
    """
    with open_base(call, read_only=True) as base:
        rows = base.log(limit, trace_id=trace_id or None, conversation=conversation or None)
    if trace_id and not rows:
        raise UsageError(f"{trace_id}: no such answer in the log; wellread log lists them")
    if call.json:
        about = [{"asked_at": row.asked_at, "user": row.user, "conversation": row.conversation} for row in rows]
        show.dump({"questions": [{**one, **show.plain(row.answer)} for one, row in zip(about, rows, strict=True)]})
    elif trace_id:
        _one(rows[0])
    else:
        for row in rows:
            _short(row)
        if not rows:
            show.say("nothing was asked yet")
            hint(call, 'next: wellread ask "…"')
    return DONE


def _one(row: LoggedQuestion) -> None:
    show.say(f"{_when(row)}  {show.line(row.answer.question)}", "bold")
    cited.answer(row.answer, explain=True)


def _short(row: LoggedQuestion) -> None:
    show.say(f"{_when(row)}  {show.line(row.answer.question)}", "bold")
    show.say(cited.excerpt(row.answer.text), indent=4)
    show.say(f"{cited.footer(row.answer)} · {row.answer.trace_id}", "dim", indent=4)


def _when(row: LoggedQuestion) -> str:
    return f"{row.asked_at.astimezone():%Y-%m-%d %H:%M}"
