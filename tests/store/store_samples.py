"""Documents made up for the tests of the store."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

from wellread.store import documents, files
from wellread.store.engine.api import Store
from wellread.types import Block, Chunk, Document, Principal, Span

EVERYONE = Principal()


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]


def made(
    uri: str,
    text: str = "Dogs travel free. Cats pay two crowns. Parrots stay at home.",
    *,
    tenant: str = "default",
    labels: tuple[str, ...] = (),
    metadata: dict[str, str] | None = None,
    **dates: date | datetime | None,
) -> tuple[Document, tuple[Chunk, ...]]:
    """A document whose sentences are its chunks."""
    document_id = hashed(f"{tenant}\0{uri}")
    sentences = text.split(". ")
    chunks, start = [], 0
    for ordinal, sentence in enumerate(sentences):
        end = start + len(sentence) + (2 if ordinal < len(sentences) - 1 else 0)
        chunks.append(
            Chunk(
                id=hashed(f"{document_id}{text}{start}{end}"),
                document_id=document_id,
                version=0,
                ordinal=ordinal,
                span=Span(start, end),
                text=text[start:end],
                header=f"{uri} > Fares",
                heading_path=("Fares", "Animals"),
                page=1 + ordinal,
                n_tokens=7,
            )
        )
        start = end
    document = Document(
        id=document_id,
        uri=uri,
        version=0,
        title=uri.rsplit("/", 1)[-1],
        media_type="text/plain",
        text=text,
        digest=sha256(text.encode()).hexdigest(),
        tenant=tenant,
        labels=frozenset(labels),
        metadata=metadata or {},
        blocks=(Block("paragraph", Span(0, len(text)), page=1),),
        size_bytes=len(text.encode()),
        modified_at=dates.get("modified_at", datetime(2026, 5, 1, 12, tzinfo=UTC)),  # type: ignore[arg-type] # by name
        valid_from=dates.get("valid_from"),
        valid_until=dates.get("valid_until"),
    )
    return document, tuple(chunks)


def put(store: Store, uri: str, text: str = "One. Two. Three.", **facts: object) -> tuple[Document, list[int]]:
    """Commits a made document with its file row; gives it and the keys of its chunks."""
    document, chunks = made(uri, text, **facts)  # type: ignore[arg-type] # by name
    with store.writing() as tx:
        source = files.add_source(tx, "folder", "/x", {}, tenant=document.tenant)
        keys = documents.put_version(tx, document, chunks, b"")
        row = files.KnownFile(uri, source, "live", digest=document.digest, document_id=document.id)
        files.put_known(tx, [row], tenant=document.tenant)
    return document, keys


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
