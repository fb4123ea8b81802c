"""How sure a measured value is: intervals that hold what they promise, paired differences, correction for several."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, exp, lgamma, log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from wellread.metrics.results import Difference, Outcome
from wellread.types import Score

Floats = NDArray[np.float64]

ALPHA = 0.05
AT_ONCE = 4_000_000  # random numbers that are held at one time
LEAST_ERROR = 0.05  # of the error of the values themselves: what the error of a resample is taken for at least
_Z = NormalDist().inv_cdf(1 - ALPHA / 2)


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
    """A mean with its 95 % interval, chosen by the coverage that was measured (docs/log.md).

    * 0 and 1 only: Wilson's score interval; a bootstrap of ten right answers in ten would say «100 % for sure».
    * Between 0 and 1: the same with the number of 0/1 answers that would be as uncertain, and Student's t.
    * Anything else (seconds, tokens): the studentised bootstrap, the only one of those tried that covers skewed values.

    Args:
        values: one per question, at least one.
        seed: of the resamples.
        draws: number of resamples.
        clusters: what each value belongs to, where some belong together (wordings of one question): they count as one
            draw, so twenty wordings of five questions are not twenty questions.
    Raises: ValueError for no values, values that are no number, or another number of clusters.
    Source: Wilson, JASA 1927; Dean and Pagano, JSSAM 2015 (effective size); Efron and Tibshirani 1993, section 12.5.
    """
    data = _numbers(values)
    sums, sizes = _clustered(data, clusters)
    mean = float(data.mean())
    if data.min() >= 0 and data.max() <= 1:
        plain = len(sums) == data.size and bool(np.isin(data, (0.0, 1.0)).all())
        low, high = _wilson(mean, data.size, _Z) if plain else _effective_wilson(mean, sums, sizes)
    else:
        low, high = _studentised(sums, sizes, seed, draws)
    return Score(mean, low, high, data.size)


def _numbers(values: Sequence[float]) -> Floats:
    data = np.asarray(values, np.float64)
    if not data.size:
        raise ValueError("values: is empty; a mean of nothing has no interval")
    if not np.isfinite(data).all():
        raise ValueError("values: some are no finite number; leave a metric out where it does not apply")
    return data


def _clustered(data: Floats, clusters: Sequence[Hashable] | None) -> tuple[Floats, Floats]:
    """Sum and size of each cluster, in order of first appearance; every value is one of its own without clusters."""
    if clusters is None:
        return data, np.ones_like(data)
    if len(clusters) != data.size:
        raise ValueError(f"clusters: {len(clusters)} for {data.size} values")
    number = {name: n for n, name in enumerate(dict.fromkeys(clusters))}
    index = np.array([number[name] for name in clusters])
    return np.asarray(np.bincount(index, data), np.float64), np.asarray(np.bincount(index), np.float64)


def _wilson(mean: float, n: float, quantile: float) -> tuple[float, float]:
    square = quantile * quantile / n
    middle = (mean + square / 2) / (1 + square)
    half = quantile * sqrt(mean * (1 - mean) / n + square / (4 * n)) / (1 + square)
    return max(0.0, min(mean, middle - half)), min(1.0, max(mean, middle + half))


def _effective_wilson(mean: float, sums: Floats, sizes: Floats) -> tuple[float, float]:
    """With the number of independent 0/1 answers that have the variance of the mean; of clusters where all agree."""
    count = len(sums)
    variance, binary = _variance(mean, sums, sizes), mean * (1 - mean)
    if count == 1 or variance <= 0 or binary <= 0:
        return _wilson(mean, count, _Z)
    return _wilson(mean, binary / variance, student(count - 1))


def _variance(mean: float, sums: Floats, sizes: Floats) -> float:
    """Variance of a mean over clusters."""
    residual = sums - mean * sizes
    count = len(sums)
    return float(residual @ residual) / float(sizes.sum()) ** 2 * (count / (count - 1) if count > 1 else 1.0)


def _studentised(sums: Floats, sizes: Floats, seed: int, draws: int) -> tuple[float, float]:
    mean, count = float(sums.sum() / sizes.sum()), len(sums)
    error = sqrt(_variance(mean, sums, sizes))
    if error == 0:
        return mean, mean
    rng = np.random.default_rng(seed)
    ratios: list[Floats] = []
    step = max(1, AT_ONCE // count)
    for start in range(0, draws, step):
        index = rng.integers(0, count, (min(step, draws - start), count))
        drawn, n = sums[index], sizes[index]  # (draws, count)
        total = n.sum(1)
        means = drawn.sum(1) / total
        residual = drawn - means[:, None] * n
        errors = np.sqrt((residual**2).sum(1) * (count / (count - 1))) / total
        ratios.append((means - mean) / np.maximum(errors, error * LEAST_ERROR))
    below, above = np.quantile(np.concatenate(ratios), [ALPHA / 2, 1 - ALPHA / 2])
    return mean - float(above) * error, mean - float(below) * error


def student(df: int) -> float:
    """97.5 % quantile of Student's t, to 0.004 from 3 degrees on, exact below. Source: Abramowitz and Stegun 26.7.5."""
    if df < 3:
        return (12.706204736, 4.302652730)[df - 1]
    z = _Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + float(sum(term / df**power for power, term in enumerate(terms, 1)))


# two ways


def paired(
    first: Sequence[float],
    second: Sequence[float],
    *,
    seed: int,
    draws: int = 10_000,
    clusters: Sequence[Hashable] | None = None,
) -> Paired:
    """``first`` minus ``second`` on the same questions, value by value.

    The interval is Student's with one made-up question that went half each way, as far as any real one did: without
    it two ways that agreed on every question would be «the same for sure», and where few answers differ the bootstraps
    that were tried (percentile, BCa, studentised) hold 66 to 93 % of the time instead of 95 (docs/log.md).

    ``p`` is exact for 0/1 values (McNemar); else, and with clusters, by ``draws`` random changes of sign. The test is
    the stricter of the two: an interval may leave 0 out at p a little above 0.05.

    Args:
        first: values of one way, at least one.
        second: of the other, in the same order.
        seed: of the changes of sign.
        draws: how many.
        clusters: as in ``bootstrap``.
    Raises: ValueError for different lengths or no values.
    Source: Agresti and Min, Statistics in Medicine 2005 (adding to the pairs); Fisher 1935, section 21 (signs).
    """
    difference = _difference(first, second)
    sums, sizes = _clustered(difference, clusters)
    mean, count = float(difference.mean()), len(sums)
    half = student(max(1, count - 1)) * _spread(sums, sizes) / sqrt(count)
    p = _p_value(sums, seed, draws, alone=count == difference.size)
    low, high = mean - half, mean + half
    if min(*first, *second) >= 0 and max(*first, *second) <= 1:
        low, high = max(-1.0, low), min(1.0, high)
    return Paired(mean, low, high, p, difference.size)


def _difference(first: Sequence[float], second: Sequence[float]) -> Floats:
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} values: the same questions are needed")
    return _numbers(first) - _numbers(second)


def _spread(sums: Floats, sizes: Floats) -> float:
    """Standard deviation of the difference per cluster, with the made-up question."""
    mean, size, count = float(sums.sum() / sizes.sum()), float(sizes.mean()), len(sums)
    residual = (sums - mean * sizes) / size
    farthest = float(np.abs(sums / sizes).max()) or 1.0
    return sqrt((float(residual @ residual) + farthest**2) * count) / (count + 1)


def _p_value(sums: Floats, seed: int, draws: int, *, alone: bool) -> float:
    moved = sums[sums != 0]
    if not moved.size:
        return 1.0
    if alone and bool((np.abs(moved) == 1).all()):
        return mcnemar(int((moved > 0).sum()), int((moved < 0).sum()))
    rng = np.random.default_rng(seed)
    observed = abs(float(moved.sum())) * (1 - 1e-9)
    step = max(1, AT_ONCE // moved.size)
    reached = 0
    for start in range(0, draws, step):
        signs = 2.0 * rng.integers(0, 2, (min(step, draws - start), moved.size), np.int8) - 1.0
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


def spread(first: Sequence[float], second: Sequence[float], *, clusters: Sequence[Hashable] | None = None) -> float:
    """Standard deviation of the differences of two ways per question (or cluster), never 0 (see ``paired``)."""
    return _spread(*_clustered(_difference(first, second), clusters))


def detectable(sd: float, n: int, power: float = 0.8) -> float:
    """The smallest difference that ``n`` questions show with probability ``power``, at 5 %, two-sided.

    Args:
        sd: of the differences of the two ways on one question, as ``spread`` gives it.
        n: number of questions, >= 1.
        power: between 0 and 1.
    Source: the normal approximation; for 0/1 answers the exact test needs about 5 % more.
    """
    return (_Z + NormalDist().inv_cdf(power)) * sd / sqrt(n)


def needed(difference: float, sd: float, power: float = 0.8) -> int:
    """How many questions show a difference with probability ``power``, at 5 %, two-sided; see ``detectable``.

    Raises: ValueError for a difference of 0, which no number of questions shows.
    """
    if difference == 0:
        raise ValueError("difference = 0: no number of questions shows a difference that is not there")
    return max(1, int(np.ceil(((_Z + NormalDist().inv_cdf(power)) * sd / difference) ** 2)))


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
        cases = len(set(groups)) if groups else len(shared)
        compared.append((first, second, result, detectable(spread(one, two, clusters=groups), cases)))
    corrected = holm([result.p for _, _, result, _ in compared])
    return tuple(
        Difference(metric, first, second, r.value, r.low, r.high, r.p, p, r.n, least)
        for (first, second, r, least), p in zip(compared, corrected, strict=True)
    )
