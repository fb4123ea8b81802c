"""The verb: a question over the tables of its hits, by templates without a model, else by a vote of attempts."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from wellread.answer import evidence
from wellread.answer.draft import Draft
from wellread.answer.kinds import cells, comparison, current, difference, figure, filtered, table
from wellread.answer.kinds.case import Kind, QuestionCase
from wellread.answer.settings import AnswerSettings
from wellread.answer.tables import ballot, chain, program
from wellread.answer.tables.ballot import Attempt, Elected
from wellread.index.tables.stored import StoredTable
from wellread.models.api import Chat, Sampling
from wellread.types import Usage, Verdict

TEMPLATES: tuple[Kind, ...] = (filtered.answer, difference.answer, comparison.answer, figure.answer, table.lookup)
MOST_TABLES = 2  # tables that attempts are made on: each costs the model as much again
MOST_CITED = 12  # rows that an answer is cited from
WARM = 0.5  # temperature of every attempt of a method after its first; arXiv 2401.04398, released code
_Method = Callable[[str, StoredTable, int, Chat, Sampling], tuple[Attempt, Usage]]


@dataclass(frozen=True, slots=True)
class AskedTable:
    """A table that a question is put to, with the hit that its rows are cited from."""

    hit: int
    table: StoredTable


def by_template(case: QuestionCase) -> bool:
    """Whether the question leaves a table no choice, so that no model is needed."""
    case = current.in_force(case)
    return any(kind(case) is not None for kind in TEMPLATES)


def answer(case: QuestionCase, chat: Chat, draft: Draft, detail: dict[str, object]) -> Generator[str]:
    """The values that most attempts came to, on the rows of their cells; nothing where there is no table, or no vote.

    Every attempt goes into ``detail``: its method, its statement or steps, its values or its fault.
    Raises: ModelError, ModelUnavailable.
    """
    tables = [AskedTable(n, one) for n, one in cells.tables(case)][:MOST_TABLES]
    detail["tables"] = [one.table.name for one in tables]
    if not tables:
        return
    draft.sent_to(chat.remote)
    attempts = []
    for number, one in enumerate(tables):
        for made, used in attempted(case.question, one.table, number, chat, case.settings):
            draft.usage += used
            attempts.append(made)
    detail |= {f"attempt {n}": _told(one) for n, one in enumerate(attempts, 1)}
    found = ballot.elected(attempts)
    if found is None:
        detail["ended"] = "no two attempts agree on values of the table" if len(attempts) > 1 else "it gave no value"
        return
    detail["votes"] = f"{found.votes} of {found.asked}"
    detail["how"] = found.attempt.how
    yield _shown(found, tables[found.attempt.table], case, draft)


def attempted(
    question: str, table: StoredTable, number: int, chat: Chat, settings: AnswerSettings
) -> Generator[tuple[Attempt, Usage]]:
    """The attempts that are set, one after another; the first of each method is greedy, the others are sampled."""
    methods: tuple[tuple[_Method, int], ...] = (
        (program.asked, settings.table_programs),
        (chain.asked, settings.table_chains),
        (chain.read, settings.table_texts),
    )
    for method, count in methods:
        for n in range(count):
            yield method(question, table, number, chat, Sampling(temperature=WARM if n else 0.0, seed=n))


def _told(attempt: Attempt) -> list[str]:
    """Method, statement or steps, and values or fault of an attempt, for whoever wants to know."""
    came_to = attempt.fault or " | ".join(value.text for value in attempt.values)
    return [attempt.method, *attempt.steps, f"= {came_to}"]


def _shown(found: Elected, asked: AskedTable, case: QuestionCase, draft: Draft) -> str:
    """The values as a sentence, with the rows of their cells."""
    attempt = found.attempt
    held = dict.fromkeys(cell for value in attempt.values for cell in value.cells)
    rows = list(dict.fromkeys(cells.row_of(case.hits[asked.hit], asked.hit, cell) for cell in held))
    rows = rows or list(case.scored.units[:1])
    numbers = [draft.cite(evidence.citation(unit, case.hits)) for unit in rows[:MOST_CITED]]
    text = ", ".join(value.text for value in attempt.values)
    if attempt.label and attempt.method == "program":
        text = f"{attempt.label[0].upper()}{attempt.label[1:]}: {text}"
    single = attempt.values[0] if len(attempt.values) == 1 else None
    if single is not None and single.formula and len(single.cells) > 1:
        text += f" ({single.formula})" if len(single.cells) <= MOST_CITED else f" (over {len(single.cells)} cells)"
    text += "" if text.endswith(".") else "."
    draft.sure = found.confidence
    why = f"{found.votes} of {found.asked} attempts agree"
    draft.verdicts.append(Verdict(text, True, found.confidence, numbers[0], why, tuple(numbers[1:])))
    return draft.add(text, numbers)
