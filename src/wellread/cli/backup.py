"""``wellread backup``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.base import open_base
from wellread.cli.call import DONE, Call, command, hint

EXAMPLES = """
wellread backup /mnt/backups/mybase-monday
"""


@command(
    examples=EXAMPLES,
    kept="an unfinished backup has no manifest and is never restored; delete it and run the command again",
)
def backup(
    call: Call,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Where to; must not exist yet.")],
) -> int:
    """Copy the knowledge base, while others keep using it.

    The copy is the base as it is at this moment, with the checksum of every file.
    """
    with open_base(call) as base:
        made = base.backup(target).resolve()
    if call.json:
        show.dump({"backup": made})
    else:
        show.say(f"{show.where(str(made))}: complete")
        hint(call, f"next: wellread restore {target} FOLDER brings it back")
    return DONE
