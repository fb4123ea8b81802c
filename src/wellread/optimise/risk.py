"""The threshold of refusal for a wanted risk, and a confidence that is a probability, from one's own questions.

Half of the questions choose, the other half is asked once with what was chosen. Source: risk and coverage after
El-Yaniv and Wiener, JMLR 2010; the confidence is mapped by Platt scaling (Platt 1999), its error is counted as the
expected calibration error of Guo et al., ICML 2017, equation 3, over bins with the same number of answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor

import numpy as np
from numpy.typing import NDArray

from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import stats
from wellread.optimise.trial import Observed, TrialRunner
from wellread.progress import SILENT, Progress
from wellread.types import Question, Score

THRESHOLD, SLOPE, SHIFT = "answer.refuse_below", "answer.confidence_slope", "answer.confidence_shift"
BINS = 10
FEWEST = 20  # answers of each outcome, right or wrong, below which the confidence is left as it is
ROUNDS, RIDGE = 30, 1e-2  # of Newton's method


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """What a threshold does: the share of questions answered, and the share of wrong ones among the answers."""

    refuse_below: float
    answered: int
    coverage: float
    risk: float


@dataclass(frozen=True, slots=True)
class RiskTest:
    """The other half, asked with what was chosen: shares of 0 to 1; ``risk`` is None where nothing was answered."""

    questions: int
    coverage: Score
    risk: Score | None
    calibration_error: float | None


@dataclass(frozen=True, slots=True)
class RiskLimit:
    """What was found; ``chosen`` is None where no threshold reaches the risk that is wanted."""

    wanted: float
    curve: tuple[RiskPoint, ...]
    chosen: RiskPoint | None
    slope: float
    shift: float
    calibrated: bool  # False where there were too few answers to fit a confidence
    questions: int
    now: RiskTest
    test: RiskTest | None
    failed: tuple[str, ...] = field(default=())

    @property
    def settings(self) -> dict[str, float]:
        """What to write into wellread.toml; nothing where nothing was chosen."""
        if self.chosen is None:
            return {}
        return {
            THRESHOLD: floor(1000 * self.chosen.refuse_below) / 1000,
            SLOPE: round(self.slope, 3),
            SHIFT: round(self.shift, 3),
        }


def limit(
    base: KnowledgeBase,
    choosing: Sequence[Question],
    testing: Sequence[Question],
    wanted: float,
    progress: Progress = SILENT,
) -> RiskLimit:
    """The lowest threshold at which the share of wrong answers among those given is at most ``wanted``.

    Wrong is an answer that is not right, and any answer to what the documents do not hold. Both halves are asked
    through the base as it is set; what was asked before with these settings is not asked again.

    Raises: StoreError, ModelError where a model cannot be opened.
    """
    bench = TrialRunner(base, base.who, progress)
    plain: dict[str, object] = {SLOPE: 1.0, SHIFT: 0.0}
    try:
        seen = bench.observe(plain, choosing)
        slope, shift, calibrated = _calibrated(seen)
        points = curve(seen, slope, shift)
        chosen = max((one for one in points if one.risk <= wanted), key=lambda one: one.coverage, default=None)
        held = bench.observe(plain, testing)
    finally:
        bench.close()
    answer = base.settings["answer"]
    now = _test(held, answer.refuse_below, answer.confidence_slope, answer.confidence_shift)
    test = _test(held, chosen.refuse_below, slope, shift) if chosen is not None else None
    return RiskLimit(wanted, points, chosen, slope, shift, calibrated, len(seen), now, test, tuple(bench.failed))


def curve(seen: Sequence[Observed], slope: float, shift: float) -> tuple[RiskPoint, ...]:
    """A point for each confidence that occurs, the highest threshold first; none without an answer."""
    answered = sorted(((_mapped(one, slope, shift), one.right) for one in seen if not one.declined), reverse=True)
    points = []
    right = 0.0
    for n, (confidence, score) in enumerate(answered, 1):
        right += score
        if n == len(answered) or answered[n][0] < confidence:  # equal confidences are answered together
            points.append(RiskPoint(confidence, n, n / len(seen), 1 - right / n))
    return tuple(points)


def calibration_error(confidence: Sequence[float], right: Sequence[float]) -> float:
    """Mean distance of confidence and share of right ones, over bins with the same number of answers."""
    order = np.argsort(confidence)
    stated, truth = np.asarray(confidence)[order], np.asarray(right, np.float64)[order]
    _, same, counts = np.unique(stated, return_inverse=True, return_counts=True)
    truth = (np.bincount(same, truth) / counts)[same]  # equal confidences are one, in whatever order they came
    bins = np.array_split(np.arange(len(stated)), min(BINS, len(stated)))
    return float(sum(len(one) * abs(stated[one].mean() - truth[one].mean()) for one in bins) / len(stated))


def _mapped(one: Observed, slope: float, shift: float) -> float:
    clipped = min(max(one.confidence, 1e-6), 1 - 1e-6)
    return float(1 / (1 + np.exp(-(slope * np.log(clipped / (1 - clipped)) + shift))))


def _calibrated(seen: Sequence[Observed]) -> tuple[float, float, bool]:
    """Slope and shift of the log odds, by logistic regression; the identity where there are too few answers."""
    answers = [one for one in seen if not one.declined and not one.error]
    right = np.array([one.right for one in answers])
    if min(right.sum(), len(right) - right.sum()) < FEWEST:
        return 1.0, 0.0, False
    clipped = np.clip([one.confidence for one in answers], 1e-6, 1 - 1e-6)
    x = np.stack([np.log(clipped / (1 - clipped)), np.ones(len(clipped))], axis=1)
    weights: NDArray[np.float64] = np.array([1.0, 0.0])
    for _ in range(ROUNDS):
        p = 1 / (1 + np.exp(-(x @ weights)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + RIDGE * np.eye(2)
        weights -= np.linalg.solve(hessian, x.T @ (p - right) + RIDGE * (weights - np.array([1.0, 0.0])))
    slope, shift = float(weights[0]), float(weights[1])
    return (slope, shift, True) if slope > 0 else (1.0, 0.0, False)  # more sure and less right: nothing to map


def _test(held: Sequence[Observed], refuse_below: float, slope: float, shift: float) -> RiskTest:
    answered = [
        (p, one.right) for one in held if not one.declined and (p := _mapped(one, slope, shift)) >= refuse_below
    ]
    coverage = stats.bootstrap([1.0] * len(answered) + [0.0] * (len(held) - len(answered)), seed=0)
    if not answered:
        return RiskTest(len(held), coverage, None, None)
    wrong = stats.bootstrap([1 - right for _, right in answered], seed=0)
    return RiskTest(len(held), coverage, wrong, calibration_error(*zip(*answered, strict=True)))
