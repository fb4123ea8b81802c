"""A run judged by a chat model, beside how far that model agrees with people on answers that they labelled."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wellread import digests
from wellread.config import suggestion
from wellread.errors import ModelError, UsageError
from wellread.evaluate.asking import identity, principal_of
from wellread.evaluate.judge import judge
from wellread.evaluate.judge.judge import Figure, Judgement
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import metrics
from wellread.metrics.results import Outcome
from wellread.models.api import Chat
from wellread.progress import SILENT, Progress
from wellread.store import outcomes as outcome_rows
from wellread.types import Question

COLUMNS = ("question_id", "answer", "human")


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer that somebody judged by hand; ``human`` is yes or no."""

    question: Question
    text: str
    human: str


def labels(path: Path, questions: Sequence[Question]) -> tuple[Labelled, ...]:
    """The labelled rows of a CSV with columns question_id, answer and human; rows without a label are passed over.

    ``outcomes.csv`` with one more column, ``human``, is such a file. Raises: UsageError with every fault.
    """
    try:
        reader = csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    columns = reader.fieldnames or []
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        hint = suggestion(missing[0], columns)
        raise UsageError(f"{path.name}: has no column '{missing[0]}'{hint}; add 'human' (yes or no) to an outcomes.csv")
    by_id = {question.id: question for question in questions}
    found, faults = [], []
    for row in reader:
        human = (row["human"] or "").strip().lower()
        if not human:
            continue
        if human not in ("yes", "no"):
            faults.append(f"{path.name}: line {reader.line_num}: human: is yes or no, got '{human}'")
        elif row["question_id"] not in by_id:
            faults.append(
                f"{path.name}: line {reader.line_num}: question '{row['question_id']}': is not among the asked"
            )
        else:
            found.append(Labelled(by_id[row["question_id"]], row["answer"] or "", human))
    if faults:
        raise UsageError("\n".join(faults))
    if len(found) < judge.FEWEST_LABELS:
        raise UsageError(
            f"{path.name}: has {len(found)} labels; a judge's figure is shown only beside its agreement with people on "
            f"at least {judge.FEWEST_LABELS} answers"
        )
    return tuple(found)


def figures(
    base: KnowledgeBase,
    model: str,
    outcomes: Sequence[Outcome],
    questions: Sequence[Question],
    labelled: Sequence[Labelled],
    *,
    seed: int,
    progress: Progress = SILENT,
) -> Mapping[str, Figure]:
    """What the judge ``model`` (kind:name) finds right of each way, with its agreement; nothing is judged twice.

    Questions without an accepted answer that the documents answer are left out. Raises: ModelError, UsageError.
    """
    bench = base.configured([f"chat.model={model}"], logs=False, origin=f"--judge {model}")
    if bench.chat is None:
        raise ModelError("--judge: names no model; write it as kind:name")
    by_id = {question.id: question for question in (*questions, *(entry.question for entry in labelled))}
    taught = [Outcome("", entry.question.id, entry.text, metrics.is_refusal(entry.text)) for entry in labelled]
    fit = {question.id for question in questions if question.answers or not question.answerable}
    wanted = [outcome for outcome in outcomes if outcome.question_id in fit]
    every = [*taught, *wanted]
    words: list[Judgement] = []
    for done, outcome in enumerate(every):
        progress.step("judge", done, len(every))
        words.append(_word(bench, bench.chat, by_id[outcome.question_id], outcome))
    progress.step("judge", len(every), len(every))
    known = judge.agreement([_plain(word) for word in words[: len(taught)]], [one.human for one in labelled], seed=seed)
    by_way: dict[str, list[tuple[str, Judgement]]] = {}
    for outcome, word in zip(wanted, words[len(taught) :], strict=True):
        question = by_id[outcome.question_id]
        by_way.setdefault(outcome.way, []).append((question.variant_of or question.id, word))
    return {
        way: judge.figure(
            [word for _, word in found], known, about="right", seed=seed, clusters=[root for root, _ in found]
        )
        for way, found in by_way.items()
    }


def _plain(word: Judgement) -> str:
    """The label as people give it: what is unclear counts as no."""
    return "yes" if word.label == "yes" else "no"


def _word(base: KnowledgeBase, chat: Chat, question: Question, outcome: Outcome) -> Judgement:
    """The judge's word on an answer, from the store where it was given before."""
    who = principal_of(question, who=base.who)
    said = [question.text, question.answers, question.answerable, outcome.text, outcome.refused, outcome.error]
    key = digests.of_json(["judge", judge.prompt_hash("right"), identity(base.settings["chat"]), said])
    with base.store.reading() as connection:
        kept = outcome_rows.find(connection, [key], who=who).get((key, ""))
    if kept is not None:
        row = kept.answer
        return Judgement(row["label"], "", row["model"], row["prompt"])
    word = judge.judge(question, outcome, chat)
    row = {"label": word.label, "model": word.model, "prompt": word.prompt}  # a reason may repeat a document
    with base.store.writing(durable=False) as tx:
        outcome_rows.put(tx, key, "", row, who=who)
    return word
