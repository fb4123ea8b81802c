"""Whole answers: where their texts went, and with which key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready
from tests.models.loopback import openai_like, serving

from wellread import KnowledgeBase
from wellread.answer.ask import AnswerParts, ask
from wellread.answer.settings import AnswerSettings
from wellread.index.open import IndexReader
from wellread.retrieve import search as searching
from wellread.retrieve.parts import SearchParts, SearchSettings
from wellread.retrieve.settings import RetrieveSettings
from wellread.store.engine.api import Store
from wellread.types import Answer

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
