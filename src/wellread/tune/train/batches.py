"""Which examples go together in which step: a pure function of seed and epoch, so that resuming needs no memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

POOL = 32  # batches that are drawn by chance before their examples are sorted by length


def plan(
    lengths: Sequence[int], batch: int, epoch: int, *, seed: int, by_length: bool = True, rows: Sequence[int] = ()
) -> list[tuple[int, ...]]:
    """The batches of one epoch, each example once; ``rows`` names those that take part, without it all do.

    With ``by_length`` examples are drawn by chance in pools, sorted by length within a pool and cut into batches, and
    the batches are put in an order by chance: neighbours are alike in length, not in content.

    Args:
        lengths: tokens of each example.
        batch: examples of a batch, ≥ 1; the last batch may hold fewer.
        epoch: from 0; another epoch has another order.
        by_length: whether the examples of a batch are of like length.
        rows: indices into ``lengths``, as ``rows_of`` chose them.
        seed: where chance enters.
    """
    chance = np.random.default_rng([seed, epoch])
    order = [int(i) for i in chance.permutation(np.asarray(rows or range(len(lengths)), dtype=np.int64))]
    if not by_length:
        return [tuple(order[i : i + batch]) for i in range(0, len(order), batch)]
    made = []
    for start in range(0, len(order), batch * POOL):
        pool = sorted(order[start : start + batch * POOL], key=lambda i: lengths[i])
        made += [tuple(pool[i : i + batch]) for i in range(0, len(pool), batch)]
    return [made[int(i)] for i in chance.permutation(len(made))]


def rows_of(n_own: int, n_general: int, share: float, epoch: int, *, seed: int) -> list[int]:
    """Examples of an epoch: all own ones, and general ones (those after ``n_own``) as many as ``share`` of the own.

    Other epochs take other general ones until all were taken.

    Args:
        n_own: examples of the data set, indices [0, n_own).
        n_general: general examples, indices [n_own, n_own + n_general).
        share: general ones per own one, ≥ 0.
        epoch: from 0.
        seed: where chance enters.
    """
    wanted = min(n_general, round(share * n_own))
    if not wanted:
        return list(range(n_own))
    order = np.random.default_rng([seed, 7]).permutation(n_general)
    taken = [int(order[(epoch * wanted + i) % n_general]) for i in range(wanted)]
    return [*range(n_own), *(n_own + i for i in taken)]
