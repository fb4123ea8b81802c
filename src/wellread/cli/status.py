"""``wellread status``."""

from __future__ import annotations

from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.types import Failure, Status

EXAMPLES = """
wellread status
wellread status --failed
wellread status --documents --limit 20
"""


@command(examples=EXAMPLES)
def status(
    call: Call,
    failed: Annotated[bool, typer.Option("--failed", help="List the files that gave no document, and why.")] = False,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="List them, and the files of unknown type that were passed over.")
    ] = False,
    documents: Annotated[bool, typer.Option("--documents", help="List the documents.")] = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Documents listed at most.")] = 100,
    offset: Annotated[int, typer.Option(min=0, metavar="N", help="Documents passed over first.")] = 0,
) -> int:
    """Show what the knowledge base holds, and what failed and why."""
    if (failed or skipped) and documents:
        raise UsageError("--documents: one list at a time")
    with open_base(call, read_only=True) as base:
        if failed or skipped:
            _failures(call, base.failures(skipped=skipped))
        elif documents:
            _documents(call, base, limit, offset)
        elif call.json:
            show.dump(base.status())
        else:
            _summary(base.status())
    return DONE


def _summary(now: Status) -> None:
    show.say(f"{show.count(now.documents, 'document')}, {show.count(now.chunks, 'chunk')}, {show.size(now.size_bytes)}")
    table = [("sources", ", ".join(show.where(source) for source in now.sources) or "none yet: wellread add FOLDER")]
    for state, n in sorted(now.states.items()):
        if n and state != "live":
            table.append((state, f"{n:,}{f' (wellread status --{state})' if state in ('failed', 'skipped') else ''}"))
    if now.near_duplicates:
        table.append(("near duplicates", f"{now.near_duplicates:,}"))
    table += [("embedder", now.embedder), ("generation", f"{now.generation}")]
    show.rows(table, indent=2)


def _failures(call: Call, failures: list[Failure]) -> None:
    if call.json:
        show.dump({"failures": failures})
        return
    for failure in failures:
        tried = f", tried {failure.attempts} times" if failure.attempts > 1 else ""
        show.say(show.where(failure.uri), "bold")
        show.say(f"{failure.kind}: {show.line(failure.reason)} ({show.size(failure.size_bytes)}{tried})", indent=4)
    if failures:
        hint(call, "next: mend what can be mended, then wellread sync --retry-failed")
    else:
        show.say("no file failed")


def _documents(call: Call, base: KnowledgeBase, limit: int, offset: int) -> None:
    found = base.documents(limit, offset)
    if call.json:
        show.dump({"documents": found})
        return
    show.rows([(document.title, f"version {document.version}", show.where(document.uri)) for document in found])
    if len(found) == limit:
        hint(call, f"next: wellread status --documents --limit {limit} --offset {offset + limit}")
    elif not found:
        show.say("no document")
