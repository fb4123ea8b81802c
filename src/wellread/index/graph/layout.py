"""Where names stand in a picture of the graph: near what they are related with, apart from the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wellread.index.graph.open import Graph

ROUNDS = 300

Points = NDArray[np.float64]  # (n, 2), each coordinate from 0 to 1


def chosen(graph: Graph, most: int, around: Sequence[int] = ()) -> list[int]:
    """The names of a picture: those with most relations, or what ``around`` is related with and those themselves."""
    degree = np.zeros(len(graph.nodes), np.int64)
    for column in (0, 1):
        np.add.at(degree, graph.edges[:, column], graph.edges[:, 2])
    if around:
        near = graph.edges[np.isin(graph.edges[:, 0], around) | np.isin(graph.edges[:, 1], around)]
        others = sorted(set(near[:, :2].ravel().tolist()) - set(around), key=lambda n: (-degree[n], n))
        return [*around, *others[: most - len(around)]]
    order = np.argsort(-degree, kind="stable")[:most]
    return [int(n) for n in order if degree[n] > 0]


def placed(n: int, edges: Sequence[tuple[int, int, float]], groups: Sequence[int], *, seed: int) -> Points:
    """Where each of ``n`` things stands; related ones are near each other, and so are those of one group.

    Source: Fruchterman and Reingold, 1991, with a weak pull to the middle of the group.
    """
    chance = np.random.default_rng(seed)
    at = chance.random((n, 2))
    if n < 2:
        return np.full((n, 2), 0.5)
    ends = np.array([(i, j) for i, j, _ in edges], np.int64).reshape(-1, 2)
    pull = np.log1p(np.array([weight for _, _, weight in edges], np.float64))
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    size = np.bincount(group).astype(np.float64)
    k = 0.8 / np.sqrt(n)
    for heat in np.linspace(0.12, 0.002, ROUNDS):
        apart = at[:, None, :] - at[None, :, :]
        far = np.maximum((apart**2).sum(axis=2), 1e-5)
        force = (apart * (k * k / far)[:, :, None]).sum(axis=1)
        along = at[ends[:, 0]] - at[ends[:, 1]]
        drawn = along * (np.sqrt((along**2).sum(axis=1)) * pull / k)[:, None]
        np.add.at(force, ends[:, 0], -drawn)
        np.add.at(force, ends[:, 1], drawn)
        middle = np.stack([np.bincount(group, at[:, axis]) / size for axis in (0, 1)], axis=1)
        force += 1.2 * (middle[group] - at) + 0.6 * (0.5 - at)
        length = np.maximum(np.sqrt((force**2).sum(axis=1)), 1e-9)
        at = at + force / length[:, None] * np.minimum(length, heat)[:, None]
    low, high = at.min(axis=0), at.max(axis=0)
    place = np.argsort(np.argsort(at, axis=0), axis=0) / (n - 1)  # half by rank: what is crowded gets room
    return np.asarray(0.5 * place + 0.5 * (at - low) / np.maximum(high - low, 1e-9))
