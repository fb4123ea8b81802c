"""``wellread restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import show
from wellread.cli.call import DONE, Call, command, hint
from wellread.knowledge_base import KnowledgeBase

EXAMPLES = """
wellread restore /mnt/backups/mybase-monday mybase-again
"""


@command(examples=EXAMPLES, kept="the backup is as it was; restore into another folder")
def restore(
    call: Call,
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="What wellread backup wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to; must be empty or not exist.")],
) -> int:
    """Bring a backup back into an empty folder.

    Every byte is compared with its checksum first; a damaged backup is refused.
    """
    made = KnowledgeBase.restore(source, folder).resolve()
    if call.json:
        show.dump({"folder": made})
    else:
        show.say(f"{show.where(str(made))}: restored")
        hint(call, f"next: wellread --base {folder} status")
    return DONE
