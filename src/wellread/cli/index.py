"""``wellread index``."""

from __future__ import annotations

import typer

from wellread.cli import show
from wellread.cli.call import DONE, Call, command, open_base, progress


def rebuild(call: Call) -> int:
    """Build the index again from the store.

    No source is read again, and no text is embedded again that has not changed.
    """
    with open_base(call) as base, progress(call) as watched:
        embedded = base.index_rebuild(progress=watched)
    return _told(call, {"embedded": embedded}, f"index rebuilt, {show.count(embedded, 'chunk')} embedded again")


def compact(call: Call) -> int:
    """Give back the space of deleted passages."""
    with open_base(call) as base:
        freed = base.index_compact()
    return _told(call, {"freed": freed}, f"{show.count(freed, 'vector')} of deleted passages given back")


def reembed(call: Call) -> int:
    """Embed everything with the model that is set now.

    Needed after embed.model has changed; the old index answers until the new one is whole. Stopped and called
    again, it does only what is missing.
    """
    with open_base(call) as base, progress(call) as watched:
        embedded = base.reembed(progress=watched)
    return _told(call, {"embedded": embedded}, f"{show.count(embedded, 'chunk')} embedded")


def _told(call: Call, numbers: dict[str, int], text: str) -> int:
    if call.json:
        show.dump(numbers)
    else:
        show.say(text)
    return DONE


def register(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    part = typer.Typer(help="Rebuild, compact or re-embed what is searched.")
    kept = "the old index still answers; the same command again goes on"
    command(part, "rebuild", examples="wellread index rebuild", kept=kept)(rebuild)
    command(part, "compact", examples="wellread index compact", kept=kept)(compact)
    command(part, "reembed", examples="wellread index reembed", kept=kept)(reembed)
    app.add_typer(part, name="index")
