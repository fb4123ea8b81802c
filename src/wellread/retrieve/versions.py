"""Which document came before another one: the version that it supersedes."""

from __future__ import annotations

import re
from pathlib import PurePath

from wellread.index.open import IndexReader
from wellread.store import documents
from wellread.types import Document, Principal

_CHANGES = re.compile(r"\d+|\b(?:v|version|rev|revision|old|new|draft|final)\b|[\W_]+", re.IGNORECASE)


def previous(document: Document, reader: IndexReader, *, who: Principal) -> Document | None:
    """The document, with its text, that ``document`` took the place of, of those that ``who`` may see; None for none.

    It names this one as its successor, or is called the same but for years and numbers and was in force before. Threads
    may call it at once. Raises: StoreError.
    """
    with reader.snapshot(who=who) as snapshot:
        others = [one for one in documents.listing(snapshot.connection, who=who) if one.id != document.id]
        found = [one for one in others if one.superseded_by and _names(one.superseded_by, document.uri)]
        if not found and (series := _series(document)):
            found = [one for one in others if _series(one) == series and _moment(one) < _moment(document)]
        newest = max(found, key=_moment, default=None)
        return snapshot.document(newest.id) if newest is not None else None


def _names(successor: str, uri: str) -> bool:
    return uri == successor or uri.endswith("/" + successor.lstrip("./"))


def _series(document: Document) -> str:
    """The name of a file without what tells its versions apart; empty where nothing does."""
    stem = PurePath(document.uri).stem
    return _CHANGES.sub(" ", stem).strip().casefold() if re.search(r"\d", stem) else ""


def _moment(document: Document) -> tuple[str, list[int]]:
    valid = document.valid_from.isoformat() if document.valid_from else ""
    return valid, [int(number) for number in re.findall(r"\d+", PurePath(document.uri).stem)]
