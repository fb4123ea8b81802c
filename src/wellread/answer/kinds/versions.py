"""What changed between two versions of a document: what each says of one thing, before and now, with the difference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from wellread.answer import evidence
from wellread.answer.elements import pairs_of
from wellread.answer.kinds import current
from wellread.answer.kinds.case import CitedClaim, Made, QuestionCase
from wellread.answer.kinds.telling import stands, telling
from wellread.retrieve import quantities
from wellread.retrieve.units import Quotable, units_of, words
from wellread.types import Document

LOOKED_AT = 8  # hits whose documents may have an older version
MOST = 12  # changes that are shown
_ASKS = re.compile(
    r"\b(?:chang(?:e|es|ed)|differs?|differences?|compared?|rise|rose|risen|increased?|decreased?|dropped|fell"
    r"|(?:go|goes|gone|went) (?:up|down)|used to|(?:19|20)\d\d to (?:19|20)\d\d|old(?:er)? and (?:the )?new)\b",
    re.IGNORECASE,
)
_FRAME = frozenset(
    words(
        "change changed changes differ difference differences between compare compared with rise rose increase decrease"
        " drop fell up down used old new older newer last year version versions list notice now get we before today"
    )
)
_CHANGE = re.compile(r"\b(?:what|how|has|have|did)\b.*\bchang(?:e|es|ed)\b|\bdifferences? between\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Change:
    """One thing that two versions say differently."""

    label: str
    before: str
    now: str
    old: Quotable
    new: Quotable


def answer(case: QuestionCase) -> Made | None:
    """A table of what changed, of what the question names; None without an older version or without a change in it."""
    if not _ASKS.search(case.question) or case.before is None:
        return None
    pair = _pair(case)
    if pair is None:
        return None
    hits = tuple(evidence.whole(document) for document in pair)
    old, new = ([u for u in units_of([hit]) if quantities.quantities(u.reading)] for hit in hits)
    about = telling(case.question) - _FRAME - frozenset(re.findall(r"\d+", case.question))
    changes = list(_changes(old, _fitting(new, about, pair[1]), about))[:MOST]
    if not changes:
        return None
    lines = ["what | before | now", *(f"{one.label} | {one.before} | {one.now}" for one in changes)]
    units = tuple(dict.fromkeys(u for one in changes for u in (_of(one.old, 0), _of(one.new, 1))))
    how = f"«{pair[0].title}» beside «{pair[1].title}»"
    return Made("versions", (CitedClaim("\n".join(lines), units, hits),), how=how)


def asks_of_change(question: str) -> bool:
    """Whether a question asks what is different now, which no single sentence of one version says."""
    return _CHANGE.search(question) is not None


def _pair(case: QuestionCase) -> tuple[Document, Document] | None:
    """The version before and the one in force, of the first hit that has both."""
    for hit in case.hits[:LOOKED_AT]:
        before = case.before(hit.document) if case.before is not None else None
        if before is not None and hit.document.text:
            return before, hit.document
    return None


def _of(unit: Quotable, hit: int) -> Quotable:
    return Quotable(hit, unit.span, unit.text, unit.reading, unit.context, unit.page, unit.heading_path)


def _fitting(units: Sequence[Quotable], about: frozenset[str], document: Document) -> list[Quotable]:
    """The pieces that hold most of what the question names; all where it names the document alone, none of another."""
    title = frozenset(words(f"{document.title} {PurePath(document.uri).stem}"))
    if all(stands(word, title) for word in about):
        return list(units)
    counts = [sum(stands(word, frozenset(words(f"{unit.reading} {unit.context}"))) for word in about) for unit in units]
    most = max(counts, default=0)
    return [unit for unit, n in zip(units, counts, strict=True) if n == most] if 2 * most >= len(about) else []


def _changes(old: Sequence[Quotable], new: Sequence[Quotable], about: frozenset[str]) -> Iterator[_Change]:
    known = [(unit, current.letters(unit)) for unit in old]
    for unit in new:
        mine = current.letters(unit)
        shared = [(len(mine & theirs) / len(mine | theirs), other) for other, theirs in known if mine | theirs]
        alike, other = max(shared, key=lambda one: one[0], default=(0.0, unit))
        if alike >= current.ALIKE and unit.reading != other.reading:
            yield from _values(other, unit, about)


def _values(old: Quotable, new: Quotable, about: frozenset[str]) -> Iterator[_Change]:
    """The cells of a row that differ, those asked for where the question names columns; a sentence as a whole."""
    before, now = dict(pairs_of(old)), dict(pairs_of(new))
    if len(now) < 2 or before.keys() != now.keys():
        yield _Change(_label(new), old.reading, _with_difference(old.reading, new.reading), old, new)
        return
    label = next((value for value in now.values() if re.search(r"[^\W\d_]{2}", value)), "")
    named = [name for name in now if any(stands(word, about) for word in words(name))]
    if all(before[name] == now[name] for name in named):  # what is asked for names the row, not a column
        named = []
    for name in named or now:
        if before[name] != now[name]:
            yield _Change(f"{label}, {name}", before[name], _with_difference(before[name], now[name]), old, new)


def _label(unit: Quotable) -> str:
    return unit.heading_path[-1] if unit.heading_path else unit.context.rpartition(" › ")[2] or "text"


def _with_difference(before: str, now: str) -> str:
    """``118 (+6)``: with the difference, where each has one number of one kind."""
    first, second = (quantities.quantities(text, every=False) for text in (before, now))
    if len(first) != 1 or len(second) != 1 or first[0].days or second[0].days:
        return now
    kinds = [{name for name, _ in found[0].meanings} for found in (first, second)]
    clock = any("clock" in kind for kind in kinds)
    if clock or kinds[0] != kinds[1]:
        return now
    difference = second[0].number - first[0].number
    return f"{now} ({difference:+,.10g})" if difference else now
