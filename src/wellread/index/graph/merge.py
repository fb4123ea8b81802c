"""Names that mean the same although they are spelled differently."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ROWS = 512  # compared at once
SHORT = 5  # letters of a name below which it is an abbreviation, of which a vector says nothing
_MARKS = re.compile(r"\b\w\b|\w*\d\w*")  # single letters and everything with a figure

Vectors = NDArray[np.float32]


def pairs(
    names: Sequence[str], kinds: Sequence[str], vectors: Vectors, fresh: Sequence[int], at: float
) -> list[tuple[int, int, float]]:
    """(i, j, cosine) of every fresh name i and every other name j that are taken for one, each pair once.

    Their vectors have at least the cosine ``at``, and neither is a code, or too short to mean anything, or holds a
    figure or a letter by itself that the other has not: «Line 2» is never «Line 3», however near they are.

    Args:
        names: as they are compared (keys).
        kinds: of each.
        vectors: (n, dim) of length 1.
        fresh: indices of the names that were not compared yet.
        at: least cosine; 1 finds nothing.
    """
    found: list[tuple[int, int, float]] = []
    if at >= 1 or not len(fresh):
        return found
    new = set(fresh)
    for start in range(0, len(fresh), ROWS):
        rows = np.asarray(fresh[start : start + ROWS])
        near = vectors[rows] @ vectors.T
        for row, other in np.argwhere(near >= at):
            i, j = int(rows[row]), int(other)
            if i == j or (j in new and j < i):
                continue
            if min(len(names[i]), len(names[j])) < SHORT:
                continue
            if "code" not in (kinds[i], kinds[j]) and marks(names[i]) == marks(names[j]):
                found.append((i, j, float(near[row, other])))
    return found


def marks(name: str) -> frozenset[str]:
    """What tells numbered things apart: figures, and letters that stand alone."""
    return frozenset(_MARKS.findall(name))


class Union:
    """Which of n things are one. One thread at a time may use it."""

    def __init__(self, n: int) -> None:
        self._above = list(range(n))

    def find(self, i: int) -> int:
        """The thing that stands for ``i``: the lowest of those that are one with it."""
        while self._above[i] != i:
            self._above[i] = self._above[self._above[i]]
            i = self._above[i]
        return i

    def join(self, i: int, j: int) -> None:
        """``i`` and ``j`` are one."""
        one, other = sorted((self.find(i), self.find(j)))
        self._above[other] = one
