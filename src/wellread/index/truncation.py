"""What an embedder would not read of the chunks that are there: how many it cuts, what is lost, and where most."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from wellread.models.api import Embedder
from wellread.progress import SILENT, Progress
from wellread.store import access
from wellread.store.engine.api import Store
from wellread.store.schema import chunks, versions
from wellread.types import Principal

BATCH = 1_000
WORST = 5  # documents that are named


@dataclass(frozen=True, slots=True)
class TruncatedDocument:
    """A document whose chunks are too long for an embedder."""

    uri: str
    chunks: int
    cut: int
    lost_tokens: int


@dataclass(frozen=True, slots=True)
class Truncation:
    """What an embedder that reads ``max_tokens`` would leave unread; titles and headings count with each chunk."""

    embedder: str
    max_tokens: int
    chunks: int
    cut: int
    tokens: int
    lost_tokens: int
    longest_tokens: int
    worst: tuple[TruncatedDocument, ...]  # documents, those that lose most first

    @property
    def cut_share(self) -> float:
        """Of the chunks, 0 to 1."""
        return self.cut / self.chunks if self.chunks else 0.0


def truncation(
    store: Store, embedder: Embedder, prefix: str = "", progress: Progress = SILENT, *, who: Principal
) -> Truncation:
    """The report for the chunks that ``who`` may see, each with its header, and ``prefix`` in front of it."""
    before = embedder.count_tokens([prefix])[0] if prefix else 0
    found: dict[str, list[int]] = {}  # uri → chunks, cut, lost tokens
    total = longest = 0
    with store.reading() as connection:
        for n, rows in enumerate(_texts(connection, who), 1):
            for (uri, _), tokens in zip(rows, embedder.count_tokens([text for _, text in rows]), strict=True):
                lost = max(0, before + tokens - embedder.max_tokens)
                one = found.setdefault(uri, [0, 0, 0])
                one[0], one[1], one[2] = one[0] + 1, one[1] + (lost > 0), one[2] + lost
                total, longest = total + before + tokens, max(longest, before + tokens)
            progress.step("count", n * BATCH, None, "chunks")
    cuts = [TruncatedDocument(uri, *numbers) for uri, numbers in found.items() if numbers[1]]
    cuts.sort(key=lambda cut: (-cut.lost_tokens, cut.uri))
    n_chunks = sum(numbers[0] for numbers in found.values())
    n_cut, lost_tokens = sum(cut.cut for cut in cuts), sum(cut.lost_tokens for cut in cuts)
    return Truncation(
        embedder.id, embedder.max_tokens, n_chunks, n_cut, total, lost_tokens, longest, tuple(cuts[:WORST])
    )


def _texts(connection: Connection, who: Principal) -> Iterator[list[tuple[str, str]]]:
    """(uri, text as it is indexed) of the chunks, some at a time."""
    columns = (chunks.c.key, versions.c.uri, chunks.c.header, chunks.c.text)
    statement = select(*columns).join(versions, versions.c.id == chunks.c.version_id)
    statement = statement.where(access.visible(connection, chunks, who=who)).order_by(chunks.c.key)
    after = -1
    while rows := connection.execute(statement.where(chunks.c.key > after).limit(BATCH)).all():
        yield [(row.uri, f"{row.header}\n{row.text}" if row.header else row.text) for row in rows]
        after = rows[-1].key
