"""Where sentences end, by light rules that need no model: Latin, CJK, Devanagari, Arabic, Ethiopic, Khmer, Thai."""

from __future__ import annotations

import re

from wellread.types import Span

_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "sr",
        "jr",
        "st",
        "no",
        "nos",
        "nr",
        "vs",
        "etc",
        "e.g",
        "i.e",
        "eg",
        "ie",
        "cf",
        "al",
        "fig",
        "figs",
        "eq",
        "sec",
        "vol",
        "ch",
        "pp",
        "p",
        "ed",
        "eds",
        "inc",
        "ltd",
        "co",
        "corp",
        "dept",
        "est",
        "approx",
        "ca",
        "bzw",
        "z.b",
        "d.h",
        "u.a",
        "usw",
        "vgl",
        "ggf",
        "ca",
        "abs",
        "art",
        "bspw",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "kr",
        "tel",
        "ext",
        "max",
        "min",
        "incl",
        "resp",
        "u.s",
        "u.k",
        "a.m",
        "p.m",
    ]
)
_END = re.compile(
    r"[.!?\u2026]+[\"'\u201d\u2019\u00bb)\]]*(?=\s)"  # Latin, Cyrillic, Greek: white space must follow
    r"|[\u3002\uff01\uff1f\uff61]+[\u300d\u300f\u201d\uff09]*"  # CJK: nothing follows
    r"|[\u0964\u0965\u06d4\u061f\u1362\u1367\u1368\u104b\u17d4\u17d5]+"  # Devanagari, Arabic, Ethiopic, Myanmar, Khmer
    r"|(?<=[\u0e00-\u0eff])[ ]+(?=[\u0e00-\u0eff])"  # Thai and Lao write a space where a clause ends
    r"|\n[ \t]*\n"
)
_END_ASCII = re.compile(r"[.!?]+[\"')\]]*(?=\s)|\n[ \t]*\n")  # the same for ASCII text, several times faster
_LAST_WORD = re.compile(r"([\w.]+)\.\Z")


def sentences(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """Spans of the sentences of ``text[start:end]`` without white space around them; together they hold the rest."""
    stop = len(text) if end is None else end
    spans: list[Span] = []
    begin = start
    ends = _END_ASCII if text[start:stop].isascii() else _END
    for match in ends.finditer(text, start, stop):
        if match.group().startswith(".") and not _ends(text, begin, match.end(), stop):
            continue
        _append(spans, text, begin, match.end())
        begin = match.end()
    _append(spans, text, begin, stop)
    return spans


def _ends(text: str, begin: int, at: int, stop: int) -> bool:
    """Whether the full stop before ``at`` ends a sentence: no abbreviation, no initial, no small letter after it."""
    following = text[at : min(at + 40, stop)].lstrip()[:1]
    if following.islower():
        return False
    word = _LAST_WORD.search(text, max(begin, at - 24), at)
    if word is None:
        return True
    last = word.group(1)
    if last.lower() in _ABBREVIATIONS:
        return False
    if len(last) == 1 and last.isupper():
        return False
    return not (last.isdigit() and at - len(last) - 1 <= begin)  # "3. Speed." is a number, not a sentence


def _append(spans: list[Span], text: str, begin: int, end: int) -> None:
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    if end > begin:
        spans.append(Span(begin, end))
