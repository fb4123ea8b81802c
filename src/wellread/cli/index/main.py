"""``wellread index``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.index.tree.grow import TreeUpdate

TREE_EXAMPLES = """
wellread index tree
wellread index tree --set tree.summaries=chat
wellread index tree --drop
"""


@command(examples="wellread index rebuild", kept="the old index still answers; the same command resumes")
def rebuild(call: Call) -> int:
    """Build the index again from the store.

    No source is read again, and no text is embedded again that has not changed.
    """
    with open_base(call) as base, progress(call) as watched:
        embedded = base.index_rebuild(progress=watched)
        encoded = base.sparse_fill(watched, again=True)
    text = f"index rebuilt, {show.count(embedded, 'chunk')} embedded again"
    return _told(call, {"embedded": embedded, "sparse": encoded}, text + _sparse(encoded))


@command(examples="wellread index compact", kept="the old index still answers; the same command resumes")
def compact(call: Call) -> int:
    """Give back the space of deleted passages."""
    with open_base(call) as base:
        freed = base.index_compact()
    return _told(call, {"freed": freed}, f"{show.count(freed, 'vector')} of deleted passages given back")


@command(examples="wellread index reembed", kept="the old index still answers; the same command resumes")
def reembed(call: Call) -> int:
    """Embed everything with the model that is set now.

    Needed after embed.model, embed.dim, index.vectors or sparse.model has changed; the old vectors answer until the
    new ones are whole (those of sparse.model do not). Stopped and called again, it does only what is missing.
    """
    with open_base(call) as base, progress(call) as watched:
        embedded = base.reembed(progress=watched)
        encoded = base.sparse_fill(watched, again=True)
    return _told(
        call, {"embedded": embedded, "sparse": encoded}, f"{show.count(embedded, 'chunk')} embedded" + _sparse(encoded)
    )


def _sparse(encoded: int) -> str:
    return f", {encoded:,} by the sparse model" if encoded else ""


@command(examples=TREE_EXAMPLES, kept="what is summarised is kept; the same command resumes")
def tree(
    call: Call,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the tree instead.")] = False,
) -> int:
    """Build the tree of summaries, or bring it in step with documents and settings.

    Passages that lie close are summarised together, and the summaries again. Search enters it where tree.mode is
    collapsed or traverse; wellread sync keeps it in step then. Stopped and called again, only what is missing is made.
    """
    with open_base(call) as base:
        if drop:
            n = base.index_tree_drop()
            return _told(call, {"dropped": n}, f"{n:,} summaries dropped")
        with progress(call) as watched:
            grown = base.index_tree(progress=watched)
        on = base.settings["tree"].mode != "off"
    if call.json:
        show.dump({**show.plain(grown), "nodes": grown.nodes})
        return DONE
    for line in _grown(grown):
        show.say(line)
    if not on:
        hint(call, "next: wellread config set tree.mode collapsed, and search enters it")
    return DONE


def _grown(grown: TreeUpdate) -> Iterator[str]:
    """``1,204 summaries of 9,310 passages on 3 levels; 12 made, 3 looked at and kept, 1.2 s``, and what a model did."""
    if not grown.levels:
        yield "no summaries: there are no passages yet; wellread add brings documents in"
        return
    noun = "summary" if grown.nodes == 1 else "summaries"
    levels = show.count(len(grown.levels), "level")
    shape = f"{grown.nodes:,} {noun} of {show.count(grown.passages, 'passage')} on {levels}"
    kept = f", {grown.kept:,} looked at and kept" if grown.kept else ""
    yield f"{shape}; {grown.made:,} made{kept}, {show.duration(grown.seconds)}"
    if grown.calls:
        went = f", text went to {', '.join(grown.left_machine)}" if grown.left_machine else ""
        yield f"{grown.written:,} written by the chat model in {show.count(grown.calls, 'call')}{went}"
    if grown.instead:
        yield f"{grown.instead:,} made of sentences instead of written: {grown.reason}"


def _told(call: Call, numbers: dict[str, int], text: str) -> int:
    if call.json:
        show.dump(numbers)
    else:
        show.say(text)
    return DONE
