"""When a question names a document, it is looked for there first.

Names are what the base knows: titles, file names, metadata values, and years in any of them. A file name or a whole
title is meant: only there is searched, unless nothing is found. A metadata value, or a rare word of a short title
together with a year, is likely: hits there count more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from wellread.index.open import DocumentNames
from wellread.index.words.fulltext import fold
from wellread.index.words.stopwords import STOPWORDS

LONGEST = 10  # words of a name
SHARE = 0.3  # of the documents; a name that more of them have tells nothing
RARE = 0.1  # of the documents; the same for one word of a title
SHORT_TITLE = 8  # words; a longer title is a sentence, whose single words name nothing
LIKELY = 1.25  # what the score of a hit is multiplied with
STRONG = 1.6

_WORD = re.compile(r"[^\W_]+")
_YEAR = re.compile(r"(?:19|20)\d\d")
_FILE = re.compile(r"[^\s\"'«»<>|]+\.[A-Za-z][A-Za-z0-9]{0,4}\b")

Versions = frozenset[int]
_Key = TypeVar("_Key", str, tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names of the documents of a base, each with the versions that have it."""

    n: int
    files: Mapping[str, Versions]
    titles: Mapping[tuple[str, ...], Versions]
    values: Mapping[tuple[str, ...], Versions]
    words: Mapping[str, Versions]  # of short titles and file names
    years: Mapping[str, Versions]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look first: ``only`` says that nothing else is meant; ``boost`` is what a hit there is worth more."""

    versions: Versions
    only: bool
    boost: float
    named: tuple[str, ...]


def words_of(passage: str) -> tuple[str, ...]:
    """Words in lower case, without diacritics; signs and underscores part them."""
    return tuple(_WORD.findall(fold(passage).lower()))


def vocabulary(names: tuple[DocumentNames, ...], allowed: frozenset[int] | None) -> Vocabulary:
    """The names of the documents whose access ids are ``allowed`` (None: all)."""
    files: dict[str, set[int]] = {}
    titles: dict[tuple[str, ...], set[int]] = {}
    values: dict[tuple[str, ...], set[int]] = {}
    words: dict[str, set[int]] = {}
    years: dict[str, set[int]] = {}
    n = 0
    for name in names:
        if allowed is not None and name.access_id not in allowed:
            continue
        n += 1
        path = PurePosixPath(name.uri)
        files.setdefault(path.name.lower(), set()).add(name.version_id)
        title, stem = words_of(name.title), words_of(path.stem)
        for phrase in {title, stem}:
            if _telling(phrase):
                titles.setdefault(phrase, set()).add(name.version_id)
        short = {word for phrase in (title, stem) if len(phrase) <= SHORT_TITLE for word in phrase}
        for word in short:
            if len(word) > 1 and word not in STOPWORDS and not word.isdigit():
                words.setdefault(word, set()).add(name.version_id)
        for value in name.metadata.values():
            phrase = words_of(value)
            if 0 < len(phrase) <= LONGEST and (len(phrase) > 1 or (len(phrase[0]) > 2 and not phrase[0].isdigit())):
                values.setdefault(phrase, set()).add(name.version_id)
        dated = [name.title, path.name, *name.metadata.values()]
        in_force = [str(name.valid_from.year)] if name.valid_from else []
        for year in {*in_force, *(year for text in dated for year in _YEAR.findall(text))}:
            years.setdefault(year, set()).add(name.version_id)
    return Vocabulary(n, _frozen(files), _frozen(titles), _frozen(values), _frozen(words), _frozen(years))


def _telling(phrase: Sequence[str]) -> bool:
    """Whether a question with these words in a row means the title: two words that say something, at least."""
    return len(phrase) <= LONGEST and sum(w not in STOPWORDS and not w.isdigit() for w in phrase) >= 2


def _frozen(found: Mapping[_Key, Iterable[int]]) -> dict[_Key, Versions]:
    return {key: frozenset(versions) for key, versions in found.items()}


def scope(question: str, known: Vocabulary) -> Scope | None:
    """Where the question says to look; None where it names nothing that the base knows."""
    if known.n < 2:
        return None
    for file in _FILE.findall(question):
        name = PurePosixPath(file.strip("()[],;:")).name.lower()
        if name in known.files:
            return Scope(known.files[name], True, STRONG, (name,))
    words = words_of(question)
    year_sets = [known.years[y] for y in words if y in known.years]
    dated = frozenset().union(*year_sets)
    title = _longest(words, known.titles, 2)
    if title is not None:
        chosen = known.titles[title]
        if len(chosen) <= SHARE * known.n or len(chosen) == 1:
            narrowed = chosen & dated or chosen
            exactly = len(title) >= 3 or words == title
            return Scope(narrowed, (exactly and not year_sets) or bool(chosen & dated), STRONG, (" ".join(title),))
    return _likely(words, known, dated)


def _likely(words: tuple[str, ...], known: Vocabulary, dated: Versions) -> Scope | None:
    value = _longest(words, known.values, 1)
    if value is not None and len(known.values[value]) <= SHARE * known.n:
        chosen = known.values[value]
        return Scope(chosen & dated or chosen, False, STRONG if chosen & dated else LIKELY, (" ".join(value),))
    rare = {w: known.words[w] for w in words if w in known.words and len(known.words[w]) <= max(1, RARE * known.n)}
    if dated and rare:
        both = frozenset().union(*rare.values()) & dated
        if both:
            return Scope(both, False, STRONG, tuple(sorted(rare)))
    if dated and len(dated) <= SHARE * known.n:
        return Scope(dated, False, LIKELY, tuple(w for w in words if w in known.years))
    return None


def _longest(words: Sequence[str], names: Mapping[tuple[str, ...], Versions], shortest: int) -> tuple[str, ...] | None:
    for length in range(min(LONGEST, len(words)), shortest - 1, -1):
        for start in range(len(words) - length + 1):
            phrase = tuple(words[start : start + length])
            if phrase in names:
                return phrase
    return None
