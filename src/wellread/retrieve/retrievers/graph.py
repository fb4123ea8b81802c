"""Search by way of names: a walk from the first hits to passages that share their names, or by groups of names.

The walk finds what a question does not say: the second passage of a question with two hops shares a name with the first
one, not a word with the question. Groups serve questions about a whole subject. A summary is never a hit: what it leads
to are passages.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wellread.index.graph.open import Graph, graph_of
from wellread.index.graph.settings import GraphSettings
from wellread.index.open import Snapshot
from wellread.retrieve import fuse
from wellread.retrieve.parts import Find, Query, Retriever
from wellread.retrieve.settings import RetrieveSettings

SHOWN = 5  # names and groups that are told of a search
NONE = "there is none; run: wellread graph build"
OTHER = "its summaries are of another embedder; run: wellread graph build"

Inside = frozenset[int] | None  # chunk keys of the versions to look in; None: all
Search = Callable[[Query, Graph, Inside], dict[int, float]]


def retrievers(settings: GraphSettings) -> tuple[Retriever, ...]:
    """The graph as ways of finding passages; () where the settings leave it off."""
    made = []
    if settings.mode in ("local", "both"):
        made.append(Retriever("names", settings.weight, _find(local, settings)))
    if settings.mode in ("global", "both"):
        made.append(Retriever("groups", settings.weight, _find(by_groups, settings)))
    return tuple(made)


def _find(how: Search, settings: GraphSettings) -> Find:
    def find(query: Query, snapshot: Snapshot, _: RetrieveSettings) -> dict[int, float]:
        graph = graph_of(snapshot, settings)
        if not len(graph.chunks):
            query.told["graph"] = NONE
            return {}
        inside = None
        if query.within is not None:
            inside = frozenset(snapshot.of_versions(graph.chunks.tolist(), frozenset(query.within)))
        scores = how(query, graph, inside)
        return {key: scores[key] for key in fuse.ranked(scores)[: query.n]}

    return find


def local(query: Query, graph: Graph, inside: Inside) -> dict[int, float]:
    """What names lead to from the best hits of the other searches and from the names of the question.

    The walk goes through all that may be seen; only what is ``inside`` is found.

    A hit counts only as far as other hits lead to it: so this adds what the other searches do not say.

    Source: Gutiérrez et al., NeurIPS 2024 (HippoRAG), who begin at the names of the question alone.
    """
    settings = graph.settings
    named = graph.named_in(query.text)
    best = [key for key in fuse.ranked(query.first) if key in graph.place_of][: settings.passages]
    starts = {graph.place_of[key]: query.first[key] ** 2 for key in best}
    walk = graph.shared if settings.walk == "shared" else graph.walked
    names, passages = walk({n: told for n, told in named.items() if told > 0}, starts, settings.named)
    query.told["names of the question"] = tuple(_name(graph, n) for n in named)
    over = [int(n) for n in np.argsort(-names, kind="stable")[:SHOWN] if names[n] > 0]
    query.told["by way of"] = tuple(_name(graph, n) for n in over)
    led = {int(graph.chunks[n]): float(passages[n]) for n in np.flatnonzero(passages > 0)}
    return {key: score for key, score in led.items() if inside is None or key in inside}


def by_groups(query: Query, graph: Graph, inside: Inside) -> dict[int, float]:
    """The passages of the groups of names whose summaries are nearest to the question, of those with any ``inside``.

    Source: global search of Edge et al. 2024 (GraphRAG); groups lead to passages here instead of answering themselves.
    """
    if query.vector is None:
        return {}
    most = graph.settings.communities
    near = graph.nearest(query.vector, query.embedder_id, most if inside is None else len(graph.communities))
    if not near and any(community.vector for community in graph.communities):
        query.told["graph"] = OTHER
    if inside is not None:
        reached = _reached(graph, inside)
        near = [(community, cosine) for community, cosine in near if community.id in reached][:most]
    told, scores = [], dict[int, float]()
    for community, cosine in near:
        shares = {int(graph.chunks[n]): share for n, share in graph.passages_of(community).items()}
        held = {key: share for key, share in shares.items() if inside is None or key in inside}
        told.append((community.summary.partition(".\n\n")[0], round(cosine, 3), _counted(len(held))))
        for key, share in held.items():
            scores[key] = max(scores.get(key, 0.0), max(cosine, 0.0) * share)
    query.told["groups entered"] = tuple(told[:SHOWN])
    return {key: score for key, score in scores.items() if score > 0}


def _reached(graph: Graph, inside: frozenset[int]) -> set[int]:
    """The ids of the groups that a passage inside holds a name of."""
    places = np.array([graph.place_of[key] for key in inside], np.int64)
    names = np.unique(graph.mentions[np.isin(graph.mentions[:, 0], places), 1])
    return {community for name in names for community in graph.nodes[name].communities}


def _name(graph: Graph, n: int) -> tuple[str, str]:
    node = graph.nodes[n]
    leads = "" if graph.telling[n] > 0 else ", leads nowhere"
    return node.name, f"{_counted(node.passages)}{leads}"


def _counted(n: int) -> str:
    return f"{n} passage" if n == 1 else f"{n} passages"
