"""``wellread similar``."""

from __future__ import annotations

from typing import Annotated

import typer

from wellread.cli import cited, show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.errors import UsageError
from wellread.retrieve.similar.similar import SimilarDocument, told

EXAMPLES = """
wellread similar handbook/leave.md
wellread similar ~/drafts/new-notice.docx --k 5
wellread similar minutes-2025-11.md --by tone --explain
"""
BY = "both, topic or tone: what the order follows."


@command(examples=EXAMPLES)
def similar(
    call: Call,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A document of the base, or any file that can be read.")],
    k: Annotated[int, typer.Option("--k", min=1, metavar="N", help="Documents shown at most.")] = 10,
    by: Annotated[str, typer.Option(metavar="WHAT", help=BY)] = "both",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what each tone shares with the file's, and where they differ.")
    ] = False,
) -> int:
    """Find the documents most like one, in topic and tone.

    Topic is the cosine between the middles of the passages' vectors. Tone is measured by the length and evenness of
    sentences, the length and variety of words, how often «we», «you», «must», «may», «not», passives, figures and the
    like occur, and by the rates of the commonest function words; it falls from 1 with the distance in all of these.
    """
    if by not in ("both", "topic", "tone"):
        raise UsageError(f"--by {by}: is both, topic or tone")
    with open_base(call, read_only=True) as base:
        found = base.similar(file, k=k, by=by)  # type: ignore[arg-type]  # checked above
    if call.json:
        show.dump({"file": file, "by": by, "alike": found})
        return DONE
    for number, one in enumerate(found, 1):
        _shown(number, one, explain)
    if not found:
        show.say("nothing to compare with")
        hint(call, "next: wellread add FOLDER")
    return DONE


def _shown(number: int, one: SimilarDocument, explain: bool) -> None:
    show.say(f"[{number}] {cited.place(one.document.title, one.document.uri, '', ())}", "bold")
    show.say(f"topic {one.topic:.2f}  tone {one.tone:.2f}", indent=4)
    if explain:
        show.say(f"alike (the file / here): {told(one.shares)}", "dim", indent=4)
        show.say(f"apart (the file / here): {told(one.differs)}", "dim", indent=4)
