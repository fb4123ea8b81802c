"""``wellread init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wellread.cli import sections, show
from wellread.cli.call import DONE, Call, command, hint
from wellread.knowledge_base import KnowledgeBase

EXAMPLES = """
wellread init mybase && cd mybase
"""


@command(examples=EXAMPLES)
def init(
    call: Call,
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Where; made when missing. Default: here.")
    ] = None,
) -> int:
    """Make an empty knowledge base: a folder with its settings.

    Its wellread.toml holds every setting with an explanation, commented out; the data lies in .wellread beside it.
    """
    with KnowledgeBase.create(folder or call.base or Path(), sections=sections.ALL) as base:
        if call.json:
            show.dump({"folder": base.folder})
        else:
            show.say(f"{show.where(str(base.folder.resolve()))}: an empty knowledge base")
            elsewhere = base.folder.resolve() != Path.cwd()
            hint(call, f"next: {f'cd {folder or call.base} && ' if elsewhere else ''}wellread add FOLDER")
    return DONE
