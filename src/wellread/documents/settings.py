"""Settings of the documents room; every field says what it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """How a document's text is cut into passages.

    strategy: ``structure`` follows headings, blocks and sentences; ``sentence`` packs sentences; ``fixed`` packs words;
        ``semantic`` cuts where the meaning of neighbouring sentences changes (embeds every sentence).
    size_tokens: largest text of a chunk, in tokens of the embedder in use; one word that is longer stands alone.
    overlap_tokens: whole sentences (words for ``fixed``) of a chunk that the next one repeats, at most.
    min_tokens: sections below this join their neighbour under the heading that both share.
    """

    strategy: Literal["structure", "sentence", "fixed", "semantic"] = "structure"
    size_tokens: int = 200
    overlap_tokens: int = 24
    min_tokens: int = 40

    def faults(self) -> tuple[str, ...]:
        """What is wrong with the values, all of it; empty when they can be used."""
        found: list[str] = []
        if self.strategy not in ("structure", "sentence", "fixed", "semantic"):
            found.append(f"chunk.strategy: '{self.strategy}' is not one of structure, sentence, fixed, semantic")
        if self.size_tokens < 8:
            found.append(f"chunk.size_tokens: {self.size_tokens} is below 8")
        if not 0 <= self.overlap_tokens < self.size_tokens:
            found.append(f"chunk.overlap_tokens: {self.overlap_tokens} is not in 0 to size_tokens - 1")
        if not 0 <= self.min_tokens <= self.size_tokens:
            found.append(f"chunk.min_tokens: {self.min_tokens} is not in 0 to size_tokens")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ParseSettings:
    """The limits within which a file is parsed, in a child process.

    workers: child processes that parse at the same time.
    in_flight: files handed to one child before it has answered the first; more hides the pipe's latency.
    timeout_s: wall-clock seconds for one file; then the child is killed and the file listed as ``timeout``.
    memory_bytes: address space a child may use beyond what it has when it starts.
    max_bytes: larger files are listed as ``too-large`` and never opened.
    max_text_bytes: largest answer of a child for one file, text and structure together.
    files_per_child: files after which a child is replaced by a fresh one.
    risky_files_per_child: the same for formats whose parser is native code over hostile input (PDF, DOCX).
    """

    workers: int = 2
    in_flight: int = 6
    timeout_s: float = 30.0
    memory_bytes: int = 1024 * MEBIBYTE
    max_bytes: int = 200 * MEBIBYTE
    max_text_bytes: int = 64 * MEBIBYTE
    files_per_child: int = 500
    risky_files_per_child: int = 50


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """How pages are fetched.

    allow_private: whether addresses of the own network (private, loopback, link-local) may be fetched.
    timeout_s: seconds for connecting, and again for each read.
    total_s: seconds for one page with all its redirects.
    max_bytes: largest page, counted after decompression.
    max_redirects: how many redirects are followed; each is checked like a new address.
    ports: which ports may be asked; empty for any.
    """

    allow_private: bool = False
    timeout_s: float = 15.0
    total_s: float = 60.0
    max_bytes: int = 50 * MEBIBYTE
    max_redirects: int = 5
    ports: tuple[int, ...] = (80, 443)


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How sources become documents.

    tenant: whose documents they are.
    chunk, parse, fetch: see there.
    retry_failed: whether items that failed before are tried again although they have not changed.
    near_duplicate_at: Jaccard similarity of five-word shingles from which a document is marked as a near duplicate;
        above 1 switches the search off.
    scratch: folder for pages and streams on their way to a child process; empty for the system's.
    """

    tenant: str = "default"
    chunk: ChunkSettings = field(default_factory=ChunkSettings)
    parse: ParseSettings = field(default_factory=ParseSettings)
    fetch: FetchSettings = field(default_factory=FetchSettings)
    retry_failed: bool = False
    near_duplicate_at: float = 0.9
    scratch: str = ""
