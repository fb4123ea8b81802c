"""Which document came before another one: the version that it supersedes."""

from __future__ import annotations

import re
from pathlib import PurePath

from wellread.index.open import IndexReader
from wellread.store import documents
from wellread.types import Document, Principal

_EDITION = r"(?<!\d)(?:19|20)\d\d(?!\d)(?:[-_.]\d\d(?!\d)){0,2}|(?<![a-z])(?:v|version|rev|revision|edition)[-_. ]?\d+"
_VERSION = re.compile(_EDITION, re.IGNORECASE)
_CHANGES = re.compile(rf"{_EDITION}|(?<![a-z])(?:old|new|draft|final|archive)(?![a-z])|[\W_]+", re.IGNORECASE)


def previous(document: Document, reader: IndexReader, *, who: Principal) -> Document | None:
    """The document, with its text, that ``document`` took the place of, of those that ``who`` may see; None for none.

    It names this one as its successor, or is called the same but for years and numbers and was in force before. Threads
    may call it at once. Raises: StoreError.
    """
    with reader.snapshot(who=who) as snapshot:
        others = [one for one in documents.listing(snapshot.connection, who=who) if one.id != document.id]
        found = [one for one in others if one.superseded_by and _names(one.superseded_by, document.uri)]
        if not found and (named := series(document)):
            found = [one for one in others if series(one) == named and moment(one) < moment(document)]
        newest = max(found, key=moment, default=None)
        return snapshot.document(newest.id) if newest is not None else None


def _names(successor: str, uri: str) -> bool:
    return uri == successor or uri.endswith("/" + successor.lstrip("./"))


def series(document: Document) -> str:
    """The address of a file without the year or version that tells it from others; empty where it has none.

    «line-4» and «line-6» are two lines, no versions of one.
    """
    path = PurePath(document.uri)
    return _CHANGES.sub(" ", str(path.with_suffix(""))).strip().casefold() if _VERSION.search(path.stem) else ""


def moment(document: Document) -> tuple[str, list[int]]:
    """From when a version is in force, then the years and versions of its name: later ones compare greater."""
    valid = document.valid_from.isoformat() if document.valid_from else ""
    named = " ".join(_VERSION.findall(PurePath(document.uri).stem))
    return valid, [int(number) for number in re.findall(r"\d+", named)]
