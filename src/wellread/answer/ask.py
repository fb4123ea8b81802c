"""From a question to a cited, checked Answer: search, weigh the evidence, write or quote, verify every sentence."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from wellread.answer import draft as drafting
from wellread.answer import evidence, gate, write
from wellread.answer.draft import REFUSAL, Draft
from wellread.answer.kinds import route as kinds
from wellread.answer.kinds.case import QuestionCase
from wellread.answer.reader import SMALL, ReaderProfile
from wellread.answer.settings import IN_STEPS, AnswerSettings
from wellread.models.api import Chat, Embedder
from wellread.retrieve.parts import SearchResult, Trace
from wellread.retrieve.settings import RewriteSettings
from wellread.retrieve.understand.followup import Turn
from wellread.retrieve.understand.rewrite import Asking, follow_up
from wellread.types import Answer, Document

ABANDONED = "abandoned"  # the route of an answer whose stream was closed before its end


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """The open things that answering uses; ``chat`` is called only when something is to be written.

    ``rewrite`` and its ``chat`` say how a follow-up is made whole; ``reader`` how the chat model is asked.
    ``abandoned`` gets the answer as far as it came, with what it cost, where its stream is closed before its end.
    """

    search: Callable[[str], SearchResult]
    scorer: Embedder
    chat: Callable[[], Chat] | None
    rewrite: RewriteSettings = field(default_factory=RewriteSettings)
    rewriter: Callable[[], Chat] | None = None
    reader: ReaderProfile = SMALL
    before: Callable[[Document], Document | None] | None = None  # the version that a document took the place of
    abandoned: Callable[[Answer], object] | None = None  # gets what there is where nobody reads on


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
    draft, finished = Draft(), False
    try:
        with closing(_answered(question, parts, settings, history, draft)) as pieces:
            for piece in pieces:
                finished = isinstance(piece, Answer)
                yield piece
    except (GeneratorExit, KeyboardInterrupt):
        if parts.abandoned is not None and not finished:
            parts.abandoned(drafting.finished(question, draft, ABANDONED, 0.0))
        raise


def _answered(
    question: str, parts: AnswerParts, settings: AnswerSettings, history: Sequence[Turn], draft: Draft
) -> Generator[str | Answer]:
    with draft.stage("follow-up") as detail:
        asked = _whole(question, history, parts, draft, detail)
    result = parts.search(asked)
    draft.stages.extend(result.stages)
    draft.usage += result.usage
    draft.sent_to(*result.left_machine)
    asked = corrected(asked, result)
    writes = settings.style != "quote" and parts.chat is not None
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
    opened = (parts.scorer, parts.search, parts.before)
    stated = settings.stated(weighed.probability)
    case = QuestionCase(asked, tuple(hits), scored, stated, settings, *opened)
    route, declined = "", False
    if writes and settings.style in IN_STEPS and parts.chat is not None:
        from wellread.answer.agent import react  # read only where it is asked for

        with draft.stage("agent") as detail:
            given = react.AgentInput(asked, result, parts.search, parts.scorer, parts.reader, settings)
            with closing(react.answer(given, parts.chat(), draft, detail)) as finished:
                yield from finished
        route, declined = "agent", True
    elif writes and settings.style == "tables" and parts.chat is not None:
        yield from _voted(case, parts.chat, draft)
        route = "voted"
    elif writes and parts.chat is not None and len(scored) and weighed.probability >= parts.reader.ask_above:
        with draft.stage("write") as detail:
            reading = write.WriterInput(asked, scored, result.hits, parts.scorer, parts.reader, settings)
            with closing(write.write(reading, parts.chat(), draft, detail)) as written:
                yield from written
            route, declined = "written", bool(detail.get("refused"))
    if not draft.sentences and settings.style != "write" and not declined:
        with draft.stage("quote") as detail:
            yield from kinds.answer(case, draft, detail)
            route = "computed" if detail.get("kind") in kinds.COMPUTED else "quoted"
    if not draft.sentences:
        said = refusal(result)
        yield said
        refused = drafting.refused(question, draft, scored, hits, settings.nearest, stated)
        yield replace(refused, text=said)
        return
    sure = settings.stated(draft.sure)
    yield drafting.finished(question, draft, route, sure if route == "voted" else max(stated, sure))


def _voted(case: QuestionCase, chat: Callable[[], Chat], draft: Draft) -> Iterator[str]:
    """What attempts at the tables agree on, where no template without a model has the answer."""
    from wellread.answer.tables import run as tables  # read only where it is asked for

    if not tables.by_template(case):
        with draft.stage("tables") as detail, closing(tables.answer(case, chat(), draft, detail)) as found:
            yield from found


def refusal(result: SearchResult) -> str:
    """What is said where nothing was answered: also that no document is in the language of the question."""
    foreign = next((stage.detail["foreign"] for stage in result.stages if "foreign" in stage.detail), "")
    if not foreign:
        return REFUSAL
    return (
        f"{REFUSAL} The question is in {foreign}, and none of them is: ask in a language of the documents, or set a"
        " multilingual embed.model."
    )


def corrected(question: str, result: SearchResult) -> str:
    """The question with the spelling that the search put right, where it did."""
    for stage in result.stages:
        found = stage.detail.get("spelling") if stage.name == "rewrite" else None
        for change in found if isinstance(found, (list, tuple)) else ():
            slip, arrow, right = str(change).partition(" → ")
            if arrow:
                question = question.replace(slip, right)
    return question


def _whole(question: str, history: Sequence[Turn], parts: AnswerParts, draft: Draft, detail: dict[str, object]) -> str:
    """The question as it can be searched for alone; what a model cost for it goes into the draft."""
    trace = Trace()
    asking = Asking(parts.rewriter, trace)
    made = follow_up(question, history, parts.rewrite, asking, parts.scorer)
    draft.usage += trace.usage
    draft.sent_to(*trace.left_machine)
    detail |= {"asked": made.text, "by": made.how, "calls": asking.calls}
    return made.text
