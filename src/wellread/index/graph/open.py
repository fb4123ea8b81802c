"""The graph as one person sees it, ready to walk: names and passages as nodes, what joins them as weighted edges.

A name is what several spellings and several readers' documents call the same: names with one key, names with nearly
one vector, an abbreviation and its long form. Only rows of access ids that may be seen are in it, so that no walk goes
through a document that is hidden.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wellread.index.graph import cluster
from wellread.index.graph import rows as graph
from wellread.index.graph.communities import Community
from wellread.index.graph.merge import Union
from wellread.index.graph.names import LONGEST, key_of
from wellread.index.graph.rows import Entity
from wellread.index.graph.settings import GraphSettings
from wellread.index.open import Snapshot
from wellread.index.words import glossary

STEPS = 20  # of a walk; what is left out then is below damping to the 20th

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A name with all its spellings and rows; ``passages`` counts those that hold it."""

    name: str
    kind: str
    keys: tuple[str, ...]
    entity_ids: tuple[int, ...]
    passages: int
    communities: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """Names (0 to n - 1) and passages, with how often a passage holds a name, and a sentence two of them."""

    nodes: tuple[GraphNode, ...]
    by_key: Mapping[str, int]
    chunks: Ints  # (passages,) chunk keys
    mentions: Ints  # (m, 3): passage, name, how often
    edges: Ints  # (e, 3): one < other, how often
    communities: tuple[Community, ...]
    settings: GraphSettings

    @cached_property
    def telling(self) -> Floats:
        """(n,) what a name tells: much where it stands in few passages; 0 where it leads nowhere.

        Source: Sparck Jones, 1972 (inverse document frequency), as node specificity in HippoRAG.
        """
        often = np.array([node.passages for node in self.nodes], np.float64)
        most = max(self.settings.most * len(self.chunks), 5.0)
        leads = (often >= self.settings.least) & (often <= most)
        return np.where(leads, np.log1p(len(self.chunks) / np.maximum(often, 1.0)), 0.0)

    @cached_property
    def _walk(self) -> tuple[Ints, Ints, Floats]:
        """Where each edge begins and ends, names first and passages after them, and the chance that it is taken."""
        n = len(self.nodes)
        passage, name, often = (self.mentions[:, 0] + n, self.mentions[:, 1], self.mentions[:, 2])
        weight = (1 + np.log(np.maximum(often, 1))) * self.telling[name]
        one, other, said = self.edges[:, 0], self.edges[:, 1], self.edges[:, 2].astype(np.float64)
        said = said * (self.telling[one] > 0) * (self.telling[other] > 0) * self._joined
        begins = np.concatenate([name, passage, one, other])
        ends = np.concatenate([passage, name, other, one])
        weights = np.concatenate([weight, weight, said, said])
        kept = weights > 0
        begins, ends, weights = begins[kept], ends[kept], weights[kept]
        out = np.bincount(begins, weights, n + len(self.chunks))
        return begins, ends, weights / out[begins]

    @cached_property
    def _joined(self) -> NDArray[np.bool_]:
        """(e,) whether two related names stand together more often than by chance, as far as the settings ask."""
        count = [node.passages for node in self.nodes]
        n = max(len(self.chunks), 2)
        return np.array(
            [
                cluster.npmi(min(int(often), count[one], count[other]), count[one], count[other], n)
                >= self.settings.npmi
                for one, other, often in self.edges
            ],
            np.bool_,
        )

    @cached_property
    def place_of(self) -> dict[int, int]:
        """The number of each chunk key among the passages."""
        return {int(key): n for n, key in enumerate(self.chunks)}

    def shared(self, names: Mapping[int, float], passages: Mapping[int, float], named: float) -> tuple[Floats, Floats]:
        """As ``walked``, in one step: how much of the beginning each name holds, and what the names of a passage hold.

        A passage at the beginning does not count for itself. Passages with many names are not made less of, as they are
        by a walk by chance: docs/log.md has the comparison.
        Source: spreading activation, Collins and Loftus 1975, cut off after one passage.
        """
        held, own = np.zeros(len(self.nodes)), np.zeros(len(self.chunks))
        share = named if passages else 1.0
        for number in names:
            held[number] = share / len(names)
        total = math.fsum(passages.values())
        for number, weight in passages.items():
            own[number] = (1.0 - share if names else 1.0) * weight / total if total > 0 else 0.0
        passage, name = self.mentions[:, 0], self.mentions[:, 1]
        held += np.bincount(name, own[passage], len(held))
        led = np.maximum(held[name] - own[passage], 0.0) * self.telling[name]
        return held * self.telling, np.bincount(passage, led, len(own)).astype(np.float64)

    def walked(self, names: Mapping[int, float], passages: Mapping[int, float], named: float) -> tuple[Floats, Floats]:
        """What a walk from names and passages (by number, with weights) leads to: (n,) names, (passages,) passages.

        The share ``named`` begins at the names. What lies at the beginning counts only as far as the walk comes back.

        Source: personalised PageRank, Haveliwala, WWW 2002; from a question's names, Gutiérrez et al. 2024 (HippoRAG).
        """
        n = len(self.nodes)
        start = np.zeros(n + len(self.chunks))
        share = named if passages else 1.0
        for weights, shift, part in ((names, 0, share), (passages, n, 1.0 - share if names else 1.0)):
            total = math.fsum(weights.values())
            for number, weight in weights.items():
                start[shift + number] += part * weight / total if total > 0 else 0.0
        if start.sum() <= 0:
            return start[:n], start[n:]
        start /= start.sum()
        begins, ends, chances = self._walk
        damping, at = self.settings.damping, start
        for _ in range(STEPS):
            at = (1 - damping) * start + damping * np.bincount(ends, at[begins] * chances, len(start))
        led = np.maximum(at - (1 - damping) * start, 0.0)
        return led[:n], led[n:]

    def named_in(self, question: str) -> dict[int, float]:
        """The names that a question holds, the longest at each place, with what they tell."""
        words = key_of(question).split()
        found: dict[int, float] = {}
        taken: set[int] = set()
        for length in range(min(LONGEST, len(words)), 0, -1):
            for first in range(len(words) - length + 1):
                places = set(range(first, first + length))
                node = self.by_key.get(key_of(" ".join(words[first : first + length])))
                if node is not None and not places & taken:
                    taken |= places
                    found[node] = float(self.telling[node])
        return found

    @cached_property
    def members(self) -> dict[int, list[int]]:
        """The names of each community."""
        found: dict[int, list[int]] = {}
        for number, node in enumerate(self.nodes):
            for community in node.communities:
                found.setdefault(community, []).append(number)
        return found

    def nearest(self, vector: NDArray[np.float32], embedder_id: str, k: int) -> list[tuple[Community, float]]:
        """The ``k`` communities whose summaries are nearest to a (dim,) vector, with their cosines, best first."""
        fit = [c for c in self.communities if c.vector and c.embedder_id == embedder_id]
        if not fit:
            return []
        rows = np.stack([np.frombuffer(community.vector, np.float16) for community in fit]).astype(np.float32)
        cosine = rows @ vector
        order = np.argsort(-cosine, kind="stable")[:k]
        return [(fit[int(n)], float(cosine[n])) for n in order]

    def passages_of(self, community: Community) -> dict[int, float]:
        """The passages that hold a community's names, by number, with the share of what those tell: 1 is the best."""
        mine = np.isin(self.mentions[:, 1], self.members.get(community.id, []))
        found = np.bincount(self.mentions[mine, 0], self._told[self.mentions[mine, 1]], len(self.chunks))
        best = float(found.max()) if len(found) else 0.0
        return {int(n): float(found[n]) / best for n in np.flatnonzero(found)} if best > 0 else {}

    @cached_property
    def _told(self) -> Floats:
        """(n,) as ``telling``, of every name."""
        often = np.array([node.passages for node in self.nodes], np.float64)
        return np.log1p(len(self.chunks) / np.maximum(often, 1.0))


def graph_of(snapshot: Snapshot, settings: GraphSettings) -> Graph:
    """The graph of what ``snapshot`` may see, remembered as long as nothing changes."""
    found: Graph | None = snapshot.memo.get(("graph", snapshot.allowed, settings))
    if found is None:
        found = snapshot.memo["graph", snapshot.allowed, settings] = _read(snapshot, settings)
    return found


def _read(snapshot: Snapshot, settings: GraphSettings) -> Graph:
    every = graph.entities(snapshot.connection, allowed=snapshot.allowed)
    at = {entity.id: n for n, entity in enumerate(every)}
    heads = _heads(snapshot, every, at)
    order = sorted(set(heads))
    number = {head: n for n, head in enumerate(order)}
    node_of = np.array([number[head] for head in heads], np.int64)
    rows = graph.mentions(snapshot.connection, allowed=snapshot.allowed)
    keys, passage = np.unique(np.array([row[0] for row in rows], np.int64), return_inverse=True)
    names = node_of[[at[row[1]] for row in rows]] if rows else np.zeros(0, np.int64)
    mentions = _added(passage, names, [row[2] for row in rows], len(order))
    said = graph.relations(snapshot.connection, allowed=snapshot.allowed)
    pairs = np.sort(
        np.array([[node_of[at[one]], node_of[at[other]]] for one, other, _ in said], np.int64).reshape(-1, 2)
    )
    edges = _added(pairs[:, 0], pairs[:, 1], [row[2] for row in said], len(order))
    edges = edges[edges[:, 0] != edges[:, 1]]
    often = np.bincount(mentions[:, 1], minlength=len(order))
    nodes = _nodes(every, heads, order, often)
    by_key = {entity.key: int(node_of[n]) for n, entity in enumerate(every)}
    communities = tuple(graph.communities(snapshot.connection, allowed=snapshot.allowed))
    return Graph(nodes, by_key, keys, mentions, edges, communities, settings)


def _heads(snapshot: Snapshot, every: Sequence[Entity], at: Mapping[int, int]) -> list[int]:
    """Which entity stands for each: by key, by meaning, by the glossary."""
    union = Union(len(every))
    by_key: dict[str, int] = {}
    for n, entity in enumerate(every):
        union.join(by_key.setdefault(entity.key, n), n)
    for one, other in graph.same(snapshot.connection, allowed=snapshot.allowed):
        union.join(at[one], at[other])
    if glossary.exists(snapshot.connection):
        known = glossary.listing(snapshot.connection, allowed=snapshot.allowed)
        meanings: dict[str, set[str]] = {}
        for pair in known:
            meanings.setdefault(key_of(pair.short), set()).add(key_of(pair.long))
        for short, long in meanings.items():  # an abbreviation of several things stands for none of them
            if len(long) == 1 and short in by_key and (full := next(iter(long))) in by_key:
                union.join(by_key[short], by_key[full])
    return [union.find(n) for n in range(len(every))]


def _added(one: Ints, other: Ints, often: Sequence[int], n: int) -> Ints:
    """(k, 3) rows with the same two numbers as one, how often added up."""
    if not len(one):
        return np.zeros((0, 3), np.int64)
    pair, where = np.unique(one * n + other, return_inverse=True)
    count = np.bincount(where, np.asarray(often, np.float64)).astype(np.int64)
    return np.stack([pair // n, pair % n, count], axis=1)


def _nodes(every: Sequence[Entity], heads: Sequence[int], order: Sequence[int], often: Ints) -> tuple[GraphNode, ...]:
    held: dict[int, list[Entity]] = {}
    for entity, head in zip(every, heads, strict=True):
        held.setdefault(head, []).append(entity)
    made = []
    for number, head in enumerate(order):
        rows = held[head]
        longest = max(rows, key=lambda entity: (len(entity.key), -entity.id))
        made.append(
            GraphNode(
                longest.name,
                longest.kind,
                tuple(dict.fromkeys(entity.key for entity in rows)),
                tuple(entity.id for entity in rows),
                int(often[number]) if number < len(often) else 0,
                tuple(dict.fromkeys(e.community_id for e in rows if e.community_id is not None)),
            )
        )
    return tuple(made)
