"""How sure a measured value is: intervals that hold what they promise, paired differences, correction for several."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, exp, lgamma, log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from wellread.evaluate.results import Difference, Outcome
from wellread.types import Score

Floats = NDArray[np.float64]

ALPHA = 0.05
AT_ONCE = 4_000_000  # random numbers that are held at one time


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean difference of two ways on the same questions, its 95 % interval and the p value of «no difference»."""

    value: float
    low: float
    high: float
    p: float
    n: int


def bootstrap(
    values: Sequence[float], *, seed: int, draws: int = 10_000, clusters: Sequence[Hashable] | None = None
) -> Score:
    """A mean with its 95 % interval.

    Args:
        values: one per question, at least one.
        seed: of the resamples.
        draws: number of resamples.
        clusters: of each value, where some belong together (wordings of one question): these are drawn as a whole.
    Raises: ValueError for no values.
    """
    data = np.asarray(values, np.float64)
    if not data.size:
        raise ValueError("values: is empty; a mean of nothing has no interval")
    sums, sizes = _clustered(data, clusters)
    mean = float(data.mean())
    if data.min() >= 0 and data.max() <= 1:
        low, high = _wilson(mean, sums, sizes)
    else:
        low, high = _studentised(sums, sizes, seed, draws)
    return Score(mean, low, high, data.size)


def _clustered(data: Floats, clusters: Sequence[Hashable] | None) -> tuple[Floats, Floats]:
    """Sum and size of each cluster, in order of first appearance; every value is one of its own without clusters."""
    if clusters is None:
        return data, np.ones_like(data)
    if len(clusters) != data.size:
        raise ValueError(f"clusters: {len(clusters)} for {data.size} values")
    number = {name: n for n, name in enumerate(dict.fromkeys(clusters))}
    index = np.array([number[name] for name in clusters])
    return np.asarray(np.bincount(index, data), np.float64), np.asarray(np.bincount(index), np.float64)


def _wilson(mean: float, sums: Floats, sizes: Floats) -> tuple[float, float]:
    total = float(sizes.sum())
    spread = mean * (1 - mean)
    variance = _variance(mean, sums, sizes)
    n = min(total, spread / variance) if variance > 0 and spread > 0 else total
    z = NormalDist().inv_cdf(1 - ALPHA / 2)
    middle = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(spread / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def _variance(mean: float, sums: Floats, sizes: Floats) -> float:
    """Of the mean, by clusters."""
    residual = sums - mean * sizes
    count = len(sums)
    return float((residual @ residual) / sizes.sum() ** 2 * (count / (count - 1) if count > 1 else 1.0))


def _studentised(sums: Floats, sizes: Floats, seed: int, draws: int) -> tuple[float, float]:
    mean = float(sums.sum() / sizes.sum())
    error = sqrt(_variance(mean, sums, sizes))
    if error == 0:
        return mean, mean
    rng = np.random.default_rng(seed)
    count = len(sums)
    ratios: list[Floats] = []
    step = max(1, AT_ONCE // count)
    for start in range(0, draws, step):
        index = rng.integers(0, count, (min(step, draws - start), count))
        s, n = sums[index], sizes[index]  # (draws, count)
        total = n.sum(1)
        means = s.sum(1) / total
        residual = s - means[:, None] * n
        errors = np.sqrt((residual**2).sum(1) * (count / max(1, count - 1))) / total
        ratios.append((means - mean) / np.maximum(errors, error * 1e-3))
    below, above = np.quantile(np.concatenate(ratios), [ALPHA / 2, 1 - ALPHA / 2])
    return mean - float(above) * error, mean - float(below) * error


def paired(
    first: Sequence[float],
    second: Sequence[float],
    *,
    seed: int,
    draws: int = 10_000,
    clusters: Sequence[Hashable] | None = None,
) -> Paired:
    """``first`` minus ``second`` on the same questions."""
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != two.shape or not one.size:
        raise ValueError(f"{one.size} and {two.size} values: the same questions are needed, at least one")
    difference = one - two
    sums, sizes = _clustered(difference, clusters)
    low, high = _studentised(sums, sizes, seed, draws)
    return Paired(float(difference.mean()), low, high, _p_value(difference, sums, seed, draws, clusters), one.size)


def _p_value(difference: Floats, sums: Floats, seed: int, draws: int, clusters: Sequence[Hashable] | None) -> float:
    if clusters is None and bool(np.isin(difference, (-1.0, 0.0, 1.0)).all()):
        return mcnemar(int((difference > 0).sum()), int((difference < 0).sum()))
    rng = np.random.default_rng(seed)
    moved = sums[sums != 0]
    if not moved.size:
        return 1.0
    observed = abs(float(moved.sum())) * (1 - 1e-12)
    step = max(1, AT_ONCE // moved.size)
    reached = 0
    for start in range(0, draws, step):
        signs = rng.choice(np.array([-1.0, 1.0]), (min(step, draws - start), moved.size))
        reached += int((np.abs(signs @ moved) >= observed).sum())
    return (reached + 1) / (draws + 1)


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p that two ways are right equally often. Source: McNemar 1947, by the binomial distribution."""
    n, k = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    tail = sum(comb(n, i) for i in range(k + 1)) / 2**n if n < 1000 else _tail(n, k)
    return min(1.0, 2 * tail)


def _tail(n: int, k: int) -> float:
    logs = [lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) - n * log(2) for i in range(k + 1)]
    top = max(logs)
    return exp(top) * sum(exp(value - top) for value in logs)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values corrected for their number, in the order given. Source: Holm, Scand. J. Statist. 1979."""
    corrected = [0.0] * len(ps)
    largest = 0.0
    for rank, n in enumerate(sorted(range(len(ps)), key=lambda n: ps[n])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[n]))
        corrected[n] = largest
    return corrected


def spread(first: Sequence[float], second: Sequence[float]) -> float:
    """Standard deviation of the differences of two ways, never 0: one question each way is added to those asked."""
    difference = np.append(np.asarray(first, np.float64) - np.asarray(second, np.float64), (-1.0, 1.0))
    return float(difference.std(ddof=1))


def detectable(sd: float, n: int, power: float = 0.8) -> float:
    """The smallest difference that ``n`` questions show with this probability, at 5 %, two-sided."""
    return _sum_of_z(power) * sd / sqrt(n)


def needed(difference: float, sd: float, power: float = 0.8) -> int:
    """How many questions show a difference with this probability, at 5 %, two-sided; at least 1.

    Raises: ValueError for a difference of 0, which no number of questions shows.
    """
    if difference == 0:
        raise ValueError("difference = 0: no number of questions shows a difference that is not there")
    return max(1, int(np.ceil((_sum_of_z(power) * sd / difference) ** 2)))


def _sum_of_z(power: float) -> float:
    return NormalDist().inv_cdf(1 - ALPHA / 2) + NormalDist().inv_cdf(power)


def differences(
    outcomes: Mapping[str, Sequence[Outcome]],
    metric: str,
    *,
    seed: int,
    draws: int = 10_000,
    clusters: Mapping[str, str] | None = None,
) -> tuple[Difference, ...]:
    """Every pair of ways on the questions that have the metric in both; p corrected over all pairs.

    Args:
        outcomes: by name of the way, with their metrics.
        metric: what is compared; a pair without a question in common is left out.
        seed: of the resamples.
        draws: number of resamples.
        clusters: question id → what it belongs to, where questions word one another differently.
    """
    values = {
        way: {o.question_id: o.metrics[metric] for o in rows if metric in o.metrics} for way, rows in outcomes.items()
    }
    compared: list[tuple[str, str, Paired, float]] = []
    for first, second in combinations(values, 2):
        shared = [id for id in values[first] if id in values[second]]
        if not shared:
            continue
        one, two = [values[first][id] for id in shared], [values[second][id] for id in shared]
        groups = [clusters.get(id, id) for id in shared] if clusters else None
        result = paired(one, two, seed=seed, draws=draws, clusters=groups)
        compared.append((first, second, result, detectable(spread(one, two), len(shared))))
    corrected = holm([result.p for _, _, result, _ in compared])
    return tuple(
        Difference(metric, first, second, r.value, r.low, r.high, r.p, p, r.n, least)
        for (first, second, r, least), p in zip(compared, corrected, strict=True)
    )
