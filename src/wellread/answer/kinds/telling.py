"""Which words of a question tell what it is about, and whether a piece holds them."""

from __future__ import annotations

from wellread.models.api import Embedder
from wellread.retrieve import quantities
from wellread.retrieve.units import WORD, Quotable, words

ALIKE = 5  # first letters that two words of one stem share
NEAR = (
    0.75  # cosine from which another word may name the same: bike and bicycle 0.9, petrol and diesel 0.7; docs/log.md
)

# Words by which a price, an amount or a day is asked for: column names say them another way, or not at all.
ASKING = frozenset(
    words(
        "cost costs price prices pay pays paid fare fares fee fees charge much many long big large high heavy amount"
        " number figure value one end start beginning year day date time give tell show take takes get gets go goes"
        " cent kroner crowns single"
    )
)


def telling(question: str) -> frozenset[str]:
    """The words of a question that a row has to hold; measures of length, weight and the like are no names."""
    folded = quantities.fold(question)
    measures = [q for q in quantities.quantities(question) if any(not d.startswith("count") for d, _ in q.meanings)]
    measured = {word for q in measures for word in words(folded[q.span.start : q.span.end])}
    return frozenset(words(question)) - ASKING - measured


def stands(word: str, held: frozenset[str]) -> bool:
    """Whether a word stands there, or one that begins with the same letters: «renewals» and «renewed»."""
    return word in held or (len(word) > ALIKE and any(other[:ALIKE] == word[:ALIKE] for other in held))


def is_of_another(question: str, units: tuple[Quotable, ...], scorer: Embedder) -> bool:
    """Whether a question about one thing has evidence that never names it, nor a thing much like it.

    «What does petrol cost?» is not answered by the price of diesel, however near the two are.
    """
    about = telling(question)
    held = frozenset(words(" ".join(f"{unit.context} {unit.reading}" for unit in units)))
    if len(about) != 1 or not units or not question.isascii() or any(stands(word, held) for word in about):
        return False
    [asked] = [m[0] for m in WORD.finditer(question) if frozenset(words(m[0])) & about][:1]
    others = sorted({m[0].lower() for unit in units[:1] for m in WORD.finditer(unit.reading) if words(m[0])})
    if not others:
        return False
    return bool((scorer.embed(others) @ scorer.embed([asked])[0]).max() < NEAR)
