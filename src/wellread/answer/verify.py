"""Whether a quoted sentence bears out a written one: every number and name, most words, no flipped «not»."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from wellread.models.api import Embedder
from wellread.retrieve.units import Quotable, words
from wellread.types import Verdict

SUPPORT_WORDS = 0.6  # least share of a sentence's content words that the evidence holds
SUPPORT_COSINE = 0.5  # least cosine of sentence and evidence
BARE_WORDS = 5  # up to so many words are an answer that says something only with its question: «In 1251.»
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
NAME = re.compile(r"(?<!^)(?<![.!?] )\b[A-Z][\w’'-]+")
NEGATION = re.compile(r"\b(?:not|no|never|none|neither|nor|without|cannot|\w+n['’]t)\b", re.IGNORECASE)


def check(sentence: str, question: str, units: Sequence[Quotable], scorer: Embedder) -> Verdict:
    """The verdict on one sentence, its ``citation`` an index into ``units``: the unit that supports it best.

    Words of the question count as given, so that «Dogs cost 4.50 on the Sound line» stands on a row that names the
    price under the heading of the line. A bare answer («4.50.») is compared together with its question:
    alone it is like no passage.
    """
    if not units:
        return Verdict(sentence, False, 0.0, reason="no passage")
    told = sentence if len(sentence.split()) > BARE_WORDS else f"{question} {sentence}"
    vectors = scorer.embed([told, *(f"{u.context}: {u.reading}" for u in units)])
    cosine = vectors[1:] @ vectors[0]
    said, asked = set(words(sentence)), set(words(question))
    shares = [_share(said, set(words(f"{u.context} {u.reading}")), asked) for u in units]
    best = int(np.argmax([0.5 * c + 0.5 * s for c, s in zip(cosine, shares, strict=True)]))
    reason = _fault(sentence, question, units[best], shares[best], float(cosine[best]))
    score = max(0.0, min(1.0, 0.5 * float(cosine[best]) + 0.5 * shares[best]))
    return Verdict(sentence, not reason, score, best, reason)


def _share(said: set[str], held: set[str], asked: set[str]) -> float:
    new = said - asked
    return len(new & held) / len(new) if new else 0.0


def _fault(sentence: str, question: str, unit: Quotable, share: float, cosine: float) -> str:
    held = f"{unit.context} {unit.reading}"
    numbers = set(NUMBER.findall(sentence)) - set(NUMBER.findall(held))
    if numbers:
        return f"number not in the passage: {', '.join(sorted(numbers))}"
    names = {n for n in NAME.findall(sentence) if n.lower() not in held.lower() and n.lower() not in question.lower()}
    if names:
        return f"name not in the passage: {', '.join(sorted(names))}"
    if share < SUPPORT_WORDS:
        return f"only {share:.0%} of its words are in the passage"
    if cosine < SUPPORT_COSINE:
        return f"unlike the passage (cosine {cosine:.2f})"
    if bool(NEGATION.search(sentence)) != bool(NEGATION.search(unit.reading)):
        return "says «not» where the passage does not, or the other way round"
    return ""
