"""Which questions are asked, and which may be shown as few-shot examples because they are not."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wellread.config import suggestion
from wellread.errors import UsageError
from wellread.questions import file as question_files
from wellread.questions import freeze
from wellread.types import Question

SPLITS = (*freeze.PARTS, "all")


@dataclass(frozen=True, slots=True)
class Selection:
    """Questions to ask, their hash, and ``examples``: few-shot examples that are not asked in any wording.

    ``split`` is the part that was asked, ``all`` where the set has no parts or all were wanted.
    """

    questions: tuple[Question, ...]
    examples: tuple[Question, ...]
    hash: str
    split: str
    source: Path


def select(
    folder: Path, file: Path | None = None, *, split: str = "", limit: int | None = None, seed: int
) -> Selection:
    """The questions of ``file``, or of the set of the base in ``folder``.

    Args:
        folder: of the base.
        file: JSONL or CSV; None takes ``questions.jsonl`` of the base, as frozen where it is.
        split: train, validation, test or all; empty takes test where the set has parts, else all.
        limit: at most so many, of every kind in its share; drawn by ``seed``.
        seed: of the draw and of the order of the examples.
    Raises: UsageError where there is no set, the set has changed since it was frozen, or nothing is left to ask.
    """
    if split and split not in SPLITS:
        raise UsageError(f"--split {split}: no such part{suggestion(split, SPLITS)}; known are {', '.join(SPLITS)}")
    source = file or folder / question_files.FILE
    if file is None and not source.is_file():
        raise UsageError(
            f"{source}: there are no questions yet; load some (wellread questions load FILE), or pass --questions FILE"
        )
    frozen = file is None and freeze.is_frozen(folder)
    known = freeze.read(folder).questions if frozen else question_files.read(source)
    parted = any(question.split for question in known)
    wanted = split or ("test" if parted else "all")
    asked = [q for q in known if wanted in ("all", q.split)]
    if not asked:
        hint = "" if parted else "; the set has no parts yet: wellread questions freeze"
        raise UsageError(f"{source}: holds no question of part '{wanted}'{hint}")
    chosen = sample(asked, len(asked) if limit is None else limit, seed=seed)
    return Selection(chosen, _examples(known, chosen, seed), freeze.content_hash(chosen), wanted, source)


def sample(questions: Sequence[Question], n: int, *, seed: int) -> tuple[Question, ...]:
    """``n`` of the questions, of every kind in its share, in their own order; all where there are no more."""
    if n < 1:
        raise UsageError(f"--limit {n}: is at least 1")
    if n >= len(questions):
        return tuple(questions)
    kept = {question.id for question in _mixed(questions, seed)[:n]}
    return tuple(question for question in questions if question.id in kept)


def _mixed(questions: Sequence[Question], seed: int) -> list[Question]:
    """The questions in an order in which every beginning holds the kinds in about their shares."""
    by_kind: dict[str, list[Question]] = defaultdict(list)
    for question in sorted(questions, key=lambda question: question.id):
        by_kind[question.kind].append(question)
    placed: list[tuple[float, str, Question]] = []
    for kind, members in by_kind.items():
        random.Random(f"{seed} {kind}").shuffle(members)
        placed += [((n + 0.5) / len(members), question.id, question) for n, question in enumerate(members)]
    return [question for _, _, question in sorted(placed, key=lambda entry: entry[:2])]


def _examples(known: Sequence[Question], asked: Sequence[Question], seed: int) -> tuple[Question, ...]:
    """Worked questions: those of the part train; without parts, those that are not asked in any wording."""
    roots = {question.variant_of or question.id for question in asked}
    parted = any(question.split for question in known)
    free = [q for q in known if (q.variant_of or q.id) not in roots and (not parted or q.split == "train")]
    return tuple(_mixed([q for q in free if q.answers or not q.answerable], seed))
