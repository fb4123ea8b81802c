from __future__ import annotations

import numpy as np
from tests.index.bases import WordEmbedder

from wellread.models.api import Embedder, Reranker
from wellread.models.remember import Remembered


def test_a_text_is_embedded_once_and_its_vector_stays_the_same() -> None:
    model = WordEmbedder()
    remembered = Remembered(model)
    first = remembered.embed(["a dog", "a cat", "a dog"])
    again = remembered.embed(["a cat", "a horse"])
    assert model.seen == ["a dog", "a cat", "a horse"]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(first[1], again[0])
    np.testing.assert_array_equal(first, model.embed(["a dog", "a cat", "a dog"]))


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    model = WordEmbedder()
    remembered = Remembered(model, most=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        remembered.embed([text])
    assert model.seen == ["a", "b", "c", "b"]


def test_it_serves_wherever_an_embedder_or_a_reranker_does() -> None:
    remembered = Remembered(WordEmbedder())
    assert isinstance(remembered, Embedder) and isinstance(remembered, Reranker)
    scores = remembered.score("a dog", ["a dog", "timetable"])
    assert scores[0] > 0.99 > scores[1]
    assert remembered.embed([]).shape == (0, 64)
