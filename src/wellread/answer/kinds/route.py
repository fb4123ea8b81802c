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
from wellread.answer.kinds.case import Kind, Made, QuestionCase
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

# Kinds that find their own evidence, so that the gate's probability of a fact says little of them.
BY_ITSELF = (*COMPUTED, "keyword", "summary", "table lookup")
SURE = 0.8  # probability that an answer of these is right: 85 to 95 % on made-up sets that were not ours to tune on


def _is_sure(made: Made, case: QuestionCase) -> bool:
    sure = case.settings.stated(SURE) if made.kind in BY_ITSELF else 1.0
    return max(case.probability, sure) >= case.settings.refuse_below


def answer(case: QuestionCase, draft: Draft, detail: dict[str, object]) -> Iterator[str]:
    """The pieces of the first answer that a kind has; its name and how it came about go into ``detail``."""
    case = current.in_force(case)
    made = next((made for kind in KINDS if (made := kind(case)) is not None and _is_sure(made, case)), None)
    if made is None:
        return
    if made.kind in BY_ITSELF:
        draft.sure = SURE
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
