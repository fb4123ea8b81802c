from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.index.graph import cluster, merge
from wellread.index.graph.layout import placed

TRIANGLES = [(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0), (3, 4, 1.0), (4, 5, 1.0), (3, 5, 1.0), (2, 3, 1.0)]


def modularity(near: cluster.Near, labels: Sequence[int], resolution: float = 1.0) -> float:
    """How much more weight lies within the groups than by chance; 0 where there are no edges.

    Source: Newman, PRE 2004, with the resolution of Reichardt and Bornholdt.
    """
    whole = sum(sum(around.values()) for around in near)
    if whole <= 0:
        return 0.0
    inside = sum(w for node, around in enumerate(near) for other, w in around.items() if labels[other] == labels[node])
    total: dict[int, float] = {}
    for node, around in enumerate(near):
        total[labels[node]] = total.get(labels[node], 0.0) + sum(around.values())
    return inside / whole - resolution * math.fsum((t / whole) ** 2 for t in total.values())


def test_two_triangles_with_one_bridge_are_two_groups() -> None:
    near = cluster.near_of(6, TRIANGLES)
    groups = cluster.louvain(near)
    assert groups == [0, 0, 0, 1, 1, 1]
    # 12 of 14 ends lie inside; each side holds half of them: 6/7 - 2 * (1/2)^2
    assert modularity(near, groups) == pytest.approx(6 / 7 - 1 / 2)


def test_what_stands_alone_stays_alone_and_an_empty_graph_has_no_groups() -> None:
    assert cluster.louvain(cluster.near_of(0, [])) == []
    assert cluster.louvain(cluster.near_of(3, [(0, 1, 1.0)])) == [0, 0, 1]


def test_only_what_may_move_does() -> None:
    near = cluster.near_of(7, [*TRIANGLES, (6, 5, 1.0), (6, 4, 1.0)])
    labels = [0, 0, 3, 3, 3, 3, 6]  # node 2 stands with the wrong ones
    assert cluster.move(near, labels, [6])
    assert labels == [0, 0, 3, 3, 3, 3, 3]
    assert not cluster.move(near, labels, [6])


@given(st.integers(2, 24), st.integers(0, 60), st.integers(0, 9))
def test_groups_are_at_least_as_good_as_none_and_the_same_for_the_same_graph(n: int, n_edges: int, seed: int) -> None:
    chance = random.Random(seed)
    edges = [(chance.randrange(n), chance.randrange(n), 0.5 + chance.random()) for _ in range(n_edges)]
    near = cluster.near_of(n, edges)
    groups = cluster.louvain(near)
    assert sorted(set(groups)) == list(range(max(groups) + 1))
    assert modularity(near, groups) >= modularity(near, list(range(n))) - 1e-9
    assert groups == cluster.louvain(near)


def test_groups_are_as_good_as_those_of_networkx() -> None:
    networkx = pytest.importorskip("networkx", reason="held against networkx where it is installed")
    graph = networkx.karate_club_graph()
    edges = [(a, b, float(weight)) for a, b, weight in graph.edges(data="weight")]
    near = cluster.near_of(graph.number_of_nodes(), edges)
    groups = cluster.louvain(near)
    theirs = networkx.community.louvain_communities(graph, seed=0)
    best = networkx.community.modularity(graph, theirs)
    ours = [{n for n, group in enumerate(groups) if group == g} for g in set(groups)]
    assert modularity(near, groups) == pytest.approx(networkx.community.modularity(graph, ours))
    assert modularity(near, groups) > best - 0.02


def test_npmi_is_one_always_zero_by_chance_and_below_zero_when_rarer() -> None:
    assert cluster.npmi(4, 4, 4, 100) == pytest.approx(1.0)
    assert cluster.npmi(4, 20, 20, 100) == pytest.approx(0.0)
    assert cluster.npmi(1, 20, 20, 100) < 0 < cluster.npmi(5, 20, 20, 100)
    assert cluster.npmi(7, 7, 7, 7) == 1.0


# names that mean the same


def test_near_names_are_one_but_never_two_numbers_or_two_codes() -> None:
    names = ["federal reserve", "us federal reserve", "line 2", "line 3", "hb 204", "hb204", "plan a", "plan b", "areg"]
    kinds = ["name", "name", "name", "name", "code", "code", "name", "name", "name"]
    vectors = np.zeros((9, 4), np.float32)
    vectors[[0, 1, 8], 0] = vectors[[2, 3], 1] = vectors[[4, 5], 2] = vectors[[6, 7], 3] = 1.0
    assert merge.pairs(names, kinds, vectors, range(9), 0.9) == [(0, 1, 1.0)]
    assert merge.pairs(names, kinds, vectors, [1], 0.9) == [(1, 0, 1.0)]
    assert merge.pairs(names, kinds, vectors, [], 0.9) == merge.pairs(names, kinds, vectors, range(9), 1) == []


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_joined_things_have_one_head_and_others_another(pairs: list[tuple[int, int]]) -> None:
    union, groups = merge.Union(20), [{n} for n in range(20)]
    for one, other in pairs:
        union.join(one, other)
        both = groups[one] | groups[other]
        for n in both:
            groups[n] = both
    assert [union.find(n) for n in range(20)] == [min(groups[n]) for n in range(20)]


# places in a picture


@given(st.integers(0, 12), st.integers(0, 3))
def test_every_dot_of_a_picture_stands_inside_it(n: int, seed: int) -> None:
    edges = [(i, i + 1, 1.0) for i in range(n - 1)]
    points = placed(n, edges, [i % 3 for i in range(n)], seed=seed)
    assert points.shape == (n, 2) and np.isfinite(points).all() and ((points >= 0) & (points <= 1)).all()
    assert np.array_equal(points, placed(n, edges, [i % 3 for i in range(n)], seed=seed))


def test_related_dots_stand_nearer_than_others() -> None:
    edges = [(i, j, 3.0) for g in (0, 4) for i in range(g, g + 4) for j in range(g, i)]
    points = placed(8, edges, [0] * 4 + [1] * 4, seed=0)
    inside = [np.linalg.norm(points[i] - points[j]) for i, j, _ in edges]
    across = [np.linalg.norm(points[i] - points[j]) for i in range(4) for j in range(4, 8)]
    assert np.mean(inside) < np.mean(across) / 1.5
