"""A comparison read back from the file that it was kept in."""

from __future__ import annotations

import json
from pathlib import Path

from wellread import config
from wellread.errors import UsageError
from wellread.metrics.results import Comparison


def read(file: Path) -> Comparison:
    """The comparison in a ``comparison.json``; passages come without their texts, which are not kept there.

    Raises: UsageError where the file is not there or holds no comparison of this version.
    """
    try:
        found = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}; make one: wellread compare") from error
    except ValueError as error:
        raise UsageError(f"{file}: is not JSON: {error}; make it again: wellread compare") from error
    try:
        made: Comparison = config.typed(found, Comparison)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{file}: is no comparison of this version ({error}); run wellread compare") from error
    return made
