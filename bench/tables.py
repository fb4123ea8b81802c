"""Questions over one table each: quoted without a model, and by statements, readings, chains and their votes.

    python -m bench.tables wikitablequestions --rows 60
    python -m bench.tables wikitablequestions --rows 8 --model llama:/path/model.gguf --counts 3,0,2
    python -m bench.tables fetaqa --rows 8 --model llama:smollm2-135m --counts 1,1,1
    python -m bench.tables wikisql_1k --rows 20 --model llama:/path/model.gguf

Sets of ``shared/data``, their development half unless ``--test`` is said. Only tables of at most ``--most`` rows are
asked, so that a run ends in minutes on two cores. An answer of wikitablequestions by a model is right when its values
are those of the reference; a quoted one when it holds all of them, which is easier. fetaqa: the share of the cells that
the reference names which the answer names too. wikisql_1k has no rows: a statement is right when it selects and
compares the same as the reference.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.common import data, interval, letters
from bench.common import rows as rows_in
from wellread import KnowledgeBase
from wellread.answer.settings import AnswerSettings
from wellread.answer.tables import ballot, program, run
from wellread.answer.tables.ballot import Attempt
from wellread.errors import UsageError
from wellread.index.tables import statement, stored
from wellread.index.tables.statement import LinkedValue
from wellread.index.tables.stored import StoredTable, TableColumn
from wellread.models.api import Chat, Sampling
from wellread.types import Document

METHODS = ("program", "chain", "text")


@dataclass(frozen=True, slots=True)
class TableQuestion:
    """A question with its table as CSV, what the answer has to be, and the reference in full where it is a sentence."""

    question: str
    table: str
    wanted: tuple[str, ...]
    sentence: str = ""


def main() -> None:
    """Prints figures of one set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=("wikitablequestions", "fetaqa", "wikisql_1k"))
    parser.add_argument("--rows", type=int, default=20, help="questions")
    parser.add_argument("--most", type=int, default=12, help="rows of a table")
    parser.add_argument("--model", default="", help="kind:name; without it answers are quoted")
    parser.add_argument("--counts", default="3,0,2", help="statements, chains, readings")
    parser.add_argument("--seconds", type=float, default=170.0, help="after which no further question is asked")
    parser.add_argument("--test", action="store_true", help="the test half")
    parser.add_argument("--show", action="store_true", help="each question with its attempts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, KnowledgeBase.create(Path(folder) / "base") as base:
        opened = base.configured([f"chat.model={given.model}"] if given.model else [])
        started = time.perf_counter()
        if given.set == "wikisql_1k":
            _statements(opened.chat if given.model else None, given)
        elif given.model:
            assert opened.chat is not None
            _by_model(opened.chat, given)
        else:
            _quoted(Path(folder), given)
        print(f"{time.perf_counter() - started:.0f} s by the clock")


def questions(given: argparse.Namespace) -> list[TableQuestion]:
    """The questions of a set over tables that are small enough, in an order by hash."""
    half = "test" if given.test else "dev"
    if given.set == "wikitablequestions":
        tables = {row["table"]: row for row in rows_in(data(given.set) / "tables.jsonl")}
        found = [
            TableQuestion(row["question"], _csv([table["header"], *table["rows"]]), tuple(row["answers"]))
            for row in rows_in(data(given.set) / f"qa_{half}.jsonl")
            if (table := tables.get(row["table"])) is not None and len(table["rows"]) <= given.most
        ]
    else:
        found = []
        for row in rows_in(data(given.set) / f"{half}.jsonl"):
            cells = {cell for line in row["table_array"][1:] for cell in line}
            named = tuple(
                sorted(
                    cell for cell in cells if letters(cell) and f" {letters(cell)} " in f" {letters(row['answer'])} "
                )
            )
            if named and len(row["table_array"]) <= given.most + 1:
                found.append(TableQuestion(row["question"], _csv(row["table_array"]), named, row["answer"]))
    return sorted(found, key=lambda one: hashlib.sha256(one.question.encode()).digest())[: given.rows]


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[" ".join(cell.split()) for cell in row] for row in rows])
    return text.getvalue()


def _quoted(folder: Path, given: argparse.Namespace) -> None:
    """One base for each table, asked as it comes."""
    right, named, answered = [], [], 0
    for n, one in enumerate(questions(given)):
        with KnowledgeBase.create(folder / str(n)) as base:
            (folder / f"{n}.csv").write_text(one.table, "utf-8")
            base.add(str(folder / f"{n}.csv"))
            answer = base.ask(one.question)
        held = [] if answer.refused else [f" {letters(value)} " in f" {letters(answer.text)} " for value in one.wanted]
        answered += not answer.refused
        right.append(bool(held) and all(held))
        named.append(sum(held) / len(one.wanted))
        if given.show:
            print(f"{'+' if right[-1] else '-'} {one.question} | {one.wanted} | {answer.text[:120]!r}")
    print(f"quoted, no model: answered {answered}, holds the reference {interval(right)}, of its cells {_mean(named)}")


def _mean(shares: Sequence[float]) -> str:
    return f"{100 * sum(shares) / max(1, len(shares)):.0f} %"


def _by_model(chat: Chat, given: argparse.Namespace) -> None:
    """Attempts once for each question; every count and the vote is taken from them."""
    programs, chains, texts = map(int, given.counts.split(","))
    settings = AnswerSettings(table_programs=programs, table_chains=chains, table_texts=texts)
    made: list[tuple[TableQuestion, list[Attempt]]] = []
    until = time.perf_counter() + given.seconds
    for one in questions(given):
        if time.perf_counter() > until:
            break
        table = _stored(one.table)
        attempts = [attempt for attempt, _ in run.attempted(one.question, table, 0, chat, settings)]
        made.append((one, attempts))
        if given.show:
            print(one.question, one.wanted, *(f"\n    {a.method} {a.steps} = {_said(a) or a.fault}" for a in attempts))
    for method in METHODS:
        firsts = [(one, next((a for a in every if a.method == method), None)) for one, every in made]
        _line(f"first {method}", [(one, attempt) for one, attempt in firsts if attempt is not None])
    voted = [(one, found.attempt if (found := ballot.elected(every)) else Attempt("text", 0)) for one, every in made]
    _line(f"vote of {given.counts}", voted)


def _line(name: str, answered: Sequence[tuple[TableQuestion, Attempt]]) -> None:
    if not answered:
        return
    right = [_is_right(one, attempt) for one, attempt in answered]
    named = [_named(one, attempt) for one, attempt in answered]
    n = sum(bool(attempt.values) for _, attempt in answered)
    linked = sum(attempt.linked for _, attempt in answered)
    print(f"{name}: gave values {n}, all with cells {linked}, right {interval(right)}, of its cells {_mean(named)}")


def _is_right(one: TableQuestion, attempt: Attempt) -> bool:
    wanted = tuple(LinkedValue(value, None, ()) for value in one.wanted)
    return bool(attempt.values) and ballot.key(attempt.values) == ballot.key(wanted)


def _named(one: TableQuestion, attempt: Attempt) -> float:
    said = f" {letters(_said(attempt))} "
    return sum(f" {letters(value)} " in said for value in one.wanted) / len(one.wanted)


def _said(attempt: Attempt) -> str:
    return " | ".join(value.text for value in attempt.values)


def _stored(text: str) -> StoredTable:
    from wellread.documents.parsers import csv as csv_parser

    parsed = csv_parser.parse(text.encode(), "table.csv")
    document = Document("t", "table.csv", 1, "", "text/csv", parsed.text, "", tables=parsed.tables)
    return max(stored.of_document(document), key=lambda table: len(table.rows))


def _statements(chat: Chat | None, given: argparse.Namespace) -> None:
    """How many statements of people are read, and with a model how many of its own say the same."""
    path = data(given.set) / ("test.jsonl" if given.test else "valid.jsonl")
    readable, right = [], []
    for question, table, wanted in _asked(rows_in(path)[: given.rows]):
        reference = _read(table, wanted)
        readable.append(reference is not None)
        if chat is not None and reference is not None:
            made, _ = program.asked(question, table, 0, chat, Sampling())
            right.append(_read(table, made.steps[0]) == reference)
            if given.show:
                print(f"{'+' if right[-1] else '-'} {question} | {wanted} | {made.steps[0]}")
    print(f"statements of people that are read: {interval(readable)}")
    if right:
        print(f"statements of {chat.name if chat else ''} that say the same: {interval(right)}")


def _asked(rows: Sequence[dict[str, str]]) -> Iterator[tuple[str, StoredTable, str]]:
    """Question, table without rows, and the reference with the columns as a statement calls them."""
    for row in rows:
        head, columns, question, wanted = row["text"].split("\n", 3)
        names = columns.removeprefix("columns: ").split(", ")
        about = tuple(TableColumn(name, "number") for name in names)  # kinds are not told: any may be summed
        document = Document("t", "table.csv", 1, "", "text/csv", "", "")
        table = StoredTable(document, 1, "", about, (), frozenset(), 1.0)
        said = wanted.removeprefix("A: ").replace(f" FROM {head.removeprefix('table: ')}", " FROM t")
        for name, called in sorted(zip(names, statement.identifiers(table), strict=True), key=lambda p: -len(p[0])):
            said = re.sub(rf"(?<!['\w]){re.escape(name)}(?=[ )])(?! *')", called, said)
        said = re.sub(r"\b(COUNT|SUM|AVG|MIN|MAX) (\w+)", r"\1(\2)", said)
        yield question.removeprefix("Q: "), table, said


def _read(table: StoredTable, said: str) -> object:
    try:
        found = statement.parsed(table, said)
    except UsageError:
        return None
    where = {(one.column, one.operation, one.value.casefold()) for choice in found.where for one in choice}
    return found.items, frozenset(where)


if __name__ == "__main__":
    main()
