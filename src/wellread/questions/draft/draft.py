"""The verb of drafting: documents come in, questions that nobody has looked at yet go out, and why others were dropped.

Documents give candidates (by rules, or by a chat model), candidates pass the filters in an order that mixes kinds and
documents, and what passes goes to ``questions-draft.jsonl``, each with a note of how it was made. The same call again
adds only what is new; what was rejected does not come back.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from wellread import digests
from wellread.knowledge_base import KnowledgeBase
from wellread.progress import SILENT, Progress
from wellread.questions import file as question_files
from wellread.questions.draft import rules
from wellread.questions.draft.candidate import Candidate, DraftTable, Sentence, running, tables
from wellread.questions.file import QuestionEntry
from wellread.questions.stands import letters, quickly
from wellread.retrieve.units import words
from wellread.store import documents as store_documents
from wellread.types import Document, Evidence, Question

SHARES: Mapping[str, float] = {
    "fact": 0.3, "table": 0.2, "comparison": 0.1, "summary": 0.1, "hops": 0.1, "unanswerable": 0.2,
}  # fmt: skip
KINDS = tuple(SHARES)
DOCUMENTS_READ = 400  # of a large base, taken by chance
ALIKE = 0.92  # cosine from which two questions with the same names and numbers are one
_LEAST_WORDS = 2  # content words of a question that stands alone
_SAYS = 0.5  # share of the words of a fact that a passage with the name holds, from which it may be said there
_SUMMARY_HELD = 0.7  # share of the words of a summary that its evidence holds
_PASSAGES = 20
_NAME_OR_NUMBER = re.compile(r"(?<!^)\b(?:[A-Z]\w*|\w*\d\w*)\b")


@dataclass(frozen=True, slots=True)
class Drafting:
    """What is wanted: how many questions, of which kinds, in how many further phrasings each."""

    n: int = 100
    kinds: tuple[str, ...] = KINDS
    phrasings: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a draft did: the new rows, how many by kind, and what was dropped for which reason."""

    new: tuple[QuestionEntry, ...]
    by_kind: Mapping[str, int]
    dropped: Mapping[str, int]
    documents: int
    not_english: int = 0


@dataclass(slots=True)
class _Sieve:
    """The filters, with what has passed; ``embed`` gives rows of length 1."""

    embed: Callable[[Sequence[str]], NDArray[np.float32]]
    known: Callable[[Question], bool]  # whether a question is answered rightly without the documents
    texts: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)  # an edited question keeps the id of its draft
    passed: list[tuple[str, NDArray[np.float32]]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def passes(self, candidate: Candidate, conflicts: frozenset[str]) -> bool:
        """Whether the candidate is kept; a reason is counted where it is not."""
        reason = self._fault(candidate, conflicts)
        if reason:
            self.dropped[reason] += 1
        return not reason

    def _fault(self, candidate: Candidate, conflicts: frozenset[str]) -> str:
        text = candidate.phrasings[0]
        if letters(text) in self.texts or id_of(text, candidate.answers) in self.ids:
            return "asked already"
        if letters(text) in conflicts:
            return "the documents answer it differently"
        if len(words(text)) < _LEAST_WORDS:
            return "does not stand alone"
        if candidate.answerable:
            if not stands(candidate):
                return "the answer is not in the evidence"
            if candidate.kind != "comparison" and letters(candidate.answers[0]) in letters(text):
                return "the question holds its answer"
        vector = self.embed([text])[0]
        marks = frozenset(_NAME_OR_NUMBER.findall(text))
        for other, seen in self.passed:
            if float(vector @ seen) >= ALIKE and frozenset(_NAME_OR_NUMBER.findall(other)) == marks:
                return "nearly the same as another"
        if candidate.answerable and self.known(Question("", text, candidate.answers)):
            return "can be answered without the documents"
        self.texts.add(letters(text))
        self.passed.append((text, vector))
        return ""

    def wordings(self, candidate: Candidate, most: int, others: Collection[str]) -> list[str]:
        """The question that passed, with further phrasings that nothing else asks; those are asked from now on.

        ``others`` is what other candidates ask, as ``letters`` has it.
        """
        texts = [candidate.phrasings[0]]
        for text in candidate.phrasings[1:]:
            asked = letters(text)
            new = asked not in self.texts and asked not in others and id_of(text, candidate.answers) not in self.ids
            if new and len(texts) <= most:
                self.texts.add(asked)
                texts.append(text)
        return texts


def stands(candidate: Candidate) -> bool:
    """Whether an accepted answer stands in the evidence; of a summary most of its words have to."""
    held = letters(" ".join(e.quote for e in candidate.evidence))
    if candidate.kind == "summary":
        said = set(words(candidate.answers[0]))
        return len(said & set(words(held))) >= _SUMMARY_HELD * len(said)
    return any(re.search(rf"\b{re.escape(letters(answer))}\b", held) for answer in candidate.answers)


def draft(
    base: KnowledgeBase,
    wanted: Drafting,
    progress: Progress = SILENT,
    *,
    more: Callable[[Sequence[Document]], Iterable[Candidate]] | None = None,
    known: Callable[[Question], bool] | None = None,
) -> Drafted:
    """New drafts are in ``questions-draft.jsonl`` of the base's folder.

    Args:
        base: whose documents are read, as ``base.who`` may see them; superseded ones and those out of date are not.
        wanted: how many, of which kinds.
        progress: told of every question.
        more: another maker, a chat model say, which takes the place of the rules.
        known: whether a question can be answered without the documents; None asks nobody.
    Raises: StoreError, ModelError, UsageError for question files with faults.
    """
    chance = random.Random(wanted.seed)
    read = documents(base, chance)
    accepted = question_files.kept(base.folder / question_files.FILE)
    drafts = question_files.kept(base.folder / question_files.DRAFTS)
    english = [document for document in read if is_english(document.text)]
    sentences = [sentence for document in english for sentence in running(document)]
    every = [table for document in read for table in tables(document)]
    made = list(more(read)) if more is not None else _by_rules(sentences, every, chance)
    pools = _pools(made, wanted.kinds, chance)
    if "unanswerable" in wanted.kinds and more is None:
        pools["unanswerable"] = rules.unanswerable(made, every, sentences, _says(base), chance)
    sieve = _sieve(base, [*accepted, *drafts], known)
    conflicts = _conflicts(made)
    firsts = frozenset(letters(candidate.phrasings[0]) for candidate in made)
    names = _names(base)
    counted = Counter(e.question.kind for e in (*accepted, *drafts) if e.made and e.question.variant_of is None)
    new: list[QuestionEntry] = []
    for kind, n in shares(wanted).items():
        left = max(0, n - counted[kind])
        for candidate in pools.get(kind, ()):
            if left == 0:
                break
            if sieve.passes(candidate, conflicts):
                asked = sieve.wordings(candidate, wanted.phrasings, firsts)
                new += _entries(candidate, asked, names, base.who.groups)
                left -= 1
                progress.step("draft", sum(e.question.variant_of is None for e in new), wanted.n, kind)
    if new:
        question_files.write(base.folder / question_files.DRAFTS, [*drafts, *new])
    by_kind = Counter(entry.question.kind for entry in new if entry.question.variant_of is None)
    return Drafted(tuple(new), dict(by_kind), dict(sieve.dropped), len(read), len(read) - len(english))


def shares(wanted: Drafting) -> dict[str, int]:
    """How many questions of each kind, which together are ``n``."""
    total = sum(SHARES[kind] for kind in wanted.kinds)
    counts = {kind: int(wanted.n * SHARES[kind] / total) for kind in wanted.kinds}
    for kind in wanted.kinds[: wanted.n - sum(counts.values())]:
        counts[kind] += 1
    return counts


def documents(base: KnowledgeBase, chance: random.Random) -> list[Document]:
    """Live documents with their texts, in force today, in the order of their uris; of many a part taken by chance."""
    today = date.today()
    listed = [
        d for d in base.documents() if d.superseded_by is None and (d.valid_until is None or d.valid_until >= today)
    ]
    if len(listed) > DOCUMENTS_READ:
        listed = sorted(chance.sample(listed, DOCUMENTS_READ), key=lambda d: d.uri)
    with base.store.reading() as connection:
        whole = [store_documents.get(connection, document.id, who=base.who) for document in listed]
    return [document for document in whole if document is not None]


def is_english(text: str) -> bool:
    """Whether English function words are at least a tenth of the first words."""
    first = re.findall(r"[^\W\d_]+", text.lower())[:400]
    return sum(word in _ENGLISH for word in first) >= 0.1 * len(first)


_ENGLISH = {
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "are",
    "on",
    "for",
    "with",
    "that",
    "by",
    "be",
    "it",
    "as",
    "at",
    "you",
}


def _by_rules(sentences: Sequence[Sentence], every: Sequence[DraftTable], chance: random.Random) -> list[Candidate]:
    return [*rules.facts(sentences), *rules.summaries(sentences), *rules.of_tables(every, chance)]


def _pools(made: Sequence[Candidate], kinds: Sequence[str], chance: random.Random) -> dict[str, Iterator[Candidate]]:
    """For each kind its candidates, document by document in turn, so that no document gives all of them."""
    pools: dict[str, Iterator[Candidate]] = {}
    for kind in kinds:
        by_document: dict[tuple[str, ...], list[Candidate]] = defaultdict(list)
        for candidate in made:
            if candidate.kind == kind:
                by_document[tuple(sorted({e.document for e in candidate.evidence}))].append(candidate)
        queues = [deque(chance.sample(group, len(group))) for _, group in sorted(by_document.items())]
        chance.shuffle(queues)
        pools[kind] = _in_turn(queues)
    return pools


def _in_turn(queues: Iterable[deque[Candidate]]) -> Iterator[Candidate]:
    waiting = deque(queues)
    while waiting:
        queue = waiting.popleft()
        if queue:
            yield queue.popleft()
            waiting.append(queue)


def _conflicts(made: Sequence[Candidate]) -> frozenset[str]:
    """Questions that two candidates answer differently."""
    given: dict[str, set[str]] = defaultdict(set)
    for candidate in made:
        if candidate.answers:
            given[letters(candidate.phrasings[0])].add(letters(candidate.answers[0]))
    return frozenset(text for text, answers in given.items() if len(answers) > 1)


def _sieve(base: KnowledgeBase, have: Sequence[QuestionEntry], known: Callable[[Question], bool] | None) -> _Sieve:
    """The filters, with what is in the set, in the drafts, and what was rejected."""
    texts = [entry.question.text for entry in have]
    embedder = base.embedder
    sieve = _Sieve(lambda asked: embedder.embed(asked, "query"), known or (lambda _: False))
    sieve.ids.update(entry.question.id for entry in have)
    sieve.texts.update(letters(text) for text in texts)
    sieve.passed += list(zip(texts, embedder.embed(texts, "query"), strict=True)) if texts else []
    return sieve


def _says(base: KnowledgeBase) -> rules.Says:
    """Whether one of the best passages for a name and words holds the name and much of the words."""
    base = quickly(base)

    def says(name: str, wanted: str) -> bool:
        content = set(words(wanted)) - set(words(name))
        if not content:
            return True
        for hit in base.search(f"{name} {wanted}", k=_PASSAGES).hits:
            held = hit.chunk.indexed_text
            if letters(name) in letters(held) and len(content & set(words(held))) >= _SAYS * len(content):
                return True
        return False

    return says


def _names(base: KnowledgeBase) -> dict[str, str]:
    """The uri of every document → its shortest end of two parts or more that no other document has."""
    uris = [document.uri for document in base.documents()]
    ends: Counter[str] = Counter(end for uri in uris for end in _ends(uri))
    return {uri: next((end for end in _ends(uri) if ends[end] == 1), uri) for uri in uris}


def _ends(uri: str) -> list[str]:
    parts = uri.split("/")
    return ["/".join(parts[-n:]) for n in range(min(2, len(parts)), min(6, len(parts)) + 1)]


def _entries(
    candidate: Candidate, texts: Sequence[str], names: Mapping[str, str], groups: frozenset[str]
) -> list[QuestionEntry]:
    """The question and its other phrasings, which are ``texts``, as drafts."""
    evidence = tuple(Evidence(names.get(e.document, e.document), e.quote) for e in candidate.evidence)
    first = id_of(texts[0], candidate.answers)
    entries = []
    for n, text in enumerate(texts):
        question = Question(
            id=first if n == 0 else id_of(text, candidate.answers),
            text=text,
            answers=candidate.answers,
            evidence=evidence,
            kind=candidate.kind,
            answerable=candidate.answerable,
            groups=candidate.labels & groups,
            variant_of=None if n == 0 else first,
        )
        entries.append(
            QuestionEntry(question, candidate.made if n == 0 else f"{candidate.made}, phrasing {n + 1}", "draft")
        )
    return entries


def id_of(text: str, answers: Sequence[str]) -> str:
    """The id of a draft: the same text and answer have the same one in every run."""
    return "d" + digests.of_text("\0".join((letters(text), *answers)))[:10]
