"""The trees of summaries as one person sees them: nodes with vectors, the passages below each a run of one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellread.index.open import Snapshot
from wellread.index.tree import rows as tree
from wellread.index.tree.rows import TreeNode

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Branches:
    """Nodes in an order in which all below a node follows it; passages of node i are ``keys[starts[i]:ends[i]]``."""

    embedder_id: str
    ids: Indices  # (n,)
    levels: Indices  # (n,)
    parents: Indices  # (n,) index of the node above, -1 at the top
    vectors: NDArray[np.float32]  # (n, dim)
    said: NDArray[np.bool_]  # (n,) whether there is a summary; else it is being rebuilt
    starts: Indices  # (n,)
    ends: Indices  # (n,)
    keys: Indices  # (passages,) chunk keys
    versions: Indices  # (passages,)

    def held(self, within: Sequence[int] | None) -> Indices:
        """(n,) how many passages of some versions (None: all) are below each node."""
        if within is None:
            return self.ends - self.starts
        inside = np.isin(self.versions, np.asarray(within, np.int64))
        before = np.concatenate([[0], np.cumsum(inside)])
        return np.asarray(before[self.ends] - before[self.starts], np.int64)

    def below(self, n: int, within: Sequence[int] | None) -> Indices:
        """The chunk keys below a node, of some versions (None: all)."""
        run = slice(int(self.starts[n]), int(self.ends[n]))
        if within is None:
            return self.keys[run]
        return self.keys[run][np.isin(self.versions[run], np.asarray(within, np.int64))]

    def children(self, of: Indices) -> Indices:
        """The nodes right below some nodes."""
        return np.flatnonzero(np.isin(self.parents, of))


def branches(snapshot: Snapshot) -> Branches | None:
    """The trees that ``snapshot`` may see, remembered as long as nothing changes; None where there is none."""
    key = ("tree", snapshot.allowed)
    found: tuple[Branches | None] | None = snapshot.memo.get(key)
    if found is None:
        found = snapshot.memo[key] = (_read(snapshot),)
    return found[0]


def texts(snapshot: Snapshot, ids: Sequence[int]) -> dict[int, str]:
    """What the nodes say."""
    return {id: node.text for id, node in tree.nodes_by_id(snapshot.connection, ids).items()}


def _read(snapshot: Snapshot) -> Branches | None:
    shape = tree.shape(snapshot.connection)
    nodes = tree.nodes(snapshot.connection, access_ids=snapshot.allowed)
    if not shape or not nodes or snapshot.view is None:
        return None
    hung: dict[int, list[tuple[int, int]]] = {}
    for chunk_key, node_id, version_id in tree.leaves_of_access(snapshot.connection, snapshot.allowed):
        hung.setdefault(node_id, []).append((chunk_key, version_id))
    order, parents = _ordered(nodes)
    starts, ends, leaves = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64), list[tuple[int, int]]()
    for i, node in enumerate(order):
        starts[i] = len(leaves)
        leaves += hung.get(node.id, ())
        ends[i] = len(leaves)
    for i in range(len(order) - 1, -1, -1):  # what is below a node stands after it
        if parents[i] >= 0:
            ends[parents[i]] = max(ends[parents[i]], ends[i])
    vectors = np.zeros((len(order), snapshot.view.vectors.dim), np.float32)
    for i, node in enumerate(order):
        stored = np.frombuffer(node.vector, "<f2")
        if len(stored) == vectors.shape[1]:
            vectors[i] = stored
    both = np.array(leaves, np.int64).reshape(-1, 2)
    return Branches(
        str(shape["embedder"]),
        np.array([node.id for node in order], np.int64),
        np.array([node.level for node in order], np.int64),
        np.array(parents, np.int64),
        vectors,
        np.array([bool(node.text and node.vector) for node in order], np.bool_),
        starts,
        ends,
        both[:, 0],
        both[:, 1],
    )


def _ordered(nodes: Sequence[TreeNode]) -> tuple[list[TreeNode], list[int]]:
    """The nodes from the tops down, each followed by all that is below it; and for each where the one above stands."""
    known = {node.id for node in nodes}
    below: dict[int | None, list[TreeNode]] = {}
    for node in nodes:
        below.setdefault(node.parent_id if node.parent_id in known else None, []).append(node)
    order: list[TreeNode] = []
    parents: list[int] = []
    waiting = [(node, -1) for node in reversed(below.get(None, []))]
    while waiting:
        node, parent = waiting.pop()
        waiting += [(child, len(order)) for child in reversed(below.get(node.id, []))]
        order.append(node)
        parents.append(parent)
    return order, parents
