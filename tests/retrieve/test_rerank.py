from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.index.bases import WordEmbedder

from wellread.models.settings import RerankSettings
from wellread.retrieve.rerank import rerank, sentences
from wellread.types import Chunk, Document, Hit, Span


@dataclass
class CountingReranker:
    """Scores a passage by how often it says «dog»; remembers what it read."""

    id: str = "test:counting"
    remote: str | None = None
    slow_s: float = 0.0
    read: list[str] = field(default_factory=list)

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        self.read += passages
        time.sleep(self.slow_s)
        return np.array([text.count("dog") for text in passages], np.float32)


def hits(*texts: str) -> list[Hit]:
    """Hits in this order, the first with the best score of the search."""
    document = Document("d", "/docs/x.md", 1, "Fares", "text/plain", "", "0")
    return [
        Hit(Chunk(str(n), "d", 1, n, Span(0, len(text)), text), document, 1.0 - n / 100) for n, text in enumerate(texts)
    ]


def texts(found: Sequence[Hit]) -> list[str]:
    return [hit.chunk.text for hit in found]


def test_a_cross_encoder_alone_decides_and_ties_keep_the_order_of_the_search() -> None:
    detail: dict[str, object] = {}
    found = rerank("q", hits("cat", "dog dog", "cow", "dog"), CountingReranker(), RerankSettings(), None, detail)
    assert texts(found) == ["dog dog", "dog", "cat", "cow"]
    assert [hit.scores["rerank"] for hit in found] == [2, 1, 0, 0]
    assert detail["read"] == 4 and detail["weight"] == 1.0


def test_what_lies_beyond_the_candidates_keeps_its_place_behind_them() -> None:
    found = rerank("q", hits("cat", "cow", "dog"), CountingReranker(), RerankSettings(candidates=2), None, {})
    assert texts(found) == ["cat", "cow", "dog"]
    assert "rerank" not in found[2].scores and found[2].score <= found[1].score


def test_when_the_time_is_up_the_rest_keeps_its_place_and_that_is_said() -> None:
    slow, detail = CountingReranker(slow_s=0.05), dict[str, object]()
    settings = RerankSettings(batch=2, budget_ms=60)
    found = rerank("q", hits("a", "dog", "b", "c", "d", "dog dog"), slow, settings, None, detail)
    assert texts(found) == ["dog", "a", "b", "c", "d", "dog dog"]
    assert len(slow.read) == 2 and detail["out of time"] == "4 keep their place"


def test_even_a_hopeless_budget_reads_one_batch() -> None:
    slow = CountingReranker(slow_s=0.01)
    rerank("q", hits("a", "b", "c"), slow, RerankSettings(batch=1, budget_ms=1), None, {})
    assert slow.read == ["a"]


def test_a_weight_mixes_the_order_of_the_search_into_that_of_the_model() -> None:
    given_hits = hits("dog", *["cat"] * 50, "dog dog")
    alone = rerank("q", given_hits, CountingReranker(), RerankSettings(candidates=60), None, {})
    mixed = rerank("q", given_hits, CountingReranker(), RerankSettings(candidates=60, weight=0.5), None, {})
    assert texts(alone)[0] == "dog dog" and texts(mixed)[0] == "dog"


def test_of_each_passage_the_sentence_nearest_to_the_question_is_read() -> None:
    passage = "The ship is old. A dog pays four euros. Smoking is not allowed."
    chosen = sentences("what does a dog pay", hits(passage, "Nothing of the kind stands here."), 1, None)
    assert [piece.text for piece in chosen] == [
        "Fares: A dog pays four euros.",
        "Fares: Nothing of the kind stands here.",
    ]
    assert chosen[0].coverage > 0.9 > 0.1 > chosen[1].coverage


def test_a_quick_embedder_finds_the_sentence_that_shares_no_stem_with_the_question() -> None:
    passage = "Hounds on deck. Mooring lines ashore."
    question = "on deck"  # stop words apart, «deck» alone would do; the quick embedder sees «Hounds on deck» as a whole
    chosen = sentences(question, hits(passage), 1, WordEmbedder())
    assert chosen[0].text == "Fares: Hounds on deck."


def test_each_passage_has_its_turn_before_any_second_sentence_is_read() -> None:
    chosen = sentences("dog", hits("A dog here. Another dog there.", "No pet at all. Cats only here."), 2, None)
    assert [piece.hit for piece in chosen] == [0, 1, 0, 1]


def test_a_passage_without_a_sentence_is_read_whole() -> None:
    chosen = sentences("dog", hits("# dog"), 1, None)
    assert [piece.text for piece in chosen] == ["# dog"]


def test_a_sentence_encoder_is_weighed_with_the_search_and_reads_sentences() -> None:
    detail: dict[str, object] = {}
    found = rerank(
        "a dog pays four euros",
        hits("The ship is old.", "Ferries sail. A dog pays four euros. Cats are free.", "A cat pays."),
        WordReranker(),
        RerankSettings(),
        None,
        detail,
    )
    assert texts(found)[0].startswith("Ferries sail")
    assert detail["weight"] == pytest.approx(0.67) and detail["pieces"] == 3
    assert all(0 <= hit.score <= 1 for hit in found)


class WordReranker(WordEmbedder):
    """The embedder of words, as one that may also rerank."""

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray(self.embed(passages) @ self.embed([question])[0], np.float32)


@given(st.lists(st.sampled_from(["dog", "cat", "dog dog", "cow"]), max_size=12), st.integers(1, 12))
def test_no_hit_is_lost_or_doubled_and_scores_fall(words: list[str], candidates: int) -> None:
    given_hits = hits(*words)
    found = rerank("q", given_hits, CountingReranker(), RerankSettings(candidates=candidates), None, {})
    assert sorted(hit.chunk.id for hit in found) == sorted(hit.chunk.id for hit in given_hits)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
