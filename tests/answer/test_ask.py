"""Whole answers: where their texts went, and with which key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready
from tests.models.loopback import openai_like, serving

from wellread import KnowledgeBase
from wellread.answer.ask import AnswerParts, ask
from wellread.answer.settings import AnswerSettings
from wellread.index.open import IndexReader
from wellread.models.api import Message, Reply, Sampling
from wellread.models.prices import Price
from wellread.retrieve import search as searching
from wellread.retrieve.parts import SearchParts, SearchSettings
from wellread.retrieve.settings import RetrieveSettings
from wellread.store.engine.api import Store
from wellread.types import Answer, Usage

QUESTION = "What does a dog cost on every crossing?"
TEXT = "A dog travels for 12 crowns on every crossing."


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[IndexReader]:
    with Store.open(tmp_path) as store:
        filled(
            store, WordEmbedder(), ready("/docs/fares.md", TEXT), ready("/docs/ships.md", "The Auk carries 96 cars.")
        )
        yield IndexReader(store)


def answered(reader: IndexReader, question: str, searches: WordEmbedder, compares: WordEmbedder) -> Answer:
    sections = SearchSettings(RetrieveSettings(mode="bm25" if searches.remote is None else "hybrid"))
    found = searching.search(question, SearchParts(reader, searches), sections, who=EVERYONE)
    return ask(question, AnswerParts(lambda asked: found, compares, None), AnswerSettings(style="quote"))


def test_an_answer_names_every_host_that_got_text_once(reader: IndexReader) -> None:
    here, there, other = (WordEmbedder(remote=host) for host in (None, "there.example", "other.example"))
    assert answered(reader, QUESTION, here, here).left_machine == ()
    assert answered(reader, QUESTION, here, there).left_machine == ("there.example",)
    assert answered(reader, QUESTION, there, there).left_machine == ("there.example",)
    assert answered(reader, QUESTION, other, there).left_machine == ("other.example", "there.example")
    assert there.seen


def test_where_nothing_was_found_nothing_is_sent_and_no_host_is_named(reader: IndexReader) -> None:
    there = WordEmbedder(remote="there.example")
    answer = answered(reader, "zzzz", WordEmbedder(), there)
    assert answer.refused and answer.left_machine == () and not there.seen


def test_the_service_that_compares_sentences_gets_the_key_of_the_embedder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTENCES_KEY", "secret-key")
    (tmp_path / "fares.md").write_text(TEXT, "utf-8")
    with serving(openai_like) as server, KnowledgeBase.create(tmp_path / "base") as base:
        base.add(str(tmp_path / "fares.md"))
        remote = (f"embed.base_url='{server.url}/v1'", "embed.api_key_env='SENTENCES_KEY'", "answer.scorer='openai:e'")
        base.configured([*remote, "answer.style='quote'"]).ask(QUESTION)
    assert {request.headers.get("Authorization") for request in server.requests} == {"Bearer secret-key"}


# a stream that nobody reads to its end


class Writer:
    """A chat model that writes a supported sentence and continues; it knows whether it was stopped."""

    name, remote, context_tokens = "test:writer", None, 4096
    price = Price(1.0, 2.0)

    def __init__(self) -> None:
        self.written = 0
        self.stopped = False

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        raise AssertionError("answers are streamed")

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        try:
            for word in f"{TEXT} {TEXT} It is so on every day of the year.".split():
                self.written += 1
                yield f"{word} "
            yield Reply(TEXT, Usage(10, 20, 1))
        finally:
            self.stopped = True


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[tuple[KnowledgeBase, Writer]]:
    (tmp_path / "fares.md").write_text(TEXT, "utf-8")
    with KnowledgeBase.create(tmp_path / "base") as base:
        base.add(str(tmp_path / "fares.md"))
        writer = Writer()
        quick = ("answer.style=write", "answer.refuse_below=0.0", "answer.scorer=", "rerank.model=")
        yield base.configured(quick).with_models(chat=writer), writer


@pytest.mark.parametrize("how", ["closed", "dropped", "interrupted"])
def test_an_abandoned_question_stands_in_the_log_with_what_it_cost(
    writing: tuple[KnowledgeBase, Writer], how: str
) -> None:
    base, writer = writing
    stream = base.stream(QUESTION)
    assert next(stream) == f"{TEXT} [1]"
    if how == "closed":
        stream.close()
    elif how == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            stream.throw(KeyboardInterrupt)
    del stream
    assert writer.stopped and writer.written < 20
    [row] = base.log()
    assert (row.answer.question, row.answer.route) == (QUESTION, "abandoned")
    assert row.answer.text == f"{TEXT} [1]" and row.answer.citations
    used = row.answer.usage
    assert used.calls == 1 and used.completion_tokens >= 9 and used.prompt_tokens > 20
    assert used.cost == pytest.approx((used.prompt_tokens + 2 * used.completion_tokens) / 1e6)


def test_a_question_that_is_read_to_its_end_or_never_begun_is_not_abandoned(
    writing: tuple[KnowledgeBase, Writer],
) -> None:
    base, writer = writing
    base.stream(QUESTION).close()
    assert base.log() == [] and not writer.written
    stream = base.stream(QUESTION)
    pieces = list(stream)
    stream.close()
    base.ask(QUESTION)  # leaves its stream at the answer
    assert isinstance(pieces[-1], Answer)
    assert [row.answer.route for row in base.log()] == ["written", "written"]
