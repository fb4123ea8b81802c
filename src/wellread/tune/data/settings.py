"""What can be set about preparing data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["qa", "statements", "paraphrases", "summaries", "passages"]


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """Section ``[prepare]`` of wellread.toml."""

    seed: int = 0
    """Where chance enters: which rows go to which part, which passages distract."""
    train: float = 0.8
    """Share of the rows that is learned."""
    validation: float = 0.1
    """Share of the rows that says when to stop."""
    test: float = 0.1
    """Share of the rows that is kept for the result."""
    split: Literal["auto", "rows", "documents", "facts", "phrasings"] = "auto"
    """What stays together: a document's rows, a fact's, single rows; phrasings puts each fact in every part."""
    max_length: int = 0
    """Tokens of a row at most, in training too; 0 takes tune.max_length, else 1024."""
    kinds: tuple[Kind, ...] = ("qa", "statements", "paraphrases")
    """What is made from documents: qa, statements, paraphrases, summaries, passages."""
    phrasings: int = 6
    """Ways in which a fact is asked or told; one way is remembered and not understood, five or more are learned."""
    maker: Literal["rules", "chat"] = "rules"
    """Who makes examples from documents: rules (no model), or the model of chat.model."""
    most: int = 0
    """Facts and summaries that examples are made of, at most, spread over the documents; 0 takes all."""
    distractors: int = 3
    """Passages beside the right one in an example for reading passages."""
    without_golden: float = 0.2
    """Share of those examples in which the right passage is missing and the answer is a refusal."""
    refusal: str = "Not in the documents."
    """What is learned to be answered where the passages do not hold the answer."""

    rater_share: float = 1.0
    """Share of preferences or ratings that one rater may give; rows beyond it are left out and listed. 1: no limit."""

    def __post_init__(self) -> None:
        shares = (self.train, self.validation, self.test)
        if min(shares) < 0 or self.train <= 0:
            raise ValueError("train: is above 0, and no share is below 0")
        if self.phrasings < 1 or self.distractors < 0 or self.most < 0 or self.max_length < 0:
            raise ValueError("phrasings: is at least 1; distractors, most and max_length are not below 0")
        if not 0 <= self.without_golden < 1:
            raise ValueError("without_golden: is at least 0 and below 1")
        if not 0 < self.rater_share <= 1:
            raise ValueError("rater_share: is above 0 and at most 1")

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of train, validation and test, together 1."""
        total = self.train + self.validation + self.test
        return (self.train / total, self.validation / total, self.test / total)
