"""BM25 over the chunks, in the store's own file: text and index change in one transaction.

The FTS5 table keeps no copy of the text (``content=''``): a row is taken out by giving its text back. Title and
headings have a column of their own, so that they can weigh more. What goes in is ``tokens(text)``: diacritics of Latin,
Greek, Cyrillic, Arabic and Hebrew folded, and scripts that put no space between words cut into overlapping pairs of
characters; SQLite's tokenizer then stems English and lowers case. Words of other languages are stemmed before (see
``languages``), and a question's word is looked for in the form that each language of the base gives it.

A query is an OR of its words. FTS5 scores every row that matches (0.9 µs each, no skipping), so that a frequent word
costs more than all others together and says least: words are taken from the rarest until ``MATCH_BUDGET`` rows match.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from sqlalchemy import Connection, delete, text

from wellread.errors import StoreError
from wellread.index.words import languages
from wellread.index.words.schema import FULLTEXT
from wellread.index.words.stopwords import stopwords_of
from wellread.store.engine.api import read_meta, write_meta
from wellread.store.schema import meta

TOKENIZER = "2"  # raised when tokens() or the declaration below changes: a base with another one is rebuilt
META_KEY = "fulltext_tokenizer"
LANGUAGE_KEY = "fulltext_language"  # index.language when the table was made; what it holds follows it until a rebuild
PRESENT_KEY = "fulltext_languages"  # JSON list: languages other than English that passages are in
AUTO = "auto"
MATCH_BUDGET = 4_000  # rows that FTS5 may score for one query: about 4 ms; SciFact nDCG@10 0.683 with it and without
MOST_SCORED = 24_000  # rows scored in any case: a question of one word that is everywhere looks at the first of them
LONG_QUESTION = 3  # words from which stop words are dropped
MAX_TERMS = 48  # of one query; the rarest are kept

# Marks that are left out: Latin and its kin, Hebrew points, Arabic vowels and hamza, tatweel, Indic nukta, ZWJ.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u093c\u09bc\u0a3c\u0abc\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u200b\u200d\u20d0-\u20f0\ufe20-\ufe2f]"
)
_FOLDED = str.maketrans(
    {
        "ø": "o",
        "Ø": "o",
        "đ": "d",
        "Đ": "d",
        "ł": "l",
        "Ł": "l",
        "ħ": "h",
        "ı": "i",
        "œ": "oe",
        "Œ": "oe",
        "æ": "ae",
        "Æ": "ae",
        "ß": "ss",
        "ẞ": "ss",
        "þ": "th",
        "Þ": "th",
        "ð": "d",
        "Ð": "d",
        "ŋ": "n",
        "Ŋ": "n",
        "ى": "ي",
        "ة": "ه",
        "ک": "ك",
        "ی": "ي",
        "\u0901": "\u0902",
        "’": "'",
    }
)
_ARABIC_ARTICLE = re.compile(r"(?<!\w)(?:[وفبك]?ال|لل)(?=[\u0620-\u064a]{3})")
_CJK = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\U00020000-\U0003134f"
)
_SOUTH_EAST = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u1780-\u17d3"
_MARKS_SOUTH_EAST = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u17b4-\u17d3"
)
_RUN = re.compile(f"[{_CJK}]+|[{_SOUTH_EAST}]+")
_CLUSTER = re.compile(f"[{_SOUTH_EAST}][{_MARKS_SOUTH_EAST}]*")
_IS_CJK = re.compile(f"[{_CJK}]")

Count = Callable[[str], int]


def fold(passage: str) -> str:
    """The text with the spellings of a word made one; case stays (SQLite lowers it). ASCII comes back as it is."""
    if passage.isascii():
        return passage
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", passage))
    return _ARABIC_ARTICLE.sub("", unicodedata.normalize("NFC", bare).translate(_FOLDED))


def tokens(passage: str, language: str = languages.PLAIN) -> str:
    """What is indexed for a text: words as they are, unspaced scripts as overlapping pairs and a last character.

    The last character alone makes every character the start of some token, so that one character can be asked for. Of a
    language other than English it is the stem of each word; beside it that of the word without diacritics, where that
    is another one, so that «reservees» finds «réservées».
    """
    if language == languages.PLAIN:
        folded = fold(passage)
        return folded if folded.isascii() else _RUN.sub(_pairs, folded)
    made: list[str] = []
    for word in _spaced_words(unicodedata.normalize("NFC", passage).lower()):
        made += [tokens(word)] if _RUN.search(word) else forms(word, language)
    return " ".join(made)


def forms(word: str, language: str) -> list[str]:
    """The stems that stand in the index for a word in small letters, one or two, without diacritics."""
    stems = [fold(languages.stem(word, language))]
    if not word.isascii():
        stems.append(fold(languages.stem(fold(word), language)))
    return list(dict.fromkeys(stems))


def language_of(title: str, passage: str, setting: str) -> str:
    """The language that a passage is indexed in: what ``index.language`` says, or its own by a guess."""
    return languages.guess(f"{title}\n{passage}") if setting == AUTO else setting


def _characters(run: str) -> list[str]:
    return list(run) if _IS_CJK.match(run) else _CLUSTER.findall(run)


def _pairs(match: re.Match[str]) -> str:
    signs = _characters(match[0])
    return f" {' '.join(a + b for a, b in zip(signs, [*signs[1:], ''], strict=True))} "


def query(question: str, present: Sequence[str] = ()) -> list[str]:
    """The terms to look for, each as FTS5 wants it (quoted), without repeats, in the order of the question.

    Stop words of the question's language go when enough else is left; a question of nothing but stop words keeps them.
    A word is looked for in the form of each language of ``present`` too: («a» OR «b») counts as one term.
    """
    folded = fold(question)
    words: list[str] = []
    terms: list[str] = []
    last = 0
    for run in _RUN.finditer(folded):
        words += _spaced_words(folded[last : run.start()].lower())
        signs = _characters(run[0])
        pairs = [f'"{a}{b}"' for a, b in pairwise(signs)]
        terms += pairs or [f'"{signs[0]}"*']
        last = run.end()
    words += _spaced_words(folded[last:].lower())
    if len(words) >= LONG_QUESTION:
        stop = stopwords_of(words)
        words = [word for word in words if word not in stop] or words
    whole = _unfolded(question) if present else {}
    return list(dict.fromkeys([term(whole.get(word, word), present, word) for word in words] + terms))


def _unfolded(question: str) -> dict[str, str]:
    """The words of a question as they are written, in small letters, by how they are folded."""
    written = _spaced_words(unicodedata.normalize("NFC", question).lower())
    return {fold(word): word for word in written}


def term(word: str, present: Sequence[str] = (), folded: str = "") -> str:
    """What finds a word in small letters, in whichever form the languages of the base give it."""
    found = {languages.porter(plain) if present else plain: plain for plain in [folded or fold(word)]}
    for language in present:
        for form in forms(word, language):
            found.setdefault(languages.porter(form), form)
    quoted = [f'"{form}"' for form in found.values() if form]
    return quoted[0] if len(quoted) == 1 else f"({' OR '.join(quoted)})"


def _spaced_words(passage: str) -> list[str]:
    r"""Words as unicode61 cuts them here: letters, numbers and marks hang together (``\w`` leaves Indic vowels out)."""
    spaced = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in passage)
    return spaced.split()


def plan(terms: Sequence[str], count: Count, budget: int = MATCH_BUDGET) -> tuple[str, list[str]]:
    """The FTS5 expression for the terms that fit the budget, and those terms, rarest first; "" where none occurs.

    Where even the rarest term alone is over the budget, rows that hold several terms together are asked for.

    Args:
        terms: of ``query``.
        budget: rows that may match.
        count: in how many chunks a term occurs; may stop counting a little above the budget.
    """
    by_rarity = sorted((n, term) for term in terms if (n := count(term)))[:MAX_TERMS]
    kept: list[str] = []
    total = 0
    for n, term in by_rarity:
        if kept and total + n > budget:
            break
        kept.append(term)
        total += n
    if not kept:
        return "", []
    if total <= budget or len(by_rarity) == 1:
        return " OR ".join(kept), kept
    together = [by_rarity[0][1]]
    expression = together[0]
    for _, term in by_rarity[1:]:
        narrower = f"{expression} AND {term}"
        if not count(narrower):
            continue
        together.append(term)
        expression = narrower
        if count(narrower) <= budget:
            break
    return expression, together


def create(connection: Connection, language: str = AUTO) -> None:
    """An empty table, in place of the one that is there; tokenizer and language are kept with it."""
    connection.execute(text("DROP TABLE IF EXISTS chunks_fts"))
    connection.execute(text(FULLTEXT))
    write_meta(connection, META_KEY, TOKENIZER)
    write_meta(connection, LANGUAGE_KEY, language)
    write_meta(connection, PRESENT_KEY, "[]")


def exists(connection: Connection, language: str | None = None) -> bool:
    """Whether the base has a full-text index that this program reads.

    Raises: StoreError if another program wrote it, or if it was made with another ``index.language`` than this one.
    """
    found = read_meta(connection, META_KEY)
    if found is None:
        return False
    if found != TOKENIZER:
        raise StoreError(
            f"the full-text index was made with tokenizer {found}, this is {TOKENIZER}; run once: wellread sync"
        )
    held = read_meta(connection, LANGUAGE_KEY)
    if language is not None and held != language:
        raise StoreError(
            f"the full-text index was made with index.language = {held}, it is now {language}: the words would not "
            "meet; run: wellread index rebuild (no file is read, nothing is embedded)"
        )
    return True


def present(connection: Connection) -> list[str]:
    """Languages other than English that passages of the base are in."""
    found: list[str] = json.loads(read_meta(connection, PRESENT_KEY) or "[]")
    return found


def add(connection: Connection, keys: Sequence[int], texts: Sequence[str], titles: Sequence[str] = ()) -> None:
    """The texts, and what stands over them, can be found under their keys."""
    rows, met = _rows(connection, keys, texts, titles)
    if rows:
        connection.execute(text("INSERT INTO chunks_fts (rowid, title, text) VALUES (:key, :title, :text)"), rows)
        known = present(connection)
        if not met <= {languages.PLAIN, *known}:
            write_meta(connection, PRESENT_KEY, json.dumps(sorted({*known, *met} - {languages.PLAIN})))


def remove(connection: Connection, keys: Sequence[int], texts: Sequence[str], titles: Sequence[str] = ()) -> None:
    """The keys are not found any more. The texts must be those that were added: the index takes their words out."""
    rows, _ = _rows(connection, keys, texts, titles)
    if rows:
        gone = "INSERT INTO chunks_fts (chunks_fts, rowid, title, text) VALUES ('delete', :key, :title, :text)"
        connection.execute(text(gone), rows)


def _rows(
    connection: Connection, keys: Sequence[int], texts: Sequence[str], titles: Sequence[str]
) -> tuple[list[dict[str, object]], set[str]]:
    setting = read_meta(connection, LANGUAGE_KEY) or AUTO
    rows: list[dict[str, object]] = []
    met: set[str] = set()
    for key, title, passage in zip(keys, titles or [""] * len(keys), texts, strict=True):
        language = language_of(title, passage, setting)
        met.add(language)
        rows.append({"key": key, "title": tokens(title, language), "text": tokens(passage, language)})
    return rows, met


def drop(connection: Connection) -> None:
    """No chunk is found by its words any more; the table is made again with the next ones."""
    connection.execute(text("DROP TABLE IF EXISTS chunks_fts"))
    connection.execute(delete(meta).where(meta.c.key.in_((META_KEY, LANGUAGE_KEY, PRESENT_KEY))))


def size(connection: Connection) -> int:
    """Chunks in the index."""
    return int(connection.execute(text("SELECT count(*) FROM chunks_fts_docsize")).scalar_one())


def optimize(connection: Connection) -> None:
    """All segments become one: what was deleted is out of the file, and queries are as fast as they get."""
    connection.execute(text("INSERT INTO chunks_fts (chunks_fts) VALUES ('optimize')"))


def count_matches(connection: Connection, expression: str, limit: int = MOST_SCORED) -> int:
    """In how many chunks the expression matches, counted up to ``limit`` (which bounds the cost: 1 ms)."""
    statement = text("SELECT count(*) FROM (SELECT 1 FROM chunks_fts WHERE chunks_fts MATCH :query LIMIT :limit)")
    return int(connection.execute(statement, {"query": expression, "limit": limit}).scalar_one())


def standing(connection: Connection, terms: Iterable[str], allowed: Iterable[int]) -> set[str]:
    """Those of the terms that occur in a chunk of one of the access ids."""
    parameters = {"terms": json.dumps(list(terms)), "allowed": json.dumps(sorted(allowed))}
    return set(connection.execute(_STANDING, parameters).scalars())


def search(
    connection: Connection,
    expression: str,
    *,
    allowed: Iterable[int] | None,
    versions: Iterable[int] | None = None,
    k: int,
    title_weight: float = 1.0,
) -> list[tuple[int, float]]:
    """The ``k`` best chunks for an expression of ``plan``, as (chunk key, BM25 score), higher is better, ties by key.

    How rare a word is counts over all chunks, also those that may not be seen: a known limit. It shows in scores, and
    in which words of a question are too frequent to be looked for.

    Args:
        connection: a snapshot of the store.
        expression: of ``plan``; "" finds nothing.
        k: at least 1.
        allowed: access ids that may be seen; None: all of them. It is part of the query: others are never ranked.
        versions: ids of the versions to look in; None: all.
        title_weight: how often a word of title and headings counts, where one of the text counts once.
    """
    if not expression:
        return []
    if allowed is None and versions is None:
        statement = _ALL
        parameters: dict[str, object] = {}
    else:
        statement = _VERSIONS if versions is not None else _ALLOWED
        parameters = {"allowed": json.dumps(sorted(allowed)) if allowed is not None else None}
        if versions is not None:
            parameters["versions"] = json.dumps(sorted(versions))
    parameters |= {"query": expression, "k": k, "most": MOST_SCORED, "title": title_weight}
    rows = connection.execute(statement, parameters)
    return [(int(key), -float(score)) for key, score in rows]


_ALL = text("""SELECT key, score FROM (
        SELECT rowid AS key, bm25(chunks_fts, :title, 1.0) AS score FROM chunks_fts
        WHERE chunks_fts MATCH :query LIMIT :most
    ) ORDER BY score, key LIMIT :k""")
_STANDING = text("""SELECT j.value FROM json_each(:terms) AS j WHERE EXISTS (
        SELECT 1 FROM chunks_fts f CROSS JOIN chunks c ON c.rowid_ = f.rowid
        WHERE chunks_fts MATCH j.value AND c.access_id IN (SELECT value FROM json_each(:allowed)))""")
_CLAUSE = """SELECT key, score FROM (
        SELECT f.rowid AS key, bm25(chunks_fts, :title, 1.0) AS score
        FROM chunks_fts f CROSS JOIN chunks c ON c.rowid_ = f.rowid
        WHERE chunks_fts MATCH :query AND (:allowed IS NULL OR c.access_id IN (SELECT value FROM json_each(:allowed)))
        {} LIMIT :most
    ) ORDER BY score, key LIMIT :k"""
_ALLOWED = text(_CLAUSE.format(""))
_VERSIONS = text(_CLAUSE.format("AND c.version_id IN (SELECT value FROM json_each(:versions))"))
