"""Settings of the documents room; every field says what it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

MEBIBYTE = 1 << 20
STRATEGIES = ("structure", "sentence", "fixed", "semantic")


@dataclass(frozen=True, slots=True)
class Preset:
    """Sizes that suit a use, and why."""

    size_tokens: int
    overlap_tokens: int
    min_tokens: int
    why: str


PRESETS: Mapping[str, Preset] = {
    "facts": Preset(200, 24, 40, "questions that one sentence or row answers: small passages, each about one thing"),
    "lines": Preset(80, 0, 12, "price lists, glossaries, questions with answers: an entry alone is the answer"),
    "narrative": Preset(350, 60, 80, "reports, minutes, stories: what is meant runs over several paragraphs"),
    "code": Preset(400, 0, 60, "manuals with listings and reference entries: a listing stays whole, nothing repeats"),
    "long-context": Preset(1000, 0, 200, "a reader with a long window: whole sections, few passages"),
}
HEADER_ROOM = 40  # tokens of an embedder that titles and headings take beside a passage


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """How a document's text is cut into passages."""

    preset: Literal["facts", "lines", "narrative", "code", "long-context"] = "facts"
    """Sizes for a use, never above what the embedder reads; `wellread index presets` lists them with their reasons."""

    strategy: str = "structure"
    """``structure`` follows headings, blocks and sentences; ``sentence`` packs sentences; ``fixed`` packs words;
    ``semantic`` cuts where the meaning of neighbouring sentences changes (embeds every sentence); kind:name is
    a chunker of an installed package."""
    size_tokens: int = 0
    """Largest text of a chunk, in tokens of the embedder in use; a longer word stands alone; 0: as the preset says."""
    overlap_tokens: int = -1
    """Whole sentences (words for ``fixed``) of a chunk that the next one repeats, at most; -1: as the preset says."""
    min_tokens: int = -1
    """Sections below this join their neighbour under the heading that both share; -1: as the preset says."""
    context: Literal["none", "extract", "model"] = "none"
    """A line over each passage that says what its document is about; extract: its first sentence; model: chat.model."""

    def resolved(self, max_tokens: int = 0) -> ChunkSettings:
        """The same with the preset's numbers where none were given, its size within what an embedder reads (0: all)."""
        preset = PRESETS[self.preset]
        size = self.size_tokens or preset.size_tokens
        if not self.size_tokens and max_tokens:
            size = max(8, min(size, max_tokens - HEADER_ROOM))
        overlap = self.overlap_tokens if self.overlap_tokens >= 0 else min(preset.overlap_tokens, size // 4)
        least = self.min_tokens if self.min_tokens >= 0 else min(preset.min_tokens, size // 2)
        return replace(self, size_tokens=size, overlap_tokens=overlap, min_tokens=least)

    @property
    def plugged(self) -> bool:
        """Whether the chunker is that of another package."""
        return ":" in self.strategy

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES and not self.plugged:
            known = ", ".join(STRATEGIES)
            raise ValueError(f"strategy: is one of {known}, or kind:name of a plugin, got {self.strategy!r}")
        size = self.size_tokens or PRESETS[self.preset].size_tokens
        if size < 8:
            raise ValueError("size_tokens: is at least 8")
        if not -1 <= self.overlap_tokens < size:
            raise ValueError("overlap_tokens: is between 0 and size_tokens - 1")
        if not -1 <= self.min_tokens <= size:
            raise ValueError("min_tokens: is between 0 and size_tokens")


@dataclass(frozen=True, slots=True)
class ParseSettings:
    """The limits within which a file is parsed, in a child process."""

    workers: int = 2
    """Child processes that parse at the same time."""
    in_flight: int = 6
    """Files handed to one child before it has answered the first; more hides the pipe's latency."""
    timeout_s: float = 30.0
    """Seconds of computing for one file (waiting counts a tenth); then the child is killed, the file a ``timeout``."""
    memory_bytes: int = 1024 * MEBIBYTE
    """Address space a child may use beyond what it has when it starts; reading by OCR has 2 GiB more."""
    max_bytes: int = 200 * MEBIBYTE
    """Larger files are listed as ``too-large`` and never opened."""
    max_text_bytes: int = 64 * MEBIBYTE
    """Largest answer of a child for one file, text and structure together."""
    files_per_child: int = 500
    """Files after which a child is replaced by a fresh one."""
    risky_files_per_child: int = 50
    """The same for formats whose parser is native code over hostile input (PDF, DOCX), or a plugin's."""
    parsers: Mapping[str, str] = field(default_factory=dict)
    """Parsers of installed packages by file extension, before wellread's own: { ".log" = "kind:name" }."""

    def __post_init__(self) -> None:
        for suffix, name in self.parsers.items():
            if not suffix.startswith(".") or suffix != suffix.lower():
                raise ValueError(f"parsers: '{suffix}': is a file extension in small letters, like \".log\"")
            if not isinstance(name, str) or ":" not in name:
                raise ValueError(f"parsers: '{suffix}': names a parser as kind:name, got {name!r}")


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How sources become documents."""

    retry_failed: bool = False
    """Whether items that failed before are tried again although they have not changed."""
    full: bool = False
    """Whether the bytes of every file are looked at, also where size and times say that it has not changed."""
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
