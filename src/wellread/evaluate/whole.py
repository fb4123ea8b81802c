"""Whole documents in a prompt: all of them where they fit, else the best ones for the question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from wellread.knowledge_base import KnowledgeBase
from wellread.store import documents
from wellread.types import Document, Principal

LEAST_TOKENS = 32  # of a document that is cut; fewer tell nothing
RANKED = 100  # hits that put the documents in order


@dataclass(frozen=True, slots=True)
class Shown:
    """A document in the prompt: its text up to ``end`` (all of it, unless it had to be cut)."""

    document: Document
    end: int

    @property
    def text(self) -> str:
        """What stands in the prompt, without the title."""
        return self.document.text[: self.end]

    @property
    def cut(self) -> bool:
        """Whether the document continues."""
        return self.end < len(self.document.text)


@dataclass(slots=True)
class DocumentCache:
    """Documents by the principal that sees them, with their texts and tokens; each is read and counted once."""

    count: Callable[[str], int]
    _listed: dict[Principal, list[Document]] = field(default_factory=dict)
    _known: dict[tuple[str, int], tuple[Document, int]] = field(default_factory=dict)

    def listed(self, visible: KnowledgeBase) -> list[Document]:
        """Documents in force that this principal may see, by uri, without texts."""
        if visible.who not in self._listed:
            self._listed[visible.who] = [one for one in visible.documents() if _in_force(one)]
        return self._listed[visible.who]

    def whole(self, visible: KnowledgeBase, listed: Document) -> tuple[Document, int]:
        """The document with its text, and the tokens that it takes in the prompt."""
        place = (listed.id, listed.version)
        if place not in self._known:
            with visible.store.reading() as connection:
                found = documents.get(connection, listed.id, who=visible.who) or listed
            self._known[place] = found, self.count(block(found.title, found.text))
        return self._known[place]


def fit(question: str, visible: KnowledgeBase, cache: DocumentCache, room_tokens: int) -> tuple[list[Shown], int]:
    """What is shown within ``room_tokens``, and how many documents there are.

    All in the order of their uris where they fit. Else those that the search finds best come first, each one whole; one
    that does not fit is passed over, but the very best one is cut when it alone is too long.
    """
    listed = cache.listed(visible)
    everything = _filled(listed, visible, cache, room_tokens)
    if len(everything) == len(listed):
        return everything, len(listed)
    best = dict.fromkeys(hit.document.id for hit in visible.search(question, k=RANKED).hits)
    known = {one.id: one for one in listed}
    ranked = [known[id] for id in best if id in known] or listed
    first, n_tokens = cache.whole(visible, ranked[0])
    if n_tokens > room_tokens:
        return _cut(first, cache.count, room_tokens), len(listed)
    return _filled(ranked, visible, cache, room_tokens, passing_over=True), len(listed)


def _filled(
    wanted: Iterable[Document],
    visible: KnowledgeBase,
    cache: DocumentCache,
    room_tokens: int,
    *,
    passing_over: bool = False,
) -> list[Shown]:
    chosen: list[Shown] = []
    for one in wanted:
        document, n_tokens = cache.whole(visible, one)
        if n_tokens <= room_tokens:
            chosen.append(Shown(document, len(document.text)))
            room_tokens -= n_tokens
        elif not passing_over or room_tokens < LEAST_TOKENS:
            break
    return chosen


def _cut(document: Document, count: Callable[[str], int], room_tokens: int) -> list[Shown]:
    """The beginning of the document that fits; nothing where there is no room for one."""
    if room_tokens < LEAST_TOKENS:
        return []
    end = len(document.text)
    while end and (n := count(block(document.title, document.text[:end]))) > room_tokens:
        end = min(end - 1, int(end * room_tokens / n))
    return [Shown(document, end)]


def block(title: str, text: str) -> str:
    """A document as it stands in the prompt."""
    return f"# {title}\n{text}\n\n"


def _in_force(document: Document) -> bool:
    today = date.today()
    started = document.valid_from is None or document.valid_from <= today
    ended = document.valid_until is not None and document.valid_until < today
    return started and not ended and not document.superseded_by


def note(shown: Sequence[Shown], n_documents: int) -> str:
    """How much of the documents was shown: ``3 of 75 documents``, ``the beginning of 1 of 75 documents``."""
    lead = "the beginning of " if any(one.cut for one in shown) else ""
    return f"{lead}{len(shown)} of {n_documents} documents"
