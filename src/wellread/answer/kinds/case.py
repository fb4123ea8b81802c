"""What every kind of question is answered from, and what a way of answering gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wellread.answer.evidence import Scored
from wellread.answer.settings import AnswerSettings
from wellread.models.api import Embedder
from wellread.retrieve.parts import SearchResult
from wellread.retrieve.units import Quotable
from wellread.types import Document, Hit


@dataclass(frozen=True, slots=True)
class QuestionCase:
    """One question with its evidence: the hits, their pieces best first, the gate's probability."""

    question: str
    hits: tuple[Hit, ...]
    scored: Scored
    probability: float
    settings: AnswerSettings
    scorer: Embedder
    search: Callable[[str], SearchResult] | None = None
    before: Callable[[Document], Document | None] | None = None  # the version that a document took the place of

    @property
    def enough(self) -> bool:
        """Whether the evidence suffices for a single fact."""
        return len(self.scored) > 0 and self.probability >= self.settings.refuse_below


@dataclass(frozen=True, slots=True)
class CitedClaim:
    """One thing that is answered, with the pieces that it stands on (of ``hits``, where these are others)."""

    text: str
    units: tuple[Quotable, ...]
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """An answer of one kind; ``missing`` says what of the question is not answered, ``how`` how it came about."""

    kind: str
    claims: tuple[CitedClaim, ...]
    missing: str = ""
    how: str = ""


Kind = Callable[[QuestionCase], Made | None]
