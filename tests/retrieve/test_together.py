from __future__ import annotations

from collections.abc import Sequence

import pytest

from wellread.retrieve.together import raised, worth
from wellread.types import Chunk, Document, Hit, Span

HOMES = {1: (10, 4), 2: (10, 4), 3: (20, 1), 4: (30, 9)}


def homes(keys: Sequence[int]) -> dict[int, tuple[int, int]]:
    return {key: HOMES[key] for key in keys if key in HOMES}


def hit(name: str, score: float, **scores: float) -> Hit:
    chunk = Chunk(name, "d", 1, 0, Span(0, 1), "x")
    return Hit(chunk, Document("d", "/d.txt", 1, "d", "text/plain", "", "0"), score, scores)


def test_the_worth_of_a_document_is_the_sum_of_its_passages_by_the_root_of_their_number() -> None:
    told: dict[str, object] = {}
    found = worth({1: 1.0, 2: 0.5, 3: 0.6, 4: 0.3, 5: 0.9}, homes, told)
    assert found == pytest.approx({1: 1.0, 2: 1.0, 3: 0.6 / 0.75, 4: 0.1 / 0.75})
    assert told == {"documents": 3, "passages": 5}
    assert worth({1: 0.0}, homes, {}) == {}
    assert worth({}, homes, {}) == {}


def test_what_no_reranker_read_stays_behind() -> None:
    read = [hit("a", 0.5, rerank=0.1, document=0.0), hit("b", 0.4, rerank=0.2, document=1.0)]
    unread = [hit("c", 0.0, document=1.0)]
    assert [one.chunk.id for one in raised([*read, *unread], 0.2)] == ["b", "a", "c"]
    assert [one.score for one in raised(read, 0.2)] == pytest.approx([0.6 / 1.2, 0.5 / 1.2])
    plain = [hit("a", 0.5), hit("b", 0.4)]
    assert raised(plain, 0.2) == plain
