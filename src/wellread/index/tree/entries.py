"""Ways into a document from above: each section, or each whole document, as the middle of its passages' vectors.

The middle is an extractive summary in the space that is searched: it costs no model and follows every change, since it
is made of the vectors that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from wellread.index.open import Snapshot
from wellread.store.schema import chunks

By = Literal["documents", "sections"]


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of a base as one person sees them; ``passages`` of entry i are keys[starts[i]:starts[i + 1]]."""

    middles: NDArray[np.float32]  # (n, dim), rows of length 1
    versions: NDArray[np.int64]  # (n,)
    keys: NDArray[np.int64]  # (passages,)
    starts: NDArray[np.int64]  # (n + 1,)

    def passages(self, n: int) -> list[int]:
        """The chunk keys of an entry."""
        return [int(key) for key in self.keys[self.starts[n] : self.starts[n + 1]]]

    def nearest(self, vector: NDArray[np.float32], k: int, versions: Sequence[int] | None) -> list[tuple[int, float]]:
        """The ``k`` entries with the highest cosine, best first, within ``versions`` (None: all)."""
        if not len(self.middles):
            return []
        cosine = self.middles @ vector
        if versions is not None:
            cosine = np.where(np.isin(self.versions, np.asarray(versions, np.int64)), cosine, -np.inf)
        order = np.argsort(-cosine, kind="stable")[:k]
        return [(int(n), float(cosine[n])) for n in order if np.isfinite(cosine[n])]


def entries(snapshot: Snapshot, by: By) -> Entries:
    """The entries that ``snapshot`` may see, remembered as long as nothing changes."""
    found: Entries | None = snapshot.memo.get(("entries", by, snapshot.allowed))
    if found is None:
        found = snapshot.memo["entries", by, snapshot.allowed] = _made(snapshot, by)
    return found


def _made(snapshot: Snapshot, by: By) -> Entries:
    none = np.zeros(0, np.int64)
    view = snapshot.view
    if view is None:
        return Entries(np.zeros((0, 0), np.float32), none, none, np.zeros(1, np.int64))
    mask = view.mask(snapshot.allowed)
    slots = np.arange(view.vectors.n) if mask is None else np.flatnonzero(mask)
    rows = view.vectors.rows[slots]
    group = rows["version"].astype(np.int64)
    if by == "sections":
        group = _sections(snapshot, rows["key"].astype(np.int64), group)
    order = np.argsort(group, kind="stable")
    slots, group = slots[order], group[order]
    _, firsts = np.unique(group, return_index=True)
    starts = np.append(np.sort(firsts), len(slots)).astype(np.int64)
    middles = np.zeros((len(starts) - 1, view.vectors.dim), np.float32)
    for n in range(len(middles)):
        middle = view.vectors.halves[slots[starts[n] : starts[n + 1]]].mean(axis=0)
        middles[n] = middle / max(float(np.linalg.norm(middle)), 1e-12)
    held = view.vectors.rows[slots]
    return Entries(middles, held["version"][starts[:-1]].astype(np.int64), held["key"].astype(np.int64), starts)


def _sections(snapshot: Snapshot, keys: NDArray[np.int64], versions: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) a number for each chunk, the same for those below one heading of one version."""
    path = {
        int(row.key): row.heading_path
        for row in snapshot.connection.execute(select(chunks.c.key, chunks.c.heading_path))
    }
    names = [(int(version), path.get(int(key), "[]")) for key, version in zip(keys, versions, strict=True)]
    numbers = {name: n for n, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.int64)
