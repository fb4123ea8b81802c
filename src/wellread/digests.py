"""SHA-256 in hex of a text, of a value that JSON can hold, and of a file; what is kept on disk follows from these.

The digest of a value is that of its JSON with sorted keys, so that it does not depend on the order of a mapping.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def of_text(text: str) -> str:
    """64 hex digits of the text in UTF-8; a lone surrogate counts as «?»."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def of_json(value: object, *, ascii_only: bool = True) -> str:
    """64 hex digits of a plain value; what JSON does not know (a path, a date) counts as its text.

    ``ascii_only`` writes letters beyond ASCII as escapes; a digest that was once kept without them stays as it was.
    """
    return of_text(json.dumps(value, ensure_ascii=ascii_only, sort_keys=True, default=str))


def of_file(path: str | Path) -> str:
    """64 hex digits of a file's bytes, read in pieces. Raises: OSError."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
