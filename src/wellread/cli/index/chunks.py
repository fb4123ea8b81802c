"""``wellread index truncation`` and ``wellread index presets``: whether the chunks suit embedder and use."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from wellread import config
from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint, progress
from wellread.documents.settings import PRESETS
from wellread.index.truncation import Truncation
from wellread.index.truncation import truncation as counted
from wellread.models import select

EXAMPLES = """
wellread index truncation
wellread index truncation --embedder transformers:sentence-transformers/all-MiniLM-L6-v2 --json
"""


@command(examples=EXAMPLES)
def truncation(
    call: Call,
    embedder: Annotated[
        list[str] | None,
        typer.Option("--embedder", metavar="KIND:NAME", help="May be repeated. Without: that set, and those packaged."),
    ] = None,
) -> int:
    """Show what embedders would not read of the passages.

    An embedder cuts what is longer than it reads, without a word. Counted with its own tokens, titles and headings
    included.
    """
    found = []
    with open_base(call, read_only=True) as base, progress(call) as watched:
        settings = base.settings["embed"]
        for name in dict.fromkeys(embedder or [settings.model, "static:minilm", "onnx:minilm"]):
            own = name == settings.model
            opened = (
                base.embedder if own else select.embedder(replace(settings, model=name, dim=0), config.models_folder())
            )
            found.append(counted(base.store, opened, settings.passage_prefix if own else "", watched, who=base.who))
    if call.json:
        show.dump({"embedders": found})
    else:
        _table(call, found)
    return DONE


def _table(call: Call, found: list[Truncation]) -> None:
    table = [("embedder", "reads", "longest", "chunks cut", "tokens lost")]
    for each in found:
        cut = f"{each.cut:,} of {each.chunks:,} ({each.cut_share:.1%})"
        lost = f"{each.lost_tokens:,} of {each.tokens:,}"
        table.append((each.embedder, f"{each.max_tokens:,}", f"{each.longest_tokens:,}", cut, lost))
    show.rows(table)
    for each in found:
        if each.worst:
            show.say()
            show.say(f"{each.embedder} would lose most of", "bold")
            rows = [
                (f"{w.lost_tokens:,} tokens", f"{w.cut:,} of {w.chunks:,} chunks", show.where(w.uri))
                for w in each.worst
            ]
            show.rows(rows, indent=2)
    if any(each.cut for each in found):
        hint(
            call, "next: a smaller chunk.preset or chunk.size_tokens and wellread sync, or an embedder that reads more"
        )


@command(examples="wellread index presets")
def presets(call: Call) -> int:
    """List the presets of chunk sizes, and what each is for.

    Sizes are in tokens, within what the embedder reads; chunk.size_tokens and the like go before the preset.
    """
    with open_base(call, read_only=True) as base:
        settings, most = base.settings["chunk"], base.embedder.max_tokens
    cut = {name: replace(settings, preset=name).resolved(most) for name in PRESETS}
    if call.json:
        sizes = ("size_tokens", "overlap_tokens", "min_tokens")
        listed = [
            {
                "preset": name,
                "set": name == settings.preset,
                **{size: getattr(each, size) for size in sizes},
                "for": PRESETS[name].why,
            }
            for name, each in cut.items()
        ]
        show.dump({"presets": listed})
        return DONE
    rows = [("", "preset", "size", "overlap", "least", "for")]
    for name, each in cut.items():
        sizes = str(each.size_tokens), str(each.overlap_tokens), str(each.min_tokens)
        rows.append(("*" if name == settings.preset else "", name, *sizes, PRESETS[name].why))
    show.rows(rows)
    hint(call, "next: wellread config set chunk.preset NAME, then wellread sync")
    hint(call, "on your own questions: wellread optimise --only chunk.preset")
    return DONE
