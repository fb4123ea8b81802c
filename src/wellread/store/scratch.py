"""What lies beside the store and holds words of documents without being the truth about them."""

from __future__ import annotations

import shutil
from pathlib import Path

from wellread import paths


def purge(folder: Path) -> None:
    """Nothing of it is left in a base's data ``folder``; whoever needs it makes it again."""
    shutil.rmtree(folder / paths.COPIES, ignore_errors=True)
    (folder / paths.REPLIES).unlink(missing_ok=True)
