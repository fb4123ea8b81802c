"""Chain-of-table: a table is changed step by step until the answer can be read off it.

Source: Wang et al., ICLR 2024 («Chain-of-Table», arXiv 2401.04398), section 3: the five operations, each at most once,
and which may follow which. Operation and arguments are planned in one reply, because the grammar holds both. Each step
is checked before it is taken, and cells keep their places in the document through all of them; nothing that a model
wrote becomes a value unless it stands in a cell of that row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wellread import prompts
from wellread.answer.tables import ballot, written
from wellread.answer.tables.ballot import Attempt
from wellread.errors import UsageError
from wellread.index.tables import query
from wellread.index.tables.statement import LinkedValue, identifiers
from wellread.index.tables.stored import StoredTable
from wellread.models.api import Chat, Message, Reply, Sampling
from wellread.types import Usage

OPERATIONS = ("add_column", "select_row", "select_column", "group_by", "sort_by")
STEP_TOKENS, ANSWER_TOKENS = 160, 64
MOST_ADDED = 12  # rows of a table that may be given a further column: the model writes a value for each
REPEATED = 0.8  # most different values among those of a column that is grouped; arXiv 2401.04398, released code
VALUES = 'root ::= value (" | " value){0,7} "\\n"?\nvalue ::= [^|\\n]{1,80}'  # in GBNF
_FOLLOW: dict[str, tuple[str, ...]] = {
    "": OPERATIONS,
    "add_column": ("select_row", "select_column", "group_by", "sort_by", "end"),
    "select_row": ("select_column", "group_by", "sort_by", "end"),
    "select_column": ("group_by", "sort_by", "end"),
    "group_by": ("sort_by", "end"),
    "sort_by": ("end",),
}
_STEP = re.compile(r"\s*(?P<name>[a-z_]+)\s*\((?P<arguments>[^\n]*)\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ChainStep:
    """One operation with its arguments, as it was taken."""

    operation: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.operation}({', '.join(self.arguments)})"


@dataclass(frozen=True, slots=True)
class Working:
    """A table on its way: columns by the names that a step calls them, whether numbers, and rows of linked values."""

    columns: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: tuple[tuple[LinkedValue, ...], ...]


def started(table: StoredTable) -> Working:
    """The table before the first step, without rows that sum others up."""
    kept = [row for place, row in enumerate(table.rows) if place not in table.totals]
    rows = tuple(
        tuple(LinkedValue(c.text, query.number(c), (c,), c.unit) if c else LinkedValue("", None, ()) for c in row)
        for row in kept
    )
    return Working(identifiers(table), tuple(one.kind == "number" for one in table.columns), rows)


def allowed(before: Sequence[ChainStep], working: Working) -> tuple[str, ...]:
    """The operations that may come next, and ``end``."""
    follow = _FOLLOW[before[-1].operation if before else ""]
    small, repeated = len(working.rows) <= MOST_ADDED, any(_repeats(working, n) for n in range(len(working.columns)))
    fits = {"add_column": small, "group_by": repeated, "select_row": len(working.rows) > 1}
    return tuple(name for name in follow if fits.get(name, True))


def _repeats(working: Working, col: int) -> bool:
    filled = [query.folded(row[col].text) for row in working.rows if row[col].text]
    return bool(filled) and len(set(filled)) <= REPEATED * len(filled)


def grammar(names: Sequence[str], working: Working, shown: int) -> str:
    """What may be written as the next step, in GBNF: operations that are allowed, columns and rows that there are."""
    n = min(len(working.rows), shown)
    forms = {
        "add_column": '"add_column(" [a-z_]{2,20} ": " value (" | " value){' + f"{n - 1},{n - 1}" + '} ")"',
        "select_row": '"select_row(" row (", " row)* ")"',
        "select_column": '"select_column(" col (", " col)* ")"',
        "group_by": '"group_by(" col ")"',
        "sort_by": '"sort_by(" col ", " ("ascending" | "descending") ")"',
        "end": '"end()"',
    }
    rules = [f'root ::= ({" | ".join(forms[name] for name in names)}) "\\n"?']
    if "add_column" in names:
        rules.append(r"value ::= [^|\n()]{1,40}")
    if "select_row" in names:
        rules.append("row ::= " + " | ".join(f'"row {one}"' for one in range(1, n + 1)))
    if {"select_column", "group_by", "sort_by"} & set(names):
        rules.append("col ::= " + " | ".join(f'"{name}"' for name in working.columns))
    return "\n".join(rules)


def parsed(text: str) -> ChainStep:
    """The first step that a reply says. Raises: UsageError where it says none."""
    match = _STEP.search(text)
    if match is None:
        raise UsageError(f"'{text.strip()[:60]}': is no step; write OPERATION(ARGUMENTS)")
    name = match["name"].lower()
    if name == "add_column":
        head, _, values = match["arguments"].partition(":")
        return ChainStep(name, (head.strip(), *(value.strip() for value in values.split("|"))))
    return ChainStep(name, tuple(part.strip(" '\"") for part in match["arguments"].split(",") if part.strip()))


def taken(step: ChainStep, working: Working) -> Working:
    """The table after a step. Raises: UsageError where an argument is none of the table's, with what was wrong."""
    if step.operation == "add_column":
        return _added(step, working)
    if step.operation == "select_row":
        return replace(working, rows=tuple(working.rows[n] for n in _numbers(step, working)))
    columns = [_column(working, name) for name in step.arguments if name not in ("ascending", "descending")]
    if not columns:
        raise UsageError(f"{step}: names no column")
    if step.operation == "select_column":
        columns = sorted(set(columns))
        return Working(
            tuple(working.columns[n] for n in columns),
            tuple(working.numbers[n] for n in columns),
            tuple(tuple(row[n] for n in columns) for row in working.rows),
        )
    if step.operation == "group_by":
        return _grouped(columns[0], working)
    if step.operation == "sort_by":
        return _sorted(columns[0], "descending" in step.arguments, working)
    raise UsageError(f"{step.operation}: is none of {', '.join(OPERATIONS)}, end")


def _column(working: Working, name: str) -> int:
    if name not in working.columns:
        raise UsageError(f"no column '{name}'; there are {', '.join(working.columns)}")
    return working.columns.index(name)


def _numbers(step: ChainStep, working: Working) -> list[int]:
    found = sorted({int(part.removeprefix("row ")) - 1 for part in step.arguments if part[4:].isdecimal()})
    if not found or len(found) < len(set(step.arguments)) or not 0 <= found[0] <= found[-1] < len(working.rows):
        raise UsageError(f"{step}: rows are row 1 to row {len(working.rows)}")
    return found


def _added(step: ChainStep, working: Working) -> Working:
    """A column whose every value is a part of a cell in its row, which it is linked to."""
    name, *values = step.arguments
    if len(values) != len(working.rows) or not name or name in working.columns:
        raise UsageError(f"{step}: a new name and one value for each of {len(working.rows)} rows")
    made = []
    for value, row in zip(values, working.rows, strict=True):
        source = next((one for one in row if value and query.folded(value) in query.folded(one.text)), None)
        if source is None:
            raise UsageError(f"add_column({name}): '{value}' stands in no cell of its row")
        made.append((*row, LinkedValue(value, _number(value), source.cells)))
    numbers = all(row[-1].number is not None for row in made)
    return Working((*working.columns, name), (*working.numbers, numbers), tuple(made))


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _grouped(col: int, working: Working) -> Working:
    """Each value of a column with how often it occurs; the count follows from the cells that say it."""
    groups: dict[str, list[LinkedValue]] = {}
    for row in working.rows:
        if row[col].text:
            groups.setdefault(query.folded(row[col].text), []).append(row[col])
    ranked = sorted(groups.values(), key=len, reverse=True)
    rows = []
    for held in ranked:
        cells = tuple(cell for value in held for cell in value.cells)
        count = LinkedValue(str(len(held)), float(len(held)), cells, "", f"{len(held)} rows")
        rows.append((replace(held[0], cells=cells), count))
    return Working((working.columns[col], "count"), (working.numbers[col], True), tuple(rows))


def _sorted(col: int, descending: bool, working: Working) -> Working:
    """Rows by a column, numbers by value; rows without one come last."""
    filled = [
        row for row in working.rows if row[col].text and (row[col].number is not None or not working.numbers[col])
    ]
    rest = [row for row in working.rows if row not in filled]
    if working.numbers[col]:
        filled.sort(key=lambda row: row[col].number or 0.0, reverse=descending)
    else:
        filled.sort(key=lambda row: query.folded(row[col].text), reverse=descending)
    return replace(working, rows=(*filled, *rest))


def asked(question: str, table: StoredTable, number: int, chat: Chat, sampling: Sampling) -> tuple[Attempt, Usage]:
    """What a chain comes to: its steps, then values that are cells of the last table, or a count of its rows.

    A step that cannot be taken ends the chain there, and the answer is read off the table as it is; the fault stands
    among the steps. Raises: ModelError, ModelUnavailable.
    """
    working, steps, told, used = started(table), list[ChainStep](), list[str](), Usage()
    while len(steps) < len(OPERATIONS):
        names = allowed(steps, working)
        step, reply = _planned(question, working, steps, names, chat, sampling)
        used += reply.usage
        if isinstance(step, str):
            told.append(f"not taken: {step}")
            break
        if step.operation == "end":
            break
        try:
            working = taken(step, working)
        except UsageError as error:
            told.append(f"not taken: {error}")
            break
        steps.append(step)
        told.append(f"{step} → {len(working.rows)} rows of {len(working.columns)} columns")
    values, reply = read_off(question, table.caption, working, chat, sampling)
    how = f"read off the table after {' → '.join(map(str, steps)) or 'no step'}"
    fault = "" if values else "nothing was read"
    return Attempt("chain", number, values, how=how, fault=fault, steps=tuple(told)), used + reply.usage


def read(question: str, table: StoredTable, number: int, chat: Chat, sampling: Sampling) -> tuple[Attempt, Usage]:
    """What the model reads from the table as it is: a chain without steps, the textual answer of a vote."""
    values, reply = read_off(question, table.caption, started(table), chat, sampling)
    fault = "" if values else "nothing was read"
    said = (" ".join(reply.text.split()),)
    return Attempt("text", number, values, how="read from the table", fault=fault, steps=said), reply.usage


def read_off(
    question: str, caption: str, working: Working, chat: Chat, sampling: Sampling
) -> tuple[tuple[LinkedValue, ...], Reply]:
    """The values that a model reads off a table, each with a cell that says it where one does."""
    shown = written.fitted(chat, ANSWER_TOKENS, lambda most: _written(caption, working, most))[0]
    chosen = replace(sampling, max_tokens=ANSWER_TOKENS, grammar=VALUES)
    reply = chat.reply(_messages("table-text", f"{shown}\n\nQuestion: {question}"), chosen)
    parts = [part.strip(" .\"'`*") for part in reply.text.strip().partition("\n")[0].split("|")]
    return tuple(_linked(part, working) for part in dict.fromkeys(parts) if part), reply


def _linked(text: str, working: Working) -> LinkedValue:
    """A value with the first cell that says it, or with the rows where it counts them; else without cells."""
    found = ballot.linked(text, (value for row in working.rows for value in row))
    if found.cells or text != str(len(working.rows)):
        return found
    cells = tuple(value.cells[0] for row in working.rows for value in row[:1] if value.cells)
    return LinkedValue(text, float(text), cells, "", f"{text} rows")


def _planned(
    question: str, working: Working, steps: Sequence[ChainStep], names: Sequence[str], chat: Chat, sampling: Sampling
) -> tuple[ChainStep | str, Reply]:
    """The next step, or what is wrong with what the model wrote."""
    shown, n = written.fitted(chat, STEP_TOKENS, lambda most: _written("", working, most))
    done = " → ".join(map(str, steps)) or "none"
    user = f"{shown}\n\nQuestion: {question}\nSteps so far: {done}\nThe next is one of: {', '.join(names)}"
    held = replace(sampling, max_tokens=STEP_TOKENS, grammar=grammar(names, working, n))
    reply = chat.reply(_messages("chain", user), held)
    try:
        step = parsed(reply.text)
    except UsageError as error:
        return str(error), reply
    if step.operation not in names:
        return f"{step.operation}: may not come here; {', '.join(names)} may", reply
    return step, reply


def _written(caption: str, working: Working, most: int) -> str:
    texts = [[value.text for value in row] for row in working.rows]
    return f"{written.shown(caption)}\n{written.rows(working.columns, texts, most)}".strip()


def _messages(prompt: str, user: str) -> list[Message]:
    return [Message("system", prompts.load("answer", prompt)), Message("user", user)]
