"""Settings of the documents room; every field says what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """How a document's text is cut into passages."""

    strategy: Literal["structure", "sentence", "fixed", "semantic"] = "structure"
    """``structure`` follows headings, blocks and sentences; ``sentence`` packs sentences; ``fixed`` packs words;
    ``semantic`` cuts where the meaning of neighbouring sentences changes (embeds every sentence)."""
    size_tokens: int = 200
    """Largest text of a chunk, in tokens of the embedder in use; one word that is longer stands alone."""
    overlap_tokens: int = 24
    """Whole sentences (words for ``fixed``) of a chunk that the next one repeats, at most."""
    min_tokens: int = 40
    """Sections below this join their neighbour under the heading that both share."""

    def __post_init__(self) -> None:
        if self.size_tokens < 8:
            raise ValueError("size_tokens: is at least 8")
        if not 0 <= self.overlap_tokens < self.size_tokens:
            raise ValueError("overlap_tokens: is between 0 and size_tokens - 1")
        if not 0 <= self.min_tokens <= self.size_tokens:
            raise ValueError("min_tokens: is between 0 and size_tokens")


@dataclass(frozen=True, slots=True)
class ParseSettings:
    """The limits within which a file is parsed, in a child process."""

    workers: int = 2
    """Child processes that parse at the same time."""
    in_flight: int = 6
    """Files handed to one child before it has answered the first; more hides the pipe's latency."""
    timeout_s: float = 30.0
    """Wall-clock seconds for one file; then the child is killed and the file listed as ``timeout``."""
    memory_bytes: int = 1024 * MEBIBYTE
    """Address space a child may use beyond what it has when it starts."""
    max_bytes: int = 200 * MEBIBYTE
    """Larger files are listed as ``too-large`` and never opened."""
    max_text_bytes: int = 64 * MEBIBYTE
    """Largest answer of a child for one file, text and structure together."""
    files_per_child: int = 500
    """Files after which a child is replaced by a fresh one."""
    risky_files_per_child: int = 50
    """The same for formats whose parser is native code over hostile input (PDF, DOCX)."""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How sources become documents."""

    retry_failed: bool = False
    """Whether items that failed before are tried again although they have not changed."""
    near_duplicate_at: float = 0.9
    """Jaccard similarity of five-word shingles from which a document is marked as a near duplicate; above 1 switches
    the search off."""
    allow_private: bool = False
    """Whether pages may come from the own network (private, loopback, link-local addresses)."""
    fetch_timeout_s: float = 15.0
    """Seconds for connecting to a page, and again for each read."""
    fetch_total_s: float = 60.0
    """Seconds for one page with all its redirects."""
    fetch_max_bytes: int = 50 * MEBIBYTE
    """Largest page, counted after decompression."""
