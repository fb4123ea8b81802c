"""Vectors in groups of those that lie close, each of a bounded size: 2-means, again and again, on the unit sphere.

The paper reduces dimensions by UMAP and fits Gaussian mixtures, with a chunk in several clusters. Here a group is cut
in two until it is small enough: it needs numpy alone, no chance enters, it costs n log n, and a group that outgrows its
size later is cut by the same rule, so a tree that grew and a tree that was built are made alike. A chunk lies in one
group, so that a change of it touches one path to the top.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # (n, dim)
Indices = NDArray[np.int64]

ROUNDS = 8  # of 2-means; it stands still after fewer on all sets looked at
ALIKE = 1e-6  # vectors that differ by less from end to end cannot be told apart
REFINED = 2_048  # vectors that are refined together at most: more than the nearest few groups have nothing to trade
REFININGS = 4
LEAST_SHARE = 0.3  # of a group that each half gets: a lone outlier is no group


def divided(vectors: Vectors, most: int) -> list[Indices]:
    """Groups of at most ``most`` indices; every index is in exactly one, and the order of the groups is fixed.

    Raises: ValueError if most < 1.
    Source: Steinbach et al., KDD Workshop on Text Mining 2000 (bisecting k-means, then refined).
    """
    if most < 1:
        raise ValueError("most: is at least 1")
    found: list[Indices] = []
    for part in _cut(vectors, np.arange(len(vectors)), max(most, REFINED)):
        found += _refined(vectors, _cut(vectors, part, most), most)
    return found


def _cut(vectors: Vectors, group: Indices, most: int) -> list[Indices]:
    done: list[Indices] = []
    waiting = [group] if len(group) else []
    while waiting:
        group = waiting.pop()
        if len(group) <= most:
            done.append(group)
        else:
            waiting += reversed(halves(vectors, group))
    return done


def _refined(vectors: Vectors, groups: Sequence[Indices], most: int) -> list[Indices]:
    """The groups after what lies nearer to another one that has room went there, those first that gain most."""
    if len(groups) < 2:
        return list(groups)
    members = np.concatenate(groups)
    home = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    sizes = np.array([len(group) for group in groups])
    least = max(1, most // 4)
    for _ in range(REFININGS):
        middles = np.stack([middle(vectors[members[home == n]]) for n in range(len(groups))])
        near = vectors[members] @ middles.T
        wanted = np.argmax(near, axis=1)
        gain = near[np.arange(len(members)), wanted] - near[np.arange(len(members)), home]
        moved = 0
        for i in np.argsort(-gain, kind="stable")[: np.count_nonzero(gain > ALIKE)]:
            if sizes[wanted[i]] < most and sizes[home[i]] > least:
                sizes[home[i]] -= 1
                sizes[wanted[i]] += 1
                home[i] = wanted[i]
                moved += 1
        if not moved:
            break
    return [np.sort(members[home == n]) for n in range(len(groups))]


def halves(vectors: Vectors, group: Indices) -> tuple[Indices, Indices]:
    """The group in two, by nearness; each half gets at least LEAST_SHARE of it; what is all alike is cut evenly."""
    own = np.asarray(vectors[group], np.float32)
    axis = _axis(own)
    for _ in range(ROUNDS):
        left = own @ axis > 0
        if left.all() or not left.any():
            break
        moved = _length_1(own[left].mean(axis=0)) - _length_1(own[~left].mean(axis=0))
        if np.allclose(moved, axis, atol=1e-6):
            break
        axis = moved
    along = own @ axis
    order = np.argsort(-along, kind="stable")
    least = max(1, round(LEAST_SHARE * len(group)))
    apart = float(np.ptp(along)) > ALIKE
    at = int(np.clip(np.count_nonzero(along > 0), least, len(group) - least)) if apart else len(group) // 2
    return np.sort(group[order[:at]]), np.sort(group[order[at:]])


def _axis(own: Vectors) -> NDArray[np.float32]:
    """(dim,) from one end of the group to the other: what is furthest from the middle, and furthest from that."""
    one = own[int(np.argmin(own @ own.mean(axis=0)))]
    other = own[int(np.argmin(own @ one))]
    return np.asarray(one - other, np.float32)


def _length_1(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


def middle(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """(dim,) of length 1: where the vectors lie on average."""
    return _length_1(np.asarray(vectors, np.float32).mean(axis=0))


def nearest(vectors: Vectors, middles: Vectors) -> Indices:
    """(n,) for each vector the index of the nearest of the middles."""
    return np.asarray(np.argmax(vectors @ middles.T, axis=1), np.int64)
