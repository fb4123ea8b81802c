"""What a search is made of: its open parts, its settings, one wording of the question, and the trace of its stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wellread.index.open import IndexReader, Snapshot
from wellread.models.api import Chat, Embedder, Reranker
from wellread.models.settings import RerankSettings
from wellread.retrieve.settings import ExpandSettings, RetrieveSettings, RewriteSettings, RouteSettings
from wellread.types import Hit, Stage, Usage


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, and what each stage did; ``generation`` is the state of the base that they are from.

    ``usage`` counts what chat models were asked on the way; ``left_machine`` names the hosts that texts were sent to.
    """

    hits: tuple[Hit, ...]
    stages: tuple[Stage, ...]
    generation: int = 0
    usage: Usage = field(default_factory=Usage)
    left_machine: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One wording of a question for a retriever: ``within`` are the versions to look in (None: all), ``n`` its hits.

    What a retriever puts into ``told`` stands in the detail of the search stage; ``first`` is what was found by
    meaning and by words, fused, from where a retriever may continue.
    """

    text: str
    vector: NDArray[np.float32] | None  # (dim,), None where nothing is searched by meaning
    embedder_id: str
    within: tuple[int, ...] | None
    n: int
    told: dict[str, object] = field(default_factory=dict)
    first: Mapping[int, float] = field(default_factory=dict)


Find = Callable[[Query, Snapshot, RetrieveSettings], Mapping[int, float]]  # chunk key → score, higher is better


@dataclass(frozen=True, slots=True)
class Retriever:
    """One way of finding chunks, beside the two that are always there; ``weight`` is its share when retrievers are
    fused.

    ``find`` answers within ``Query.within`` and within what ``Snapshot`` may see: nothing is taken out afterwards.
    """

    name: str
    weight: float
    find: Find


@dataclass(frozen=True, slots=True)
class SearchParts:
    """The open things that searching uses; those behind a function are opened when they are first needed."""

    reader: IndexReader
    embedder: Embedder
    reranker: Callable[[], Reranker] | None = None
    cheap: Callable[[], Embedder] | None = None  # is cheap a sentence
    chat: Callable[[], Chat] | None = None
    classify: Callable[[str], tuple[str, float]] | None = None  # the kind of a question, and how sure that is
    retrievers: tuple[Retriever, ...] = ()
    rewriters: tuple[Callable[[str], Sequence[str]], ...] = ()  # other wordings, from other packages

    def is_word(self, word: str) -> bool:
        """Whether a word is one of everyday language: one piece in the vocabulary of ``cheap``; False without it."""
        return self.cheap is not None and self.cheap().count_tokens([word]) == [1]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """The settings of every part of a search, by section."""

    retrieve: RetrieveSettings = field(default_factory=RetrieveSettings)
    rerank: RerankSettings = field(default_factory=RerankSettings)
    rewrite: RewriteSettings = field(default_factory=RewriteSettings)
    expand: ExpandSettings = field(default_factory=ExpandSettings)
    route: RouteSettings = field(default_factory=RouteSettings)


# what a stage tells in words of documents that need not be among the hits: a deletion would not find them in the log
NOT_LOGGED = {
    "rewrite": {"glossary", "spelling"},
    "feedback": {"searched"},
    "scope": {"named"},  # of the question with its other names, as are the terms
    "agent": {"trace", "struck"},
    "search": {"terms", "summaries", "groups entered", "by way of", "names of the question"},
}


def to_log(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages without words of documents that the log would not know of."""
    left = [{key: v for key, v in s.detail.items() if key not in NOT_LOGGED.get(s.name, ())} for s in stages]
    return tuple(replace(stage, detail=detail) for stage, detail in zip(stages, left, strict=True))


@dataclass(slots=True)
class Trace:
    """Stages as they end, with what models cost on the way."""

    stages: list[Stage] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    left_machine: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str, before_ms: float = 0.0) -> Iterator[dict[str, object]]:
        """Times a stage, ``before_ms`` of which have passed; what the body puts into the dict is its detail."""
        started, detail = time.perf_counter(), dict[str, object]()
        try:
            yield detail
        finally:
            self.stages.append(Stage(name, before_ms + (time.perf_counter() - started) * 1e3, detail))

    def sent_to(self, host: str | None) -> None:
        """Remembers a host that got text; None is this machine."""
        if host is not None and host not in self.left_machine:
            self.left_machine.append(host)

    def result(self, hits: list[Hit], generation: int) -> SearchResult:
        """The result with all that was traced."""
        return SearchResult(tuple(hits), tuple(self.stages), generation, self.usage, tuple(self.left_machine))
