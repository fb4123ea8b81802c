"""Where a quotation stands in the live documents, and what is there instead when it stands nowhere."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from wellread.documents.sentences import sentences
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics.ranking import is_of
from wellread.progress import SILENT, Progress
from wellread.store import documents as store_documents
from wellread.types import Document, Principal, Question, Span

State = Literal["found", "moved", "changed", "gone", "superseded"]
_WORD = re.compile(r"\w+")
_ROW = re.compile(r"\||: .*; |\t|\S {3,}\S")  # cells of a table
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_LOOKED_AT = 20  # passages of a search for a quote that is not where it was
_LEAST_WORDS = 4  # of a quote that is looked for in other documents: shorter ones stand somewhere by chance
_ALIKE = 0.6  # likeness below which the nearest text says nothing
_COMPARED = 8  # nearest sentences by shared words that are compared letter by letter


@dataclass(frozen=True, slots=True)
class EvidenceFinding:
    """What became of one piece of evidence; ``nearest`` is the text most like the quote, in document ``where``."""

    question: str
    document: str
    quote: str
    state: State
    where: str = ""
    nearest: str = ""
    likeness: float = 0.0


def letters(text: str) -> str:
    """Letters and digits in lower case with single spaces: marks of tables and lists do not count."""
    return " ".join(_WORD.findall(_folded(text)))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def locate(text: str, quote: str) -> Span | None:
    """Where a quote stands in a text; None where it does not.

    Letter for letter first; then the same words in the same order, whatever marks stand between them; then one row
    of a table that holds all its words. Positions are those of ``text``.
    """
    wanted = letters(quote).split()
    if not wanted:
        return None
    at = text.find(quote)
    if at >= 0 and _whole(text, at, at + len(quote)):
        return Span(at, at + len(quote))
    words, spans = _words(text)
    first = wanted[0]
    for n, word in enumerate(words):
        if word == first and list(words[n : n + len(wanted)]) == wanted:
            return Span(spans[n][0], spans[n + len(wanted) - 1][1])
    if len(wanted) < 2:
        return None
    for line in re.finditer(r"[^\n]+", text):
        if _ROW.search(line[0]) and set(wanted) <= set(letters(line[0]).split()):
            return Span(line.start(), line.end())
    return None


def _whole(text: str, start: int, end: int) -> bool:
    """Whether no word is cut at either end: «3 days» does not stand in «13 days»."""
    first, last = text[start : start + 1], text[end - 1 : end]
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    return not (before.isalnum() and first.isalnum()) and not (last.isalnum() and after.isalnum())


@lru_cache(maxsize=64)
def _words(text: str) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    found = [(part, m.span()) for m in _WORD.finditer(text) for part in letters(m[0]).split()]
    return tuple(word for word, _ in found), tuple(span for _, span in found)


def nearest(text: str, quote: str) -> tuple[str, float]:
    """The sentence or line that is most like the quote, and how like it is (0 to 1)."""
    wanted = set(letters(quote).split())
    pieces = [text[start:end] for start, end in sentences(text)]
    pieces += [line.strip() for line in text.splitlines() if line.strip()]
    shares = [(len(wanted & set(letters(piece).split())), piece) for piece in dict.fromkeys(pieces)]
    shares.sort(key=lambda pair: (-pair[0], len(pair[1])))
    best, likeness = "", 0.0
    for shared, piece in shares[:_COMPARED]:
        ratio = difflib.SequenceMatcher(None, piece[:2000], quote, autojunk=False).ratio() if shared else 0.0
        if ratio > likeness:
            best, likeness = piece, ratio
    return best, likeness


def quickly(base: KnowledgeBase) -> KnowledgeBase:
    """The same open base, searching without a reranker and without a log: enough for what stands in the passages."""
    return base.configured(["rerank.model="], logs=False)


@dataclass(slots=True)
class Texts:
    """The live documents of a base with their texts, as each reader may see them; read once."""

    base: KnowledgeBase
    _listed: dict[Principal, list[Document]] = field(default_factory=dict)
    _read: dict[str, str] = field(default_factory=dict)

    def listed(self, groups: frozenset[str]) -> list[Document]:
        """What the caller may see with those groups alone, where there are some; without texts."""
        who = self._eyes(groups)
        if who not in self._listed:
            self._listed[who] = self.base.as_user(who).documents()
        return self._listed[who]

    def like(self, quote: str, groups: frozenset[str]) -> list[Document]:
        """The documents of the passages that a search for the quote finds, best first."""
        hits = self.base.as_user(self._eyes(groups)).search(quote, k=_LOOKED_AT).hits
        return list({hit.document.id: hit.document for hit in hits}.values())

    def find(self, name: str, quote: str, groups: frozenset[str]) -> tuple[str, Span] | None:
        """The text of the document that holds the quote, and where; None where none of that name does."""
        for document in self.listed(groups):
            if is_of(document.uri, name):
                span = locate(self.text(document), quote)
                if span is not None:
                    return self.text(document), span
        return None

    def _eyes(self, groups: frozenset[str]) -> Principal:
        who = self.base.who
        return replace(who, groups=who.groups & groups) if groups else who

    def text(self, document: Document) -> str:
        """The document's text; "" where it went away meanwhile."""
        if document.id not in self._read:
            with self.base.store.reading() as connection:
                whole = store_documents.get(connection, document.id, who=self.base.who)
            self._read[document.id] = whole.text if whole else ""
        return self._read[document.id]


def check(base: KnowledgeBase, questions: Sequence[Question], progress: Progress = SILENT) -> list[EvidenceFinding]:
    """What became of every piece of evidence, in the order of the questions.

    Superseded is evidence in a document that another one took the place of, unless the question names a year.
    """
    texts = Texts(quickly(base))
    found = []
    for n, question in enumerate(questions, 1):
        found += [_finding(question, e.document, e.quote, texts) for e in question.evidence]
        progress.step("check", n, len(questions))
    return found


def _finding(question: Question, name: str, quote: str, texts: Texts) -> EvidenceFinding:
    listed = texts.listed(question.groups)
    named = [document for document in listed if is_of(document.uri, name)]
    holding = [document for document in named if locate(texts.text(document), quote)]
    if holding:
        current = [document for document in holding if document.superseded_by is None]
        if current or _YEAR.search(question.text):
            return EvidenceFinding(question.id, name, quote, "found", (current or holding)[0].uri)
        successor = holding[0].superseded_by or ""
        heirs = [document for document in listed if is_of(document.uri, successor) or document.id == successor]
        return _nearest(EvidenceFinding(question.id, name, quote, "superseded"), heirs or holding, texts)
    elsewhere = texts.like(quote, question.groups)
    if len(letters(quote).split()) >= _LEAST_WORDS:
        for document in elsewhere:
            if document not in named and document.superseded_by is None and locate(texts.text(document), quote):
                return EvidenceFinding(question.id, name, quote, "moved", document.uri, quote, 1.0)
    if named:
        return _nearest(EvidenceFinding(question.id, name, quote, "changed"), named, texts)
    return _nearest(EvidenceFinding(question.id, name, quote, "gone"), elsewhere, texts)


def _nearest(finding: EvidenceFinding, among: Sequence[Document], texts: Texts) -> EvidenceFinding:
    """The finding with the text that is most like the quote, where one is like it at all."""
    found = [(*nearest(texts.text(document), finding.quote), document.uri) for document in among]
    text, likeness, uri = max(found, key=lambda each: each[1], default=("", 0.0, ""))
    return replace(finding, where=uri, nearest=text, likeness=likeness) if likeness >= _ALIKE else finding
