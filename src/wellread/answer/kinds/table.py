"""Questions that a table answers: the row that holds all that is named, or the rows of one table with what is asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from wellread.answer import gate
from wellread.answer.elements import NEGATION, held_by, pairs_of
from wellread.answer.kinds import figure
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.telling import ASKING, limits, measured, near, stands, telling
from wellread.retrieve import quantities
from wellread.retrieve.understand import asked
from wellread.retrieve.units import Quotable, words

LOOKED_AT = 10  # best pieces among which the rows of a table are counted
FEWEST_ROWS, MOST_ROWS = 3, 12
MOST_UNHELD = 1  # telling words of a question that rows shown whole need not hold: a verb
MEANT, APART = 0.45, 0.1  # cosine of a column's name, and what it must be before the next one's; docs/log.md
LEAST_WORDS = 2  # telling words of a question that a single row has to hold, all of them

_LIST = re.compile(
    r"\b(?:which|what) (?!is\b|was\b|does\b|has\b|this\b)\w+s\b|\bwhat do they\b|\b(?:list|all|each|every|compare)\b",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\W_][\w'’-]*")
_PART = re.compile(r" (?:of|that|which|who|where|whose) ")  # what is asked stands before it
_GENERAL = re.compile(r"\b(?:number|amount|name|size|total|value|kind|type) of (?:the )?", re.IGNORECASE)
_UNITS = {
    "m": "metres",
    "km": "kilometres",
    "kg": "kilograms",
    "t": "tonnes",
    "h": "hours",
    "min": "minutes",
    "cm": "centimetres",
}
_UNITS |= {"l": "litres", "kw": "kilowatts", "kwh": "kilowatt hours", "m2": "square metres", "ha": "hectares"}
_SELECTS = re.compile(r"\W*which\b", re.IGNORECASE)


def lookup(case: QuestionCase) -> Made | None:
    """The one row that holds every telling word of the question in its cells, column names and headings."""
    about = telling(case.question)
    if len(about) < LEAST_WORDS or _LIST.search(case.question) or not len(case.scored):
        return None
    kind = asked.wanted(case.question)
    if _is_told(case, about):
        return None
    rows = [u for u in case.scored.units if len(pairs_of(u)) > 1 and asked.holds(u.reading, kind, case.question)]
    fitting = [u for u in rows if all(stands(word, held_by(u).words) for word in about)]
    fitting = [u for u in fitting if _measures(u, case.question)]
    if not fitting:
        return None
    own = {unit: sum(stands(word, held_by(unit).own) for word in about) for unit in fitting}
    best = max(fitting, key=lambda unit: own[unit])
    if not own[best] or sum(own[u] == own[best] and u.context == best.context for u in fitting) > 1:
        return None
    return Made("table lookup", (CitedClaim(best.reading, (best,)),), how="the row that holds all that is named")


def _measures(row: Quotable, question: str) -> bool:
    pairs = pairs_of(row)
    heads = " ".join(name.replace("_", " ") for name, _ in pairs)
    return measured(question, heads, " ".join(value for _, value in pairs))


def _is_told(case: QuestionCase, about: frozenset[str]) -> bool:
    """Whether a sentence comes before every row and holds all that is named."""
    first = case.scored.units[0]
    sentence = len(pairs_of(first)) == 1 and " | " not in first.text
    return case.enough and sentence and all(stands(word, held_by(first).words) for word in about)


def unnamed(case: QuestionCase) -> Made | None:
    """The one row, of tables whose columns have no names, that holds all that the question names.

    What no piece at hand holds («boats», «came») may be what its column is called; names and numbers have to stand in
    the row or over it, one of them in the row itself.
    """
    about = telling(case.question)
    named = {word for name in gate.names(case.question) for word in words(name)}
    rows = [u for u in case.scored.units if " | " in u.text and len(pairs_of(u)) == 1]
    if not named or not rows or _LIST.search(case.question):
        return None
    said = frozenset[str]().union(*(held_by(u).words for u in case.scored.units))
    wanted = (about & said) | named
    fitting = [u for u in rows if wanted <= held_by(u).words and named & held_by(u).own]
    if len(fitting) != 1 or len(wanted) < LEAST_WORDS:
        return None
    return Made("table lookup", (CitedClaim(fitting[0].reading, (fitting[0],)),), how="the row that holds all names")


def meant(case: QuestionCase) -> Made | None:
    """The one row that holds every name of the question, where one column means what is asked: people are inhabitants.

    The cosine of the question without its names and of each other column's name decides; see docs/log.md for the two
    limits, which were set on questions to tables that are not ours.
    """
    named = frozenset(word for name in gate.names(case.question) for word in words(name)) & telling(case.question)
    if _LIST.search(case.question) or figure.computes(case.question):
        return None
    if not len(case.scored) or _is_told(case, telling(case.question)):
        return None
    rows = [u for u in case.scored.units if len(pairs_of(u)) > 1 and _measures(u, case.question)]
    keyed = [(u, named if named else _key(u, case.question)) for u in rows if named <= _cells(u, case.question)]
    most = max((len(key) for _, key in keyed), default=0)
    fitting = [(u, *_column_meant(case, u, key)) for u, key in keyed if key and len(key) == most]
    fitting = [one for one in fitting if one[1]]
    if len(fitting) != 1:
        return None
    [(row, column, value)] = fitting
    if not asked.holds(value, asked.wanted(case.question), case.question):
        return None
    held = held_by(row).words | _cells(row, case.question)
    lost = [word for word in limits(case.question) if not stands(word, held)]
    if lost and not near(lost, row.reading, case.scorer):
        return None
    how = f"the row that holds all names; «{column.replace('_', ' ')}» is nearest to what is asked"
    return Made("table lookup", (CitedClaim(row.reading, (row,)),), how=how)


def _cells(row: Quotable, question: str) -> frozenset[str]:
    """Words of a row's cells, with those of the question that say a date of them, and its title's names asked for."""
    cells = " ".join(value for _, value in pairs_of(row))
    folded = quantities.fold(question)
    said = [q for q in quantities.quantities(question) if q.days and any(_iso(day) in cells for day in q.days)]
    dates = frozenset(word for q in said for word in words(folded[q.span.start : q.span.end]))
    return held_by(row).own | dates | (frozenset(words(row.context)) & frozenset(words(" ".join(gate.names(question)))))


def _key(row: Quotable, question: str) -> frozenset[str]:
    """The words of the row's cells that stand in the question whole, where it names the row in small letters."""
    about = telling(question)
    texts = (frozenset(words(value)) for _, value in pairs_of(row) if not re.search(r"\d", value))
    return frozenset[str]().union(*(text for text in texts if text and text <= about))


def _iso(day: quantities.Day) -> str:
    """«2025-07» for July 2025, as tables write it; a date without a year is in none."""
    year, month, date = day
    return f"{year}-{month:02d}" + (f"-{date:02d}" if date else "") if year and month else "\0"


def _column_meant(case: QuestionCase, row: Quotable, named: frozenset[str]) -> tuple[str, str]:
    """The column that means what is asked of a row, with its cell; none where no name stands in the row itself."""
    pairs = [(name, value) for name, value in pairs_of(row) if value.strip()]
    free = [(name, value) for name, value in pairs if name and not frozenset(words(value)) & named]
    if len(free) == len(pairs) or not free:
        return "", ""
    years = frozenset(re.findall(r"\b(?:19|20)\d\d\b", case.question))
    free = [(name, value) for name, value in free if years & frozenset(re.findall(r"\d+", name))] or free
    head = _PART.split(_GENERAL.sub("", case.question), maxsplit=1)[0]
    titles = [name.replace("_", " ") for name, value in pairs if (name, value) not in free]
    keys = named | frozenset(words(" ".join(titles)))
    rest = " ".join(word for word in _WORDS.findall(head) if not set(words(word)) & keys)
    vectors = case.scorer.embed([rest, *(_spoken(name) for name, _ in free)])
    near_by = sorted(zip((vectors[1:] @ vectors[0]).tolist(), free, strict=True), reverse=True)
    first, second = near_by[0][0], near_by[1][0] if len(near_by) > 1 else 0.0
    return near_by[0][1] if first >= MEANT and first - second >= APART else ("", "")


def _spoken(column: str) -> str:
    """A column's name with its unit as people say it: «length_m» is «length metres»."""
    head, _, unit = column.replace("_", " ").rpartition(" ")
    return (
        f"{head} {_UNITS[unit.strip('()').lower()]}"
        if head and unit.strip("()").lower() in _UNITS
        else f"{head} {unit}"
    )


def lists(question: str) -> bool:
    """Whether several things are asked for: «which tests», «all lines»."""
    return _LIST.search(question) is not None


def rows(case: QuestionCase) -> Made | None:
    """The rows of the table that most of the best pieces are from, in the columns that the question is about."""
    if not _LIST.search(case.question) or not case.enough:
        return None
    table = _table(case.scored.units)
    if not table:
        return None
    about = frozenset(words(case.question)) - ASKING
    named = [pairs_of(unit) for unit in table]
    heads = [name for name, _ in named[0]]
    wanted = [n for n, head in enumerate(heads) if about & frozenset(words(head))]
    valued = [n for n in wanted if any(re.match(r"\W*\d", row[n][1]) for row in named if n < len(row))]
    if not valued and unheld(case.question, table) > MOST_UNHELD:
        return None
    if not valued and _SELECTS.match(case.question) and _unnamed_by_heads(case.question, table):
        return None
    held = frozenset[str]().union(*(held_by(unit).words for unit in table))
    lost = [word for word in limits(case.question) if not stands(word, held)]
    if lost and not near(lost, " ".join(unit.reading for unit in table), case.scorer):
        return None
    if not valued or any([name for name, _ in row] != heads for row in named):
        return Made("rows", tuple(CitedClaim(unit.reading, (unit,)) for unit in table))
    closest = max(len(about & frozenset(words(heads[n]))) / len(words(heads[n])) for n in valued)
    valued = [n for n in valued if len(about & frozenset(words(heads[n]))) / len(words(heads[n])) == closest]
    labels = [n for n in range(len(heads)) if n not in valued and n < min(valued)][:2]
    denied = _SELECTS.match(case.question) is not None
    left = [n for n, row in enumerate(named) if denied and all(NEGATION.search(row[col][1]) for col in valued)]
    kept = [n for n in range(len(named)) if n not in left]
    shown = [*labels, *valued]
    lines = [" | ".join(heads[n] for n in shown), *(" | ".join(named[n][col][1] for col in shown) for n in kept)]
    claims = [CitedClaim("\n".join(lines), tuple(table[n] for n in kept))]
    if left:
        told = ", ".join(" ".join(named[n][col][1] for col in labels or shown) for n in left)
        said = dict.fromkeys(named[n][col][1] for n in left for col in valued)
        claims.append(CitedClaim(f"Not among them: {told} ({', '.join(said)}).", tuple(table[n] for n in left)))
    return Made("table", tuple(claims), how=f"columns {', '.join(heads[n] for n in shown)}") if kept else None


def _unnamed_by_heads(question: str, rows: Sequence[Quotable]) -> bool:
    """Whether rows would have to be chosen by something that the columns are not called."""
    heads = frozenset(
        words(" ".join(f"{unit.context} {' '.join(name for name, _ in pairs_of(unit))}" for unit in rows))
    )
    return any(not stands(word, heads) for word in telling(question))


def unheld(question: str, units: Sequence[Quotable]) -> int:
    """How many telling words of a question none of the pieces holds."""
    held = frozenset[str]().union(*(held_by(unit).words for unit in units))
    return sum(not stands(word, held) for word in telling(question))


def _table(units: Sequence[Quotable]) -> list[Quotable]:
    """The rows of one table in their order; none where no table stands out among the best pieces."""
    best = [unit for unit in units[:LOOKED_AT] if len(pairs_of(unit)) > 1]
    if not best:
        return []
    place, n = Counter((unit.hit, _heads(unit)) for unit in best).most_common(1)[0]
    if n < FEWEST_ROWS:
        return []
    return sorted((u for u in units if (u.hit, _heads(u)) == place), key=lambda unit: unit.span)[:MOST_ROWS]


def _heads(unit: Quotable) -> tuple[str, ...]:
    return tuple(name for name, _ in pairs_of(unit))
