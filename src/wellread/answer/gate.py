"""Whether the passages hold the answer: a calibrated probability from the evidence, outside the language model."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from wellread.answer.evidence import Scored
from wellread.index.words.stopwords import STOPWORDS
from wellread.retrieve.units import WORD, words

FEATURES = ("cosine", "own", "named", "margin")
# Weights of a logistic model over FEATURES, intercept last; `python -m bench.gate` judges them; docs/log.md 2026-11-21.
COEFFICIENTS = (7.3, 1.5, 1.5, 11.7, -7.9)
OTHERS = 9  # units after the best one that the margin is measured against
BACKGROUND = 0.2  # what an unrelated sentence scores: stands for the others where a base holds too few

_NAMES = re.compile(r"\b(?:[A-Z][\w’'-]*|\d[\d.,:/-]*)\b")


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for an answer being there, each between 0 and 1 (cosine from -1)."""

    cosine: float  # best sentence against the question
    own: float  # question words in the best sentence alone
    named: float  # names and numbers of the question that the passages hold; 1 where it has none
    margin: float  # how far the best sentence stands out from the next ones

    @property
    def probability(self) -> float:
        """Chance that the passages answer the question."""
        values = np.array([getattr(self, name) for name in FEATURES] + [1.0])
        return float(1 / (1 + np.exp(-(values @ np.array(COEFFICIENTS)))))


def weigh(question: str, scored: Scored) -> Signals:
    """The evidence for a question in scored units; all zero without units."""
    if not len(scored):
        return Signals(0.0, 0.0, 0.0, 0.0)
    best = set(words(scored.units[0].reading))
    rest = zip(scored.units[1:], scored.total[1:], strict=True)
    others = [float(total) for unit, total in rest if set(words(unit.reading)) != best][:OTHERS]
    others += [BACKGROUND] * (OTHERS - len(others))
    near = [u for u in scored.units if u.hit in {best.hit for best in scored.units[:3]}]
    held = set(words(" ".join(f"{u.context} {u.reading}" for u in near)))
    named = {w for name in names(question) for w in words(name)}
    return Signals(
        cosine=float(scored.cosine[0]),
        own=float(scored.own[0]),
        named=len(named & held) / len(named) if named else 1.0,
        margin=float(scored.total[0]) - sum(others) / OTHERS,
    )


def names(question: str) -> list[str]:
    """Capitalised words (not the first) and numbers of a question."""
    first = WORD.search(question)
    start = first.end() if first else 0
    return [m[0] for m in _NAMES.finditer(question, start) if m[0].lower() not in STOPWORDS]
