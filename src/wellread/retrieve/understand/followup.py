"""Questions of a conversation made whole, so that they can be searched for alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wellread.retrieve.units import words

_OPENING = re.compile(
    r"^\s*(and|but|or|so|then|what about|how about|what of|also|why|when|where|who|how much|how many)\b[^?]{0,40}\??$",
    re.I,
)
_POINTING = re.compile(r"\b(it|its|they|them|their|there|that|those|these|this|he|she|his|her|one|ones|same)\b", re.I)


@dataclass(frozen=True, slots=True)
class Turn:
    """One question of a conversation with the answer it got."""

    question: str
    answer: str


History = Sequence[Turn]  # earlier turns of a conversation, oldest first


def whole(question: str, history: Sequence[Turn]) -> str:
    """The question with what it leans on put in front; unchanged where it stands alone.

    Without a model: a question that opens like a continuation, or points at something it does not name, takes the
    content words of the question before it that it does not hold itself.
    """
    if not history or not leans(question):
        return question
    before = history[-1].question
    held = set(words(question))
    missing = [word for word in re.findall(r"[\w'’-]+", before) if (w := words(word)) and w[0] not in held]
    return f"{' '.join(missing)}: {question}" if missing else question


def leans(question: str) -> bool:
    """Whether a question opens like a continuation, points at what it does not name, or has hardly a word."""
    return bool(_OPENING.match(question)) or bool(_POINTING.search(question)) or len(words(question)) <= 2
