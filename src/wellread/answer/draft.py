"""An answer while it is made: sentences with their citations, verdicts, stages, what it cost and where text went."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from wellread.answer import evidence, guard
from wellread.answer.evidence import Scored
from wellread.types import Answer, Citation, Hit, Stage, Usage, Verdict

REFUSAL = "Not in the documents."


@dataclass(slots=True)
class Draft:
    """An answer while it is made."""

    sentences: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)  # text, indices of its citations
    citations: list[Citation] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    stages: list[Stage] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)
    sure: float = 0.0  # how strongly the best supported sentence is

    def sent_to(self, *hosts: str | None) -> None:
        """Remembers the hosts that got text; None is this machine."""
        self.remote += [host for host in dict.fromkeys(hosts) if host and host not in self.remote]

    def cite(self, citation: Citation) -> int:
        """Index of the citation, added when it is new."""
        if citation not in self.citations:
            self.citations.append(citation)
        return self.citations.index(citation)

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, object]]:
        """Times a stage; what the body puts into the dict is its detail."""
        started, detail = time.perf_counter(), dict[str, object]()
        try:
            yield detail
        finally:
            self.stages.append(Stage(name, (time.perf_counter() - started) * 1e3, detail))

    def add(self, text: str, numbers: Sequence[int]) -> str:
        """The piece of the answer's text that this sentence is, with the marks of its citations."""
        text = guard.shown(text, [self.citations[number].quote for number in numbers])
        lead = _between(self.sentences[-1][0], text) if self.sentences else ""
        self.sentences.append((text, tuple(numbers)))
        return lead + marked(text, numbers)

    @property
    def text(self) -> str:
        """All sentences with the marks of their citations."""
        pieces: list[str] = []
        for n, (sentence, numbers) in enumerate(self.sentences):
            lead = _between(self.sentences[n - 1][0], sentence) if n else ""
            pieces.append(lead + marked(sentence, numbers))
        return "".join(pieces)


def _between(before: str, after: str) -> str:
    """Tables stand on lines of their own."""
    return "\n\n" if "\n" in before or "\n" in after else " "


def marked(text: str, numbers: Sequence[int]) -> str:
    """``text [1] [2]``, marks below a table."""
    marks = " ".join(f"[{number + 1}]" for number in numbers)
    return f"{text}{chr(10) if chr(10) in text else ' '}{marks}" if marks else text


def finished(question: str, draft: Draft, route: str, confidence: float) -> Answer:
    """The answer that the draft has become."""
    timings: dict[str, float] = {}
    for stage in draft.stages:
        timings[stage.name] = timings.get(stage.name, 0.0) + stage.ms
    return Answer(
        question=question,
        text=draft.text,
        citations=tuple(draft.citations),
        verdicts=tuple(draft.verdicts),
        refused=False,
        route=route,
        usage=draft.usage,
        timings_ms=timings | {"total": sum(timings.values())},
        trace_id=uuid.uuid4().hex,
        confidence=confidence,
        left_machine=tuple(draft.remote),
        stages=tuple(draft.stages),
    )


def refused(
    question: str, draft: Draft, scored: Scored, hits: Sequence[Hit], nearest: int, confidence: float
) -> Answer:
    """A refusal with the passages that came nearest."""
    near = dict.fromkeys(evidence.citation(unit, hits) for unit in scored.units[:nearest])
    draft.sentences.clear()
    draft.citations.clear()
    answer = finished(question, draft, "refused", confidence)
    return replace(answer, text=REFUSAL, refused=True, nearest=tuple(near), citations=())
