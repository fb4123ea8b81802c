"""What a passage names and what it says between two names, found without a model.

A name is a run of words in capitals («Federal Reserve», «Bank of Mirrey»), a code («HB-204», «Line 2»), or the long
form of an abbreviation that the passage explains (``glossary``). A relation is a sentence, or a row of a table, that
holds two names near each other; the words between them, where they are few, say what it is.

Everything follows from the passage alone, so that a passage that does not change keeps what was found in it. What is
too common or too rare to link anything is left out when the graph is opened (``open.py``), not here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wellread.documents.sentences import sentences
from wellread.index.words import glossary
from wellread.index.words.fulltext import fold
from wellread.index.words.stopwords import STOPWORDS
from wellread.types import Span

LONGEST = 6  # words of a name
BETWEEN = 6  # words between two names up to which they say what the relation is
LEAD = 12  # signs before the first word of a sentence
SHOUTED = 5  # letters of a word in capitals above which it is no abbreviation
NEAR = 2  # names of a sentence after one that it is related with

_WORD = re.compile(r"[^\W_]+(?:[.'’&/-][^\W_]+)*")
_PLURAL = re.compile(r"(?<=[A-Z]{2})s\b")  # of an abbreviation: HRs
_LETTERS = re.compile(r"[^\W_]+")
_CODE = re.compile(r"\b(?:[A-Z][A-Za-z]*[-/ ]?\d[\w./-]*\w|[A-Z]{1,6}[-/]?\d+|[A-Z][a-z]+ \d{1,4})\b")
_BREAK = re.compile(r"[,;:()\[\]{}|«»“”\"!?…]|\s[-–—]\s|\.\s|\n")
_OPENS = re.compile(r"(?:^|[.!?…|:\n][*_\"“'‘(\s]*|(?:^|\n)[ \t]*(?:[-*•#>]+|\d{1,2}[.)])[ \t]*)\Z")
_ROWS = re.compile(r"\||^[\w ]+: [^\n;]*; [\w ]+: ", re.MULTILINE)
_LINKS = frozenset(["of", "the", "for", "de", "la", "von", "van", "der", "den", "du", "del", "&"])
_DATES = """
january february march april may june july august september october november december monday tuesday wednesday thursday
friday saturday sunday jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun
"""
_BEFORE = """
mr mrs ms dr prof sir dame unlike inside despite according since although though like per via within without following
amid yet also meanwhile however while see using given based many several both every another
"""
_MONTHS = frozenset(_DATES.split())
_OPENERS = STOPWORDS | frozenset(_BEFORE.split())  # what opens a sentence before a name and is no part of it; titles


@dataclass(frozen=True, slots=True)
class Mention:
    """A name at its place in a passage: ``passage[span] == text``; ``kind`` is name, code or term."""

    text: str
    key: str
    kind: str
    span: Span


@dataclass(frozen=True, slots=True)
class Relation:
    """What a passage says between two names, by their keys, and the part of the passage that says so."""

    one: str
    other: str
    label: str
    span: Span


@dataclass(frozen=True, slots=True)
class Extracted:
    """What one passage gave; ``dropped`` counts what was found and could not be used."""

    mentions: tuple[Mention, ...]
    relations: tuple[Relation, ...]
    dropped: int = 0


def key_of(name: str) -> str:
    """What makes two names the same: words in lower case without accents and signs, the last one in the singular.

    "" where nothing is left.
    """
    bare = _PLURAL.sub("", fold(name)).lower().replace("'s", "").replace("’s", "")
    words = _LETTERS.findall(bare)
    while words and words[0] in ("the", "a", "an"):
        words = words[1:]
    if not words:
        return ""
    return " ".join((*words[:-1], singular(words[-1])))


def singular(word: str) -> str:
    """An English word without the ending of the plural; others come back as they are."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("ches", "shes", "sses", "xes")) else word[:-1]


def extract(passage: str) -> Extracted:
    """Every name of a passage in the order of the text, and the relations of each sentence."""
    inside, explained = _inside(passage), _explained(passage)
    mentions: list[Mention] = []
    relations: list[Relation] = []
    for sentence in _sentences(passage):
        found = sorted(_named(passage, sentence, inside, explained), key=lambda m: m.span)
        mentions += found
        relations += _related(passage, sentence, found)
    return Extracted(tuple(mentions), tuple(relations))


def _sentences(passage: str) -> Iterator[Span]:
    """Sentences; rows of a table and records of fields stand alone."""
    for span in sentences(passage):
        if not _ROWS.search(passage, *span):
            yield span
            continue
        for line in re.finditer(r"[^\n]+", passage[span.start : span.end]):
            yield Span(span.start + line.start(), span.start + line.end())


def _explained(passage: str) -> re.Pattern[str] | None:
    """The long forms of the abbreviations that the passage explains: names also where they have no capitals."""
    long = sorted(
        {pair.long for pair in glossary.pairs(passage) if not set(pair.long) & set("()[]")}, key=len, reverse=True
    )
    return re.compile("|".join(map(re.escape, long))) if long else None


def _inside(passage: str) -> frozenset[str]:
    """Words that stand with a capital where nothing begins: those are names also where something does."""
    words = _WORD.finditer(passage)
    return frozenset(m[0] for m in words if m[0][0].isupper() and not _opens(passage, m.start()))


def _opens(passage: str, at: int) -> bool:
    """Whether a sentence, a line or a cell of a table begins there."""
    return _OPENS.search(passage, max(0, at - LEAD), at) is not None


def _named(
    passage: str, sentence: Span, inside: frozenset[str], explained: re.Pattern[str] | None
) -> Iterator[Mention]:
    taken: list[Span] = []
    for term in explained.finditer(passage, *sentence) if explained else ():
        taken.append(Span(*term.span()))
    for span in list(taken):
        yield _mention(passage, span, "term")
    for code in _CODE.finditer(passage, *sentence):
        if code[0].split()[0].lower() not in _MONTHS | STOPWORDS and _free(Span(*code.span()), taken):
            taken.append(Span(*code.span()))
            yield _mention(passage, taken[-1], "code")
    for run in _runs(passage, sentence):
        for span in _capitals(passage, [word for word in run if _free(word, taken)], sentence, inside):
            yield _mention(passage, span, "name")


def _free(word: Span, taken: Sequence[Span]) -> bool:
    return not any(span.start < word.end and word.start < span.end for span in taken)


def _mention(passage: str, span: Span, kind: str) -> Mention:
    text = passage[span.start : span.end]
    return Mention(text, key_of(text), kind, span)


def _runs(passage: str, sentence: Span) -> Iterator[list[Span]]:
    """Words that follow one another without a sign between them."""
    run: list[Span] = []
    for match in _WORD.finditer(passage, *sentence):
        if run and _BREAK.search(passage, run[-1].end, match.start()):
            yield run
            run = []
        run.append(Span(*match.span()))
    if run:
        yield run


def _capitals(passage: str, run: Sequence[Span], sentence: Span, inside: frozenset[str]) -> Iterator[Span]:
    """Names in capitals within a run of words; one small word may join two of them («Bank of Mirrey»)."""
    at = 0
    while at < len(run):
        if not _is_capital(passage, run[at]):
            at += 1
            continue
        end = at + 1
        while end < len(run) and not _text(passage, run[end - 1]).endswith(("'s", "’s")):
            joins = (
                _text(passage, run[end]).lower() in _LINKS and end + 1 < len(run) and _is_capital(passage, run[end + 1])
            )
            if not joins and not _is_capital(passage, run[end]):
                break
            end += 1
        words = list(run[at:end])
        at = end
        while words and (first := _text(passage, words[0])).lower() in _OPENERS and not _is_short(first):
            words = words[1:]
        if not words or len(words) > LONGEST or all(_is_date(_text(passage, w)) for w in words):
            continue
        alone = len(words) == 1 and _opens(passage, words[0].start)
        word = _text(passage, words[0])
        if alone and word not in inside and (_is_ordinary(word) or (word.isupper() and not _is_short(word))):
            continue  # any word has a capital where a sentence, a line or a cell begins; headings have nothing else
        if len(word) > 1 or len(words) > 1:
            owner = _text(passage, words[-1]).endswith(("'s", "’s"))
            yield Span(words[0].start, words[-1].end - 2 * owner)


def _is_short(word: str) -> bool:
    """Whether a word may be an abbreviation: a few letters, all capitals."""
    return 1 < len(word) <= SHOUTED and word.isupper()


def _is_ordinary(word: str) -> bool:
    return not any(c.isupper() or c.isdigit() for c in word[1:])


def _is_date(word: str) -> bool:
    return word.lower() in _MONTHS or singular(word.lower()) in _MONTHS


def _text(passage: str, span: Span) -> str:
    return passage[span.start : span.end]


def _is_capital(passage: str, span: Span) -> bool:
    word = _text(passage, span)
    if word.lower() in STOPWORDS and not _is_short(word):
        return False  # «RESULTS The», but IT, US and WHO
    return word[0].isupper() or (len(word) > 2 and any(c.isupper() for c in word[1:]))


def _related(passage: str, sentence: Span, found: Sequence[Mention]) -> Iterator[Relation]:
    """Names of one sentence, each with the next ones; what is said stands between them."""
    named = [mention for mention in found if mention.key]
    said: set[tuple[str, str]] = set()
    for n, one in enumerate(named):
        for other in named[n + 1 : n + 1 + NEAR]:
            if one.key != other.key and (one.key, other.key) not in said:
                said.add((one.key, other.key))
                yield Relation(one.key, other.key, _between(passage, one.span, other.span), sentence)


def _between(passage: str, one: Span, other: Span) -> str:
    gap = passage[one.end : other.start]
    words = _WORD.findall(gap)
    return " ".join(words) if 0 < len(words) <= BETWEEN and not re.search(r"[.;|\n]", gap) else ""
