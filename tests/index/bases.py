"""A small base to index: documents made by hand, and an embedder of words that needs no files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from wellread.documents.changes import Change, ItemState, Ready
from wellread.models.api import Vectors
from wellread.store import files
from wellread.store.engine.api import Store, Transaction
from wellread.sync.sync import apply
from wellread.types import Chunk, Document, Principal, Span, SyncReport

EVERYONE = Principal()


@dataclass
class WordEmbedder:
    """The sum of a random direction for each word: texts that share words are close."""

    id: str = "test:words"
    dim: int = 64
    max_tokens: int = 10_000
    remote: str | None = None
    seen: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        if kind == "passage":
            self.seen += texts
        return np.stack([self._one(text) for text in texts]) if texts else np.zeros((0, self.dim), np.float32)

    def _one(self, text: str) -> Vectors:
        total = np.full(self.dim, 1e-3)
        for word in re.findall(r"\w+", text.lower()):
            seed = int.from_bytes(hashlib.sha256(f"{self.id}{word}".encode()).digest()[:8], "little")
            total += np.random.default_rng(seed).standard_normal(self.dim)
        return np.asarray(total / np.linalg.norm(total), np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


class Overtaken(Store):
    """A store whose next write but ``after`` others waits until somebody else has done what ``first`` does."""

    first: Callable[[], object] | None = None
    after: int = 0

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Transaction]:
        if self.first is not None and self.after == 0:
            first, self.first = self.first, None
            first()
        self.after = max(0, self.after - 1)
        with super().writing(durable=durable) as tx:
            yield tx


def source(store: Store) -> int:
    """The id of the one source that all items of these tests come from."""
    with store.writing() as tx:
        return files.add_source(tx, "folder", "/docs", {}, tenant="default")


def ready(
    uri: str,
    *paragraphs: str,
    labels: Iterable[str] = (),
    title: str = "",
    metadata: dict[str, str] | None = None,
    replaces: bool = False,
) -> Ready:
    """A document of one chunk per paragraph."""
    text = "\n\n".join(paragraphs)
    digest = hashlib.sha256(text.encode()).hexdigest()
    document_id = hashlib.sha256(f"default\0{uri}".encode()).hexdigest()[:32]
    chunks, start = [], 0
    for n, paragraph in enumerate(paragraphs):
        span = Span(start, start + len(paragraph))
        chunk_id = hashlib.sha256(f"{document_id}{digest}{span}".encode()).hexdigest()[:32]
        chunks.append(Chunk(chunk_id, document_id, 0, n, span, paragraph, header=title))
        start = span.end + 2
    document = Document(
        document_id, uri, 0, title or uri, "text/plain", text, digest, labels=frozenset(labels), metadata=metadata or {}
    )
    item = ItemState(
        uri=uri, source_id=1, size_bytes=len(text), mtime_ns=1, digest=digest, meta_digest="", etag="", pipeline="p"
    )
    return Ready(
        item=item, document=document, chunks=tuple(chunks), replaces=document_id if replaces else None, minhash=b""
    )


def filled(store: Store, embedder: WordEmbedder, *changes: Change) -> SyncReport:
    """The base after the changes."""
    source(store)
    return apply(store, iter(changes), embedder, tenant="default")
