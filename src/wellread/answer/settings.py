"""What can be set about answering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """Section ``[answer]`` of wellread.toml."""

    style: Literal["quote", "auto", "write"] = "quote"
    """quote: the best sentences, letter for letter; auto: written where supported, else quoted; write: only written."""
    scorer: str = "onnx:minilm"
    """Model that compares the question with single sentences; any embedder. Empty: the base's own embedder."""
    passages: int = 20
    """Hits that are read for evidence."""
    refuse_below: float = 0.5
    """Probability that the passages hold the answer, below which it is «not in the documents»; 0 never refuses."""
    quotes: int = 2
    """Most sentences in a quoted answer."""
    budget_tokens: int = 400
    """Tokens of passages in the prompt of the chat model."""
    max_tokens: int = 96
    """Longest written answer, in tokens of the chat model."""
    nearest: int = 3
    """Passages shown with a refusal."""

    def __post_init__(self) -> None:
        for name in ("passages", "quotes", "budget_tokens", "max_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: is at least 1")
        if not 0 <= self.refuse_below <= 1:
            raise ValueError("refuse_below: is between 0 and 1")
