"""``wellread remove``."""

from __future__ import annotations

from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.call import DONE, Call, command, open_base
from wellread.errors import UsageError

EXAMPLES = """
wellread remove ~/documents/drafts
wellread remove '*/2019/*'
"""


def remove(
    call: Call,
    what: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A source, a document's path or URL, or a glob in quotes.")
    ],
) -> int:
    """Take documents out of the knowledge base; files are not touched.

    Their text leaves every later answer, and answers in the log that stood on them are blanked.
    """
    with open_base(call) as base:
        removed = base.remove(what)
    if not removed:
        raise UsageError(f"{what}: no document and no source is called so; see wellread status --documents")
    if call.json:
        show.dump({"removed": removed})
    else:
        show.say(f"{show.count(removed, 'document')} removed")
    return DONE


def register(app: typer.Typer) -> None:
    """Adds the command to the program."""
    command(app, "remove", examples=EXAMPLES)(remove)
