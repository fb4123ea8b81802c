from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Connection
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready

from wellread.errors import StoreError
from wellread.index.open import IndexReader, Snapshot
from wellread.models.api import Message, Reply, Sampling, Vectors
from wellread.retrieve.parts import Query, Retriever, SearchParts, SearchResult, SearchSettings
from wellread.retrieve.retrievers import find as finding
from wellread.retrieve.search import search
from wellread.retrieve.settings import ExpandSettings, RetrieveSettings, RewriteSettings, RouteSettings
from wellread.retrieve.understand.filters import parse
from wellread.store.engine.api import Store
from wellread.types import Compare, Principal, Usage

SETTINGS = RetrieveSettings()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[IndexReader]:
    with Store.open(tmp_path) as store:
        filled(
            store,
            WordEmbedder(),
            ready("/docs/fares-2025.md", "a dog pays three euros", title="Fares 2025", metadata={"type": "fares"}),
            ready("/docs/fares-2026.md", "a dog pays four euros", title="Fares 2026", metadata={"type": "fares"}),
            ready("/docs/crew.md", "the crew may bring a dog", labels=["crew"], title="Crew handbook"),
            *(ready(f"/docs/{n}.md", f"timetable of line {n}", title=f"Line {n}") for n in range(30)),
        )
        yield IndexReader(store)


def found(reader: IndexReader, question: str, settings: RetrieveSettings = SETTINGS, **other: object) -> SearchResult:
    who = other.pop("who", EVERYONE)
    parts, sections = SearchParts(reader, WordEmbedder()), SearchSettings(retrieve=settings)
    return search(question, parts, sections, who=who, **other)  # type: ignore[arg-type]


def test_hits_carry_the_scores_of_each_stage_and_stages_are_timed(reader: IndexReader) -> None:
    result = found(reader, "what does a dog pay")
    assert {hit.chunk.text for hit in result.hits[:2]} == {"a dog pays three euros", "a dog pays four euros"}
    assert set(result.hits[0].scores) == {"dense", "bm25", "fused", "document"}
    assert [stage.name for stage in result.stages] == [
        "rewrite",
        "embed",
        "scope",
        "search",
        "fuse",
        "together",
        "read",
    ]
    assert result.hits[0].document.text == ""


def test_passages_of_one_document_bear_each_other_out(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        filled(
            store,
            WordEmbedder(),
            ready("/docs/dogs.md", "a dog pays at the pier", "a dog with a lead", "dogs and cats", "a dog swims"),
            ready("/docs/pier.md", "a dog pays at the gate", "the pier is closed", "boats", "rain"),
            *(ready(f"/docs/{n}.md", f"timetable of line {n}") for n in range(30)),
        )
        reader = IndexReader(store)

        def firsts(weight: float) -> list[str]:
            return [hit.document.uri for hit in found(reader, "a dog", RetrieveSettings(document_weight=weight)).hits]

        assert firsts(1.0)[:4] == ["/docs/dogs.md"] * 4
        assert firsts(0)[:4] != firsts(1.0)[:4]
        by_words = found(reader, "a dog", RetrieveSettings(mode="bm25", document_weight=1.0)).hits[0]
        assert by_words.score == by_words.scores["bm25"]
    with pytest.raises(ValueError, match="document_weight"):
        RetrieveSettings(document_weight=-1)


def test_nobody_sees_what_is_not_for_them(reader: IndexReader) -> None:
    assert "/docs/crew.md" not in {hit.document.uri for hit in found(reader, "may the crew bring a dog", k=40).hits}
    crew = Principal(groups=frozenset({"crew"}))
    assert found(reader, "may the crew bring a dog", who=crew).hits[0].document.uri == "/docs/crew.md"


def test_a_word_of_hidden_documents_is_told_like_a_word_of_none(reader: IndexReader) -> None:
    def told(question: str, who: Principal = EVERYONE) -> dict[str, object]:
        stages = found(reader, question, who=who).stages
        return dict(next(stage.detail for stage in stages if stage.name == "search"))

    assert told("dog handbook")["terms"] == told("dog zanzibar")["terms"] == told("dog")["terms"] == ("dog",)
    assert told("crew handbook")["terms"] == ()
    crew = Principal(groups=frozenset({"crew"}))
    assert set(told("dog handbook", crew)["terms"]) == {"dog", "handbook"}  # type: ignore[call-overload]  # a tuple


def test_a_file_name_in_the_question_shuts_others_out(reader: IndexReader) -> None:
    hits = found(reader, "what does a dog pay by fares-2025.md?").hits
    assert {hit.document.uri for hit in hits} == {"/docs/fares-2025.md"}


@pytest.mark.parametrize("weight", [0.0, 0.2])
@pytest.mark.parametrize(("mode", "fusion"), [("hybrid", "minmax"), ("hybrid", "rrf"), ("dense", "minmax")])
def test_no_score_passes_1_where_the_question_names_a_document(
    tmp_path: Path, mode: str, fusion: str, weight: float
) -> None:
    settings = RetrieveSettings(mode=mode, fusion=fusion, document_weight=weight)  # type: ignore[arg-type]
    with Store.open(tmp_path) as store:
        boats = [f"boat{n}" for n in range(6)]
        of = [
            ready(f"/docs/{boat}.md", f"fares of dogs {boat}", f"{boat} berths", metadata={"ship": boat})
            for boat in boats
        ]
        filled(store, WordEmbedder(), *of, *(ready(f"/docs/{n}.md", f"timetable of line {n}") for n in range(20)))
        hits = found(IndexReader(store), "dogs fares boat3", settings, k=40).hits
    assert hits[0].document.uri == "/docs/boat3.md"
    assert all(hit.score <= 1 and hit.scores["fused"] <= 1 for hit in hits)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_filter_and_a_count_are_kept(reader: IndexReader) -> None:
    where = Compare("meta.type", "=", "fares")
    assert len(found(reader, "timetable of line 3", where=where, k=40).hits) == 2
    assert len(found(reader, "timetable", k=3).hits) == 3


def test_only_a_filter_that_asks_for_a_date_brings_back_what_is_out_of_force(tmp_path: Path) -> None:
    old, new = (ready(f"/docs/{n}.md", f"a dog pays {n} euros", metadata={"type": "fares"}) for n in ("two", "three"))
    over = replace(old, document=replace(old.document, valid_until=date(2020, 12, 31)))
    with Store.open(tmp_path) as store:
        filled(store, WordEmbedder(), over, new)
        reader = IndexReader(store)

        def uris(typed: str, settings: RetrieveSettings = SETTINGS) -> set[str]:
            hits = found(reader, "what does a dog pay", settings, where=parse(typed) if typed else None).hits
            return {hit.document.uri for hit in hits}

        assert uris("") == uris("type=fares") == uris("type=fares and not uri like *.pdf") == {"/docs/three.md"}
        assert uris("type=fares and valid on 2020-06-01") == {"/docs/two.md", "/docs/three.md"}
        assert uris("valid_until<2021") == uris("uri like *two*") == {"/docs/two.md"}
        assert len(uris("type=fares", replace(SETTINGS, in_force=False))) == 2


def test_min_score_drops_what_shares_words_but_not_meaning(reader: IndexReader) -> None:
    hits = found(reader, "a dog pays four euros", replace(SETTINGS, min_score=0.9)).hits
    assert [hit.chunk.text for hit in hits] == [] or all(hit.scores["dense"] >= 0.9 for hit in hits)
    assert found(reader, "zebra", replace(SETTINGS, min_score=0.9)).hits == ()


@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
@pytest.mark.parametrize("fusion", ["minmax", "rrf"])
def test_every_way_of_searching_finds_the_line(reader: IndexReader, mode: str, fusion: str) -> None:
    settings = replace(SETTINGS, mode=mode, fusion=fusion)  # type: ignore[arg-type]
    assert found(reader, "timetable of line 17", settings).hits[0].document.uri == "/docs/17.md"


def test_another_embedder_is_refused_before_anything_is_ranked(reader: IndexReader) -> None:
    with pytest.raises(StoreError, match=r"test:words.*test:other"):
        search("dog", SearchParts(reader, WordEmbedder("test:other")), SearchSettings(), who=EVERYONE)


# further legs


def named(name: str) -> Retriever:
    """A leg that finds the chunks of documents with that word in their address, wherever it may look."""

    def find(query: Query, snapshot: Snapshot, settings: RetrieveSettings) -> dict[int, float]:
        found = snapshot.search_text("dog timetable", versions=query.within, k=query.n)
        rows = snapshot.chunks([key for key, _ in found])
        return {key: 1.0 for key, (_, document) in rows.items() if name in document.uri}

    return Retriever("named", 5.0, find)


def test_a_further_leg_is_fused_by_its_weight_and_shows_in_the_scores(reader: IndexReader) -> None:
    parts = SearchParts(reader, WordEmbedder(), retrievers=(named("fares-2025"),))
    first = search("a dog pays four euros", parts, SearchSettings(), who=EVERYONE).hits[0]
    assert first.document.uri == "/docs/fares-2025.md" and first.scores["named"] == 1.0
    plain = search("a dog pays four euros", SearchParts(reader, WordEmbedder()), SearchSettings(), who=EVERYONE).hits[0]
    assert plain.document.uri == "/docs/fares-2026.md" and "named" not in plain.scores


@pytest.mark.parametrize("fusion", ["minmax", "rrf"])
def test_a_further_leg_is_told_which_documents_it_may_look_in(reader: IndexReader, fusion: str) -> None:
    parts = SearchParts(reader, WordEmbedder(), retrievers=(named("fares"),))
    settings = SearchSettings(replace(SETTINGS, fusion=fusion))  # type: ignore[arg-type]
    where = Compare("uri", "like", "*fares-2026*")
    hits = search("what does a dog pay", parts, settings, who=EVERYONE, where=where).hits
    assert {hit.document.uri for hit in hits} == {"/docs/fares-2026.md"}


@pytest.mark.parametrize("entry", ["documents", "sections"])
def test_a_search_from_above_brings_the_other_passages_of_what_is_near_as_a_whole(tmp_path: Path, entry: str) -> None:
    with Store.open(tmp_path) as store:
        pets = ready("/docs/pets.md", "dogs and cats on board", "dogs and cats in cabins", "the fee is four euros")
        other = [ready(f"/docs/{n}.md", f"timetable of line {n}", f"berths of line {n}") for n in range(20)]
        filled(store, WordEmbedder(), pets, *other)
        settings = replace(SETTINGS, entry=entry, entries=1)  # type: ignore[arg-type]
        vector = WordEmbedder().embed(["dogs and cats"])[0]
        with IndexReader(store).snapshot(who=EVERYONE) as snapshot:
            found = finding.from_above(Query("dogs and cats", vector, "test:words", None, 9), snapshot, settings)
            texts = {chunk.text for chunk, _ in snapshot.chunks(list(found)).values()}
            only = finding.from_above(Query("dogs", vector, "test:words", (), 9), snapshot, settings)
        assert texts == {chunk.text for chunk in pets.chunks}
        assert len(set(found.values())) == 1 and only == {}


def test_nothing_hidden_is_found_from_above(reader: IndexReader) -> None:
    settings = SearchSettings(replace(SETTINGS, entry="documents"))
    hits = search("the crew may bring a dog", SearchParts(reader, WordEmbedder()), settings, who=EVERYONE, k=40).hits
    assert "/docs/crew.md" not in {hit.document.uri for hit in hits}


def test_every_stage_says_what_it_kept_and_dropped(reader: IndexReader) -> None:
    result = search("what does a dog pay", SearchParts(reader, WordEmbedder()), SearchSettings(), who=EVERYONE, k=3)
    details = {stage.name: stage.detail for stage in result.stages}
    assert details["rewrite"]["calls"] == 0
    assert details["read"]["hits"] == 3
    assert details["read"]["dropped"] == details["fuse"]["candidates"] - 3  # type: ignore[operator]
    assert result.usage.calls == 0 and result.left_machine == ()


@pytest.mark.parametrize(
    ("embedder_id", "alpha"), [("static:minilm:1", 0.4), ("onnx:minilm:1", 0.6), ("openai:x", 0.6)]
)
def test_the_weight_of_meaning_follows_the_embedder_unless_it_is_set(
    tmp_path: Path, embedder_id: str, alpha: float
) -> None:
    embedder = WordEmbedder(id=embedder_id)
    with Store.open(tmp_path) as store:
        filled(store, embedder, ready("/docs/a.md", "a dog pays three euros"), ready("/docs/b.md", "no cats"))
        for settings, expected in ((RetrieveSettings(), alpha), (RetrieveSettings(alpha=0.0), 0.0)):
            parts, sections = SearchParts(IndexReader(store), embedder), SearchSettings(retrieve=settings)
            result = search("what does a dog pay", parts, sections, who=EVERYONE)
            [fused] = [stage.detail for stage in result.stages if stage.name == "fuse"]
            assert fused["alpha"] == expected


def test_words_of_the_title_count_as_often_as_the_setting_says(reader: IndexReader) -> None:
    bm25 = [
        found(reader, "fares", RetrieveSettings(mode="bm25", title_weight=weight)).hits[0].scores["bm25"]
        for weight in (1.0, 3.0)
    ]
    assert bm25[0] < bm25[1]


# how long the base is looked at


class Watched(Store):
    """A store that counts how often it was read, and how many readings are open now."""

    readings = open_now = 0

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with super().reading() as connection:
            self.readings, self.open_now = self.readings + 1, self.open_now + 1
            try:
                yield connection
            finally:
                self.open_now -= 1


@dataclass
class Onlooker:
    """A chat model, an embedder and a reranker that notice whether the store is being read while they work."""

    store: Watched
    remote: str | None = "api.example.org"
    meanwhile: Callable[[], object] | None = None
    seen: list[int] = field(default_factory=list)
    id: str = "onlooker"
    name: str = "test:onlooker"
    context_tokens: int = 1000

    def _work(self) -> None:
        self.seen.append(self.store.open_now)
        if self.meanwhile is not None:
            first, self.meanwhile = self.meanwhile, None
            first()

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        self._work()
        return np.array([-len(passage) for passage in passages], np.float32)

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        self._work()
        return Reply("what a dog costs\nwhat the dog pays", Usage(calls=1))

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        yield self.reply(messages, sampling)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


class FarEmbedder(WordEmbedder):
    """Asks the onlooker with every text."""

    onlooker: Onlooker

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        self.onlooker._work()
        return super().embed(texts, kind)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with Watched.open(tmp_path) as store:
        assert isinstance(store, Watched)
        filled(store, WordEmbedder(), ready("/a.md", "a dog pays three euros"), ready("/b.md", "a cat sleeps on deck"))
        yield store


EVERYTHING = SearchSettings(rewrite=RewriteSettings(spelling=True, glossary=True, variants="model"))


def test_one_snapshot_serves_a_question_and_the_reranker_reads_after_it(watched: Watched) -> None:
    reranker = Onlooker(watched, remote=None)
    parts = SearchParts(IndexReader(watched), WordEmbedder(), reranker=lambda: reranker)
    sections = SearchSettings(rewrite=RewriteSettings(spelling=True, glossary=True), route=RouteSettings(mode="rules"))
    watched.readings = 0
    result = search("what does a dog pay", parts, sections, who=EVERYONE)
    assert result.hits and {"route", "rewrite", "rerank"} <= {stage.name for stage in result.stages}
    assert watched.readings == 1 and reranker.seen == [0]
    assert result.generation == watched.generation()


@pytest.mark.parametrize("mode", ["none", "window"])
def test_no_connection_is_held_while_a_service_or_a_chat_model_works(watched: Watched, mode: str) -> None:
    onlooker = Onlooker(watched)
    embedder = FarEmbedder(remote="api.example.org")
    embedder.onlooker = onlooker
    parts = SearchParts(IndexReader(watched), embedder, reranker=lambda: onlooker, chat=lambda: onlooker)
    sections = replace(EVERYTHING, expand=ExpandSettings(mode=mode))  # type: ignore[arg-type]  # one of its modes
    watched.readings = 0
    result = search("what does a dog pay", parts, sections, who=EVERYONE)
    assert result.hits and onlooker.seen == [0, 0, 0]  # rewording, embedding, reranking
    assert watched.readings == 2  # one before the models work, one after; the base did not change


def test_what_changed_while_a_model_wrote_is_understood_and_found(watched: Watched) -> None:
    onlooker = Onlooker(watched, meanwhile=lambda: filled(watched, WordEmbedder(), ready("/c.md", "ferrets pay twice")))
    parts = SearchParts(IndexReader(watched), WordEmbedder(), chat=lambda: onlooker)  # learns a word meanwhile
    result = search("what do ferets pay", parts, EVERYTHING, who=EVERYONE)
    assert "/c.md" in {hit.document.uri for hit in result.hits} and result.generation == watched.generation()
    assert [stage.name for stage in result.stages].count("rewrite") == len(onlooker.seen) == 2
