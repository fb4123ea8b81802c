"""``wellread rate``."""

from __future__ import annotations

from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.errors import UsageError
from wellread.store import feedback

EXAMPLES = """
wellread rate 3f6c0d up
wellread rate 3f6c0d down --comment "the fare is last year's"
wellread rate 3f6c0d --correction "A dog travels for 4.50 crowns."
"""
VERDICTS = {"up": 1, "down": -1, "": 0}


@command(examples=EXAMPLES)
def rate(
    call: Call,
    trace_id: Annotated[
        str, typer.Argument(metavar="TRACE_ID", help="An answer, by the id that ask --json and wellread log show.")
    ],
    verdict: Annotated[str, typer.Argument(metavar="[up|down]", help="Whether it helped.", show_default=False)] = "",
    correction: Annotated[
        str, typer.Option("--correction", metavar="TEXT", help="The answer that would have been right.")
    ] = "",
    comment: Annotated[str, typer.Option("--comment", metavar="TEXT", help="What there is to say about it.")] = "",
) -> int:
    """Say whether an answer was right, and what it should have been.

    Corrections become examples to learn from with wellread tune prepare --from-log.
    """
    if verdict not in VERDICTS:
        raise UsageError(f"{verdict}: no such verdict; say up or down")
    if not (verdict or correction.strip() or comment.strip()):
        raise UsageError("nothing to keep: say up or down, or pass --correction TEXT or --comment TEXT")
    rating = VERDICTS[verdict] or (-1 if correction.strip() else 0)  # who corrects an answer calls it wrong
    with open_base(call) as base, base.store.writing() as tx:
        feedback.put(tx, trace_id, who=base.who, rating=rating, comment=comment, correction=correction)
    if call.json:
        show.dump({"trace_id": trace_id, "rating": rating, "comment": comment, "correction": correction})
        return DONE
    show.say(f"{trace_id}: kept")
    if correction.strip():
        hint(call, "next: wellread tune prepare --from-log makes examples of what was corrected")
    return DONE
