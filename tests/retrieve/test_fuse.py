from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.retrieve import fuse

retrievers = st.dictionaries(st.integers(1, 30), st.floats(-5, 50, allow_nan=False), max_size=12)


def test_rrf_by_hand() -> None:
    assert fuse.rrf([{1: 9.0, 2: 3.0}, {2: 0.9}]) == {1: 1 / 61, 2: 1 / 62 + 1 / 61}


def test_minmax_by_hand() -> None:
    fused = fuse.minmax([{1: 0.9, 2: 0.5, 3: 0.1}, {2: 12.0, 4: 2.0}], (0.25, 0.75))
    assert fused == {1: 0.25, 2: 0.25 * 0.5 + 0.75, 3: 0.0, 4: 0.0} | {2: pytest.approx(0.875)}


@given(retrievers)
def test_a_leg_without_hits_weighs_nothing(retriever: dict[int, float]) -> None:
    assert fuse.minmax([retriever, {}], (0.4, 0.6)) == fuse.minmax([retriever], (1.0,))
    assert fuse.rrf([retriever, {}]) == fuse.rrf([retriever])


@given(retrievers, retrievers)
def test_minmax_lies_in_0_to_1_and_the_order_of_legs_does_not_matter(a: dict[int, float], b: dict[int, float]) -> None:
    fused = fuse.minmax([a, b], (0.3, 0.7))
    assert all(-1e-9 <= score <= 1 + 1e-9 for score in fused.values())
    assert fused == pytest.approx(fuse.minmax([b, a], (0.7, 0.3)))
    assert fuse.rrf([a, b]) == pytest.approx(fuse.rrf([b, a]))


@given(st.lists(st.tuples(retrievers, st.floats(0.05, 1)), min_size=3, max_size=6), st.randoms())
def test_no_score_depends_on_the_order_in_which_retrievers_are_listed(
    listed: list[tuple[dict[int, float], float]], chance: random.Random
) -> None:
    other = list(listed)
    chance.shuffle(other)
    for way in (fuse.minmax, fuse.rrf):
        first, second = (way([r for r, _ in each], [w for _, w in each]) for each in (listed, other))
        assert first == second
        assert fuse.ranked(first) == fuse.ranked(second)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="k is positive"):
        fuse.rrf([{}], k=0)
