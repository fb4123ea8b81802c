"""``wellread chat``."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from typing import Annotated

import typer

from wellread.cli import cited, show
from wellread.cli.ask import watched
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, failed, hint
from wellread.cli.search import WHERE
from wellread.documents.place import place_of
from wellread.errors import ModelUnavailable, UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.retrieve.understand import filters
from wellread.retrieve.understand.followup import Turn
from wellread.types import Answer, Filter

EXAMPLES = """
wellread chat
wellread chat --where "title like 'Handbook*'"
"""

PROMPT = "> "
WORDS = {
    "/sources": "the sources of the last answer in full",
    "/explain": "how the last answer came about",
    "/new": "forget what was said so far",
    "/help": "this list",
    "/quit": "end (Ctrl-D does too)",
}


@command(examples=EXAMPLES, kept="the answers so far are in wellread log")
def chat(
    call: Call,
    where: Annotated[str, typer.Option(metavar="FILTER", help=WHERE, show_default=False)] = "",
) -> int:
    """Ask one question after another, each leaning on the last.

    /sources shows the sources of the last answer in full, /explain how it came about, /new starts afresh, /quit ends.
    With --json, the whole conversation is one object at the end.
    """
    narrowed = filters.parse(where) if where else None
    answers: list[Answer] = []
    with open_base(call) as base:
        if sys.stdin.isatty():
            hint(call, "Ask; /help lists what else can be typed, /quit ends.")
        _talk(call, base, narrowed, answers)
    if call.json:
        show.dump({"answers": answers})
    return DONE


def _talk(call: Call, base: KnowledgeBase, where: Filter | None, answers: list[Answer]) -> None:
    history: list[Turn] = []
    talk = base.in_conversation(uuid.uuid4().hex[:12])
    for said in _lines():
        if said == "/quit":
            return
        if said == "/new":
            history.clear()
            talk = base.in_conversation(uuid.uuid4().hex[:12])
        elif said.startswith("/"):
            _aside(said, answers)
        else:
            try:
                pieces = talk.stream(said, history=tuple(history), where=where)
                given = next(p for p in pieces if not isinstance(p, str)) if call.json else watched(pieces)
            except (UsageError, ModelUnavailable) as fault:  # this question failed, the next may not
                failed(str(fault), DONE, type(fault).__name__, json=False)
                continue
            answers.append(given)
            history.append(Turn(said, given.text))
            if not call.json:
                _short(given)


def _lines() -> Iterator[str]:
    """What is typed, line by line without blank ones, until the end of the input."""
    if sys.stdin.isatty():
        import readline  # noqa: F401  # its import gives input() a history and line editing
    while True:
        try:
            said = input(PROMPT) if sys.stdin.isatty() else sys.stdin.readline()
        except EOFError:
            show.say()
            return
        if not said and not sys.stdin.isatty():
            return
        if said.strip():
            yield said.strip()


def _short(given: Answer) -> None:
    """Sources on a line each; /sources has the quotations."""
    for number, citation in enumerate(given.citations, 1):
        where = ", ".join(filter(None, (show.where(citation.document), place_of(citation))))
        note = f"; {show.line(citation.note)}" if citation.note else ""
        show.say(f"[{number}] {show.line(citation.title)} · {where}{note}", "dim")
    show.say(cited.footer(given), "dim")
    show.say()


def _aside(said: str, answers: list[Answer]) -> None:
    if said == "/help":
        show.rows(list(WORDS.items()))
    elif said not in ("/sources", "/explain"):
        show.error(f"{said}: no such word; {', '.join(WORDS)}")
    elif not answers:
        show.say("No answer yet.")
    elif said == "/sources":
        cited.sources(answers[-1])
    else:
        cited.stages(answers[-1].stages)
