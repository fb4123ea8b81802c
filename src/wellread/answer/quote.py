"""Which sentences are quoted when nothing is written: the best one, and others as good of the kind asked for."""

from __future__ import annotations

import re

from wellread.answer.elements import held_by
from wellread.answer.evidence import Scored
from wellread.retrieve.understand import asked
from wellread.retrieve.units import Quotable, words

CLOSE = 0.93  # a further sentence is quoted when its score is at least this share of the best one's; docs/log.md

GAP = 2  # characters between two sentences of one paragraph, at most
_POINTS_BACK = re.compile(
    r"(?:It|Its|They|Their|This|These|That|Those|He|His|She|Her|Such|Others?|But|However|Otherwise|Both|Instead)\b"
)


def choose(question: str, scored: Scored, most: int) -> list[Quotable]:
    """At most ``most`` units that answer best; a further one holds what is asked for: a number, a time, a name."""
    kind = asked.wanted(question)
    chosen = [scored.units[0]]
    about = frozenset(words(question))
    named = about & held_by(chosen[0]).own if held_by(chosen[0]).row else frozenset()
    for unit, total in zip(scored.units[1:], scored.total[1:], strict=True):
        if len(chosen) == most or total < CLOSE * scored.total[0]:
            break
        if named - held_by(unit).own:  # a row of something else than what the question names
            continue
        if asked.holds(unit.reading, kind, question) and not any(
            set(words(unit.reading)) == set(words(other.reading)) for other in chosen
        ):
            chosen.append(unit)
    return chosen


def whole(unit: Quotable, scored: Scored) -> tuple[Quotable, ...]:
    """A piece with the sentence before it, where it begins with a word that points back: «It», «Other», «However»."""
    if not _POINTS_BACK.match(unit.reading):
        return (unit,)
    before = [u for u in scored.units if u.hit == unit.hit and 0 <= unit.span.start - u.span.end <= GAP]
    return (max(before, key=lambda u: u.span.end), unit) if before else (unit,)


def near_best(scored: Scored) -> int:
    """How many units score about as well as the best one."""
    return int((scored.total >= CLOSE * scored.total[0]).sum())
