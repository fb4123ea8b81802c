"""Groups of names that hang together, by modularity: all of them at once, or a few new ones among groups that stay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

ROUNDS = 20  # over all nodes, at each level
LEVELS = 10

Near = Sequence[Mapping[int, float]]  # of each node: its neighbours with the weight of the edge, both ways


def near_of(n: int, edges: Iterable[tuple[int, int, float]]) -> list[dict[int, float]]:
    """The neighbours of ``n`` nodes; edges between the same two are added up, those of weight 0 or less left out."""
    near: list[dict[int, float]] = [{} for _ in range(n)]
    for one, other, weight in edges:
        if one != other and weight > 0:
            near[one][other] = near[one].get(other, 0.0) + weight
            near[other][one] = near[other].get(one, 0.0) + weight
    return near


def louvain(near: Near, resolution: float = 1.0) -> list[int]:
    """The group of each node, numbered from 0 in the order of their first nodes; the same for the same graph.

    Source: Blondel et al., J. Stat. Mech. 2008; nodes are taken in their order instead of by chance.
    """
    groups = list(range(len(near)))
    level: Near = near
    loops = [0.0] * len(near)  # what each node of a level has inside it, counted twice
    for _ in range(LEVELS):
        labels = list(range(len(level)))
        if not move(level, labels, range(len(level)), resolution, loops):
            break
        labels = numbered(labels)
        groups = [labels[group] for group in groups]
        level, loops = _merged(level, loops, labels)
    return numbered(groups)


def move(
    near: Near, labels: list[int], movable: Iterable[int], resolution: float = 1.0, loops: Sequence[float] | None = None
) -> bool:
    """Whether any of the ``movable`` nodes changed its group in ``labels``; each goes where modularity is highest.

    Source: Blondel et al. 2008, equation 2; where only some may move, the others' groups stay as they are.
    """
    inside = loops or [0.0] * len(near)
    degree = [sum(around.values()) + own for around, own in zip(near, inside, strict=True)]
    total: dict[int, float] = {}
    for label, weight in zip(labels, degree, strict=True):
        total[label] = total.get(label, 0.0) + weight
    whole = sum(degree)
    if whole <= 0:
        return False
    nodes, changed = list(movable), False
    for _ in range(ROUNDS):
        moved = False
        for node in nodes:
            mine = labels[node]
            total[mine] -= degree[node]
            shared: dict[int, float] = {mine: 0.0}
            for other, weight in near[node].items():
                shared[labels[other]] = shared.get(labels[other], 0.0) + weight
            gain = {c: w - resolution * degree[node] * total[c] / whole for c, w in shared.items()}
            best = max(gain, key=lambda c: (gain[c], -c))
            if best != mine and gain[best] > gain[mine] + 1e-12:
                labels[node] = best
                moved = changed = True
            total[labels[node]] += degree[node]
        if not moved:
            break
    return changed


def _merged(near: Near, loops: Sequence[float], labels: Sequence[int]) -> tuple[Near, list[float]]:
    """The graph of the groups, and what each has inside."""
    n = max(labels) + 1
    groups: list[dict[int, float]] = [{} for _ in range(n)]
    inside = [0.0] * n
    for node, around in enumerate(near):
        mine = labels[node]
        inside[mine] += loops[node]
        for other, weight in around.items():
            if labels[other] == mine:
                inside[mine] += weight
            else:
                groups[mine][labels[other]] = groups[mine].get(labels[other], 0.0) + weight
    return groups, inside


def numbered(labels: Sequence[int]) -> list[int]:
    """The same groups, numbered from 0 in the order of their first members."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(label, len(numbers)) for label in labels]


def npmi(together: int, one: int, other: int, n: int) -> float:
    """How much more often than by chance two names stand in one of ``n`` passages: -1 never, 0 by chance, 1 always.

    Source: Bouma, GSCL 2009, equation 7.
    """
    if together >= n:
        return 1.0
    return math.log(together * n / (one * other)) / -math.log(together / n)
