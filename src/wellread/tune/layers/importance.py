"""How much a block of the model matters for a data set, from the gradients of a few batches, and what that buys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

MOST_RANK = 4  # a module gets at most this many times the rank that is set


def by_gradient(model: Any, blocks: Sequence[str], kind: str, losses: Sequence[Callable[[], Any]]) -> dict[str, float]:
    """Mean importance of a weight of each block: taylor |g w|, fisher g², or magnitude |w|.

    Each loss is one batch; g is the gradient of its mean loss, and the scores of the batches are averaged. The weights
    are not changed, their gradients are cleared.

    Args:
        model: all weights of the blocks must be floating-point.
        blocks: names of modules; all their own and inner weights count.
        kind: taylor, fisher or magnitude.
        losses: each makes the mean loss of a batch, with a gradient.
    Raises: ValueError for another kind.
    Source: Taylor: Molchanov et al., ICLR 2017, equation 7; Fisher: Kirkpatrick et al., PNAS 2017, equation 3
        (diagonal); magnitude: Han et al., NeurIPS 2015, section 3.
    """
    import torch

    if kind not in ("taylor", "fisher", "magnitude"):
        raise ValueError(f"{kind}: no such importance")
    weights = {name: list(model.get_submodule(name).parameters()) for name in blocks}
    sizes = {name: sum(w.numel() for w in found) for name, found in weights.items()}
    if kind == "magnitude":
        with torch.no_grad():
            return {name: float(sum(w.abs().sum() for w in found)) / sizes[name] for name, found in weights.items()}
    scores = dict.fromkeys(blocks, 0.0)
    for loss in losses:
        model.zero_grad()
        loss().backward()
        with torch.no_grad():
            for name, found in weights.items():
                seen = [(w, w.grad) for w in found if w.grad is not None]
                values = [(g * w).abs().sum() if kind == "taylor" else (g * g).sum() for w, g in seen]
                scores[name] += float(sum(values)) / sizes[name] / len(losses)
    model.zero_grad()
    return scores


def best_within(scores: Mapping[str, float], costs: Mapping[str, int], budget: float) -> list[str]:
    """The blocks with the highest scores whose costs together are at most ``budget``; at least one, best first."""
    kept: list[str] = []
    left = budget
    for name in sorted(scores, key=lambda name: (-scores[name], name)):
        if costs[name] <= left or not kept:
            kept.append(name)
            left -= costs[name]
    return kept


def top(blocks: Sequence[str], costs: Mapping[str, int], budget: float) -> list[str]:
    """The blocks nearest to the output whose costs together are at most ``budget``; ``blocks`` come bottom first."""
    return best_within({name: float(at) for at, name in enumerate(blocks)}, costs, budget)


def drawn(blocks: Sequence[str], costs: Mapping[str, int], budget: float, *, seed: int) -> list[str]:
    """Blocks by chance whose costs together are at most ``budget``."""
    values = np.random.default_rng([seed, 3]).random(len(blocks))
    return best_within(dict(zip(blocks, values.tolist(), strict=True)), costs, budget)


def ranks(scores: Mapping[str, float], costs: Mapping[str, int], budget: float, rank: int) -> dict[str, int]:
    """Ranks of modules in proportion to their scores, from 0 to MOST_RANK times ``rank``.

    Args:
        scores: of each module, ≥ 0.
        costs: weights that one rank of the module takes.
        budget: weights in all; what is handed out never costs more.
        rank: the rank that is set for the method.
    """
    total = sum(scores.values()) or 1.0
    wanted = {name: budget * scores[name] / total / costs[name] for name in scores}
    given = {name: min(int(value), MOST_RANK * rank) for name, value in wanted.items()}
    left = budget - sum(costs[name] * value for name, value in given.items())
    for name in sorted(given, key=lambda name: (-(wanted[name] - given[name]), name)):
        if costs[name] <= left and given[name] < MOST_RANK * rank:
            given[name] += 1
            left -= costs[name]
    return given
