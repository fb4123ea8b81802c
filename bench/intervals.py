"""Whether intervals and tests hold what they promise, on simulated answers whose truth is known.

    python -m bench.intervals [--draws 1000]

Coverage of the 95 % interval of a mean and of a paired difference; how often two equally good ways are called
different; how often a planted difference of 10 points is found, by number of questions and correlation of the answers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import keep
from wellread.metrics import stats

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]
SIZES = (30, 75, 150)
MUCH = 200_000  # values behind a true mean


def right(rate: float) -> Draw:
    """Right or wrong."""
    return lambda rng, n: (rng.random(n) < rate).astype(np.float64)


def f1(rng: np.random.Generator, n: int) -> Floats:
    """Token F1: nothing in common, exact, or in between."""
    kind = rng.random(n)
    return np.where(kind < 0.3, 0.0, np.where(kind < 0.7, 1.0, rng.beta(2, 2, n)))


def nearly_all(rng: np.random.Generator, n: int) -> Floats:
    """Groundedness of a good way: nine answers in ten are 1."""
    return np.where(rng.random(n) < 0.9, 1.0, rng.random(n))


def hardly_any(rng: np.random.Generator, n: int) -> Floats:
    """F1 of a closed book: most answers share no word."""
    return np.where(rng.random(n) < 0.85, 0.0, rng.beta(2, 2, n))


def thirds(rng: np.random.Generator, n: int) -> Floats:
    """Recall of two pieces of evidence."""
    return rng.choice([0.0, 0.5, 1.0], n, p=[0.1, 0.15, 0.75])


MEANS: dict[str, Draw] = {
    "right 0.03": right(0.03),
    "right 0.5": right(0.5),
    "right 0.72": right(0.72),
    "right 0.95": right(0.95),
    "f1": f1,
    "nearly all 1": nearly_all,
    "hardly any above 0": hardly_any,
    "0, 0.5 or 1": thirds,
    "cosines": lambda rng, n: rng.beta(8, 2, n),
    "seconds, exponential": lambda rng, n: rng.exponential(1, n),
    "seconds, log-normal": lambda rng, n: rng.lognormal(0, 1, n),
}


def two(rng: np.random.Generator, n: int, rates: tuple[float, float], correlation: float) -> tuple[Floats, Floats]:
    """Right or wrong of two ways on the same questions."""
    a, b = rates
    both = a * b + correlation * (a * (1 - a) * b * (1 - b)) ** 0.5
    drawn = rng.choice(4, n, p=np.clip([both, a - both, b - both, 1 - a - b + both], 0, 1))
    return np.isin(drawn, (0, 1)).astype(np.float64), np.isin(drawn, (0, 2)).astype(np.float64)


def main() -> None:
    """Prints and keeps all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000, help="simulated measurements of each case")
    draws = parser.parse_args().draws
    keep("intervals", {"draws": draws, "means": means(draws), "differences": pairs(draws)})


def means(draws: int) -> dict[str, Any]:
    """Share of intervals that hold the true mean."""
    figures: dict[str, Any] = {}
    for name, draw in MEANS.items():
        truth = (
            float(draw(np.random.default_rng(0), MUCH * 10).mean()) if "right" not in name else float(name.split()[1])
        )
        for n in SIZES:
            rng = np.random.default_rng(1)
            scores = [stats.bootstrap(draw(rng, n).tolist(), seed=i, draws=1000) for i in range(draws)]
            figures[f"{name}, n = {n}"] = round(float(np.mean([s.low <= truth <= s.high for s in scores])), 3)
    return figures


def pairs(draws: int) -> dict[str, Any]:
    """Of pairs of ways: share of intervals that hold the difference, and of p below 5 %."""
    figures: dict[str, Any] = {}
    for rates in ((0.7, 0.7), (0.9, 0.9), (0.7, 0.6), (0.9, 0.8)):
        for correlation in (0.0, 0.3, 0.5, 0.6, 0.7):
            for n in SIZES:
                rng = np.random.default_rng(2)
                if correlation > most(rates):
                    continue
                drawn = [stats.paired(*two(rng, n, rates, correlation), seed=0) for _ in range(draws)]
                truth = rates[0] - rates[1]
                figures[f"{rates[0]:g} and {rates[1]:g}, correlation {correlation:g}, n = {n}"] = {
                    "interval holds": round(
                        float(np.mean([d.low <= truth + 1e-9 and truth <= d.high for d in drawn])), 3
                    ),
                    "called different": round(float(np.mean([d.p < 0.05 for d in drawn])), 3),
                }
    return figures


def most(rates: tuple[float, float]) -> float:
    """The greatest correlation that two ways with these rates can have."""
    a, b = rates
    return float(min(a, b) - a * b) / (a * (1 - a) * b * (1 - b)) ** 0.5


if __name__ == "__main__":
    main()
