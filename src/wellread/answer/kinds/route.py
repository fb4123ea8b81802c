"""Which way of answering a question takes: the first that has an answer."""

from __future__ import annotations

from collections.abc import Iterator

from wellread.answer import evidence
from wellread.answer.draft import Draft
from wellread.answer.kinds import (
    comparison,
    current,
    difference,
    disagreement,
    fact,
    figure,
    filtered,
    halves,
    hops,
    keyword,
    summary,
    table,
    versions,
    yesno,
)
from wellread.answer.kinds.case import Kind, QuestionCase
from wellread.types import Verdict

KINDS: tuple[Kind, ...] = (
    filtered.answer,
    halves.answer,
    difference.answer,
    versions.answer,
    summary.answer,
    comparison.answer,
    figure.answer,
    table.rows,
    table.lookup,
    table.unnamed,
    table.meant,
    hops.answer,
    keyword.answer,
    disagreement.answer,
    yesno.answer,
    fact.answer,
)
COMPUTED = (
    "comparison",
    "difference",
    "disagreement",
    "figure",
    "filter",
    "versions",
)  # kinds whose text is put together from what they cite


def answer(case: QuestionCase, draft: Draft, detail: dict[str, object]) -> Iterator[str]:
    """The pieces of the first answer that a kind has; its name and how it came about go into ``detail``."""
    case = current.in_force(case)
    made = next((made for kind in KINDS if (made := kind(case)) is not None), None)
    if made is None:
        return
    detail["kind"] = made.kind
    if made.how:
        detail["how"] = made.how
    for claim in made.claims:
        numbers = [draft.cite(evidence.citation(unit, claim.hits or case.hits)) for unit in claim.units]
        draft.verdicts.append(Verdict(claim.text, True, 1.0, numbers[0], made.how or "quoted", tuple(numbers[1:])))
        yield draft.add(claim.text, numbers)
    if made.missing:
        detail["missing"] = made.missing
        yield draft.add(made.missing, ())
