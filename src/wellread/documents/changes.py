"""What bringing sources in step can find out about one item: the values that ``ingest`` yields."""

from __future__ import annotations

from dataclasses import dataclass

from wellread.types import Chunk, Document


@dataclass(frozen=True, slots=True)
class ItemState:
    """What is recorded of a source item, so that the next run can tell whether it has changed."""

    uri: str
    source_id: int
    size_bytes: int = 0
    mtime_ns: int = 0
    digest: str = ""
    meta_digest: str = ""
    etag: str = ""
    pipeline: str = ""


@dataclass(frozen=True, slots=True)
class Ready:
    """A new document, or a new version of the one that it replaces."""

    item: ItemState
    document: Document
    chunks: tuple[Chunk, ...]
    replaces: str | None
    minhash: bytes
    near_duplicate_of: str | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """The same bytes under another name; the document keeps its id."""

    item: ItemState
    old_uri: str
    document_id: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Says what another document says; that one stands for it."""

    item: ItemState
    document_id: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Gave no document; ``skipped`` where the type is not read, so that nothing is wrong with the file."""

    item: ItemState
    kind: str
    reason: str
    skipped: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """Was known and is not there any more."""

    uri: str
    document_id: str | None


@dataclass(frozen=True, slots=True)
class Touched:
    """Has another time and the same bytes."""

    item: ItemState


@dataclass(frozen=True, slots=True)
class Unchanged:
    """``n`` items that cost a look at their folder entry or less."""

    n: int


Change = Ready | Moved | Duplicate | Failed | Gone | Touched | Unchanged
