"""A rewriter: a number that is written as a word is looked for in figures too, and the other way round."""

from __future__ import annotations

import re

from wellread.errors import UsageError
from wellread.retrieve.retrievers.plugged import Rewrite
from wellread.retrieve.settings import RewriteSettings

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
FIGURES = {word: str(n) for n, word in enumerate(WORDS) if n != 1}  # «one» is hardly ever the number
OTHERS = {**FIGURES, **{figure: word for word, figure in FIGURES.items()}}
_ANY = re.compile(rf"\b(?:{'|'.join(OTHERS)})\b", re.IGNORECASE)


def open_rewriter(name: str, settings: RewriteSettings) -> Rewrite:
    """``example:numbers``."""
    if name != "numbers":
        raise UsageError(f"example:{name}: there is only example:numbers")
    return rewrite


def rewrite(question: str) -> list[str]:
    """The question with its numbers written the other way; nothing where it has none."""
    other = _ANY.sub(lambda found: OTHERS[found[0].lower()], question)
    return [other] if other != question else []
