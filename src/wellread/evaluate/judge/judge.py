"""A chat model as judge of answers, and how far it agrees with people; no judged figure is shown without that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from wellread import digests, prompts
from wellread.errors import UsageError
from wellread.metrics import metrics, stats
from wellread.metrics.results import Outcome
from wellread.models.api import Chat, Message, Sampling
from wellread.types import Question, Score, Usage

About = Literal["right", "grounded"]
Label = Literal["yes", "no", "unclear"]

PROMPTS: dict[About, str] = {"right": "judge", "grounded": "judge-grounded"}
SAMPLING = Sampling(max_tokens=48, temperature=0.0, seed=0)  # pinned: the same answer is judged the same again
FEWEST_LABELS = 30  # judgements by people below which their agreement with the judge says nothing
HALF = 0.5  # added to each pair of labels before resampling: without it 77 to 95 of 100 intervals hold; docs/log.md
MOST_SOURCES = 6000  # characters of sources in a prompt

_YES_NO = re.compile(r"\b(yes|no)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's word on one answer: label, its reason, the judging model, the prompt's hash, and what it cost.

    The label is «unclear» where the model said neither yes nor no; it counts as no.
    """

    label: Label
    reason: str
    model: str
    prompt: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a judge agrees with people on the same answers: Cohen's kappa, and the share of equal labels.

    Kappa is 1 for full agreement and 0 for as much as chance gives; ``counts`` is (label of the judge, of people) → n.
    """

    kappa: Score
    equal: Score
    counts: dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Figure:
    """A judged figure with the agreement that it is worth as much as; ``str`` is the line to show."""

    about: About
    score: Score
    agreement: Agreement
    model: str

    def __str__(self) -> str:
        s, k = self.score, self.agreement.kappa
        return (
            f"{self.about} by {self.model}: "
            f"{100 * s.value:.0f} % ({100 * s.low:.0f} to {100 * s.high:.0f}, n = {s.n}); "
            f"agreement with people: kappa {k.value:.2f} ({k.low:.2f} to {k.high:.2f}, n = {k.n})"
        )


def prompt(about: About) -> str:
    """The text of the pinned prompt."""
    return prompts.load("evaluate.judge", PROMPTS[about])


def prompt_hash(about: About) -> str:
    """Twelve letters of the SHA-256 of the prompt and its sampling: figures of different ones do not compare."""
    return digests.of_text(f"{prompt(about)}\n{SAMPLING}")[:12]


def judge(question: Question, outcome: Outcome, chat: Chat, *, about: About = "right") -> Judgement:
    """Whether an answer says what an accepted one does («right»), or only what was read («grounded»).

    A refusal is not put to the model: whether one was due is known. The text of an answer cannot close the marks around
    it, and its sources are cut to ``MOST_SOURCES`` characters.

    Raises: UsageError where there is nothing to judge by (no accepted answer, nothing read); ModelError,
    ModelUnavailable.
    """
    if metrics.refused(outcome) or outcome.error:
        due = about == "right" and not question.answerable and not outcome.error
        return Judgement("yes" if due else "no", outcome.error or "a refusal", "", prompt_hash(about))
    if about == "right" and not question.answerable:
        return Judgement("no", "answered what the documents do not answer", "", prompt_hash(about))
    if about == "right" and not question.answers:
        raise UsageError(f"question {question.id}: no accepted answer to judge by")
    if about == "grounded" and not (outcome.passages or outcome.citations):
        raise UsageError(f"question {question.id}: way {outcome.way!r} read nothing to judge by")
    asked = prompt(about).format(
        question=_harmless(question.text),
        answers=" | ".join(_harmless(answer) for answer in question.answers),
        sources=_sources(outcome),
        text=_harmless(metrics.said(outcome)),
    )
    reply = chat.reply([Message("user", asked)], SAMPLING)
    label, reason = _read(reply.text)
    return Judgement(label, reason, chat.name, prompt_hash(about), reply.usage)


def _harmless(text: str) -> str:
    return text.replace("<<<", "‹‹‹").replace(">>>", "›››")


def _sources(outcome: Outcome) -> str:
    texts = [p.text for p in outcome.passages] or [c.quote for c in outcome.citations]
    return _harmless("\n\n".join(texts)[:MOST_SOURCES])


def _read(text: str) -> tuple[Label, str]:
    """Label and reason of a reply: its first yes or no, then what follows."""
    match = _YES_NO.search(text)
    if match is None:
        return "unclear", text.strip()
    return "yes" if match[1].lower() == "yes" else "no", text[match.end() :].strip(" .,:;-–\n")


def agreement(labels: Sequence[str], human: Sequence[str], *, seed: int, draws: int = 10_000) -> Agreement:
    """Of a judge's labels with people's on the same answers; kappa with a 95 % bootstrap interval.

    Where both gave one and the same label throughout, chance explains everything and kappa is 0, from -1 to 1.

    Args:
        labels: of the judge.
        human: in the same order.
        seed: of the resamples.
        draws: how many.
    Raises: ValueError for different lengths or none.
    Source: Cohen, Educational and Psychological Measurement 1960.
    """
    if len(labels) != len(human) or not labels:
        raise ValueError(f"{len(labels)} labels and {len(human)} of people: the same answers are needed, at least one")
    names = sorted({*labels, *human})
    size, n = len(names), len(labels)
    cell = np.array([names.index(a) * size + names.index(b) for a, b in zip(labels, human, strict=True)])
    observed = np.bincount(cell, minlength=size * size)
    value = float(_kappa(observed[None], size)[0])
    smooth = (observed + HALF) / (n + HALF * observed.size)
    drawn = _kappa(np.random.default_rng(seed).multinomial(n, smooth, draws), size)  # (draws,)
    low, high = (float(q) for q in np.quantile(drawn, [stats.ALPHA / 2, 1 - stats.ALPHA / 2]))
    low, high = (min(low, value), max(high, value)) if size > 1 else (-1.0, 1.0)
    equal = stats.bootstrap([float(a == b) for a, b in zip(labels, human, strict=True)], seed=seed)
    return Agreement(Score(value, low, high, n), equal, dict(Counter(zip(labels, human, strict=True))))


def _kappa(counts: np.ndarray, size: int) -> stats.Floats:
    """Kappa of each row of cell counts; 0 where chance alone explains all."""
    tables = counts.reshape(-1, size, size) / counts.sum(1)[:, None, None]
    agreed = np.trace(tables, axis1=1, axis2=2)
    chance = (tables.sum(1) * tables.sum(2)).sum(1)
    return np.asarray(np.where(chance < 1, (agreed - chance) / np.where(chance < 1, 1 - chance, 1), 0.0), np.float64)


def figure(
    verdicts: Sequence[Judgement],
    known: Agreement | None,
    *,
    about: About,
    seed: int,
    clusters: Sequence[str] | None = None,
) -> Figure:
    """The share of «yes» with the judge's agreement with people beside it.

    ``clusters`` names the question behind each verdict, so that its wordings are drawn together.

    Raises: UsageError without an agreement, or with one from fewer than ``FEWEST_LABELS`` answers.
    """
    if known is None or known.kappa.n < FEWEST_LABELS:
        have = f"there are {known.kappa.n}" if known else "there are none"
        raise UsageError(
            f"a figure by a judge is shown only beside its agreement with people; label at least {FEWEST_LABELS} "
            f"answers yes or no by hand and have the judge label them too ({have})"
        )
    score = stats.bootstrap([float(v.label == "yes") for v in verdicts], seed=seed, clusters=clusters)
    model = next((v.model for v in verdicts if v.model), "no model")
    return Figure(about, score, known, model)
