"""Search by way of summaries: those nearest to a question are gone into, and lead to the passages below them.

A summary is never a hit: it says nothing that could be quoted. What it leads to are passages, each with a score of its
own nearness and that of the best summary above it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellread.index.open import Snapshot
from wellread.index.tree import view
from wellread.index.tree.settings import TreeSettings
from wellread.index.tree.view import Branches
from wellread.retrieve.parts import Query, Retriever
from wellread.retrieve.settings import RetrieveSettings

ABOVE = 0.3  # what the summary counts in the score of a passage below it; more did no better: docs/log.md 2026-11-21
SHOWN = 5  # summaries that are told of a search, with their first words
NONE = "there is none; run: wellread index tree"
OTHER = "made by another embedder; run: wellread index tree"

Floats = NDArray[np.float32]


def retriever(settings: TreeSettings) -> tuple[Retriever, ...]:
    """The tree as a way of finding passages; () where the settings leave it off."""
    if settings.mode == "off":
        return ()

    def find(query: Query, snapshot: Snapshot, _: RetrieveSettings) -> dict[int, float]:
        return search(query, snapshot, settings)

    return (Retriever("tree", settings.weight, find),)


def search(query: Query, snapshot: Snapshot, settings: TreeSettings) -> dict[int, float]:
    """At most ``query.n`` chunks by way of the summaries that ``snapshot`` may see; ``query.told`` says which were
    entered.

    Source: Sarthi et al., ICLR 2024 (RAPTOR), section 3: collapsed tree and tree traversal.
    """
    tree = view.branches(snapshot)
    if query.vector is None:
        return {}
    if tree is None or tree.embedder_id != query.embedder_id:
        query.told["tree"] = NONE if tree is None else OTHER
        return {}
    near = tree.vectors @ query.vector
    held = tree.held(query.within) > 0
    entered = (
        collapsed(tree, near, held, settings.entries)
        if settings.mode == "collapsed"
        else traversed(tree, near, held, settings.beam)
    )
    query.told["summaries"] = _told(entered, tree, snapshot)
    best: dict[int, float] = {}
    for n, nearness in entered:
        for key in tree.below(n, query.within).tolist():
            best[key] = max(nearness, best.get(key, nearness))
    cosines = snapshot.cosines(query.vector, list(best))
    scores = {key: (1 - ABOVE) * cosine + ABOVE * best[key] for key, cosine in cosines.items()}
    return dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[: query.n])


def collapsed(tree: Branches, near: Floats, held: NDArray[np.bool_], k: int) -> list[tuple[int, float]]:
    """The ``k`` nearest summaries of all levels, best first, with their nearness; those with nothing below left out."""
    allowed = np.flatnonzero(held & tree.said)
    order = allowed[np.argsort(-near[allowed], kind="stable")[:k]]
    return [(int(n), float(near[n])) for n in order]


def traversed(tree: Branches, near: Floats, held: NDArray[np.bool_], beam: int) -> list[tuple[int, float]]:
    """The summaries of the lowest level that are reached from the tops, best first, ``beam`` followed at each level.

    A summary that is being rebuilt is always followed, and counts as near as the best beside it.
    """
    here = np.flatnonzero((tree.parents < 0) & held)
    reached: list[tuple[int, float]] = []
    while len(here):
        said = tree.said[here]
        order = here[said][np.argsort(-near[here[said]], kind="stable")[:beam]]
        best = float(near[order[0]]) if len(order) else 0.0
        followed = np.concatenate([order, here[~said]])
        lowest = tree.levels[followed] == 1
        reached += [(int(n), float(near[n]) if tree.said[n] else best) for n in followed[lowest]]
        below = tree.children(followed[~lowest])
        here = below[held[below]]
    return sorted(reached, key=lambda pair: -pair[1])


def _told(entered: list[tuple[int, float]], tree: Branches, snapshot: Snapshot) -> tuple[tuple[str, float, str], ...]:
    shown = entered[:SHOWN]
    texts = view.texts(snapshot, [int(tree.ids[n]) for n, _ in shown])
    return tuple((f"level {tree.levels[n]}", near, texts[int(tree.ids[n])]) for n, near in shown)
