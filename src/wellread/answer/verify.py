"""Whether passages support a sentence: every number, code and name, most words, the same «not», and the question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellread.answer import arithmetic, wanted
from wellread.answer.elements import FRAME, NAME, NEGATION, YES_NO, Elements, Held, agree, elements, held_by, letters
from wellread.models.api import Embedder
from wellread.retrieve import quantities
from wellread.retrieve.units import Quotable, weights, words
from wellread.types import Verdict

SUPPORT_WORDS = 0.6  # least share of a sentence's content words that the evidence holds
CLOSE = 0.10  # least chance that the piece which carries an answer is about the question; docs/log.md 2026-12-01
WEIGHTS = (7.4, -7.5, -6.0, 2.9, 0.15, -4.4)  # of ``features``; docs/log.md 2026-12-01
AHEAD = 0.12  # how much closer another piece must be for its number to speak against that of the sentence
DERIVED_FROM = 24  # nearest pieces whose numbers a result may follow from
COMPARED = 12  # carriers that get a sentence vector
MOST = 6  # pieces that one sentence may stand on together


@dataclass(frozen=True, slots=True)
class Pool:
    """Pieces of the passages that were read, ready to be searched for what a sentence says."""

    held: tuple[Held, ...]


def pool(units: Sequence[Quotable]) -> Pool:
    """The pieces that written sentences may stand on, the most likely first."""
    return Pool(tuple(map(held_by, units)))


def check(
    sentence: str, question: str, units: Sequence[Quotable] | Pool, scorer: Embedder, *, close: float = CLOSE
) -> Verdict:
    """The verdict on one sentence; ``citation`` and ``also`` are indices into ``units``: what supports it together.

    Words of the question count as given, so that «Dogs cost 4.50 on the Sound line» stands on a row that names the
    price under the heading of the line. What the sentence adds must stand in one piece, or in several that are each
    about the question; a number may follow from cited ones (``arithmetic``). ``close`` is the least closeness of
    question and answer to the piece, 0 for a text whose question is not known.
    """
    held = (units if isinstance(units, Pool) else pool(units)).held
    if not held:
        return Verdict(sentence, False, 0.0, reason="no passage was found")
    said = elements(sentence, question)
    if question and said.polarity is None and (fault := wanted.fault(sentence, said.numbers, question)):
        return Verdict(sentence, False, 0.0, reason=fault)
    near = _closeness(sentence, question, said, held, scorer)
    carriers, lacking = _carriers(sentence, said, held, near)
    if not lacking:
        best = carriers[0]
        fault = _astray(sentence, question, said, carriers, near, held, close, scorer) if question else ""
        fault = fault or _flipped(sentence, said, question, [held[n] for n in carriers])
        verdict = Verdict(sentence, not fault, _score(near[best]), best, fault, also=tuple(carriers[1:]))
        if not fault:
            return verdict
    else:
        best = int(np.argmax(near))
        verdict = Verdict(sentence, False, _score(near[best]), best, lacking)
    if said.numbers and not (said.codes or said.names):
        nearest = [held[n] for n in np.argsort(-near, kind="stable")[:DERIVED_FROM]]
        if (found := arithmetic.derive(said.numbers, question, nearest)) is not None:
            first, *others = (held.index(h) for h in found.held)
            return Verdict(sentence, True, _score(near[first]), first, found.formula, also=tuple(others))
    return verdict


def _astray(
    sentence: str,
    question: str,
    said: Elements,
    carriers: Sequence[int],
    near: NDArray[np.float64],
    held: Sequence[Held],
    close: float,
    scorer: Embedder,
) -> str:
    """Why what carries the sentence does not answer the question; empty where it may."""
    best = carriers[0]
    if _about(question, said, best, near, held) < close and not _with_before(
        sentence, question, said, best, near, held, close, scorer
    ):
        return "stands in a passage that is about something else"
    return _beside(said, question, held[best], held) or _outdone(said, near, best, held)


def _with_before(
    sentence: str,
    question: str,
    said: Elements,
    carrier: int,
    near: NDArray[np.float64],
    held: Sequence[Held],
    close: float,
    scorer: Embedder,
) -> bool:
    """Whether the piece is about the question once the one before it is read too: «From twelve no form is needed.»"""
    piece = held[carrier].unit
    earlier = [h.unit for h in held if h.unit.hit == piece.hit and h.unit.span.end <= piece.span.start]
    if not earlier or held[carrier].row:
        return False
    before = max(earlier, key=lambda unit: unit.span)
    both = held_by(Quotable(piece.hit, piece.span, piece.text, f"{before.reading} {piece.reading}", piece.context))
    longer = [both if n == carrier else h for n, h in enumerate(held)]
    again = near.copy()
    vectors = scorer.embed([f"{question} {sentence}", f"{piece.context}: {both.unit.reading}"])
    terms = set(words(f"{question} {sentence}")) - FRAME
    again[carrier] = 0.35 * len(terms & both.words) / max(1, len(terms)) + 0.65 * float(vectors[1] @ vectors[0])
    return _about(question, said, carrier, again, longer) >= close


def _score(near: float) -> float:
    return float(max(0.0, min(1.0, near)))


def _closeness(
    sentence: str, question: str, said: Elements, held: Sequence[Held], scorer: Embedder
) -> NDArray[np.float64]:
    """(len(held),) closeness of question and sentence to each piece; only likely ones get a sentence vector."""
    told = f"{question} {sentence}" if question else sentence
    terms = list(dict.fromkeys(word for word in words(told) if word not in FRAME))
    own = [set(h.words) for h in held]
    weight = weights(terms, own)
    total = float(weight.sum()) or 1.0
    share = np.array([sum(w for word, w in zip(terms, weight, strict=True) if word in o) / total for o in own])
    carrying = np.array([_carried(said, h) for h in held])
    likely = np.argsort(-(share + carrying), kind="stable")[:COMPARED]
    vectors = scorer.embed([told, *(f"{held[n].unit.context}: {held[n].unit.reading}" for n in likely)])
    near = 0.35 * share - 1.0
    near[likely] = 0.35 * share[likely] + 0.65 * (vectors[1:] @ vectors[0])
    return near


def _carried(said: Elements, held: Held) -> float:
    """Share of what is said that a piece holds, without reading its numbers closely."""
    told = said.words | said.names
    parts = [len(told & held.words) / len(told)] if told else []
    parts += [float(_holds_number(q, held)) for q in said.numbers]
    parts += [float(code in held.codes) for code in said.codes]
    return sum(parts) / len(parts) if parts else 0.0


def _holds_number(number: quantities.Quantity, held: Held) -> bool:
    return any(agree(number, other, cell=held.row) for other in held.numbers)


def _carriers(sentence: str, said: Elements, held: Sequence[Held], near: NDArray[np.float64]) -> tuple[list[int], str]:
    """The pieces that hold all of what is said, the closest one or several together; what none of them holds."""
    order = [int(n) for n in np.argsort(-near, kind="stable") if near[n] > -0.5]
    whole = letters(YES_NO.sub("", sentence))
    for n in order:
        if whole.strip() and whole in held[n].letters:
            return [n], ""
        if not _lacking(said, [held[n]]):
            return [n], ""
    chosen: list[int] = []
    for n in order:
        if len(chosen) == MOST:
            break
        if _gain(said, [held[m] for m in chosen], held[n]):
            chosen.append(n)
            if _mixed(sentence, [held[m] for m in chosen]):
                chosen.pop()
            elif not _lacking(said, [held[m] for m in chosen]):
                return chosen, ""
    return chosen, _lacking(said, [held[m] for m in chosen] or [held[order[0]]])


def _mixed(sentence: str, held: Sequence[Held]) -> bool:
    """Whether a part of the sentence names one row of a table and takes its number from another one."""
    rows = [h for h in held if h.row]
    for part in re.split(r",(?!\d)|\band\b|\bbut\b|\bwhile\b", sentence) if len(rows) > 1 else ():
        told, numbers = set(words(part)), quantities.quantities(part, every=False)
        named = [h for h in rows if told & h.own - frozenset(w for w in told if w[0].isdigit())]
        for q in numbers:
            holding = [h for h in rows if _holds_number(q, h)]
            if named and holding and not any(h in named for h in holding):
                return True
    return False


def _gain(said: Elements, before: Sequence[Held], new: Held) -> bool:
    had = frozenset[str]().union(*(h.words for h in before))
    if (said.words | said.names) & (new.words - had):
        return True
    if said.codes & new.codes - frozenset[str]().union(*(h.codes for h in before)):
        return True
    return any(_holds_number(q, new) and not any(_holds_number(q, h) for h in before) for q in said.numbers)


def _lacking(said: Elements, held: Sequence[Held]) -> str:
    """What is said and stands in none of the pieces, in words; empty where everything does."""
    has = frozenset[str]().union(*(h.words for h in held))
    if numbers := [q for q in said.numbers if not any(_holds_number(q, h) for h in held)]:
        return f"a number that the passages do not hold: {', '.join(_shown(q) for q in numbers)}"
    if codes := said.codes - frozenset[str]().union(*(h.codes for h in held)):
        return f"not in the passages: {', '.join(sorted(codes))}"
    if names := said.names - has:
        return f"a name that the passages do not hold: {', '.join(sorted(names))}"
    told = said.words | said.names
    if said.words and len(told & has) / len(told) < SUPPORT_WORDS:
        return f"words that the passages do not hold: {', '.join(sorted(said.words - has)[:5])}"
    return ""


def _shown(quantity: quantities.Quantity) -> str:
    if quantity.days:
        return "-".join(f"{part:02d}" for part in quantity.days[0] if part)
    return f"{quantity.number or (quantity.meanings[0][1] if quantity.meanings else 0):g}"


def _about(question: str, said: Elements, carrier: int, near: NDArray[np.float64], held: Sequence[Held]) -> float:
    """Chance that the piece which carries the answer is about the question."""
    values = features(question, said, carrier, near, held)
    return float(1 / (1 + np.exp(-(values @ np.array(WEIGHTS)))))


def features(
    question: str, said: Elements, carrier: int, near: NDArray[np.float64], held: Sequence[Held]
) -> NDArray[np.float64]:
    """(6,) what tells a piece that answers from one that holds the same words by chance; the last is 1.

    Closeness; how much closer another piece is; how many hold the answer; share of the question's words in the piece
    alone and with its context; share of its names.
    """
    about = set(words(question)) - FRAME
    names = {word for m in NAME.finditer(question) if m.start() for word in words(m[0])}
    names |= {word for word in about if word[0].isdigit()}
    piece = held[carrier]
    own = len(about & piece.own) / len(about) if about else 0.5
    named = len(names & piece.words) / len(names) if names else 0.5
    ahead = float(near.max() - near[carrier])
    return np.array([near[carrier], ahead, _commonness(said, held), own, named, 1.0])


def _commonness(said: Elements, held: Sequence[Held]) -> float:
    """How little it says that some piece holds this: share of the pieces that do, beyond one."""
    return max(0, sum(_carried(said, h) >= 1 for h in held) - 1) / len(held)


def _beside(said: Elements, question: str, carrier: Held, held: Sequence[Held]) -> str:
    """Why the value stands beside the one that is asked for: in the row or the column of something else."""
    about = set(words(question)) - FRAME
    if not said.numbers and not said.codes:
        return ""
    if carrier.row and said.numbers:
        columns = {name: {w for w in about & set(words(name)) if w.isalpha()} for name, _ in carrier.values}
        mine = [columns[name] for name, cell in carrier.values if any(agree(n, q) for n in said.numbers for q in cell)]
        others = [columns[name] for name, cell in carrier.values if cell]
        if mine and all(any(one < other for other in others) for one in mine):
            return "stands in another column of the row that the question is about"
    own = about & carrier.own
    for other in held:
        if other is carrier or other.unit.context != carrier.unit.context:
            continue
        if _alike(other, carrier) and own < about & other.own:
            return "stands in the row of something else than the question is about"
    return ""


def _outdone(said: Elements, near: NDArray[np.float64], carrier: int, held: Sequence[Held]) -> str:
    """Why the passage that is closest speaks against a number: it holds another one of the same kind."""
    nearest = int(np.argmax(near))
    if len(said.numbers) != 1 or nearest == carrier or near[nearest] - near[carrier] < AHEAD:
        return ""
    if held[nearest].unit.hit == held[carrier].unit.hit and not held[carrier].row:
        return ""  # the passage continues: what comes next may be the answer
    kinds = {name for name, _ in said.numbers[0].meanings} or {""}
    for q in held[nearest].numbers:
        if agree(said.numbers[0], q):
            return ""
        if kinds & ({name for name, _ in q.meanings} or {""}):
            return f"the passage closest to the question says {_shown(q)}"
    return ""


def _alike(one: Held, other: Held) -> bool:
    """Whether two pieces are rows of one table, or lines of one list of values."""
    if one.row or other.row:
        return [name for name, _ in one.values] == [name for name, _ in other.values]
    return len(one.unit.text) < 60 and len(other.unit.text) < 60 and bool(one.numbers) and bool(other.numbers)


def _flipped(sentence: str, said: Elements, question: str, held: Sequence[Held]) -> str:
    """Why the sentence says the contrary of what it stands on."""
    negated = any(NEGATION.search(h.unit.reading) for h in held)
    if said.polarity is not None and said.empty:
        asked = NEGATION.search(question) is not None
        if said.polarity == (negated != asked):
            return "says yes where the passage says no, or the other way round"
        return ""
    if not said.negated and said.polarity is None and any(_after_not(sentence, h) for h in held):
        return "leaves out the «not» of the passage"
    if said.negated and not negated:
        return "says «not» where the passage does not"
    if not said.negated and said.polarity is None and len(sentence.split()) > 2 and _denied(sentence, held):
        return "leaves out the «not» of the passage"
    return ""


def _after_not(sentence: str, held: Held) -> bool:
    """Whether the passage holds the words of the sentence only right after a «not»."""
    whole = letters(sentence).strip()
    places = [m.start() for m in re.finditer(rf"(?<!\S){re.escape(whole)}(?!\S)", held.letters)] if whole else []
    return bool(places) and all(NEGATION.search(" ".join(held.letters[:at].split()[-2:])) for at in places)


def _denied(sentence: str, held: Sequence[Held]) -> bool:
    """Whether the clause of the only piece that holds the words of the sentence is negated."""
    if len(held) != 1:
        return False
    reading = held[0].unit.reading
    match = NEGATION.search(reading)
    if match is None:
        return False
    after = set(words(reading[match.end() :].split(",")[0].split(";")[0]))
    told = {word for word in words(sentence) if word.isalpha()}
    return len(after & told) >= min(2, len(after)) > 0
