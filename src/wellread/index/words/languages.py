"""Which language a passage is in, and the stems of its words: so that «Fahrpläne» finds «Fahrplan».

A light guess: the script, then how many telling little words of each language a passage holds. What is unclear counts
as English, whose words SQLite's own Porter tokenizer stems; the others are stemmed here, by Snowball.
"""

from __future__ import annotations

import functools
import importlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from wellread.index.words.stopwords import LISTS

# code of index.language → Snowball's name
SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch",
    "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
PLAIN = "en"  # stemmed by SQLite; also what is not stemmed at all: Chinese, Thai …
TELLING = 3  # little words of a language that a passage must hold
TELLING_OF_QUESTION = 2  # the same for a question, which is short
SAMPLE = 2_000  # characters that are looked at

_SCRIPTS = (
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("el", re.compile("[\u0370-\u03ff\u1f00-\u1fff]")),
    ("ar", re.compile("[\u0620-\u064a]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("ta", re.compile("[\u0b80-\u0bff]")),
    ("hy", re.compile("[\u0530-\u058f]")),
)
_NOT_RUSSIAN = re.compile("[іїєґђћљњџј]")
_LETTERS = re.compile(r"[^\W\d_]+")
# The list «nordic» holds three languages; these words tell them apart.
_NORDIC = {
    "sv": frozenset(["och", "att", "som", "jag", "ar", "inte", "ett", "fran", "vad"]),
    "da": frozenset(["af", "og", "ikke", "hvad", "hvornar", "hvordan", "blev", "meget", "efter", "til"]),
    "no": frozenset(["av", "og", "ikke", "hva", "nar", "hvordan", "ble", "mye", "etter", "til"]),
}


def guess(passage: str, telling: int = TELLING) -> str:
    """A key of ``SNOWBALL``, or ``en``, also where nothing is clear; ``telling`` little words decide."""
    if passage.isascii() and passage.count(" the ") >= 2:
        return PLAIN
    sample = passage[:SAMPLE]
    if not sample.isascii():
        letters = len(sample) - len(_LETTERS.sub("", sample))
        for code, script in _SCRIPTS:
            if 2 * len(script.findall(sample)) > letters:
                return PLAIN if code == "ru" and _NOT_RUSSIAN.search(sample.lower()) else code
    present = set(_LETTERS.findall(_bare(sample).lower()))
    found = {name: len(present & words) for name, words in LISTS.items() if name != "yo"}
    best = max(found, key=lambda name: (found[name], name == PLAIN))
    if best == PLAIN or found[best] < telling or found[best] <= found[PLAIN]:
        return PLAIN
    if best == "nordic":
        return max(_NORDIC, key=lambda code: len(present & _NORDIC[code]))
    return best


def foreign(question: str, present: Sequence[str]) -> str:
    """The English name of a question's language where it is neither English nor in ``present``; empty where it is."""
    code = guess(question, TELLING_OF_QUESTION)
    return "" if code == PLAIN or code in present else SNOWBALL[code].capitalize()


def _bare(passage: str) -> str:
    if passage.isascii():
        return passage
    return "".join(c for c in unicodedata.normalize("NFKD", passage) if not unicodedata.combining(c))


@functools.lru_cache(maxsize=100_000)
def stem(word: str, language: str) -> str:
    """The stem of a word in small letters by Snowball's rules for a key of ``SNOWBALL``."""
    return str(_stemmer(SNOWBALL[language]).stemWord(word))


@functools.lru_cache(maxsize=20_000)
def porter(word: str) -> str:
    """As SQLite's tokenizer stems a word without diacritics."""
    return str(_stemmer("porter").stemWord(word))


def _stemmer(name: str) -> Any:
    # a stemmer keeps its word while it works: one for each call, or threads would mix theirs
    return importlib.import_module("snowballstemmer").stemmer(name)
