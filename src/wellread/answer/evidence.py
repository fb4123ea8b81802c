"""Evidence for an answer: the hits cut into pieces that can be quoted alone, scored against a question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellread.answer import guard
from wellread.documents.place import place
from wellread.models.api import Embedder, TokenEmbedder
from wellread.retrieve import units as pieces
from wellread.retrieve.understand import asked
from wellread.retrieve.units import Quotable, plain, words
from wellread.types import Chunk, Citation, Document, Hit, Span

__all__ = ["Quotable", "Scored", "citation", "plain", "score", "units_of", "words"]

UNFIT = 0.1  # what a unit loses that holds nothing of the kind asked for; docs/log.md 2026-11-21
BELOW = 2  # pieces under one that only repeats the question, among which the next that says something is taken
_INDEX = re.compile(r"[\w.-]+ \([\w ]+\)(?: \[\d+\])?")  # max_wal_senders (integer) [1]
ELSEWHERE = 0.25  # what a unit loses where the question names another item of a list by its number
_ITEM = re.compile(
    r"\b(?:step|point|item|rule|number|no\.?|question|instruction|stage) (?P<n>\d{1,3})\b", re.IGNORECASE
)
_BESIDE = re.compile(r"\b(?:if|after|before|until|while|fails?|apply|applies|except)\b", re.IGNORECASE)
_LATIN = re.compile(r"^[\W\d\u0000-\u024f]*$")
_ENUMERATED = re.compile(r"\W*(?P<n>\d{1,3})[.)]\s")
REORDERED, WITHIN = 6, 0.1  # first units that are compared token by token, and how near to the best they must score
COMPARED = 64  # units that get a sentence vector, after a first sorting by words: a vector costs about 5 ms


@dataclass(frozen=True, slots=True)
class Scored:
    """Units with their closeness to one question, best first by ``total``."""

    units: tuple[Quotable, ...]
    cosine: NDArray[np.float32]  # (n,)
    coverage: NDArray[np.float32]  # (n,) weighted share of the question's words in unit and context
    own: NDArray[np.float32]  # (n,) the same in the unit alone
    total: NDArray[np.float32]  # (n,)

    def __len__(self) -> int:
        return len(self.units)


def units_of(hits: Sequence[Hit]) -> list[Quotable]:
    """Every quotable piece of the hits, in the order of hits and text; pieces that address the model are left out."""
    return [unit for unit in pieces.units_of(hits) if not guard.addresses_the_model(unit.text)]


def score(question: str, units: Sequence[Quotable], scorer: Embedder) -> Scored:
    """Units ordered by closeness to the question: cosine of sentence vectors and idf-weighted word coverage.

    The weights of the question's words come from the units at hand (a word that many of them hold tells little), so
    nothing has to be fitted to the base. At most COMPARED units are kept, those that hold most of the words.
    """
    asked_words = list(dict.fromkeys(words(question)))
    own_words = [set(words(u.reading)) for u in units]
    meant = _items(question, units)
    for n in meant:  # «2. Press the red switch» is step 2
        own_words[n] |= set(words(" ".join(m[0] for m in _ITEM.finditer(question))))
    all_words = [held | set(words(u.context)) for held, u in zip(own_words, units, strict=True)]
    weight = pieces.weights(asked_words, own_words)
    own = pieces.coverage(asked_words, weight, own_words)
    coverage = pieces.coverage(asked_words, weight, all_words)
    kept = np.sort(np.argsort(-(own + coverage), kind="stable")[:COMPARED])
    lost = np.array([bool(meant) and i not in meant for i in kept], np.float32)
    units, own, coverage = [units[i] for i in kept], own[kept], coverage[kept]
    cosine = _cosine(question, units, scorer)
    kind = asked.wanted(question)
    unfit = np.array([not asked.holds(u.reading, kind, question) for u in units], np.float32)
    total = (1 - pieces.LEAD) * cosine + pieces.LEAD * (0.5 * own + 0.5 * coverage) - UNFIT * unfit - ELSEWHERE * lost
    _handed_on(question, units, (total, cosine, own, coverage))
    order = np.argsort(-total, kind="stable")
    sorted_units = Scored(tuple(units[i] for i in order), cosine[order], coverage[order], own[order], total[order])
    return sorted_units if meant else _by_token(question, sorted_units, scorer)


def _by_token(question: str, scored: Scored, scorer: Embedder) -> Scored:
    """Units that score about alike in the order of total and late interaction; the totals stay in their places.

    Not for questions in a script that the model does not know. Source: Khattab and Zaharia, SIGIR 2020 (ColBERT),
    equation 3, as a mean over the question's tokens.
    """
    n = int((scored.total[:REORDERED] >= scored.total[0] - WITHIN).sum()) if len(scored) else 0
    if n < 2 or not _LATIN.search(question) or not isinstance(scorer, TokenEmbedder):
        return scored
    first = scored.units[:n]
    asked_tokens, *held = scorer.token_vectors([question, *(f"{u.context}: {u.reading}" for u in first)])
    if not len(asked_tokens):
        return scored
    late = np.array([(asked_tokens @ one.T).max(axis=1).mean() if len(one) else 0.0 for one in held], np.float32)
    order = np.argsort(-(scored.total[: len(first)] + late), kind="stable")
    at = np.concatenate([order, np.arange(len(first), len(scored))])
    units = tuple(scored.units[i] for i in at)
    return Scored(units, scored.cosine[at], scored.coverage[at], scored.own[at], scored.total)


def _items(question: str, units: Sequence[Quotable]) -> set[int]:
    """Which units are the item of a list that the question names by its number: «step 2», «rule 14»."""
    if _BESIDE.search(question):
        return set()
    numbers = {m["n"] for m in _ITEM.finditer(question)}
    return {n for n, u in enumerate(units) if (begins := _ENUMERATED.match(u.text)) and begins["n"] in numbers}


def _handed_on(question: str, units: Sequence[Quotable], scores: Sequence[NDArray[np.float32]]) -> None:
    """What only repeats the question goes to the end, and what stands under it takes its scores.

    So the line of a FAQ, a heading not known as one and an entry of an index («EXPLAIN ANALYZE») are not quoted.
    """
    asked_words = frozenset(words(question))
    idle = [only_repeats(unit, asked_words) for unit in units]
    for n in (n for n, is_idle in enumerate(idle) if is_idle):
        below = [m for m in range(n + 1, min(n + 1 + BELOW, len(units))) if units[m].hit == units[n].hit]
        for m in [m for m in below if not idle[m]][:1]:
            for score in scores:
                score[m] = max(score[m], score[n])
        scores[0][n] -= 1.0


def only_repeats(unit: Quotable, asked_words: frozenset[str]) -> bool:
    """Whether a piece says nothing that is not in the question: it is a question itself, or names its subject alone."""
    if unit.reading.endswith(("?", "？")) or _INDEX.fullmatch(unit.reading):
        return True
    new = set(words(unit.reading)) - asked_words
    if "; " in unit.reading or " | " in unit.text or any(word[0].isdigit() for word in new):
        return False
    ends = unit.reading.rstrip("\"'”’)»").endswith((".", "!", "。", "！", ";", ":"))
    return (not new and not ends) or (len(new) == 1 and not ends)


def _cosine(question: str, units: Sequence[Quotable], scorer: Embedder) -> NDArray[np.float32]:
    if not units:
        return np.zeros(0, np.float32)
    asked_vector = scorer.embed([question], kind="query")[0]
    return np.asarray(scorer.embed([f"{u.context}: {u.reading}" for u in units]) @ asked_vector, np.float32)


def whole(document: Document) -> Hit:
    """A document, with its text, as one hit: for what is not about single passages of it."""
    span = Span(0, len(document.text))
    return Hit(Chunk("", document.id, document.version, 0, span, document.text), document, 0.0)


def citation(unit: Quotable, hits: Sequence[Hit]) -> Citation:
    """The citation of a unit: exact span and quotation."""
    hit = hits[unit.hit]
    return Citation(
        document=hit.document.uri,
        title=hit.document.title,
        version=hit.document.version,
        page=unit.page,
        heading_path=unit.heading_path,
        span=unit.span,
        quote=unit.text,
        chunk_id=hit.chunk.id,
        note=hit.document.unreadable,
        place=place(hit.document, unit.span, unit.page),
    )
