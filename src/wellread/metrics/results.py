"""What measuring gives: the ways that were compared, what each answered, and how sure the differences are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from wellread.types import Citation, Score, Usage

WayReads = Literal["nothing", "examples", "documents", "passages"]


@dataclass(frozen=True, slots=True)
class Way:
    """A named configuration of one knowledge base.

    ``reads`` is what the model is given beside the question: nothing (closed book), few-shot examples (few-shot), whole
    documents (long context), or passages that were retrieved. ``overrides`` are settings that differ from the base's,
    as ``section.key=value``. ``trained`` says that the chat model was tuned on this base.
    """

    name: str
    reads: WayReads
    overrides: tuple[str, ...] = ()
    trained: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class ReadPassage:
    """A passage that a way read: document uri and characters of its text."""

    document: str
    start: int
    end: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way's answer to one question, what it stood on, what it cost, and its metrics.

    A metric that does not apply to the question (citations of a closed book, say) is absent, never NaN. ``error`` is
    set where the model failed; the text is empty then and every metric of it is 0, but not those of what was found.
    ``peak_memory_mb`` is the highest resident memory of the whole process while this was asked; ``kept`` says that an
    earlier run asked it. ``sent_to`` are the hosts that get texts for it, None where that was not recorded.
    """

    way: str
    question_id: str
    text: str
    refused: bool
    citations: tuple[Citation, ...] = ()
    passages: tuple[ReadPassage, ...] = ()
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    route: str = ""
    error: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    peak_memory_mb: float | None = None
    kept: bool = False
    sent_to: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a way costs: per question (seconds, tokens, money), once (training), and in memory."""

    p50_s: float
    p95_s: float
    prompt_tokens: float
    completion_tokens: float
    money: float | None
    currency: str
    peak_memory_mb: float | None
    once_s: float = 0.0
    once_money: float | None = None


@dataclass(frozen=True, slots=True)
class WayResult:
    """A way's scores over all questions and by kind of question; keys of the inner mappings are metric names.

    ``sent_to`` are the hosts that got texts, None where that is not known.
    """

    way: Way
    scores: Mapping[str, Score]
    by_kind: Mapping[str, Mapping[str, Score]]
    cost: Cost
    n_errors: int = 0
    sent_to: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """``first`` minus ``second`` on the same questions: paired bootstrap interval, p corrected by Holm's method.

    ``detectable`` is the smallest difference that this many questions find with a power of 0.8.
    """

    metric: str
    first: str
    second: str
    value: float
    low: float
    high: float
    p: float
    p_corrected: float
    n: int
    detectable: float

    @property
    def distinguishable(self) -> bool:
        """Whether the two ways differ after correction, at 5 %."""
        return self.p_corrected < 0.05


@dataclass(frozen=True, slots=True)
class BaseFacts:
    """The documents that were asked, as far as a recommendation needs them."""

    documents: int
    chunks: int
    tokens: int
    changed_share: float  # documents with more than one version, or superseded, of all
    generation: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several ways on the same questions; ``main_metric`` decides, ``differences`` holds every pair on it."""

    ways: tuple[WayResult, ...]
    differences: tuple[Difference, ...]
    outcomes: tuple[Outcome, ...]
    main_metric: str
    questions_hash: str
    n_questions: int
    base: BaseFacts
    made_at: datetime
    seed: int
    environment: Mapping[str, str] = field(default_factory=dict)
