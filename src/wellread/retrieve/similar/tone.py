"""How a text is written, apart from what it is about: measures of tone that any two documents can be compared by.

Beside a dozen named measures stand the rates of the commonest function words, which writers do not choose by subject
(Burrows's Delta). Each measure is brought to standard deviations over the documents compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellread.documents.sentences import sentences
from wellread.index.words.fulltext import fold
from wellread.index.words.stopwords import stopwords_of

FEWEST_WORDS = 60  # below, rates of single words say nothing
READ_CHARACTERS = 60_000  # of a document; tone does not change with more
FUNCTION_WORDS = 40
CAP = 3.0  # standard deviations that one measure can count at most

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def _listed(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})\b", re.IGNORECASE)


# rates of 1,000 words; English, a measure that a language does not have is 0 for all and counts for nothing
_RATES = {
    "speaks of «we»": _listed("we|us|our|ours|i|me|my|wir|uns|unser|unsere|nous|notre"),
    "speaks to «you»": _listed("you|your|yours|du|dich|dein|sie|ihr|vous|votre"),
    "must and shall": _listed("must|shall|required|mandatory|have to|has to|muss|müssen|doit|doivent"),
    "may and might": _listed("may|might|could|perhaps|possibly|probably|about|approximately|vielleicht|etwa"),
    "not and never": re.compile(r"\b(?:not|no|never|none|cannot|nicht|kein\w*|nie)\b|n['’]t\b", re.IGNORECASE),
    "shortened forms": re.compile(r"\b\w+['’](?:s|re|ve|ll|d|m|t)\b", re.IGNORECASE),
    "passive": re.compile(r"\b(?:is|are|was|were|be|been|being)\s+(?:\w+ly\s+)?\w+(?:ed|en)\b", re.IGNORECASE),
    "please and thanks": _listed("please|thanks?|thank you|sorry|welcome|kindly|bitte|danke|merci"),
    "figures": re.compile(r"\d[\d.,:]*"),
    "abbreviations": re.compile(r"\b[A-Z]{2,6}\b"),
    "questions": re.compile(r"\?"),
    "exclamations": re.compile(r"!"),
}
NAMED = ("words in a sentence", "evenness of sentences", "letters in a word", "different words", *_RATES)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tone:
    """Measures of one text; ``words`` counts those that were read, ``function`` the function words among them."""

    words: int
    named: tuple[float, ...]  # as NAMED
    function: Counter[str]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two tones are, 0 to 1, and (measure, here, there) of what they share most and least."""

    value: float
    alike: tuple[tuple[str, float, float], ...]
    apart: tuple[tuple[str, float, float], ...]


def tone(text: str) -> Tone:
    """The measures of a text, of its first READ_CHARACTERS characters."""
    text = text[:READ_CHARACTERS]
    found = _WORD.findall(text)
    n = len(found)
    lengths = np.array([len(_WORD.findall(text[s.start : s.end])) for s in sentences(text)] or [0], float)
    lengths = lengths[lengths > 0] if (lengths > 0).any() else lengths
    folded = [fold(word).lower() for word in found]
    stop = stopwords_of(folded[:2_000])
    named = [
        float(lengths.mean()),
        float(1 / (1 + lengths.std() / max(1.0, lengths.mean()))),
        float(np.mean([len(word) for word in found])) if n else 0.0,
        len(set(folded[:400])) / max(1, min(n, 400)),
        *(1000 * len(pattern.findall(text)) / max(1, n) for pattern in _RATES.values()),
    ]
    return Tone(n, tuple(named), Counter(word for word in folded if word in stop))


def likeness(sample: Tone, others: Sequence[Tone]) -> list[Likeness]:
    """How alike each of the others is to the sample.

    The value falls from 1 with the mean distance in standard deviations over all texts compared, each measure counted
    up to CAP: e to the minus distance. A text of fewer than FEWEST_WORDS words is compared by the named measures alone.

    Source: Burrows, Literary and Linguistic Computing 2002 (Delta), with named measures beside the function words.
    """
    every = [sample, *others]
    named = _standardised(np.array([t.named for t in every]))
    total: Counter[str] = Counter()
    for t in every:
        total.update(t.function)
    chosen = [word for word, _ in total.most_common(FUNCTION_WORDS)]
    rates = np.array([[t.function[word] / max(1, t.words) for word in chosen] for t in every]).reshape(len(every), -1)
    function = _standardised(rates)
    found = []
    for n, other in enumerate(others, 1):
        distances = np.minimum(CAP, np.abs(named[n] - named[0]))
        mean = float(distances.mean())
        if chosen and min(sample.words, other.words) >= FEWEST_WORDS:
            mean = (mean + float(np.minimum(CAP, np.abs(function[n] - function[0])).mean())) / 2
        order = np.argsort(distances, kind="stable")
        said = [i for i in order if sample.named[i] or other.named[i]]
        pairs = [(NAMED[i], sample.named[i], other.named[i]) for i in said]
        found.append(Likeness(float(np.exp(-mean)), tuple(pairs[:3]), tuple(pairs[::-1][:2])))
    return found


def _standardised(values: Floats) -> Floats:
    """Columns with mean 0 and deviation 1; a column that does not vary is 0."""
    spread = values.std(axis=0)
    made: Floats = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return made
