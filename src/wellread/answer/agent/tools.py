"""What an agent can do: search, open, query a table, calculate. Every observation is data with a number to cite.

A tool reads what the asker may read and changes nothing. ``POLICY`` says of each what it touches; one without a row
there is not run, and one that acts outside is not run where passages lie on the desk. Orders to a model that stand in
a document are left out of what a tool gives.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wellread.answer import guard
from wellread.errors import UsageError
from wellread.index.tables import query as queries
from wellread.index.tables.query import AGGREGATES, TableQuery
from wellread.index.tables.stored import StoredTable, of_document
from wellread.retrieve.parts import SearchResult
from wellread.types import Cell, Hit

SHOWN = 5  # passages of a search
TABLES_OF = 4  # documents whose tables are listed
MOST_ROWS = 12


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """What a tool touches; of private data, untrusted text and acting outside no run may have all three."""

    reads_private: bool
    sees_untrusted: bool
    acts_outside: bool


POLICY: Mapping[str, ToolPolicy] = {
    "search": ToolPolicy(True, True, False),
    "open": ToolPolicy(True, True, False),
    "table": ToolPolicy(True, True, False),
    "calculate": ToolPolicy(False, False, False),
    "finish": ToolPolicy(False, False, False),
}


@dataclass(slots=True)
class Desk:
    """What an agent has before it: passages by number, as they were found. One run has its own."""

    search: Callable[[str], SearchResult]
    passages: int = SHOWN
    hits: list[Hit] = field(default_factory=list)
    computed: list[float] = field(default_factory=list)

    def take(self, result: SearchResult) -> str:
        """The first passages of a search with their numbers; a passage that lies there keeps its number."""
        lines = []
        for hit in result.hits[: self.passages]:
            number = next((n for n, held in enumerate(self.hits) if held.chunk.id == hit.chunk.id), len(self.hits))
            if number == len(self.hits):
                self.hits.append(hit)
            named = (hit.document.title, *hit.chunk.heading_path)
            path = " › ".join(filter(None, map(guard.without_orders, named)))
            lines.append(f"[{number + 1}] {path}: {' '.join(guard.without_orders(hit.chunk.text).split())}")
        return "\n".join(lines) or "Nothing was found. Try other words."

    def hit(self, number: str) -> Hit:
        """The passage of a number. Raises: UsageError, with what there is."""
        if not number.strip("[] ").isdecimal() or not 1 <= int(number.strip("[] ")) <= len(self.hits):
            raise UsageError(f"there is no passage {number.strip()}; there are 1 to {len(self.hits)}")
        return self.hits[int(number.strip("[] ")) - 1]


def run(name: str, argument: str, desk: Desk) -> str:
    """What a tool gives; a mistake in the call is an observation that says how to call it.

    Raises: StoreError, ModelError where the search itself fails.
    """
    if name not in POLICY or name not in TOOLS:
        return f"There is no tool '{name}'. There are: {', '.join(TOOLS)}, finish."
    if POLICY[name].acts_outside and desk.hits:
        return f"'{name}' acts outside and is not run: passages of documents were read, and one may have asked for it."
    try:
        return guard.without_orders(TOOLS[name](argument, desk))
    except UsageError as error:
        return f"That did not work: {error}"


def search(argument: str, desk: Desk) -> str:
    """Passages for a question or some words."""
    if not argument.strip():
        raise UsageError("say what to search for: search[words]")
    return desk.take(desk.search(argument))


def opened(argument: str, desk: Desk) -> str:
    """The section that a passage stands in, as its document has it."""
    hit = desk.hit(argument)
    text = hit.document.text
    if not text:
        return hit.chunk.text
    start = max(
        (b.span.start for b in hit.document.blocks if _begins(b.kind, b.span.start, hit)), default=hit.chunk.span.start
    )
    ends = [b.span.start for b in hit.document.blocks if b.kind == "heading" and b.span.start >= hit.chunk.span.end]
    return text[start : min(ends, default=len(text))].strip()


def _begins(kind: str, at: int, hit: Hit) -> bool:
    return kind == "heading" and at <= hit.chunk.span.start


def table(argument: str, desk: Desk) -> str:
    """The tables of a passage's document, or rows and figures of one: «2», «2#1; where price > 40; sum:price»."""
    parts = [part.strip() for part in argument.split(";") if part.strip()]
    if not parts:
        raise UsageError("say of which passage: table[NUMBER] lists its tables")
    number, _, which = parts[0].partition("#")
    tables = of_document(desk.hit(number).document)
    if not tables:
        return "That document has no table."
    if not which and len(parts) == 1:
        return "\n".join(f"#{one.number}: {', '.join(column.name for column in one.columns)}" for one in tables)
    chosen = [one for one in tables if str(one.number) == (which or "1")]
    if not chosen:
        raise UsageError(f"there is no table #{which}; there are {', '.join(f'#{one.number}' for one in tables)}")
    return _queried(chosen[0], parts[1:], desk)


def _queried(table: StoredTable, parts: list[str], desk: Desk) -> str:
    where, aggregate, of = [], None, ""
    for part in parts:
        name, _, column = part.partition(":")
        if name.strip() in AGGREGATES:
            aggregate, of = name.strip(), column.strip()
        else:
            where.append(queries.condition(part.removeprefix("where ").strip()))
    found = queries.run(table, TableQuery(tuple(where), aggregate=aggregate, of=of))  # type: ignore[arg-type]  # of AGGREGATES
    if found.value is not None:
        desk.computed.append(float(found.value))
        return f"{found.value:,.10g} {found.unit}".strip() + f" = {found.formula}"
    lines = [" | ".join(found.columns), *(" | ".join(map(_text, row)) for row in found.rows[:MOST_ROWS])]
    more = len(found.rows) - MOST_ROWS
    return "\n".join(lines) + (f"\n… {more} more rows" if more > 0 else "")


def _text(cell: Cell | None) -> str:
    return cell.text if cell is not None else ""


_OPERATORS: Mapping[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def calculate(argument: str, desk: Desk) -> str:
    """A sum in numbers, + - * / and brackets."""
    try:
        value = _value(ast.parse(argument.replace("×", "*").replace("÷", "/").replace(",", ""), mode="eval").body)
    except (SyntaxError, ZeroDivisionError, OverflowError, RecursionError, MemoryError) as error:
        raise UsageError(f"'{argument}' is no sum of numbers ({error})") from error
    desk.computed.append(value)
    return f"{value:,.10g}"


def _value(node: ast.AST) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.operand))
    raise UsageError("calculate takes numbers, + - * / and brackets alone")


TOOLS: Mapping[str, Callable[[str, Desk], str]] = {
    "search": search,
    "open": opened,
    "table": table,
    "calculate": calculate,
}
