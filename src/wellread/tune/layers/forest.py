"""Which blocks are worth training, learned from short training runs by a random forest.

Each probe trains blocks drawn by chance for a few steps from the same beginning; the forest learns how far the
validation loss falls from which blocks were trained. A block's score is how much further the forest expects the loss to
fall where it is trained than where it is not, over all probes. There is no published standard for this; it is ours, and
it is always shown beside the top layers and blocks drawn by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wellread.errors import MissingExtra
from wellread.tune.layers import importance

TREES = 200


def masks(blocks: Sequence[str], costs: Mapping[str, int], budget: float, n: int, *, seed: int) -> NDArray[np.bool_]:
    """(n, blocks): which blocks each probe trains; each costs at most ``budget``, each block is in about as many."""
    chance = np.random.default_rng([seed, 5])
    made = np.zeros((n, len(blocks)), np.bool_)
    for row in made:
        values = chance.random(len(blocks)) - made.sum(0) / max(1, n)  # what was drawn seldom comes first
        kept = importance.best_within(dict(zip(blocks, values.tolist(), strict=True)), costs, budget)
        row[[blocks.index(name) for name in kept]] = True
    return made


def scores(trained: NDArray[np.bool_], falls: Sequence[float], *, seed: int) -> NDArray[np.float64]:
    """(blocks,): mean over all probes of the expected fall with the block minus that without it.

    Args:
        trained: (probes, blocks), which blocks each probe trained.
        falls: how far the validation loss fell in each probe.
        seed: of the trees.
    Raises: MissingExtra without scikit-learn.
    """
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError as error:
        raise MissingExtra("scikit-learn (for tune.rank_by = 'forest')", "tune") from error
    known = trained.astype(np.float64)
    forest = RandomForestRegressor(TREES, random_state=seed, n_jobs=1, max_features="sqrt")
    forest.fit(known, np.asarray(falls))
    found = np.zeros(known.shape[1])
    for at in range(known.shape[1]):
        on, off = known.copy(), known.copy()
        on[:, at], off[:, at] = 1.0, 0.0
        found[at] = float((forest.predict(on) - forest.predict(off)).mean())
    return found


def rank(
    blocks: Sequence[str],
    costs: Mapping[str, int],
    budget: float,
    n: int,
    fall: Callable[[Sequence[str]], float],
    *,
    seed: int,
) -> dict[str, float]:
    """Score of each block from ``n`` probes; ``fall`` trains the named blocks and says how far the loss fell."""
    trained = masks(blocks, costs, budget, n, seed=seed)
    falls = [fall([name for name, on in zip(blocks, row, strict=True) if on]) for row in trained]
    return dict(zip(blocks, scores(trained, falls, seed=seed).tolist(), strict=True))
