"""``wellread ask``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from wellread.cli import cited, show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, REFUSED, Call, command
from wellread.cli.search import WHERE
from wellread.retrieve.understand import filters
from wellread.types import Answer

EXAMPLES = """
wellread ask "Which crossings take dogs, and what do they cost?"
wellread ask "What is the notice period?" --where "valid on 2026-05-01" --explain
wellread ask "Who chairs the board?" --json
"""


@command(examples=EXAMPLES, kept="no answer was given")
def ask(
    call: Call,
    question: Annotated[
        list[str], typer.Argument(metavar="QUESTION", help="The question, quoted where the shell would read it.")
    ],
    where: Annotated[str, typer.Option(metavar="FILTER", help=WHERE, show_default=False)] = "",
    stream: Annotated[
        bool | None,
        typer.Option("--stream/--no-stream", help="Show each sentence once it is checked. Default: on a terminal."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show every stage with its scores and milliseconds.")
    ] = False,
) -> int:
    """Answer a question from the documents, with exact sources.

    Every sentence that is shown stands in a document, which is named and quoted below. Where the documents do not hold
    the answer, that is said and the nearest passages are shown; the command then ends with code 4.
    """
    narrowed = filters.parse(where) if where else None
    streamed = not call.json and (sys.stdout.isatty() if stream is None else stream)
    words = " ".join(question)
    with open_base(call) as base:
        if streamed:
            given = watched(base.stream(words, where=narrowed))
        else:
            given = base.ask(words, where=narrowed)
    if call.json:
        show.dump(given)
    else:
        cited.answer(given, text_shown=streamed, explain=explain)
    return REFUSED if given.refused else DONE


def watched(pieces: Iterable[str | Answer]) -> Answer:
    """The Answer at the end of a stream, its text shown piece by piece as it comes."""
    try:
        for piece in pieces:
            if isinstance(piece, Answer):
                return piece
            show.piece(piece)
    finally:
        show.say()
    raise AssertionError("a stream ends with its Answer")
