"""A question in the documents' own words: their abbreviations, names and spelling."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wellread.index.fulltext import fold
from wellread.index.glossary import folded
from wellread.index.open import Look
from wellread.index.stopwords import STOPWORDS

LONGEST_PHRASE = 6  # words of a question that are looked up together
MOST_MEANINGS = 2  # of one abbreviation
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ALIKE_FROM = 4  # letters from which a word is corrected
_TWO_FROM = 8  # letters from which two of them may be wrong


def meanings(question: str, look: Look) -> list[tuple[str, str]]:
    """(what the question says, what the documents call it as well), for abbreviations and other names, both ways.

    An abbreviation that is also an everyday word counts only where the question writes it in capitals.
    """
    words = folded(question).split()
    capitals = {folded(word) for word in re.findall(r"[^\W_]*[A-Z][^\W_]*", question)}
    phrases = list(dict.fromkeys(
        " ".join(words[i : i + n]) for n in range(1, LONGEST_PHRASE + 1) for i in range(len(words) - n + 1)
    ))  # fmt: skip
    said = [p for p in phrases if p not in STOPWORDS or p in capitals]
    found: dict[str, tuple[str, str]] = {}
    for by in ("short", "long"):
        taken: dict[str, int] = {}
        for known in look.glossary(said, by):
            here, there = (known.short, known.long) if by == "short" else (known.long, known.short)
            if taken.setdefault(folded(here), 0) < MOST_MEANINGS and f" {folded(there)} " not in f" {' '.join(words)} ":
                taken[folded(here)] += 1
                found.setdefault(folded(there), (here, there))
    return list(found.values())


def corrected(question: str, look: Look) -> tuple[str, list[tuple[str, str]]]:
    """The question with words that stand in no document spelled as they do there, and (word, its spelling) of each.

    A word is left as it is where nothing is near: one letter wrong, missing, too many or swapped with its neighbour
    (two in a long word). What only documents hold that ``look`` may not see is never offered.
    """
    changes: list[tuple[str, str]] = []

    def put_right(match: re.Match[str]) -> str:
        word = match[0]
        known = fold(word).lower()
        if len(word) < _ALIKE_FROM or known in STOPWORDS or "'" in known or _stands(known, look):
            return word
        right = _nearest(known, look)
        if right is None:
            return word
        changes.append((word, right))
        return right

    return _WORD.sub(put_right, question), changes


def _nearest(word: str, look: Look) -> str | None:
    """The word of the visible documents at the least distance, the commonest among equals; None beyond the limit."""
    most = 2 if len(word) >= _TWO_FROM else 1
    near: list[tuple[int, int, str]] = []
    for known, n in look.words():
        if abs(len(known) - len(word)) <= most + 2 and known[:1] == word[:1] and known.isalpha():
            stem = known if len(known) >= len(word) - most else None
            distance = min(
                edits(word, known, most) if stem else most + 1,
                edits(word[: len(known)], known, most) if len(known) >= _ALIKE_FROM + 1 else most + 1,
            )
            if distance <= most:
                near.append((distance, -n, known))
    for _, _, known in sorted(near)[:8]:
        right = _whole(known, word, look)
        if right is not None and edits(word, right, most) <= most:
            return right
    return None


def _stands(word: str, look: Look) -> bool:
    """Whether a document that may be seen holds the word."""
    n = look.count(f'"{word}"')
    return n > 0 and (look.allowed is None or bool(look.search_planned(f'"{word}"', k=1)))


def _whole(stem: str, word: str, look: Look) -> str | None:
    """A word as it is written: the index keeps stems, a passage that may be seen and holds one says how it goes on."""
    found = look.search_planned(f'"{stem}"', k=3) or look.search_planned(f'"{stem}"*', k=3)
    rows = look.chunks([key for key, _ in found])
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
