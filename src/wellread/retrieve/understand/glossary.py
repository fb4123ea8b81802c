"""A question in the documents' own words: their abbreviations, names and spelling."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from wellread.index.open import Snapshot
from wellread.index.words.fulltext import fold
from wellread.index.words.glossary import Known, folded
from wellread.index.words.stopwords import STOPWORDS
from wellread.retrieve.units import words

LONGEST_PHRASE = 6  # words of a question that are looked up together
CLEAR = 0.6  # share of the chunks that explain a name, from which one meaning is the one
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_EXPLAINED = re.compile(r"\(\s*([^()]{2,10}?)\s*\)")
_ALIKE_FROM = 5  # letters from which a word is corrected
_TWO_FROM = 8  # letters from which two of them may be wrong

IsWord = Callable[[str], bool]  # whether a word is one of the everyday language


def meanings(question: str, snapshot: Snapshot, is_word: IsWord) -> list[tuple[str, str]]:
    """(what the question says, what the documents call it as well), for abbreviations and other names, both ways.

    An abbreviation counts as it is written; in small letters only where that is no everyday word. One that the question
    explains itself is left alone, and so is one of which the documents have several meanings, none of them CLEAR.
    """
    said_words = folded(question).split()
    written = set(re.findall(r"[^\W_]+(?:[-./&][^\W_]+)*", question))
    explained = {folded(inner) for inner in _EXPLAINED.findall(question)}
    phrases = list(dict.fromkeys(
        " ".join(said_words[i : i + n])
        for n in range(1, LONGEST_PHRASE + 1)
        for i in range(len(said_words) - n + 1)
    ))  # fmt: skip
    said = [p for p in phrases if p not in STOPWORDS and p not in explained]
    found = []
    for by in ("short", "long"):
        several: dict[str, list[Known]] = {}
        for known in snapshot.glossary(said, by):
            if by == "short" and known.short not in written and " " not in folded(known.short):
                small = known.short.lower() in written and not is_word(known.short.lower())
                if not small:
                    continue
            several.setdefault(folded(known.short if by == "short" else known.long), []).append(known)
        for one in several.values():
            best = _clear(one, by)
            if best is None:
                continue
            here, there = (best.short, best.long) if by == "short" else (best.long, best.short)
            if f" {folded(there)} " not in f" {' '.join(said_words)} " and folded(there) not in explained:
                found.append((here, there))
    return found


def _clear(known: Sequence[Known], by: str) -> Known | None:
    """The meaning that most chunks give; forms of the same words count together. None where none is clear."""
    count: Counter[tuple[str, ...]] = Counter()
    for one in known:
        count[_stems(one.long if by == "short" else one.short)] += one.n
    form, n = count.most_common(1)[0]
    if n < CLEAR * sum(count.values()):
        return None
    return next(one for one in known if _stems(one.long if by == "short" else one.short) == form)


def _stems(phrase: str) -> tuple[str, ...]:
    return tuple(words(phrase)) or (folded(phrase),)


def corrected(question: str, snapshot: Snapshot, is_word: IsWord) -> tuple[str, list[tuple[str, str]]]:
    """The question with slips of the pen spelled as the documents spell, and (word, its spelling) of each.

    A word that stands in no document is corrected where it is no everyday word, is not written like a name of a thing
    (capitals inside), and a word of the documents is near: one letter wrong, missing, too many or swapped with its
    neighbour (two in a long word). What only documents hold that ``snapshot`` may not see is never offered.
    """
    changes: list[tuple[str, str]] = []

    def put_right(match: re.Match[str]) -> str:
        word = match[0]
        known = fold(word).lower()
        if len(word) < _ALIKE_FROM or not word[1:].islower() or known in STOPWORDS or "'" in known:
            return word
        if is_word(known) or snapshot.standing([snapshot.term(known)]):
            return word
        right = _nearest(known, snapshot)
        if right is None:
            return word
        changes.append((word, right))
        return right

    return _WORD.sub(put_right, question), changes


def _nearest(word: str, snapshot: Snapshot) -> str | None:
    """The word of the visible documents at the least distance, the commonest among equals; None beyond the limit."""
    most = 2 if len(word) >= _TWO_FROM else 1
    near: list[tuple[int, int, str]] = []
    for known, n in snapshot.words():
        if abs(len(known) - len(word)) > most + 2 or len(known) < _ALIKE_FROM - 1 or not _opens_alike(word, known):
            continue
        distance = min(edits(word, known, most), edits(word[: len(known)], known, most))  # the index keeps stems
        if distance <= most:
            near.append((distance, -n, known))
    for _, _, known in sorted(near)[:8]:
        right = _whole(known, word, snapshot)
        if right is not None and edits(word, right, most) <= most:
            return right
    return None


def _opens_alike(word: str, known: str) -> bool:
    """Whether the first letters could be the same but for one slip: this spares comparing every word of the base."""
    return word[0] == known[0] or word[:1] == known[1:2] or word[1:2] == known[:1] or word[1:3] == known[1:3]


def _whole(stem: str, word: str, snapshot: Snapshot) -> str | None:
    """A word as it is written: the index keeps stems, a visible passage that holds one says how it continues."""
    found = snapshot.search_planned(f'"{stem}"', k=3) or snapshot.search_planned(f'"{stem}"*', k=3)
    rows = snapshot.chunks([key for key, _ in found])
    begins = stem[: max(3, len(stem) - 1)]
    written = [
        w for chunk, _ in rows.values() for w in _WORD.findall(fold(chunk.indexed_text).lower()) if w.startswith(begins)
    ]
    return min(dict.fromkeys(written), key=lambda w: (edits(word, w, 4), abs(len(w) - len(word))), default=None)


def edits(one: str, other: str, most: int) -> int:
    """Letters to change, add, drop or swap with their neighbour to make one word of the other; ``most`` + 1 if more.

    Source: Damerau, CACM 1964, with adjacent swaps that nothing is put between (optimal string alignment).
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def told(changes: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Pairs as ``one → other``, for the trace."""
    return tuple(f"{one} → {other}" for one, other in changes)
