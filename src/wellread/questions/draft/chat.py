"""Candidates that a chat model writes from passages, with pinned prompts; replies are kept, nothing is asked twice."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wellread import digests, paths, prompts
from wellread.errors import ModelError, ModelUnavailable
from wellread.knowledge_base import DATA_FOLDER, KnowledgeBase
from wellread.metrics import metrics
from wellread.models.api import Chat, Message, Sampling
from wellread.progress import SILENT, Progress
from wellread.questions.draft.candidate import Candidate
from wellread.questions.draft.draft import SHARES, Drafting
from wellread.questions.stands import letters, locate, quickly
from wellread.store import documents as store_documents
from wellread.types import Chunk, Document, Evidence, Question

OVERSAMPLE = 3  # candidates wanted for each question: filters drop many
_PER_CALL = 2
_LEAST_TOKENS = 25  # of a passage that can hold a question
_SAYS = {
    "fact": "questions, each about a single fact",
    "table": "questions, each about a number in a table row",
    "summary": "question that asks for a summary; here the answer is one or two sentences in your own words",
    "comparison": "question that compares something in passage 1 with something in passage 2",
    "hops": "question whose answer stands in passage 2 and that names what passage 1 leads to without saying its name",
}
_TWO = ("comparison", "hops")
_FIELD = re.compile(r"^[\W\d]*(question|answer|quote)\s*\d*\W*:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_POINTS = re.compile(r"\b(?:passage|text|document above|quote|excerpt)s?\b", re.IGNORECASE)


@dataclass(slots=True)
class CachedChat:
    """A chat model whose replies are kept in a file: the same model is asked the same only once."""

    chat: Chat
    path: Path
    failed: int = 0
    _known: dict[str, str] = field(default_factory=dict)
    _read: bool = False

    def reply(self, prompt: str, max_tokens: int, *, seed: int) -> str:
        """What the model says, greedily; "" where it failed on this prompt. Raises: ModelUnavailable."""
        if not self._read:
            self._known, self._read = _replies(self.path), True
        key = digests.of_text(f"{self.chat.name}\0{prompt}\0{max_tokens}\0{seed}")[:32]
        if key not in self._known:
            try:
                text = self.chat.reply([Message("user", prompt)], Sampling(max_tokens, seed=seed)).text
            except ModelUnavailable:
                raise
            except ModelError:
                self.failed += 1
                return ""
            self._known[key] = text
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "text": text}) + "\n")
        return self._known[key]


def _replies(path: Path) -> dict[str, str]:
    """What was replied before; a last line that was cut when a run was killed is passed over."""
    found = {}
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[row["key"]] = row["text"]
    return found


def asked(base: KnowledgeBase, chat: Chat) -> CachedChat:
    """The model with the replies that this base has from it."""
    return CachedChat(chat, base.folder / DATA_FOLDER / paths.REPLIES)


def maker(
    base: KnowledgeBase, model: CachedChat, wanted: Drafting, progress: Progress = SILENT
) -> Callable[[Sequence[Document]], Iterator[Candidate]]:
    """What ``draft.draft`` takes as ``more``: candidates of every wanted kind, from passages taken by chance."""
    base = quickly(base)

    def made(documents: Sequence[Document]) -> Iterator[Candidate]:
        chance = random.Random(wanted.seed)
        passages = _passages(base, documents)
        chance.shuffle(passages)
        total = sum(SHARES[kind] for kind in wanted.kinds)
        for kind in wanted.kinds:
            left = max(1, round(OVERSAMPLE * wanted.n * SHARES[kind] / total / _PER_CALL))
            for n, (chunk, document) in enumerate(passages[:left]):
                progress.step(f"write {kind}", n, min(left, len(passages)))
                for candidate in _write(base, model, kind, chunk, document, wanted):
                    yield _rephrased(candidate, model, wanted)
            passages = passages[left:] + passages[:left]

    return made


def _passages(base: KnowledgeBase, documents: Sequence[Document]) -> list[tuple[Chunk, Document]]:
    found = []
    with base.store.reading() as connection:
        for document in documents:
            chunks = store_documents.neighbours(connection, document.id, who=base.who, first=0, last=10**9)
            found += [(chunk, document) for _, chunk in chunks if chunk.n_tokens >= _LEAST_TOKENS]
    return found


def _write(
    base: KnowledgeBase, model: CachedChat, kind: str, chunk: Chunk, document: Document, wanted: Drafting
) -> Iterator[Candidate]:
    """The candidates of one passage (and, for two of the kinds, the one nearest to it in another document)."""
    made = f"{model.chat.name}: {kind}"
    given = {"title": document.title, "passage": chunk.text, "n": _PER_CALL}
    if kind == "unanswerable":
        reply = model.reply(prompts.filled("questions.draft", "draft-none", **given), 120, seed=wanted.seed)
        for question, _, _ in parsed(reply):
            if not _POINTS.search(question) and not _answered(base, model, question, wanted.seed):
                yield Candidate((question,), (), (), kind, made)
        return
    where = [(chunk, document)]
    if kind in _TWO:
        other = _neighbour(base, chunk)
        if other is None:
            return
        where.append(other)
        given |= {"title_2": other[1].title, "passage_2": other[0].text, "n": 1}
    name = "draft-two" if kind in _TWO else "draft"
    if kind == "summary":
        given["n"] = 1
    reply = model.reply(prompts.filled("questions.draft", name, kind=_SAYS[kind], **given), 240, seed=wanted.seed)
    for question, answer, quotes in parsed(reply):
        evidence = _evidence(quotes, where)
        if question.endswith("?") and answer and not _POINTS.search(question) and len(evidence) >= len(where):
            labels = frozenset[str]().union(*(d.labels for _, d in where))
            yield Candidate((question,), (answer,), evidence, kind, made, labels)


def parsed(reply: str) -> list[tuple[str, str, list[str]]]:
    """Questions of a reply, each with its answer ("" without one) and its quotes."""
    found: list[tuple[str, str, list[str]]] = []
    for m in _FIELD.finditer(reply):
        name, value = m[1].lower(), m[2].strip().strip('"“”*').strip()
        if name == "question":
            found.append((value, "", []))
        elif found and name == "answer" and not found[-1][1]:
            found[-1] = (found[-1][0], value.rstrip("."), found[-1][2])
        elif found and name == "quote":
            found[-1][2].append(value)
    return found


def _evidence(quotes: Sequence[str], where: Sequence[tuple[Chunk, Document]]) -> tuple[Evidence, ...]:
    """The quotes that stand in the passages, letter for letter as they stand there."""
    found = []
    for quote in quotes:
        for chunk, document in where:
            span = locate(chunk.text, quote)
            if span is not None and len(letters(quote).split()) > 1:
                found.append(Evidence(document.uri, chunk.text[span.start : span.end]))
                break
    return tuple(dict.fromkeys(found))


def _neighbour(base: KnowledgeBase, chunk: Chunk) -> tuple[Chunk, Document] | None:
    """The passage of another document that is most like this one."""
    for hit in base.search(chunk.text[:400], k=20).hits:
        if hit.chunk.document_id != chunk.document_id and hit.document.superseded_by is None:
            return hit.chunk, hit.document
    return None


def _answered(base: KnowledgeBase, model: CachedChat, question: str, seed: int) -> bool:
    """Whether the model finds an answer in the best passages, or says something else than that it is not there."""
    passages = "\n\n".join(hit.chunk.text for hit in base.search(question, k=5).hits)
    room = model.chat.context_tokens - 200
    while passages and model.chat.count_tokens(passages) > room:
        passages = passages[: len(passages) * 3 // 4]
    prompt = (
        prompts.load("questions", "long-context")
        + "\n\n"
        + prompts.filled("questions", "long-context-question", documents=passages, question=question)
    )
    return not metrics.is_refusal(model.reply(prompt, 48, seed=seed))


def _rephrased(candidate: Candidate, model: CachedChat, wanted: Drafting) -> Candidate:
    """The candidate with other wordings that keep its names and numbers."""
    if wanted.phrasings < 1:
        return candidate
    prompt = prompts.filled("questions.draft", "draft-again", n=wanted.phrasings, question=candidate.phrasings[0])
    texts = [text for text, _, _ in parsed(model.reply(prompt, 120, seed=wanted.seed))]
    marks = set(re.findall(r"(?<!^)\b(?:[A-Z]\w+|\w*\d\w*)\b", candidate.phrasings[0]))
    fitting = [text for text in texts if text.endswith("?") and all(mark in text for mark in marks)]
    fitting = [text for text in fitting if letters(text) != letters(candidate.phrasings[0])]
    return replace(candidate, phrasings=(candidate.phrasings[0], *fitting))


def closed_book(model: CachedChat, *, seed: int) -> Callable[[Question], bool]:
    """What ``draft.draft`` takes as ``known``: whether the model answers rightly without having read anything."""

    def knows(question: Question) -> bool:
        prompt = f"{prompts.load('questions', 'closed-book')}\n\nQuestion: {question.text}"
        text = model.reply(prompt, 48, seed=seed)
        return not metrics.is_refusal(text) and metrics.holds(text, question.answers)

    return knows
