"""When a question names a document, it is looked for there first.

Names are what the base knows: titles, file names, metadata values, and years in any of them. Only where the question
says so («in the staff handbook», «according to …», a file name, a title with its year) is nothing else searched, unless
nothing is found there. A title that stands in a question, a metadata value, or a rare word of a short title together
with a year, is likely: hits there count more, and several titles count alike. Years are read in the forms that people
write: 2018, FY2018, FY18, fiscal 2018, 2018/19, Q3 2018.
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
_FISCAL = re.compile(r"\b(?:fy|fiscal(?: year)?|q[1-4]|h[12])[ _'’-]?(?P<year>\d\d)(?!\d)", re.IGNORECASE)
_SEASON = re.compile(r"(?P<first>(?:19|20)\d)\d[/–-](?P<second>\d\d)(?!\d)")  # a dash between years
_INTO = re.compile(
    r"\b(?P<how>in|inside|within|according to|under)(?: (?:the|our|your|my|this|that|its))?$", re.IGNORECASE
)
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
        for year in {*in_force, *(year for text in dated for year in years_of(text))}:
            years.setdefault(year, set()).add(name.version_id)
    return Vocabulary(n, _frozen(files), _frozen(titles), _frozen(values), _frozen(words), _frozen(years))


def years_of(text: str) -> set[str]:
    """The years that a text names, of four digits: FY18 is 2018, 2018/19 is 2018 and 2019."""
    found = set(_YEAR.findall(text)) | {f"20{match['year']}" for match in _FISCAL.finditer(text)}
    seasons = {f"{match['first'][:2]}{match['second']}" for match in _SEASON.finditer(text) if match["second"] > "12"}
    return found | seasons


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
    asked = sorted(years_of(question))
    dated = frozenset().union(*(known.years[year] for year in asked if year in known.years))
    titles = [title for title in _named(words, known.titles) if _tells(known.titles[title], known)]
    if titles:
        chosen = frozenset().union(*(known.titles[title] for title in titles))
        both = chosen & dated
        only = len(titles) == 1 and (bool(both) or (not asked and _is_meant(question, words, titles[0])))
        return Scope(both or chosen, only, STRONG, tuple(" ".join(title) for title in titles))
    return _likely(words, known, dated, asked)


def _tells(versions: Versions, known: Vocabulary) -> bool:
    return len(versions) <= SHARE * known.n or len(versions) == 1


def _is_meant(question: str, words: tuple[str, ...], title: tuple[str, ...]) -> bool:
    """Whether nothing but that document is asked about: it is all of the question, quoted, or «in the …»."""
    if words == title:
        return True
    folded = fold(question)
    pattern = r"[\W_]+".join(map(re.escape, title))
    match = re.search(rf"(?<![^\W_]){pattern}(?![^\W_])", folded, re.IGNORECASE)
    if match is None:
        return False
    before = folded[: match.start()].rstrip()
    if before[-1:] in "\"'«“‘" and before:  # quotation marks
        return True
    into = _INTO.search(before)
    return into is not None and (len(title) > 2 or into["how"].lower() == "according to")  # «in Gannet Bay» is a ship


def _likely(words: tuple[str, ...], known: Vocabulary, dated: Versions, asked: Sequence[str]) -> Scope | None:
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
        return Scope(dated, False, LIKELY, tuple(year for year in asked if year in known.years))
    return None


def _named(words: Sequence[str], names: Mapping[tuple[str, ...], Versions]) -> list[tuple[str, ...]]:
    """The names that stand in the words, the longest at each place, none within another."""
    found, start = [], 0
    while start < len(words):
        lengths = range(min(LONGEST, len(words) - start), 1, -1)
        longest = next((n for n in lengths if tuple(words[start : start + n]) in names), 0)
        if longest:
            found.append(tuple(words[start : start + longest]))
        start += longest or 1
    return found


def _longest(words: Sequence[str], names: Mapping[tuple[str, ...], Versions], shortest: int) -> tuple[str, ...] | None:
    for length in range(min(LONGEST, len(words)), shortest - 1, -1):
        for start in range(len(words) - length + 1):
            phrase = tuple(words[start : start + length])
            if phrase in names:
                return phrase
    return None
