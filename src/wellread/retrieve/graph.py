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
from wellread.index.open import Look
from wellread.retrieve import fuse
from wellread.retrieve.parts import Find, Leg, Query
from wellread.retrieve.settings import RetrieveSettings

SHOWN = 5  # names and groups that are told of a search
NONE = "there is none; run: wellread graph build"
OTHER = "its summaries are of another embedder; run: wellread graph build"

Search = Callable[[Query, Graph], dict[int, float]]


def legs(settings: GraphSettings) -> tuple[Leg, ...]:
    """The graph as ways of finding passages; () where the settings leave it off."""
    made = []
    if settings.mode in ("local", "both"):
        made.append(Leg("names", settings.weight, _find(local, settings)))
    if settings.mode in ("global", "both"):
        made.append(Leg("groups", settings.weight, _find(by_groups, settings)))
    return tuple(made)


def _find(how: Search, settings: GraphSettings) -> Find:
    def find(query: Query, look: Look, _: RetrieveSettings) -> dict[int, float]:
        graph = graph_of(look, settings)
        if not len(graph.chunks):
            query.told["graph"] = NONE
            return {}
        scores = how(query, graph)
        if query.within is not None:
            inside = look.of_versions(list(scores), frozenset(query.within))
            scores = {key: score for key, score in scores.items() if key in inside}
        return {key: scores[key] for key in fuse.ranked(scores)[: query.n]}

    return find


def local(query: Query, graph: Graph) -> dict[int, float]:
    """What names lead to from the best hits of the other searches and from the names of the question.

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
    return {int(graph.chunks[n]): float(passages[n]) for n in np.flatnonzero(passages > 0)}


def by_groups(query: Query, graph: Graph) -> dict[int, float]:
    """The passages of the groups of names whose summaries are nearest to the question.

    Source: global search of Edge et al. 2024 (GraphRAG); groups lead to passages here instead of answering themselves.
    """
    if query.vector is None:
        return {}
    entered = graph.nearest(query.vector, query.embedder_id, graph.settings.communities)
    if not entered and any(community.vector for community in graph.communities):
        query.told["graph"] = OTHER
    told, scores = [], dict[int, float]()
    for community, cosine in entered:
        held = graph.passages_of(community)
        told.append((community.summary.partition(".\n\n")[0], round(cosine, 3), _counted(len(held))))
        for n, share in held.items():
            key = int(graph.chunks[n])
            scores[key] = max(scores.get(key, 0.0), max(cosine, 0.0) * share)
    query.told["groups entered"] = tuple(told[:SHOWN])
    return {key: score for key, score in scores.items() if score > 0}


def _name(graph: Graph, n: int) -> tuple[str, str]:
    node = graph.nodes[n]
    leads = "" if graph.telling[n] > 0 else ", leads nowhere"
    return node.name, f"{_counted(node.passages)}{leads}"


def _counted(n: int) -> str:
    return f"{n} passage" if n == 1 else f"{n} passages"
