"""A summary without a model: the sentences that tell most of a subject, each with its place, in the order of reading.

Sentences are chosen by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998, equation 1): near the question
and unlike what has been said already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from wellread.answer import evidence, gate
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.telling import stands, telling
from wellread.models.api import Embedder
from wellread.retrieve.units import Quotable, words
from wellread.types import Hit

MOST = 7  # sentences of a summary
LIKE = 0.6  # of the best score that a sentence must have
DOCUMENTS = 3  # that a summary is taken from
BESIDE = 0.85  # of the best score that the best sentence of a further document must have
MOST_READ = 160  # sentences that are weighed
FEWEST_WORDS = 4  # telling words of a sentence
HEAD = 400  # characters at the beginning of a document that say what it is about
SHORT = 20_000  # characters of a document that is summarised whole
CENTRAL = 0.3  # weight of how like the other sentences one is
RELEVANT = 0.7  # lambda of the equation: weight of the question against that of what is new
LEAST = 2  # sentences; one alone is a quotation
_LEANS = re.compile(
    r"(?:it|its|they|them|there|this|these|that|those|he|she|his|her|both|each|such|so)\b", re.IGNORECASE
)
_ASKS = re.compile(
    r"\b(?:summar(?:y|ise|ize)|sum up|overview|in short|key points|main (?:rules|points|ideas|findings|reasons|tasks)"
    r"|tell me (?:all )?about|story of|what happened|what went wrong|what can (?:a|an|one|i|we|you|people|visitors?)\b"
    r"|talk about|talked about|discuss(?:ed)?|how has\b.*\b(?:developed|changed|gone)|what help)",
    re.IGNORECASE,
)
_FRAME = frozenset(
    words(
        "summary summarise summarize sum overview short key main point points rules story tell happened happens went"
        " wrong give far idea today developed talk talked discuss expect different each first one now"
    )
)


def answer(case: QuestionCase) -> Made | None:
    """Up to seven sentences on what the question names, of the documents that hold it; None where they do not."""
    if not _ASKS.search(case.question) or not len(case.scored):
        return None
    about = telling(case.question) - _FRAME
    hits = tuple(_of_the_subject(case, about))
    begun = [frozenset(words(hit.document.text[:HEAD])) for hit in hits]
    units = [unit for unit in evidence.units_of(hits) if _tells(unit, begun[unit.hit], about)][:MOST_READ]
    scored = evidence.score(case.question, units, case.scorer)
    near = dict(zip(scored.units, map(float, scored.total), strict=True))
    best = max(near.values(), default=0.0)
    chosen = _chosen(case.scorer, [unit for unit in scored.units if near[unit] >= LIKE * best], near)
    if len(chosen) < LEAST:
        return None
    ordered = sorted(chosen, key=lambda unit: (_day(hits[unit.hit]), hits[unit.hit].document.uri, unit.span))
    claims = tuple(CitedClaim(unit.reading, (unit,), hits) for unit in ordered)
    return Made("summary", claims, how=f"{len(ordered)} sentences that tell most, in their order")


def _of_the_subject(case: QuestionCase, about: frozenset[str]) -> Iterator[Hit]:
    """The documents that hold most of what the question names, and every name of it; short ones whole."""
    totals = zip(case.scored.units, map(float, case.scored.total), strict=True)
    near: dict[str, float] = {}
    for unit, total in totals:
        near.setdefault(case.hits[unit.hit].document.id, total)
    texts: dict[str, list[str]] = {}
    for hit in case.hits:
        texts.setdefault(hit.document.id, [hit.document.title]).append(f"{hit.chunk.header} {hit.chunk.text}")
    held = {document: frozenset(words(" ".join(pieces))) for document, pieces in texts.items() if document in near}
    named = {word for name in gate.names(case.question) for word in words(name)} - _FRAME
    counts = {one: sum(stands(word, own) for word in about) for one, own in held.items() if named <= own}
    most = max(counts.values(), default=0)
    if not most or 2 * most < len(about):
        return
    first = max(near[one] for one, n in counts.items() if n == most)
    fitting = [one for one, n in counts.items() if n == most and near[one] >= BESIDE * first]
    for document in sorted(fitting, key=lambda one: -near[one])[:DOCUMENTS]:
        own = [hit for hit in case.hits if hit.document.id == document]
        whole = own[0].document.text
        yield from [evidence.whole(own[0].document)] if 0 < len(whole) <= SHORT else own


def _tells(unit: Quotable, head: frozenset[str], about: frozenset[str]) -> bool:
    """Whether a piece is a whole sentence on the subject that does not lean on the one before it.

    It is on the subject if it names some of it, or its headings or the ``head`` of its document name most of it.
    """
    text, held = unit.reading, frozenset(words(unit.reading))
    if len(held) < FEWEST_WORDS or text[:1].islower() or not text.endswith((".", "!", "。")) or _LEANS.match(text):
        return False
    headed = head | frozenset(words(unit.context))
    return any(stands(word, held) for word in about) or 2 * sum(stands(word, headed) for word in about) >= len(about)


def _chosen(scorer: Embedder, units: list[Quotable], near: dict[Quotable, float]) -> list[Quotable]:
    if not units:
        return []
    vectors = scorer.embed([unit.reading for unit in units])
    alike = vectors @ vectors.T
    relevance = np.array([near[unit] for unit in units], np.float32) + CENTRAL * alike.mean(axis=1)
    taken: list[int] = []
    while len(taken) < min(MOST, len(units)):
        said = alike[:, taken].max(axis=1) if taken else np.zeros(len(units), np.float32)
        worth = RELEVANT * relevance - (1 - RELEVANT) * said
        worth[taken] = -np.inf
        if said[n := int(np.argmax(worth))] > 0.95:  # says what is said already
            relevance[n] = -np.inf
            if not np.isfinite(relevance).any() or not np.isfinite(worth[n]):
                break
            continue
        taken.append(n)
    return [units[n] for n in taken]


def _day(hit: Hit) -> str:
    return hit.document.valid_from.isoformat() if hit.document.valid_from else ""
