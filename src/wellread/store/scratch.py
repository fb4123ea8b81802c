"""What lies beside the store and holds words of documents without being the truth about them."""

from __future__ import annotations

import shutil
from pathlib import Path

COPIES = "optimise"  # folder: copies of the base with other settings, and what was asked of them
REPLIES = "draft-replies.jsonl"  # what a model replied when it drafted questions


def purge(folder: Path) -> None:
    """Nothing of it is left in a base's data ``folder``; whoever needs it makes it anew."""
    shutil.rmtree(folder / COPIES, ignore_errors=True)
    (folder / REPLIES).unlink(missing_ok=True)
