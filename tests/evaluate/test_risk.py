"""The threshold for a wanted risk: the curve by hand, the confidence as a probability, the page."""

from __future__ import annotations

import numpy as np
import pytest

from wellread.answer.settings import AnswerSettings
from wellread.optimise import risk, riskpage
from wellread.optimise.trial import Observed


def seen(confidence: float, right: float, *, declined: bool = False) -> Observed:
    return Observed("q", right, declined, confidence, 0.0)


def test_the_curve_counts_by_hand() -> None:
    rows = [seen(0.9, 1), seen(0.8, 0), seen(0.8, 1), seen(0.3, 0), seen(0.0, 0, declined=True)]
    points = risk.curve(rows, 1.0, 0.0)
    assert [(p.answered, p.coverage, round(p.risk, 3)) for p in points] == [(1, 0.2, 0), (3, 0.6, 0.333), (4, 0.8, 0.5)]
    assert [round(p.refuse_below, 6) for p in points] == [0.9, 0.8, 0.3]


def test_calibration_error_is_nothing_for_true_probabilities_and_the_gap_for_a_constant() -> None:
    assert risk.calibration_error([0.7] * 100, [1.0] * 40 + [0.0] * 60) == pytest.approx(0.3)
    rng = np.random.default_rng(0)
    stated = rng.uniform(size=5000)
    truth = (rng.uniform(size=5000) < stated).astype(float)
    assert risk.calibration_error(list(stated), list(truth)) < 0.03
    assert risk.calibration_error(list(stated / 2), list(truth)) > 0.2


def test_the_confidence_is_mapped_to_what_was_right() -> None:
    rng = np.random.default_rng(1)
    stated = rng.uniform(0.05, 0.95, size=600)
    odds = 2 * np.log(stated / (1 - stated)) - 1  # the truth: twice the log odds, less one
    rows = [
        seen(p, float(u < 1 / (1 + np.exp(-o)))) for p, u, o in zip(stated, rng.uniform(size=600), odds, strict=True)
    ]
    slope, shift, fitted = risk._calibrated(rows)
    assert fitted
    assert (slope, shift) == (pytest.approx(2, abs=0.4), pytest.approx(-1, abs=0.3))
    assert risk._calibrated(rows[:10]) == (1.0, 0.0, False)


def test_settings_state_the_confidence_that_was_fitted() -> None:
    plain, fitted = AnswerSettings(), AnswerSettings(confidence_slope=2.0, confidence_shift=-1.0)
    assert plain.stated(0.37) == 0.37
    assert fitted.stated(0.5) == pytest.approx(1 / (1 + np.exp(1)))
    assert fitted.stated(0.0) < fitted.stated(0.2) < fitted.stated(1.0)
    with pytest.raises(ValueError, match="confidence_slope"):
        AnswerSettings(confidence_slope=0)


def found(chosen: bool) -> risk.RiskLimit:
    rows = [seen(0.9, 1), seen(0.8, 0), seen(0.6, 1)]
    points = risk.curve(rows, 1.0, 0.0)
    test = risk._test(rows, 0.7, 1.0, 0.0)
    return risk.RiskLimit(
        0.05, points, points[0] if chosen else None, 1.0, 0.0, False, 3, test, test if chosen else None
    )


def test_the_page_says_what_was_found_and_what_was_not() -> None:
    page = riskpage.page(found(chosen=True))
    assert "<svg" in page
    assert "<script" not in page
    assert "67% are answered" in page
    assert "50.0% of these wrongly" in page
    assert found(chosen=True).settings == {
        "answer.refuse_below": 0.899, "answer.confidence_slope": 1.0, "answer.confidence_shift": 0.0
    }  # fmt: skip
    none = found(chosen=False)
    assert none.settings == {}
    assert "No threshold keeps wrong answers at 5%" in riskpage.page(none)
