"""``wellread index``."""

from __future__ import annotations

import typer

from wellread.cli import show
from wellread.cli.call import DONE, Call, command, open_base, progress


def rebuild(call: Call) -> int:
    """Build the index again from the store.

    No source is read again, and no text is embedded again that has not changed.
    """
    with open_base(call) as base:
        with progress(call) as watched:
            base.index_rebuild(progress=watched)
        return _told(call, "rebuilt", base.status().chunks)


def compact(call: Call) -> int:
    """Give back the space of deleted passages."""
    with open_base(call) as base:
        base.index_compact()
        return _told(call, "compacted", base.status().chunks)


def reembed(call: Call) -> int:
    """Embed everything with the model that is set now.

    Needed after embed.model has changed; the old index answers until the new one is whole. Stopped and called
    again, it does only what is missing.
    """
    with open_base(call) as base, progress(call) as watched:
        embedded = base.reembed(progress=watched)
    return _told(call, "reembedded", embedded)


def _told(call: Call, what: str, chunks: int) -> int:
    if call.json:
        show.dump({what: chunks})
    else:
        show.say(f"{show.count(chunks, 'chunk')} {what}")
    return DONE


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    part = typer.Typer(help="Rebuild, compact or re-embed what is searched.")
    kept = "the old index still answers; the same command again goes on"
    command(part, "rebuild", examples="wellread index rebuild", kept=kept)(rebuild)
    command(part, "compact", examples="wellread index compact", kept=kept)(compact)
    command(part, "reembed", examples="wellread index reembed", kept=kept)(reembed)
    app.add_typer(part, name="index")
