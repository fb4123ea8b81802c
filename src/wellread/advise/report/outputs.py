"""What was measured as files: comparison.json for a program, outcomes.csv for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path

from wellread.errors import StoreError
from wellread.evaluate import changes
from wellread.metrics.results import Comparison, Outcome, ReadPassage
from wellread.questions.file import put
from wellread.types import Question

CSV_NAME, JSON_NAME, REPORT_NAME = "outcomes.csv", "comparison.json", "report.html"
COLUMNS = (
    "way",
    "question_id",
    "kind",
    "question",
    "accepted",
    "answer",
    "became",
    "refused",
    "error",
    "cited",
    "route",
    "seconds",
    "prompt_tokens",
    "completion_tokens",
    "money",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(folder: Path, made: Comparison, questions: Sequence[Question], html: str = "") -> list[Path]:
    """The files of a comparison in ``folder``, which is made if need be; with ``html`` also the report.

    Raises: StoreError where they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made: {error.strerror}; name another folder with --out") from error
    texts = {CSV_NAME: as_csv(made, questions), JSON_NAME: as_json(made)}
    if html:
        texts[REPORT_NAME] = html
    for name, text in texts.items():
        put(folder / name, text)
    return [folder / name for name in texts]


def as_csv(made: Comparison, questions: Sequence[Question]) -> str:
    """One row for each answer, with a column for each metric; what does not apply is empty.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    by_id = {question.id: question for question in questions}
    metrics = list(dict.fromkeys(name for outcome in made.outcomes for name in outcome.metrics))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, *metrics])
    for outcome in made.outcomes:
        row = _row(outcome, by_id[outcome.question_id])
        writer.writerow([_cell(value) for value in (*row, *(outcome.metrics.get(name) for name in metrics))])
    return out.getvalue()


def _row(outcome: Outcome, question: Question) -> tuple[object, ...]:
    return (
        outcome.way,
        question.id,
        question.kind,
        question.text,
        " | ".join(question.answers),
        outcome.text,
        changes.of_outcome(outcome, question),
        outcome.refused,
        outcome.error,
        " | ".join(dict.fromkeys(citation.document for citation in outcome.citations)),
        outcome.route,
        round(outcome.seconds, 3),
        outcome.usage.prompt_tokens,
        outcome.usage.completion_tokens,
        outcome.usage.cost,
    )


def _cell(value: object) -> object:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def as_json(made: Comparison) -> str:
    """The comparison as one object with the names of its fields; passages without their texts."""
    return json.dumps(plain(made), ensure_ascii=False, indent=1) + "\n"


def plain(value: object) -> object:
    """What JSON can hold, by the fields of dataclasses."""
    if is_dataclass(value) and not isinstance(value, type):
        left_out = ("text",) if isinstance(value, ReadPassage) else ()
        return {f.name: plain(getattr(value, f.name)) for f in fields(value) if f.name not in left_out}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        items = [plain(item) for item in value]
        return sorted(items, key=str) if isinstance(value, frozenset | set) else items
    return value.isoformat() if isinstance(value, date) else value
