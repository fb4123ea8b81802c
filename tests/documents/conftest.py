"""What the tests of this room share: an embedder that is small and real, and a base's memory of source items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wellread.documents.changes import Change, Duplicate, Failed, Gone, Moved, Ready, Touched
from wellread.documents.ingest import ingest
from wellread.documents.settings import ChunkSettings, IngestSettings, ParseSettings
from wellread.documents.sources.listing import Options, Source, describe
from wellread.store.files import KnownFile


class WordEmbedder:
    """Hashes words into 16 numbers; a word is a token."""

    id = "words-16"
    dim = 16
    max_tokens = 256
    remote = None

    def embed(self, texts: Sequence[str], kind: str = "passage") -> NDArray[np.float32]:
        """(n, 16), rows of length 1."""
        out = np.full((len(texts), 16), 1e-3, np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                out[row, sum(map(ord, word)) % 16] += 1
        return out / np.linalg.norm(out, axis=1, keepdims=True)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words."""
        return [len(text.split()) for text in texts]


@dataclass
class Base:
    """Remembers what ingest says, as the index would."""

    source: Source
    parse: ParseSettings = field(default_factory=lambda: ParseSettings(workers=1, timeout_s=20))
    known: dict[str, KnownFile] = field(default_factory=dict)
    minhashes: dict[str, bytes] = field(default_factory=dict)

    def sync(self, settings: IngestSettings | None = None, chunking: ChunkSettings | None = None) -> list[Change]:
        """All changes of one run, remembered."""
        changes = list(
            ingest(
                [self.source],
                self.known,
                settings or IngestSettings(),
                self.parse,
                chunking or ChunkSettings(),
                WordEmbedder(),
                minhashes=self.minhashes,
            )
        )
        self._remember(changes)
        return changes

    def _remember(self, changes: Iterable[Change]) -> None:
        now = datetime.now(UTC).isoformat()
        for change in changes:
            match change:
                case Ready(item=item, document=document):
                    self._put(item, {"state": "live", "document_id": document.id, "seen_at": now})
                    self.minhashes[document.id] = change.minhash
                case Duplicate(item=item, document_id=document_id):
                    self._put(item, {"state": "duplicate", "document_id": document_id, "seen_at": now})
                case Failed(item=item, skipped=skipped):
                    self._put(item, {"state": "skipped" if skipped else "failed", "seen_at": now})
                case Moved(item=item, old_uri=old, document_id=document_id):
                    del self.known[old]
                    self._put(item, {"state": "live", "document_id": document_id, "seen_at": now})
                case Gone(uri=uri):
                    del self.known[uri]
                case Touched(item=item):
                    before = self.known[item.uri]
                    self._put(item, {"state": before.state, "document_id": before.document_id, "seen_at": now})

    def _put(self, item: object, rest: Mapping[str, object]) -> None:
        row = KnownFile(**asdict(item), **rest)  # type: ignore[call-overload]  # fields of both
        self.known[row.uri] = row


@pytest.fixture
def base(tmp_path: Path) -> Base:
    """A base with one empty folder as its source; the folder is ``base.source.location``."""
    folder = tmp_path / "papers"
    folder.mkdir()
    source = describe(str(folder), Options(), tenant="default")
    return Base(Source(source.kind, source.location, source.options, "default", 1))
