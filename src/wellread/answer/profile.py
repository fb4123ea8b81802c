"""What a chat model can do, measured with questions of our own: whether it refuses, and what its check must ask for.

The questions are made up and ship with the package (``profile_questions.json``): 14 that the passages answer, 10 that
they do not. Each is asked once; thresholds are chosen among a few so that right answers shown, less wrong ones, are
most.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from itertools import product

from wellread.answer import evidence, gate, prompt, refusals, verify
from wellread.answer.elements import letters
from wellread.answer.reader import ReaderProfile
from wellread.models.api import Chat, Embedder, Message, Sampling
from wellread.progress import SILENT, Progress
from wellread.types import Chunk, Document, Hit, Span, Usage

GATES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
CLOSENESS = (0.05, 0.1, 0.2, 0.3, 0.5)
REFUSES_FROM = 0.5  # share of the questions without an answer that it has to refuse by itself
FALSE_REFUSALS = 0.25  # share of those with one that it may refuse


@dataclass(frozen=True, slots=True)
class ProfileQuestion:
    """A question with its accepted answers, empty where the passages have none."""

    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProfileReply:
    """What the model replied, the evidence it had, and the least ``close`` at which it is still shown (0: never)."""

    question: ProfileQuestion
    text: str
    probability: float
    shown: tuple[float, ...]  # of CLOSENESS

    @property
    def refused(self) -> bool:
        """Whether the model declined."""
        return refusals.is_refusal(self.text)

    @property
    def right(self) -> bool:
        """Whether the reply holds an accepted answer."""
        return any(letters(answer) in letters(self.text) for answer in self.question.answers)


@lru_cache(maxsize=1)
def asked() -> tuple[tuple[Hit, ...], tuple[ProfileQuestion, ...]]:
    """The passages and the questions that ship with the package."""
    text = (resources.files("wellread.answer") / "profile_questions.json").read_text("utf-8")
    held = json.loads(text)
    hits = tuple(_hit(n, *passage) for n, passage in enumerate(held["passages"]))
    return hits, tuple(ProfileQuestion(question, tuple(answers or ())) for question, answers in held["questions"])


def _hit(n: int, title: str, heading: str, text: str) -> Hit:
    chunk = Chunk(f"p{n}", f"p{n}", 1, n, Span(0, len(text)), text, heading_path=(heading,))
    return Hit(chunk, Document(f"p{n}", f"profile:{n}", 1, title, "text/plain", "", ""), 1.0)


def messages(question: str, profile: ReaderProfile, chat: Chat, scorer: Embedder) -> list[Message]:
    """What the model is sent for one question, as answering would send it."""
    hits, _ = asked()
    capable = profile.form == "passages"
    if capable:
        passages = prompt.whole_passages(hits, profile.budget_tokens, chat.count_tokens)
    else:
        scored = evidence.score(question, evidence.units_of(hits), scorer)
        passages = prompt.passages(scored, profile.budget_tokens, chat.count_tokens)
    return prompt.messages(question, passages, capable=capable)


def tokens(profile: ReaderProfile, chat: Chat, scorer: Embedder) -> tuple[int, int]:
    """Tokens that measuring reads and writes at most: what it costs is told before it is spent."""
    _, questions = asked()
    sent = (m.content for q in questions for m in messages(q.text, profile, chat, scorer))
    return sum(map(chat.count_tokens, sent)), len(questions) * profile.max_tokens


def measure(
    profile: ReaderProfile, chat: Chat, scorer: Embedder, progress: Progress = SILENT
) -> tuple[ReaderProfile, dict[str, object], Usage]:
    """The profile fitted to this model, the figures it was fitted on, and what that cost. Raises: ModelError."""
    hits, questions = asked()
    units = evidence.units_of(hits)
    pool = verify.pool(units)
    replies: list[ProfileReply] = []
    spent = Usage()
    for question in questions:
        reply = chat.reply(messages(question.text, profile, chat, scorer), Sampling(profile.max_tokens))
        spent += reply.usage
        text = " ".join(reply.text.split())
        weighed = gate.weigh(question.text, evidence.score(question.text, units, scorer))
        shown = tuple(
            close for close in CLOSENESS if verify.check(text, question.text, pool, scorer, close=close).supported
        )
        replies.append(ProfileReply(question, text, weighed.probability, shown))
        progress.step("questions", len(replies), len(questions))
    return _fitted(profile, replies), _figures(replies), spent


def _fitted(profile: ReaderProfile, replies: Sequence[ProfileReply]) -> ReaderProfile:
    refuses = _share([r.refused for r in replies if not r.question.answers]) >= REFUSES_FROM
    refuses = refuses and _share([r.refused for r in replies if r.question.answers]) <= FALSE_REFUSALS

    def worth(pair: tuple[float, float]) -> tuple[float, float, float]:
        above, close = pair
        out = [r for r in replies if r.probability >= above and close in r.shown and not (refuses and r.refused)]
        right = sum(r.right for r in out)
        return right - 2.0 * (len(out) - right), -abs(close - verify.CLOSE), -above

    above, close = max(product(GATES, CLOSENESS), key=worth)
    return replace(profile, ask_above=0.0 if refuses else above, close=close, refuses=refuses, measured=True)


def _figures(replies: Sequence[ProfileReply]) -> dict[str, object]:
    return {
        "questions": len(replies),
        "right": sum(r.right for r in replies),
        "answerable": sum(bool(r.question.answers) for r in replies),
        "refused where there is no answer": sum(r.refused for r in replies if not r.question.answers),
        "refused where there is one": sum(r.refused for r in replies if r.question.answers),
    }


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else 0.0
