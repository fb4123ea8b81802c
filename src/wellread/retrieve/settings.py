"""What can be set about searching."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class RetrieveSettings:
    """Section ``[retrieve]`` of wellread.toml."""

    mode: Literal["hybrid", "dense", "bm25"] = "hybrid"
    """hybrid: by meaning and by words, fused; dense: by meaning alone; bm25: by words alone."""
    top_k: int = 10
    """Hits of a search that does not say how many."""
    candidates: int = 100
    """Best chunks of each of the two searches that are fused."""
    fusion: Literal["minmax", "rrf"] = "minmax"
    """minmax: scores brought to 0..1 and added by weight; rrf: by rank alone."""
    alpha: float | None = None
    """Weight of the dense score in minmax, 0 to 1; empty: 0.4 for static vectors, 0.6 for those of other models."""
    title_weight: float = 1.0
    """How often a word of title and headings counts in the search by words, where one of the text counts once."""
    document_weight: float = 0.2
    """What the best document adds to the score (0 to 1) of each of its passages, others in proportion to what was found
    of them; hybrid search by minmax alone; 0: every passage stands for itself."""
    min_score: float = 0.0
    """Cosine below which a chunk is no hit, however many words it shares; 0 keeps all."""
    in_force: bool = True
    """Leave out documents that are not in force today or superseded, unless question or filter ask for another date."""
    entry: Literal["none", "documents", "sections"] = "none"
    """Search also from summary to detail: the passages of the documents or sections nearest as a whole."""
    entries: int = 10
    """How many documents or sections are gone into."""
    entry_weight: float = 0.3
    """Weight of that search beside those by meaning and by words, which weigh 1 together."""
    indexes: tuple[str, ...] = ()
    """Indexes of installed packages that are searched as well, as kind:name."""
    index_weight: float = 0.3
    """Weight of each of those beside the search by meaning and by words, which weigh 1 together."""
    scope: bool = True
    """Look first in the documents that the question names: by title, file name, metadata value or year."""

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise ValueError("top_k: is at least 1")
        if self.candidates < 1:
            raise ValueError("candidates: is at least 1")
        for name in ("title_weight", "document_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: is not negative")
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise ValueError("alpha: is between 0 and 1")
        if self.entries < 1:
            raise ValueError("entries: is at least 1")
        for name in ("entry_weight", "index_weight"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: is between 0 and 1")
        if not -1 <= self.min_score <= 1:
            raise ValueError("min_score: is between -1 and 1")


@dataclass(frozen=True, slots=True)
class ExpandSettings:
    """Section ``[expand]`` of wellread.toml: how much of the document around a passage comes with it."""

    mode: Literal["none", "window", "section", "merge"] = "none"
    """window: sentences around it; section: all below its heading; merge: the section where most of it was found."""
    sentences: int = 2
    """Sentences before and after a passage, for window."""
    share: float = 0.5
    """Share of a section that the passages found must cover, from which merge takes all of it."""
    max_chars: int = 4000
    """Longest widened passage, in characters."""

    def __post_init__(self) -> None:
        if self.sentences < 0:
            raise ValueError("sentences: is not negative")
        if not 0 < self.share <= 1:
            raise ValueError("share: is above 0 and at most 1")
        if self.max_chars < 1:
            raise ValueError("max_chars: is at least 1")


@dataclass(frozen=True, slots=True)
class RewriteSettings:
    """Section ``[rewrite]`` of wellread.toml: what is made of a question before it is searched for.

    ``model`` asks chat.model, once for each; where that cannot be, the form without a model is taken, and said so.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {"parts": "sub_questions"}  # a file with the old name is told the new one

    spelling: bool = True
    """A word that stands in no document becomes the nearest one that does."""
    glossary: bool = False
    """Abbreviations and other names that the documents explain are looked for under both names."""
    variants: Literal["off", "model"] = "off"
    """model: the question in other words is searched for as well; without a model nothing is done."""
    n_variants: int = 3
    """How many other wordings."""
    hyde: Literal["off", "feedback", "model"] = "off"
    """model: a made-up answer is searched for by meaning; feedback: the telling words of the first hits are added."""
    sub_questions: Literal["off", "rules", "model"] = "off"
    """A question that asks for several things is searched for part by part; rules: at «and», commas and comparisons."""
    step_back: Literal["off", "rules", "model"] = "off"
    """A more general question is searched for as well; rules: the question without names, dates and numbers."""
    rewriters: tuple[str, ...] = ()
    """Rewriters of installed packages, as kind:name: the wordings that they make are searched for as well."""
    follow_up: Literal["rules", "model"] = "rules"
    """A question that leans on the conversation is made whole; rules: by the words of the question before."""

    def __post_init__(self) -> None:
        if not 1 <= self.n_variants <= 10:
            raise ValueError("n_variants: is between 1 and 10")


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """Section ``[route]`` of wellread.toml: which parts of a search run for which kind of question.

    Parts are variants, hyde, sub_questions, step_back, expand and rerank, or nothing: then no search is made. A part
    that its own section leaves off runs in the form that asks no model; one that is not named does not run.
    """

    mode: Literal["off", "rules", "trained"] = "off"
    """rules: told by words of the question; trained: by a classifier from `wellread route train`; off: all alike."""
    fact: tuple[str, ...] = ("rerank",)
    """Parts for a question that one sentence answers."""
    table: tuple[str, ...] = ("rerank",)
    """Parts for a question that a cell of a table answers: prices, times, numbers of things."""
    summary: tuple[str, ...] = ("rerank", "expand")
    """Parts for a question about a whole document or subject."""
    comparison: tuple[str, ...] = ("rerank", "sub_questions")
    """Parts for a question that sets things side by side."""
    hops: tuple[str, ...] = ("rerank", "sub_questions", "hyde")
    """Parts for a question whose answer must be put together from several places."""
    freshness: tuple[str, ...] = ("rerank",)
    """Parts for a question about what holds now, or what changed."""
    chitchat: tuple[str, ...] = ()
    """Parts for a greeting or thanks."""
    outside: tuple[str, ...] = ()
    """Parts for a question whose words stand in no document."""

    def __post_init__(self) -> None:
        for kind in KINDS:
            unknown = sorted(set(getattr(self, kind)) - set(ROUTED))
            if unknown:
                raise ValueError(f"{kind}: no such part '{unknown[0]}'; known are {', '.join(ROUTED)}")


KINDS = ("fact", "table", "summary", "comparison", "hops", "freshness", "chitchat", "outside")
ROUTED = ("rerank", "expand", "sub_questions", "hyde", "step_back", "variants")
