"""What one attempt at a table came to, and the vote among attempts.

Source: Liu et al., NAACL 2024 («Rethinking tabular data understanding with large language models»), section 5, mix
self-consistency. Votes are counted over values as they compare (numbers, folded texts), not over strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from wellread.index.tables.statement import LinkedValue

Method = Literal["program", "chain", "text"]
ALONE = 0.5  # confidence of a single attempt: nothing agreed with it


@dataclass(frozen=True, slots=True)
class Attempt:
    """An answer to a question by one method: values with their cells, how they came about, or the fault of it.

    ``table`` is the number of the table in what was asked; a text may hold values without cells, which vote and are
    never shown.
    """

    method: Method
    table: int
    values: tuple[LinkedValue, ...] = ()
    label: str = ""
    how: str = ""
    fault: str = ""
    steps: tuple[str, ...] = ()

    @property
    def linked(self) -> bool:
        """Whether every value follows from cells, or is a count of no row."""
        return bool(self.values) and all(value.cells or value.formula for value in self.values)


@dataclass(frozen=True, slots=True)
class Elected:
    """The attempt that is shown, the share of attempts that came to its values, and how many there were."""

    attempt: Attempt
    agreement: float
    votes: int
    asked: int

    @property
    def confidence(self) -> float:
        """The agreement; a single attempt agrees with nothing."""
        return self.agreement if self.asked > 1 else ALONE


def elected(attempts: Sequence[Attempt]) -> Elected | None:
    """The values that most attempts came to; None at a tie, where several were asked and none agree, or none has cells.

    Faulty attempts count among those that were asked. Of the attempts that agree, the one that is shown was computed
    rather than read.
    """
    groups: dict[tuple[str, ...], list[Attempt]] = {}
    for attempt in attempts:
        if attempt.values:
            groups.setdefault(key(attempt.values), []).append(attempt)
    ranked = sorted(groups.values(), key=len, reverse=True)
    if not ranked or (len(ranked) > 1 and len(ranked[0]) == len(ranked[1])):
        return None
    if len(ranked[0]) == 1 and len(attempts) > 1:
        return None
    order = ("program", "chain", "text")
    shown = sorted((one for one in ranked[0] if one.linked), key=lambda one: order.index(one.method))
    if not shown:
        return None
    return Elected(shown[0], len(ranked[0]) / len(attempts), len(ranked[0]), len(attempts))


def key(values: Sequence[LinkedValue]) -> tuple[str, ...]:
    """Values as votes compare them: numbers by value, texts without case and marks; their order does not matter."""
    return tuple(sorted({_plain(value) for value in values}))


def _plain(value: LinkedValue) -> str:
    number = value.number
    if number is None:
        try:
            number = float(value.text.strip().replace(",", "").rstrip("%"))
            number = number / 100 if value.text.strip().endswith("%") else number
        except ValueError:
            return " ".join(re.sub(r"[^\w.]+", " ", value.text.casefold()).split()).rstrip(".")
    return f"{number:.9g}"


def linked(text: str, among: Iterable[LinkedValue]) -> LinkedValue:
    """What a model read, as the first value among these that says it; without cells where none does."""
    wanted = _plain(LinkedValue(text, None, ()))
    for value in among:
        if value.cells and wanted in (_plain(value), _plain(LinkedValue(value.text, None, ()))):
            return value
    return LinkedValue(text, None, ())
