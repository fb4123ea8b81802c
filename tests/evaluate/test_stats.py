"""Intervals hold what they promise, equal ways are not called different, and a planted difference is found."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.metrics import stats
from wellread.metrics.results import Outcome

DRAWS = 1000  # simulated measurements


def binomial(n: int, p: float) -> np.ndarray:
    return np.array([comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


def answers(n: int, first: float, second: float, correlation: float, seed: int) -> tuple[list[float], list[float]]:
    """Right or wrong of two ways on the same ``n`` questions."""
    both = first * second + correlation * (first * (1 - first) * second * (1 - second)) ** 0.5
    chances = [both, first - both, second - both, 1 - first - second + both]
    assert min(chances) > -1e-9, "no two ways have these rates and this correlation"
    drawn = np.random.default_rng(seed).choice(4, n, p=np.clip(chances, 0, 1))
    return np.isin(drawn, (0, 1)).astype(float).tolist(), np.isin(drawn, (0, 2)).astype(float).tolist()


def f1_like(rng: np.random.Generator, n: int) -> np.ndarray:
    """Three answers in ten without a word in common, four exact, the rest in between; mean 0.55."""
    kind = rng.random(n)
    return np.where(kind < 0.3, 0.0, np.where(kind < 0.7, 1.0, rng.beta(2, 2, n)))


# one value


def coverage(n: int, rate: float) -> float:
    """How often the interval of ``n`` answers holds the true rate, exactly: every number of right answers weighed."""
    scores = [stats.bootstrap([1.0] * k + [0.0] * (n - k), seed=0) for k in range(n + 1)]
    return float(binomial(n, rate) @ [s.low <= rate <= s.high for s in scores])


@pytest.mark.parametrize("n", [75, 100, 150])
@pytest.mark.parametrize("rate", [0.2, 0.3, 0.5, 0.72, 0.8])
def test_an_interval_of_right_and_wrong_holds_93_to_97_of_100_times(n: int, rate: float) -> None:
    assert 0.93 <= coverage(n, rate) <= 0.97


@pytest.mark.parametrize("n", [30, 75, 150])
def test_near_0_and_near_1_an_interval_holds_95_of_100_times_on_average(n: int) -> None:
    """Single rates lie a little off, since a count of right answers moves in steps: never below 92 of 100 here."""
    held = [coverage(n, rate) for rate in (0.02, 0.03, 0.05, 0.07, 0.1, 0.9, 0.93, 0.95, 0.97, 0.98)]
    assert 0.94 <= np.mean(held) <= 0.965
    assert 0.92 <= min(held) <= max(held) <= 0.98


def test_over_1000_draws_of_150_answers_95_of_100_intervals_hold_the_true_rate() -> None:
    rng = np.random.default_rng(1)
    scores = [stats.bootstrap((rng.random(150) < 0.72).astype(float).tolist(), seed=0) for _ in range(DRAWS)]
    assert 0.93 <= np.mean([s.low <= 0.72 <= s.high for s in scores]) <= 0.97


@pytest.mark.parametrize("n", [30, 150])
def test_an_interval_of_f1_holds_93_to_97_of_100_times(n: int) -> None:
    rng = np.random.default_rng(2)
    scores = [stats.bootstrap(f1_like(rng, n).tolist(), seed=0) for _ in range(DRAWS)]
    assert 0.93 <= np.mean([s.low <= 0.55 <= s.high for s in scores]) <= 0.97


def test_an_interval_of_seconds_holds_though_a_few_answers_take_very_long() -> None:
    rng = np.random.default_rng(3)
    scores = [stats.bootstrap((5 * rng.exponential(1, 75)).tolist(), seed=i, draws=400) for i in range(DRAWS)]
    assert 0.92 <= np.mean([s.low <= 5 <= s.high for s in scores]) <= 0.97


def test_wordings_of_one_question_count_as_one_question() -> None:
    """Fifty questions worded three times each, every wording answered like the others: 50 cases, not 150."""
    rng = np.random.default_rng(4)
    held, wide = [], []
    clusters = [f"q{n // 3}" for n in range(150)]
    for _ in range(DRAWS):
        values = np.repeat(rng.random(50) < 0.7, 3).astype(float).tolist()
        score = stats.bootstrap(values, seed=0, clusters=clusters)
        blind = stats.bootstrap(values, seed=0)
        held.append(score.low <= 0.7 <= score.high)
        wide.append(blind.low <= 0.7 <= blind.high)
        assert score.n == 150
    assert 0.93 <= np.mean(held) <= 0.97
    assert np.mean(wide) < 0.8, "without clusters the interval is far too sure of itself"


def test_wilson_is_the_value_worked_on_paper() -> None:
    score = stats.bootstrap([1.0] * 8 + [0.0] * 2, seed=0)  # (8 + z²/2) / (10 + z²) ± …, z = 1.96
    assert (score.value, score.n) == (0.8, 10)
    assert score.low == pytest.approx(0.4902, abs=1e-4)
    assert score.high == pytest.approx(0.9433, abs=1e-4)


def test_ten_right_answers_of_ten_are_not_certainty() -> None:
    score = stats.bootstrap([1.0] * 10, seed=0)
    assert score.value == score.high == 1.0
    assert score.low == pytest.approx(0.7225, abs=1e-4)  # n / (n + z²)


def test_one_question_alone_says_next_to_nothing() -> None:
    assert stats.bootstrap([1.0], seed=0).low < 0.25
    assert stats.bootstrap([1.0] * 5, seed=0, clusters=["q"] * 5).low < 0.25


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(0, 9))
def test_the_interval_holds_the_value_and_stays_between_0_and_1(values: list[float], seed: int) -> None:
    score = stats.bootstrap(values, seed=seed)
    assert 0 <= score.low <= score.value + 1e-12
    assert score.value - 1e-12 <= score.high <= 1


def test_the_same_seed_gives_the_same_interval() -> None:
    seconds = [1.0, 2.0, 9.0, 4.0, 2.5]
    assert stats.bootstrap(seconds, seed=5) == stats.bootstrap(seconds, seed=5)
    assert stats.bootstrap(seconds, seed=5) != stats.bootstrap(seconds, seed=6)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")]])
def test_what_has_no_interval_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="values"):
        stats.bootstrap(values, seed=0)


@pytest.mark.parametrize(("df", "quantile"), [(1, 12.7062), (2, 4.3027), (4, 2.7764), (10, 2.2281), (30, 2.0423)])
def test_students_quantile_is_that_of_the_tables(df: int, quantile: float) -> None:
    assert stats.student(df) == pytest.approx(quantile, abs=2e-3)


# two ways


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_two_equally_good_ways_are_called_different_in_at_most_5_of_100_draws(correlation: float) -> None:
    ps = [stats.paired(*answers(150, 0.7, 0.7, correlation, seed), seed=0).p for seed in range(DRAWS)]
    assert np.mean(np.array(ps) < 0.05) <= 0.05
    assert np.mean(np.array(ps[:200]) < 0.05) <= 0.05


def test_two_ways_of_equal_f1_are_called_different_in_about_5_of_100_draws() -> None:
    rng = np.random.default_rng(5)
    ps = []
    for seed in range(400):
        same = rng.random(60) < 0.6
        first, second = f1_like(rng, 60), f1_like(rng, 60)
        ps.append(stats.paired(first.tolist(), np.where(same, first, second).tolist(), seed=seed, draws=400).p)
    assert 0.02 <= np.mean(np.array(ps) < 0.05) <= 0.075


def test_a_planted_difference_of_10_points_is_found_with_150_questions_when_answers_go_together() -> None:
    """70 % against 60 % right, correlation 0.7: the ways differ on 15 of 100 questions."""
    found = [stats.paired(*answers(150, 0.7, 0.6, 0.7, seed), seed=0).p < 0.05 for seed in range(DRAWS)]
    assert np.mean(found) >= 0.85
    assert np.mean(found[:200]) >= 0.8


def test_the_same_difference_is_found_less_than_half_of_the_time_when_answers_are_unrelated() -> None:
    found = [stats.paired(*answers(150, 0.7, 0.6, 0.0, seed), seed=0).p < 0.05 for seed in range(DRAWS)]
    assert 0.3 <= np.mean(found) <= 0.5


@pytest.mark.parametrize(("n", "correlation"), [(50, 0.3), (75, 0.6), (150, 0.5), (150, 0.7)])
def test_the_interval_of_a_difference_holds_93_to_97_of_100_times(n: int, correlation: float) -> None:
    drawn = [stats.paired(*answers(n, 0.7, 0.6, correlation, seed), seed=0) for seed in range(DRAWS)]
    assert 0.93 <= np.mean([d.low <= 0.1 <= d.high for d in drawn]) <= 0.972


def test_the_detectable_difference_is_found_about_8_times_of_10() -> None:
    first, second = answers(100_000, 0.7, 0.6, 0.6, 0)
    sd = stats.spread(first, second)
    n = stats.needed(0.1, sd)
    assert 135 <= n <= 150
    assert stats.detectable(sd, n) == pytest.approx(0.1, abs=1e-3)
    found = [stats.paired(*answers(n, 0.7, 0.6, 0.6, seed), seed=0).p < 0.05 for seed in range(DRAWS)]
    assert 0.72 <= np.mean(found) <= 0.82  # the exact test is a little stricter than the approximation


def test_two_ways_that_agree_on_everything_are_not_the_same_for_sure() -> None:
    result = stats.paired([1.0, 0.0, 1.0] * 10, [1.0, 0.0, 1.0] * 10, seed=0)
    assert (result.value, result.p, result.n) == (0.0, 1.0, 30)
    assert result.low < -0.03
    assert result.high > 0.03


@pytest.mark.parametrize(("first", "second", "p"), [(5, 0, 0.0625), (6, 0, 0.03125), (0, 0, 1.0), (8, 2, 0.109375)])
def test_mcnemars_p_is_the_value_worked_on_paper(first: int, second: int, p: float) -> None:
    assert stats.mcnemar(first, second) == stats.mcnemar(second, first) == pytest.approx(p)


def test_mcnemars_p_of_thousands_of_answers_agrees_with_the_normal_approximation() -> None:
    from statistics import NormalDist

    z = (1060 - 940 - 1) / 2000**0.5
    assert stats.mcnemar(1060, 940) == pytest.approx(2 * (1 - NormalDist().cdf(z)), rel=0.01)


def test_changes_of_sign_agree_with_mcnemar_where_both_apply() -> None:
    first, second = answers(60, 0.7, 0.5, 0.3, 11)
    exact = stats.paired(first, second, seed=0).p
    halved = stats.paired([v / 2 for v in first], [v / 2 for v in second], seed=0, draws=20_000).p
    assert halved == pytest.approx(exact, abs=0.01)


def test_clusters_of_one_question_each_change_nothing() -> None:
    first, second = answers(40, 0.7, 0.5, 0.3, 12)
    ids = [str(n) for n in range(40)]
    assert stats.paired(first, second, seed=0, clusters=ids) == stats.paired(first, second, seed=0)
    assert stats.bootstrap(first, seed=0, clusters=ids) == stats.bootstrap(first, seed=0)


def test_wordings_of_the_same_question_do_not_make_a_difference_surer() -> None:
    first, second = [1.0] * 4 + [0.0] * 6, [0.0] * 4 + [0.0] * 6
    alone = stats.paired(first, second, seed=0)
    worded = stats.paired(
        np.repeat(first, 8).tolist(), np.repeat(second, 8).tolist(), seed=0, clusters=np.repeat(range(10), 8).tolist()
    )
    assert worded.n == 80
    assert (worded.value, worded.low, worded.high) == pytest.approx((alone.value, alone.low, alone.high))
    assert worded.p == pytest.approx(alone.p, abs=0.02)


def test_unequal_numbers_of_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 1 values"):
        stats.paired([1.0, 0.0], [1.0], seed=0)
    with pytest.raises(ValueError, match="clusters: 1 for 2"):
        stats.bootstrap([1.0, 0.0], seed=0, clusters=["a"])


# several


def test_holm_gives_the_values_worked_on_paper() -> None:
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([]) == []
    assert stats.holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_correction_never_lowers_a_p_and_keeps_the_order(ps: list[float]) -> None:
    corrected = stats.holm(ps)
    assert all(p <= c <= 1 for p, c in zip(ps, corrected, strict=True))
    order = sorted(range(len(ps)), key=lambda n: ps[n])
    assert [corrected[n] for n in order] == sorted(corrected)


def test_five_equal_ways_differ_somewhere_in_at_most_5_of_100_draws() -> None:
    called = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        rows = {f"way {w}": outcomes(f"way {w}", (rng.random(100) < 0.7).astype(float).tolist()) for w in range(5)}
        called.append(any(pair.distinguishable for pair in stats.differences(rows, "right", seed=0)))
    assert np.mean(called) <= 0.05


def outcomes(way: str, values: list[float], metric: str = "right") -> list[Outcome]:
    return [Outcome(way, f"q{n}", "", False, metrics={metric: value}) for n, value in enumerate(values)]


def test_differences_compare_every_pair_on_the_questions_that_both_answered() -> None:
    rows = {
        "a": outcomes("a", [1.0] * 20),
        "b": list(reversed(outcomes("b", [0.0] * 12 + [1.0] * 8))),
        "c": outcomes("c", [1.0] * 5),
        "d": outcomes("d", [1.0] * 5, metric="citation_recall"),
    }
    found = {(d.first, d.second): d for d in stats.differences(rows, "right", seed=0)}
    assert set(found) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert (found["a", "b"].value, found["a", "b"].n) == (0.6, 20)
    assert found["a", "b"].p == pytest.approx(2 / 2**12)
    assert found["a", "b"].p_corrected == pytest.approx(6 / 2**12)
    assert found["a", "b"].distinguishable
    assert found["a", "c"].n == 5
    assert not found["a", "c"].distinguishable
    assert found["a", "c"].detectable > found["a", "b"].detectable * 0.5


def test_differences_take_wordings_of_one_question_together() -> None:
    rows = {"a": outcomes("a", [1.0] * 12), "b": outcomes("b", [0.0] * 12)}
    alone, together = (
        stats.differences(rows, "right", seed=0, clusters=clusters)[0]
        for clusters in (None, {f"q{n}": f"root {n // 6}" for n in range(12)})
    )
    assert (alone.value, together.value, together.n) == (1.0, 1.0, 12)
    assert alone.p < 0.001
    assert together.p > 0.4, "two questions prove nothing, however often they are worded"
    assert (together.low, together.high, alone.high) == (-1.0, 1.0, 1.0)
    assert together.detectable > 2 * alone.detectable


def test_no_number_of_questions_shows_a_difference_of_nothing() -> None:
    with pytest.raises(ValueError, match="difference = 0"):
        stats.needed(0.0, 0.4)
    assert stats.needed(0.2, 0.4) < stats.needed(0.1, 0.4) < stats.needed(0.1, 0.4, power=0.9)
