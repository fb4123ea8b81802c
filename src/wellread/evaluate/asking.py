"""One way asks one question: what it reads first, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from wellread import config, digests, prompts
from wellread.answer import reader
from wellread.answer.draft import REFUSAL
from wellread.errors import ModelError
from wellread.evaluate import ways, whole
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import metrics
from wellread.metrics.results import Outcome, ReadPassage, Way
from wellread.models.api import Chat, Embedder, Message, Reranker, Sampling
from wellread.models.providers import llamacpp
from wellread.models.settings import ChatSettings
from wellread.retrieve.parts import SearchResult
from wellread.types import Principal, Question

MARGIN_TOKENS = 48  # of a chat template around the messages
PROMPTS = ("closed-book", "long-context", "long-context-question")


@dataclass(frozen=True, slots=True)
class WayReading:
    """What a way reads for a question: passages, ids of their documents, a digest of all of it, and a note about it.

    Readings with the same digest lead to the same answer. Where nothing is read it is empty. ``sent_to`` are the hosts
    that the search sent texts to.
    """

    passages: tuple[ReadPassage, ...] = ()
    documents: tuple[str, ...] = ()
    depends: str = ""
    note: str = ""
    prompt: str = ""
    seconds: float = 0.0
    sent_to: tuple[str, ...] = ()
    result: SearchResult | None = field(default=None, repr=False, compare=False)  # of the search, where there was one


@dataclass(slots=True)
class Asker:
    """A way laid over an open base; the first ``shots`` of ``examples`` that its reader may see are shown.

    Ways that search alike find what one of them has found in ``found``.
    """

    way: Way
    base: KnowledgeBase
    seed: int
    examples: tuple[Question, ...] = ()
    shots: int = 4
    found: dict[str, WayReading] = field(default_factory=dict, repr=False)
    _shelf: whole.DocumentCache | None = field(default=None, repr=False)

    @property
    def writes(self) -> bool:
        """Whether a chat model is asked."""
        return ways.uses_chat(self.way, self.base.settings)

    @property
    def chat(self) -> Chat:
        """The chat model. Raises: ModelError where none is set."""
        if self.base.chat is None:
            raise ModelError(f"way '{self.way.name}': chat.model is empty; name a model in {config.FILE_NAME}")
        return self.base.chat

    def open(self) -> None:
        """Every model that the way uses is open, so that no answer is charged with it. Raises: ModelError."""
        if self.writes:
            _ = self.chat
        if self.way.reads in ("passages", "documents"):
            _ = self.base.embedder, self.base.cheap, self.base.reader, self.base.reranker
        if self.way.reads == "passages":
            _ = self.base.scorer

    def visible(self, question: Question) -> KnowledgeBase:
        """The base as the question's reader sees it."""
        return self.base.as_user(principal_of(question, who=self.base.who))

    def key(self, question: Question) -> str:
        """SHA-256 of what the answer follows from, documents apart."""
        parts: list[object] = [self.way.reads, question.text, sorted(principal_of(question, who=self.base.who).groups)]
        if self.way.reads == "examples":
            parts.append([[e.text, answer_of(e)] for e in self.shown(question)])
        return digests.of_json([*parts, self._behind()])

    def _behind(self) -> dict[str, object]:
        """Models, settings and prompts that an answer follows from; settings of reading show in what was read."""
        settings = self.base.settings
        found: dict[str, object] = {"version": config.VERSION, "max_tokens": settings["answer"].longest}
        if self.writes:
            found["model"] = identity(settings["chat"])
        if self.way.reads == "passages":
            found |= {"answer": asdict(settings["answer"]), "scorer": self.base.scorer.id}
            if self.writes:
                profile = reader.profile(settings["chat"], settings["answer"], config.models_folder())
                found["reader"] = asdict(profile)
            return found | {
                "prompts": [prompts.load("answer", "system"), prompts.load("answer", "answer")] if self.writes else []
            }
        return found | {"prompts": [prompts.load("questions", name) for name in PROMPTS], "trained": self.way.trained}

    def read(self, question: Question) -> WayReading:
        """What the way reads; no chat model is asked, unless it is set to reword questions.

        Raises: ModelError, StoreError.
        """
        if self.way.reads in ("nothing", "examples"):
            return WayReading()
        started = time.perf_counter()
        if self.way.reads == "documents":
            reading = self._documents(question)
            return replace(reading, seconds=time.perf_counter() - started)
        visible = self.visible(question)
        place = digests.of_json([question.text, sorted(visible.who.groups), _searching(visible.settings)])
        if place not in self.found:
            self.found[place] = replace(_passages(visible, question), seconds=time.perf_counter() - started)
        return self.found[place]

    def shown(self, question: Question) -> list[Question]:
        """Worked questions for the prompt: none that the reader may not see, none that words this one differently."""
        root = question.variant_of or question.id
        groups = question.groups & self.base.who.groups
        fitting = [e for e in self.examples if e.groups <= groups and (e.variant_of or e.id) != root]
        return fitting[: self.shots]

    def ask(self, question: Question, reading: WayReading) -> Outcome:
        """The outcome, without metrics, over what was read; its seconds are those of reading and answering.

        Raises: ModelError, ModelUnavailable, StoreError.
        """
        started = time.perf_counter()
        if self.way.reads == "passages":
            answer = self.visible(question).ask(question.text, found=reading.result)
            text, refused, usage = answer.text, answer.refused, answer.usage
            citations, route = answer.citations, answer.route
        else:
            sampling = Sampling(self.base.settings["answer"].longest, seed=self.seed)
            reply = self.chat.reply(self._messages(question, reading), sampling)
            text, usage = " ".join(reply.text.split()), reply.usage
            refused, citations, route = metrics.is_refusal(text), (), reading.note or self.way.reads
        return Outcome(
            way=self.way.name,
            question_id=question.id,
            text=text,
            refused=refused,
            citations=citations,
            passages=reading.passages,
            usage=usage,
            seconds=reading.seconds + time.perf_counter() - started,
            route=route,
            sent_to=self.hosts(reading),
        )

    def hosts(self, reading: WayReading) -> tuple[str, ...]:
        """Hosts that get texts for an answer over this reading as the way is configured now, asked again or not."""
        parts: list[Chat | Embedder | Reranker | None] = [self.chat if self.writes else None]
        if self.way.reads == "passages":
            parts.append(self.base.scorer)
        if self.way.reads == "documents":  # which a search puts in order
            parts += [self.base.embedder, self.base.reranker]
        remote = (part.remote for part in parts if part is not None)
        return tuple(dict.fromkeys(host for host in (*reading.sent_to, *remote) if host))

    def _messages(self, question: Question, reading: WayReading) -> list[Message]:
        if self.way.reads == "documents":
            return long_context(question.text, reading.prompt)
        if self.way.trained and self.way.reads == "nothing":
            return [Message("user", question.text)]  # as it was trained: the question alone
        worked = self.shown(question) if self.way.reads == "examples" else ()
        return closed_book(question.text, [(e.text, answer_of(e)) for e in worked])

    def _documents(self, question: Question) -> WayReading:
        if self._shelf is None:
            self._shelf = whole.DocumentCache(self.chat.count_tokens)
        room = self.chat.context_tokens - self.base.settings["answer"].longest - MARGIN_TOKENS
        room -= sum(self.chat.count_tokens(message.content) for message in long_context(question.text, ""))
        shown, n_documents = whole.fit(question.text, self.visible(question), self._shelf, room)
        text = "".join(whole.block(one.document.title, one.text) for one in shown)
        return WayReading(
            tuple(ReadPassage(one.document.uri, 0, one.end, one.text) for one in shown),
            tuple(one.document.id for one in shown),
            digests.of_json(text),
            whole.note(shown, n_documents),
            text,
        )


def _searching(settings: config.Settings) -> dict[str, object]:
    """Settings that what is found may follow from."""
    values = {name: asdict(section) for name, section in settings.values.items() if name != "answer"}
    return {**values, "passages": settings["answer"].passages}


def _passages(visible: KnowledgeBase, question: Question) -> WayReading:
    result = visible.search(question.text, k=visible.settings["answer"].passages)
    hits = result.hits
    read = [
        (hit.document.uri, hit.document.title, hit.chunk.header, hit.chunk.heading_path, hit.chunk.kind, hit.chunk.text)
        for hit in hits
    ]
    passages = tuple(
        ReadPassage(hit.document.uri, hit.chunk.span.start, hit.chunk.span.end, hit.chunk.text) for hit in hits
    )
    documents = tuple(dict.fromkeys(hit.document.id for hit in hits))
    return WayReading(passages, documents, digests.of_json(read), sent_to=result.left_machine, result=result)


def principal_of(question: Question, *, who: Principal) -> Principal:
    """Who a question is asked as: ``who`` with those groups alone that it names, where it names some."""
    return replace(who, groups=who.groups & question.groups) if question.groups else who


def closed_book(question: str, worked: Sequence[tuple[str, str]] = ()) -> list[Message]:
    """The conversation that asks a chat model without giving it anything to read; ``worked`` are turns before it."""
    turns = [Message(role, text) for pair in worked for role, text in zip(("user", "assistant"), pair, strict=True)]
    return [Message("system", prompts.load("questions", "closed-book")), *turns, Message("user", question)]


def long_context(question: str, documents: str) -> list[Message]:
    """The conversation that asks a chat model with whole documents before the question."""
    asked = prompts.filled("questions", "long-context-question", documents=documents.strip(), question=question)
    return [Message("system", prompts.load("questions", "long-context")), Message("user", asked)]


def answer_of(question: Question) -> str:
    """The reference answer as an example shows it."""
    return question.answers[0] if question.answerable and question.answers else REFUSAL


def identity(settings: ChatSettings) -> str:
    """What names the weights behind a chat model: the digests of its files, or the endpoint and its model's name.

    Raises: ModelError where a file is not there.
    """
    kind, _, name = settings.model.partition(":")
    if kind != "llama":
        return f"{settings.model} at {settings.base_url}"
    base, adapter = llamacpp.split(name)
    paths = [llamacpp.find(base, config.models_folder()), *([adapter] if adapter else [])]
    try:
        return "+".join(_file_digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in paths)
    except OSError as error:
        raise ModelError(f"chat.model = '{settings.model}': {error.filename}: {error.strerror}") from error


@lru_cache(maxsize=32)
def _file_digest(path: Path, size_bytes: int, mtime_ns: int) -> str:
    return digests.of_file(path)
