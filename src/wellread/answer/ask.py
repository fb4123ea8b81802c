"""From a question to a cited, checked Answer: search, weigh the evidence, write or quote, verify every sentence."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

from wellread.answer import evidence, gate, prompt, quote, verify
from wellread.answer.evidence import Scored
from wellread.answer.settings import AnswerSettings
from wellread.documents.sentences import sentences
from wellread.models import prices
from wellread.models.api import Chat, Embedder, Message, Reply, Sampling, stop
from wellread.retrieve import units
from wellread.retrieve.parts import SearchResult, Trace
from wellread.retrieve.settings import RewriteSettings
from wellread.retrieve.understand.followup import Turn
from wellread.retrieve.understand.rewrite import Asking, follow_up
from wellread.types import Answer, Citation, Hit, Stage, Usage, Verdict

REFUSAL = "Not in the documents."
ABANDONED = "abandoned"  # the route of an answer whose stream was closed before its end
READ = 12  # best units that a written sentence may stand on


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """The open things that answering uses; ``chat`` is called only when something is to be written.

    ``rewrite`` and its ``chat`` say how a follow-up is made whole. ``abandoned`` gets the answer as far as it came,
    with what it cost, where its stream is closed or interrupted before its end.
    """

    search: Callable[[str], SearchResult]
    scorer: Embedder
    chat: Callable[[], Chat] | None
    rewrite: RewriteSettings = field(default_factory=RewriteSettings)
    rewriter: Callable[[], Chat] | None = None
    abandoned: Callable[[Answer], object] | None = None  # gets what there is where nobody reads on


@dataclass(slots=True)
class _Draft:
    """An answer while it is made."""

    sentences: list[tuple[str, int | None]] = field(default_factory=list)  # text, index of its citation
    citations: list[Citation] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    stages: list[Stage] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)

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


def ask(question: str, parts: AnswerParts, settings: AnswerSettings, history: Sequence[Turn] = ()) -> Answer:
    """The answer to a question; see ``stream``."""
    for piece in stream(question, parts, settings, history):
        if isinstance(piece, Answer):
            return piece
    raise AssertionError("stream ends with an Answer")


def stream(
    question: str, parts: AnswerParts, settings: AnswerSettings, history: Sequence[Turn] = ()
) -> Generator[str | Answer]:
    """Sentences as soon as each is supported, then the Answer.

    A sentence that is not supported is never shown, so the pieces joined are the text of the Answer.

    Closed before its end, it stops the chat model and hands over what there is to ``parts.abandoned``.
    Raises: ModelError, ModelUnavailable from the models; StoreError from the search.
    """
    draft, finished = _Draft(), False
    try:
        with closing(_answered(question, parts, settings, history, draft)) as pieces:
            for piece in pieces:
                finished = isinstance(piece, Answer)
                yield piece
    except (GeneratorExit, KeyboardInterrupt):
        if parts.abandoned is not None and not finished:
            parts.abandoned(_finished(question, draft, ABANDONED, 0.0))
        raise


def _answered(
    question: str, parts: AnswerParts, settings: AnswerSettings, history: Sequence[Turn], draft: _Draft
) -> Generator[str | Answer]:
    with draft.stage("follow-up") as detail:
        asked = _whole(question, history, parts, draft, detail)
    result = parts.search(asked)
    draft.stages.extend(result.stages)
    draft.usage += result.usage
    draft.sent_to(*result.left_machine)
    hits = result.hits[: settings.passages]
    with draft.stage("evidence") as detail:
        scored = evidence.score(asked, evidence.units_of(hits), parts.scorer)
        if len(scored):  # without units nothing is compared
            draft.sent_to(parts.scorer.remote)
        detail["best"] = [(round(float(t), 3), u.reading) for t, u in zip(scored.total[:5], scored.units, strict=False)]
    with draft.stage("gate") as detail:
        weighed = gate.weigh(asked, scored)
        detail.update({name: round(getattr(weighed, name), 3) for name in gate.FEATURES})
        detail["probability"] = round(weighed.probability, 3)
    if not len(scored) or weighed.probability < settings.refuse_below:
        yield REFUSAL
        yield _refused(question, draft, scored, hits, settings, weighed.probability)
        return
    route = "written"
    if settings.style != "quote" and parts.chat is not None:
        with draft.stage("write") as detail:
            yield from _write(asked, scored, hits, parts.chat(), parts.scorer, settings, draft)
            detail["struck"] = [(v.sentence, v.reason) for v in draft.verdicts if not v.supported]
    if not draft.sentences and settings.style != "write":
        route = "quoted"
        with draft.stage("quote"):
            yield from _quote(asked, scored, hits, settings, draft)
    if not draft.sentences:
        yield REFUSAL
        yield _refused(question, draft, scored, hits, settings, weighed.probability)
        return
    yield _finished(question, draft, route, weighed.probability)


def _whole(question: str, history: Sequence[Turn], parts: AnswerParts, draft: _Draft, detail: dict[str, object]) -> str:
    """The question as it can be searched for alone; what a model cost for it goes into the draft."""
    trace = Trace()
    asking = Asking(parts.rewriter, trace)
    made = follow_up(question, history, parts.rewrite, asking)
    draft.usage += trace.usage
    draft.sent_to(*trace.left_machine)
    detail |= {"asked": made.text, "by": made.how, "calls": asking.calls}
    return made.text


def _write(
    question: str,
    scored: Scored,
    hits: Sequence[Hit],
    chat: Chat,
    scorer: Embedder,
    settings: AnswerSettings,
    draft: _Draft,
) -> Iterator[str]:
    """Sentences of the chat model that are supported; verdicts of all of them go into the draft."""
    draft.sent_to(chat.remote)
    passages = prompt.passages(scored, settings.budget_tokens, chat.count_tokens)
    trusted = quote.near_best(scored) if settings.style == "auto" else READ
    with closing(_sentences(chat, prompt.messages(question, passages), settings, draft)) as written:
        yield from _supported(question, written, scored, hits, scorer, trusted, draft)


def _supported(
    question: str,
    written: Iterator[str],
    scored: Scored,
    hits: Sequence[Hit],
    scorer: Embedder,
    trusted: int,
    draft: _Draft,
) -> Iterator[str]:
    for sentence in written:
        verdict = verify.check(sentence, question, scored.units[:READ], scorer)
        if verdict.supported and verdict.citation is not None and verdict.citation >= trusted:
            verdict = replace(verdict, supported=False, reason="stands on a passage that is not about the question")
        if verdict.supported and verdict.citation is not None:
            number = draft.cite(evidence.citation(scored.units[verdict.citation], hits))
            verdict = replace(verdict, citation=number)
            yield _add(draft, sentence, number)
        else:
            verdict = replace(verdict, citation=None)
        draft.verdicts.append(verdict)


def _sentences(chat: Chat, messages: Sequence[Message], settings: AnswerSettings, draft: _Draft) -> Generator[str]:
    """Whole sentences of a reply as they are finished; a last one cut off by the length limit is left out.

    Closed before the reply is there, it stops the model; what was read and written until then is counted.
    """
    text, done = "", 0
    reply: Reply | None = None
    stream = chat.stream(messages, Sampling(max_tokens=settings.max_tokens))
    try:
        for piece in stream:
            if isinstance(piece, Reply):
                reply = piece
                break
            text += piece
            spans = sentences(text)
            for start, end in spans[:-1]:
                if start >= done:
                    done = end
                    yield _clean(text[start:end])
    finally:
        stop(stream)
        draft.usage += reply.usage if reply is not None else prices.unfinished(chat, messages, text)
    stopped = reply.stop_reason if reply is not None else "stop"
    rest = _clean(text[done:])
    if rest and (stopped != "length" or not done):
        yield rest


def _clean(sentence: str) -> str:
    return re.sub(r"\s*\[\d+(?:\s*,\s*\d+)*\]", "", units.plain(sentence)).strip()


def _quote(
    question: str, scored: Scored, hits: Sequence[Hit], settings: AnswerSettings, draft: _Draft
) -> Iterator[str]:
    """The sentences that answer best, letter for letter."""
    for unit in quote.choose(question, scored, settings.quotes):
        number = draft.cite(evidence.citation(unit, hits))
        draft.verdicts.append(Verdict(unit.reading, True, 1.0, number, "quoted"))
        yield _add(draft, unit.reading, number)


def _add(draft: _Draft, sentence: str, number: int) -> str:
    draft.sentences.append((sentence, number))
    lead = " " if len(draft.sentences) > 1 else ""
    return f"{lead}{sentence} [{number + 1}]"


def _finished(question: str, draft: _Draft, route: str, probability: float) -> Answer:
    text = " ".join(f"{sentence} [{(number or 0) + 1}]" for sentence, number in draft.sentences)
    return _answer(question, text, draft, route, probability)


def _refused(
    question: str, draft: _Draft, scored: Scored, hits: Sequence[Hit], settings: AnswerSettings, probability: float
) -> Answer:
    nearest = dict.fromkeys(evidence.citation(unit, hits) for unit in scored.units[: settings.nearest])
    draft.citations.clear()
    return replace(
        _answer(question, REFUSAL, draft, "refused", probability), refused=True, nearest=tuple(nearest), citations=()
    )


def _answer(question: str, text: str, draft: _Draft, route: str, probability: float) -> Answer:
    timings: dict[str, float] = {}
    for stage in draft.stages:
        timings[stage.name] = timings.get(stage.name, 0.0) + stage.ms
    return Answer(
        question=question,
        text=text,
        citations=tuple(draft.citations),
        verdicts=tuple(draft.verdicts),
        refused=False,
        route=route,
        usage=draft.usage,
        timings_ms=timings | {"total": sum(timings.values())},
        trace_id=uuid.uuid4().hex,
        confidence=probability,
        left_machine=tuple(draft.remote),
        stages=tuple(draft.stages),
    )
