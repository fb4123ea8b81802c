"""What can be set about answering."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Literal

IN_STEPS = ("react", "act")  # styles that think and act with tools
SMALL_BUDGET, SMALL_ANSWER = 400, 96  # tokens; what the smallest model there is can use


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """Section ``[answer]`` of wellread.toml."""

    style: Literal["quote", "auto", "write", "react", "act", "tables"] = "quote"
    """quote: the best sentences, letter for letter; auto: written where supported, else quoted; write: only written;
    react: in steps of thought and action with tools; act: the same without thoughts; tables: by programs over the
    tables that were found, else quoted."""
    table_programs: int = 3
    """Statements that the chat model writes for a table where style is tables; all attempts vote."""
    table_chains: int = 0
    """Chains of steps that change the table until the answer can be read (chain-of-table)."""
    table_texts: int = 2
    """Answers that the chat model reads from the table itself."""
    agent_steps: int = 6
    """Steps of react and act at most."""
    agent_seconds: float = 120.0
    """Seconds after which react and act begin no further step."""
    agent_form: Literal["auto", "json", "tools", "text"] = "auto"
    """How steps are written: json, which a grammar holds (llama models); tools, calls of an endpoint; text, any model;
    auto goes by the kind of model."""
    scorer: str = "onnx:minilm"
    """Model that compares the question with single sentences; any embedder. Empty: the base's own embedder."""
    passages: int = 20
    """Hits that are read for evidence."""
    refuse_below: float = 0.5
    """Probability that the passages hold the answer, below which it is «not in the documents»; 0 never refuses."""
    confidence_slope: float = 1.0
    """What the log odds of an answer's confidence are multiplied with; wellread optimise --answers fits it."""
    confidence_shift: float = 0.0
    """What is added to them after that; both are learned from your questions, 1 and 0 leave them as they are."""
    quotes: int = 2
    """Most sentences in a quoted answer."""
    budget_tokens: int = 0
    """Tokens of passages in the prompt of the chat model; 0 takes what its profile says: 400 for a small one."""
    max_tokens: int = 0
    """Longest written answer, in tokens of the chat model; 0 takes what its profile says: 96 for a small one."""
    reader: Literal["auto", "small", "capable"] = "auto"
    """How the chat model is asked: capable ones get whole passages and may refuse; auto goes by kind and window."""
    nearest: int = 3
    """Passages shown with a refusal."""

    @property
    def read(self) -> int:
        """Tokens of passages for a model of which nothing is known."""
        return self.budget_tokens or SMALL_BUDGET

    @property
    def longest(self) -> int:
        """Tokens of an answer by a model of which nothing is known."""
        return self.max_tokens or SMALL_ANSWER

    def stated(self, probability: float) -> float:
        """The confidence that is stated, and compared with ``refuse_below``: the probability by slope and shift."""
        if self.confidence_slope == 1 and self.confidence_shift == 0:
            return probability
        inside = min(max(probability, 1e-6), 1 - 1e-6)
        return 1 / (1 + exp(-(self.confidence_slope * log(inside / (1 - inside)) + self.confidence_shift)))

    def __post_init__(self) -> None:
        if not self.confidence_slope > 0:
            raise ValueError("confidence_slope: is above 0")
        if not self.agent_seconds > 0:
            raise ValueError("agent_seconds: is above 0")
        for name, least in (
            ("passages", 1),
            ("quotes", 1),
            ("agent_steps", 1),
            ("budget_tokens", 0),
            ("max_tokens", 0),
            ("table_programs", 0),
            ("table_chains", 0),
            ("table_texts", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: is at least {least}")
        if not self.table_programs + self.table_chains + self.table_texts:
            raise ValueError("table_programs: with table_chains and table_texts makes at least one attempt")
        if not 0 <= self.refuse_below <= 1:
            raise ValueError("refuse_below: is between 0 and 1")
