"""A chat model writes from the passages; every sentence of it is checked before it is shown."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from wellread.answer import evidence, prompt, quote, refusals, verify
from wellread.answer.draft import Draft
from wellread.answer.evidence import Scored
from wellread.answer.reader import ReaderProfile
from wellread.answer.settings import AnswerSettings
from wellread.documents.sentences import sentences
from wellread.models import prices
from wellread.models.api import Chat, Embedder, Message, Reply, Sampling, stop
from wellread.retrieve import units
from wellread.retrieve.units import Quotable
from wellread.types import Hit

FURTHER = 0.5  # least chance of a piece beyond the hits of a quotation: the more are read, the more hold it by chance
READ = 12  # best units that a sentence of a small model may stand on


@dataclass(frozen=True, slots=True)
class WriterInput:
    """What a chat model is given: the question, its evidence, the passages, and how this model is asked."""

    question: str
    scored: Scored
    hits: Sequence[Hit]  # as many as were found; the profile says how many are read
    scorer: Embedder
    profile: ReaderProfile
    settings: AnswerSettings


def write(reading: WriterInput, chat: Chat, draft: Draft, detail: dict[str, object]) -> Generator[str]:
    """Sentences of the chat model that are supported; verdicts of all of them go into the draft.

    ``detail`` gets what was struck and why, and ``refused`` where the model says that the passages do not answer. What
    follows a sentence whose number is wrong is not shown.
    """
    draft.sent_to(chat.remote)
    profile = reading.profile
    capable = profile.form == "passages"
    if capable:
        hits = reading.hits[: profile.hits]
        passages = prompt.whole_passages(hits, profile.budget_tokens, chat.count_tokens)
        known = {(hits[u.hit].chunk.document_id, u.span): n for n, u in enumerate(reading.scored.units)}
        every = evidence.units_of(hits)
        first = reading.settings.passages  # hits among which a quotation would be looked for
        order = sorted(
            every, key=lambda u: (u.hit >= first, known.get((hits[u.hit].chunk.document_id, u.span), len(known)))
        )
    else:
        hits = reading.hits
        passages = prompt.passages(reading.scored, profile.budget_tokens, chat.count_tokens)
        order = list(reading.scored.units[:READ])
    detail["passages"], detail["tokens"] = len(passages), sum(map(chat.count_tokens, passages))
    messages = prompt.messages(reading.question, passages, capable=capable)
    with closing(_sentences(chat, messages, profile.max_tokens, draft)) as written:
        yield from _supported(written, reading, order, hits, draft, detail)


def _supported(
    written: Iterator[str],
    reading: WriterInput,
    order: Sequence[Quotable],
    hits: Sequence[Hit],
    draft: Draft,
    detail: dict[str, object],
) -> Generator[str]:
    """The sentences that stand on the pieces of ``order``, with the marks of their citations."""
    profile = reading.profile
    whole = verify.pool(order)
    nearest = [n for n, unit in enumerate(order) if unit.hit < reading.settings.passages]
    beyond = profile.form == "passages" and len(nearest) < len(order)
    pool = verify.Pool(whole.held[: len(nearest)]) if beyond else whole
    doubtful = reading.settings.style == "auto" and profile.form == "pieces"
    trusted = quote.near_best(reading.scored) if doubtful else len(order)
    struck: list[tuple[str, str]] = []
    for n, sentence in enumerate(written):
        if n == 0 and profile.refuses and refusals.is_refusal(sentence):
            detail["refused"] = sentence
            return
        verdict = verify.check(sentence, reading.question, pool, reading.scorer, close=profile.close)
        if not verdict.supported and beyond:
            further = verify.check(sentence, reading.question, whole, reading.scorer, close=max(FURTHER, profile.close))
            verdict = further if further.supported else verdict
        if verdict.supported and verdict.citation is not None and verdict.citation >= trusted:
            verdict = replace(verdict, supported=False, reason="stands on a passage that is not about the question")
        if not verdict.supported or verdict.citation is None:
            draft.verdicts.append(replace(verdict, citation=None, also=()))
            struck.append((sentence, verdict.reason))
            detail["struck"] = struck
            if re.search(r"\d", sentence):
                return
            continue
        cited = [draft.cite(evidence.citation(order[m], hits)) for m in (verdict.citation, *verdict.also)]
        draft.verdicts.append(replace(verdict, citation=cited[0], also=tuple(cited[1:])))
        draft.sure = max(draft.sure, verdict.score)
        yield draft.add(sentence, cited)


def _sentences(chat: Chat, messages: Sequence[Message], max_tokens: int, draft: Draft) -> Generator[str]:
    """Whole sentences of a reply as they are finished; a last one cut off by the length limit is left out.

    Closed before the reply is there, it stops the model; what was read and written until then is counted.
    """
    text, done = "", 0
    reply: Reply | None = None
    stream = chat.stream(messages, Sampling(max_tokens=max_tokens))
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
