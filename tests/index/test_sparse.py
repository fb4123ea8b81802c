from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready

from wellread.errors import StoreError
from wellread.index import check
from wellread.index.open import IndexReader
from wellread.index.sparse import sparse
from wellread.models.api import SparseVector
from wellread.models.settings import SparseSettings
from wellread.retrieve.parts import Query
from wellread.retrieve.retrievers import sparse as sparse_search
from wellread.retrieve.settings import RetrieveSettings
from wellread.store.engine.api import Store
from wellread.sync.remove import remove
from wellread.types import Principal


class Meanings:
    """Words by their number, a synonym with its word at half the weight: what a learned model does, by hand."""

    remote = None

    def __init__(self, name: str = "meanings") -> None:
        self.id = f"test:{name}"
        self.calls = 0
        self.same = {"hounds": "dogs", "vessel": "ferry"}

    def encode(self, texts: Sequence[str], kind: str = "passage") -> list[SparseVector]:
        self.calls += len(texts)
        return [self.one(text) for text in texts]

    def one(self, text: str) -> SparseVector:
        weights: dict[int, float] = {}
        for word in re.findall(r"\w+", text.lower()):
            weights[number(word)] = 1.0
            if word in self.same:
                weights.setdefault(number(self.same[word]), 0.5)
        terms = np.array(sorted(weights), np.int64)
        return terms, np.array([weights[int(term)] for term in terms], np.float32)


def number(word: str) -> int:
    return zlib.crc32(word.encode()) % 30_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path) as store:
        yield store


def found(store: Store, encoder: Meanings, question: str, who: Principal = EVERYONE) -> list[tuple[str, float]]:
    retriever = sparse_search.retriever(lambda: encoder, SparseSettings())
    with IndexReader(store).snapshot(who=who) as snapshot:
        scores = retriever.find(Query(question, None, "", None, 10), snapshot, RetrieveSettings())
        rows = snapshot.chunks(list(scores))
        assert set(rows) == set(scores)
        return [(rows[key][0].text, score) for key, score in scores.items()]


def test_a_passage_is_found_by_a_word_that_only_the_model_sees_in_the_question(store: Store) -> None:
    encoder = Meanings()
    filled(store, WordEmbedder(), ready("/a", "dogs pay four euros", "bikes travel free"))
    assert sparse.fill(store, encoder) == 2
    assert found(store, encoder, "hounds pay") == [("dogs pay four euros", 1.5)]
    assert found(store, encoder, "nothing of that") == []
    assert check.check(store) == []


def test_the_scores_are_the_products_of_the_vectors_as_they_were_made(store: Store) -> None:
    rng, encoder = np.random.default_rng(0), Meanings()
    words = [f"w{n}" for n in range(40)]
    passages = [" ".join(rng.choice(words, 8)) for _ in range(60)]
    filled(store, WordEmbedder(), ready("/a", *dict.fromkeys(passages)))
    sparse.fill(store, encoder)
    for _ in range(10):
        question = " ".join(rng.choice(words, 3))
        terms, weights = encoder.one(question)
        asked = dict(zip(terms.tolist(), weights.tolist(), strict=True))
        expected = {p: sum(asked.get(t, 0) * w for t, w in zip(*encoder.one(p), strict=True)) for p in passages}
        best = sorted((score for score in expected.values() if score), reverse=True)[:10]
        got = found(store, encoder, question)
        assert [score for _, score in got] == pytest.approx(best)
        assert all(score == pytest.approx(expected[passage]) for passage, score in got)


def test_only_what_changed_is_encoded_again_and_what_is_gone_is_gone(store: Store) -> None:
    encoder = Meanings()
    filled(store, WordEmbedder(), ready("/a", "dogs pay", "bikes free"), ready("/b", "cats sleep"))
    sparse.fill(store, encoder)
    filled(store, WordEmbedder(), ready("/a", "dogs pay", "bikes pay", replaces=True))
    assert sparse.fill(store, encoder) == 1
    assert [text for text, _ in found(store, encoder, "bikes free pay dogs")] == ["dogs pay", "bikes pay"]
    remove(store, "/b", who=EVERYONE)
    assert found(store, encoder, "cats") == []
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sparse_vectors").scalar_one() == 2
    assert sparse.fill(store, encoder) == 0 and encoder.calls == 4 + 2  # and two questions


def test_what_may_not_be_seen_is_never_scored(store: Store) -> None:
    encoder = Meanings()
    filled(store, WordEmbedder(), ready("/a", "dogs pay"), ready("/b", "dogs earn", labels=("hr",)))
    sparse.fill(store, encoder)
    assert [text for text, _ in found(store, encoder, "dogs")] == ["dogs pay"]
    assert len(found(store, encoder, "dogs", Principal(groups=frozenset({"hr"})))) == 2


def test_vectors_of_another_model_are_refused_until_they_are_made_anew(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/a", "dogs pay"))
    with pytest.raises(StoreError, match=r"no sparse vectors yet.*wellread index reembed"):
        found(store, Meanings(), "dogs")
    sparse.fill(store, Meanings())
    for act in (found, lambda store, other, _: sparse.fill(store, other)):
        with pytest.raises(StoreError, match=r"test:meanings.*test:other.*wellread index reembed"):
            act(store, Meanings("other"), "dogs")
    assert sparse.fill(store, Meanings("other"), again=True) == 1
    assert found(store, Meanings("other"), "dogs") == [("dogs pay", 1.0)]


def test_a_chunk_without_a_vector_is_told_in_the_trace(store: Store) -> None:
    encoder = Meanings()
    filled(store, WordEmbedder(), ready("/a", "dogs pay"))
    sparse.fill(store, encoder)
    filled(store, WordEmbedder(), ready("/b", "dogs swim"))
    query = Query("dogs", None, "", None, 10)
    with IndexReader(store).snapshot(who=EVERYONE) as snapshot:
        sparse_search.retriever(lambda: encoder, SparseSettings()).find(query, snapshot, RetrieveSettings())
    assert query.told == {"without sparse vector": 1}


def test_a_hidden_chunk_without_a_vector_is_not_told(store: Store) -> None:
    encoder, hr = Meanings(), Principal(groups=frozenset({"hr"}))
    filled(store, WordEmbedder(), ready("/a", "dogs pay"))
    sparse.fill(store, encoder)
    filled(store, WordEmbedder(), ready("/b", "dogs earn", labels=("hr",)))
    with IndexReader(store).snapshot(who=EVERYONE) as snapshot:
        assert sparse.covered(snapshot) == (1, 1)
    with IndexReader(store).snapshot(who=hr) as snapshot:
        assert sparse.covered(snapshot) == (1, 2)


def test_a_flipped_bit_and_a_row_without_a_chunk_are_found(store: Store) -> None:
    filled(store, WordEmbedder(), ready("/a", "dogs pay"))
    sparse.fill(store, Meanings())
    with store.writing() as tx:
        tx.connection.exec_driver_sql(
            "INSERT INTO sparse_vectors SELECT 99, content_hash, terms, weights, crc FROM sparse_vectors"
        )
        tx.connection.exec_driver_sql(
            "UPDATE sparse_vectors SET weights = CAST(x'0000' ||  substr(weights, 3) AS BLOB) WHERE chunk_key < 99"
        )
    told = [fault.what for fault in check.check(store) if fault.where == "sparse vectors"]
    assert told == ["the one of chunk 1 is not as it was written", "there is one of chunk 99, which is gone"]
