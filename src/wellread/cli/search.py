"""``wellread search``."""

from __future__ import annotations

from typing import Annotated

import typer

from wellread.cli import cited, show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.retrieve.understand import filters

EXAMPLES = """
wellread search "dogs on board"
wellread search "notice period" --k 3 --where "uri like *handbook* and valid on 2026-05-01"
wellread search "bow ramp" --explain
"""

WHERE = 'Only documents that match, like "type=policy and valid on 2026-05-01" or "title like *fares*".'


@command(examples=EXAMPLES)
def search(
    call: Call,
    question: Annotated[list[str], typer.Argument(metavar="QUESTION", help="Words or a question.")],
    k: Annotated[int | None, typer.Option("--k", min=1, metavar="N", help="Passages shown at most.")] = None,
    where: Annotated[str, typer.Option(metavar="FILTER", help=WHERE, show_default=False)] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show every stage with its scores and milliseconds.")
    ] = False,
) -> int:
    """Find the passages that fit best; no answer is written."""
    narrowed = filters.parse(where) if where else None
    with open_base(call, read_only=True) as base:
        found = base.search(" ".join(question), k=k, where=narrowed)
    if call.json:
        show.dump(found)
        return DONE
    cited.hits(found.hits, scores=explain)
    if not found.hits:
        show.say("nothing found")
        hint(call, "next: other words, or wellread status to see what the knowledge base holds")
    if explain:
        show.say()
        cited.stages(found.stages)
    return DONE
