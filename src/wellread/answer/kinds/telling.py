"""Which words of a question tell what it is about, and whether a piece holds them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wellread.models.api import Embedder
from wellread.retrieve import quantities
from wellread.retrieve.units import WORD, Quotable, words

ALIKE = 5  # first letters that two words of one stem share
_LIMIT = re.compile(
    r"\b(?P<how>for|in|on|at|during|from|with|without|near|of|by|to|per)"
    r"(?: (?:the|an?|all|its|our|their|each))* (?P<word>[\w'’-]+)",
    re.IGNORECASE,
)
_LOOSE = ("of", "by", "to", "per")  # «eight years of service», «per metre»: part of what is asked
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


# What a measure is asked by, and the words of columns, units among them, that say one.
_MEASURES = (
    (re.compile(r"\bhow heavy\b|\bweighs?\b", re.IGNORECASE), "weight mass load heavy kg g t tonnes tons lb"),
    (re.compile(r"\bhow (?:tall|high)\b", re.IGNORECASE), "height high tall cm m mm km metres feet"),
    (re.compile(r"\bhow deep\b", re.IGNORECASE), "depth deep cm m mm metres feet draught"),
    (re.compile(r"\bhow wide\b", re.IGNORECASE), "width wide breadth beam cm m mm metres feet"),
    (re.compile(r"\bhow old\b", re.IGNORECASE), "age old born built founded year date since cast opened made"),
)
_DIMENSIONS = ("mass", "length", "length", "length", "")


def measured(question: str, heads: str, cells: str) -> bool:
    """Whether a row has the measure that is asked for, by a column or a unit; True where none is asked for."""
    for (pattern, names), dimension in zip(_MEASURES, _DIMENSIONS, strict=True):
        if pattern.search(question) and not frozenset(names.split()) & frozenset(re.findall(r"[a-z]+", heads.lower())):
            found = quantities.quantities(cells)
            return any(dimension and name == dimension for q in found for name, _ in q.meanings)
    return True


def limits(question: str, *, strict: bool = False) -> frozenset[str]:
    """What a question is limited to: the telling words after «for», «in», «with»; ``strict``: «of», «per», too."""
    said = [match for match in _LIMIT.finditer(question) if strict or match["how"].lower() not in _LOOSE]
    return frozenset(word for match in said for word in words(match["word"])) & telling(question)


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
    return bool(words(units[0].reading)) and not near([asked], units[0].reading, scorer)


def near(asked: Sequence[str], text: str, scorer: Embedder) -> bool:
    """Whether every one of some words is much like one of a text: bike and bicycle, pensioner and senior."""
    others = sorted({m[0].lower() for m in WORD.finditer(text) if words(m[0])})
    if not others:
        return False
    return bool((scorer.embed(others) @ scorer.embed(list(asked)).T).max(axis=0).min() >= NEAR)
