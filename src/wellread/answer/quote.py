"""Which sentences are quoted when nothing is written: the best one, and others as good of the kind asked for."""

from __future__ import annotations

from wellread.answer.elements import held_by
from wellread.answer.evidence import Scored
from wellread.retrieve.understand import asked
from wellread.retrieve.units import Quotable, words

CLOSE = 0.93  # a further sentence is quoted when its score is at least this share of the best one's; docs/log.md


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


def near_best(scored: Scored) -> int:
    """How many units score about as well as the best one."""
    return int((scored.total >= CLOSE * scored.total[0]).sum())
