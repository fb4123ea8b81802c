"""Objectives of preferences: by hand, at their limits, by their gradients, and for any log-probabilities."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wellread.tune.align import heldout, losses
from wellread.tune.align.losses import PairLogprobs
from wellread.tune.settings import TuneSettings

SETTINGS = TuneSettings()
ALL = ("dpo", "cdpo", "ipo", "simpo", "orpo")
sums = st.floats(-200, -0.5)
betas = st.floats(0.01, 5)


def pair(chosen: float, rejected: float, tokens: tuple[int, int] = (4, 5)) -> PairLogprobs:
    made = [torch.tensor([value], dtype=torch.float64) for value in (chosen, rejected, *tokens)]
    return PairLogprobs(made[0].requires_grad_(), made[1].requires_grad_(), made[2], made[3])


def test_dpo_by_hand() -> None:
    # gap = (−2 + 3) − (−6 + 5) = 2, so −log σ(0.5 · 2) = log(1 + e⁻¹)
    gap = losses.gap_of(pair(-2, -6), pair(-3, -5))
    assert gap.item() == pytest.approx(2.0)
    assert losses.dpo(gap, 0.5).item() == pytest.approx(math.log1p(math.exp(-1)))


def test_conservative_dpo_by_hand() -> None:
    expected = 0.9 * math.log1p(math.exp(-1)) + 0.1 * math.log1p(math.exp(1))
    assert losses.cdpo(torch.tensor(2.0), 0.5, 0.1).item() == pytest.approx(expected)


def test_ipo_by_hand() -> None:
    assert losses.ipo(torch.tensor(2.0), 0.5).item() == pytest.approx((2 - 1) ** 2)


def test_simpo_by_hand() -> None:
    # means −2 and −6/5; −log σ(2 (−2 + 1.2) − 1) = log(1 + e^2.6)
    chosen, rejected = pair(-8, -6).means
    assert losses.simpo(chosen, rejected, 2.0, 1.0).item() == pytest.approx(math.log1p(math.exp(2.6)))


def test_orpo_by_hand() -> None:
    # P = 1/2 and 1/4: odds 1 and 1/3, ratio 3; −log(1/2) − 0.1 log(3/4)
    halves, quarters = torch.tensor(math.log(0.5)), torch.tensor(math.log(0.25))
    assert losses.orpo(halves, quarters, 0.1).item() == pytest.approx(math.log(2) - 0.1 * math.log(0.75))


@given(sums, sums, betas)
def test_dpo_is_ln_2_where_model_and_reference_agree(chosen: float, rejected: float, beta: float) -> None:
    same = pair(chosen, rejected)
    for objective in ("dpo", "cdpo"):
        settings = replace(SETTINGS, objective=objective, beta=beta)
        assert losses.loss(same, same, settings).item() == pytest.approx(math.log(2))


@given(betas, st.floats(0.01, 0.49))
def test_conservative_dpo_and_ipo_have_a_gap_where_they_rest(beta: float, flipped: float) -> None:
    rest = torch.tensor(math.log((1 - flipped) / flipped) / beta, dtype=torch.float64, requires_grad=True)
    losses.cdpo(rest, beta, flipped).backward()
    assert rest.grad is not None and rest.grad.item() == pytest.approx(0, abs=1e-9)
    assert losses.ipo(torch.tensor(1 / (2 * beta), dtype=torch.float64), beta).item() == pytest.approx(0, abs=1e-9)


@given(sums, sums, sums, sums, st.sampled_from(ALL))
def test_a_step_makes_the_preferred_answer_likelier_and_the_other_less(
    chosen: float, rejected: float, chosen_before: float, rejected_before: float, objective: str
) -> None:
    model, reference = pair(chosen, rejected), pair(chosen_before, rejected_before)
    settings = replace(SETTINGS, objective=objective)
    gap = losses.gap_of(model, reference).item()
    if (objective == "cdpo" and 0.1 * gap >= math.log(9)) or (objective == "ipo" and gap >= 5):
        return  # far enough ahead: these two lead the gap back
    losses.loss(model, reference, settings).sum().backward()
    assert model.chosen.grad is not None and model.rejected.grad is not None
    assert model.chosen.grad.item() <= 0 <= model.rejected.grad.item()
    if objective != "simpo" and abs(gap) < 100:
        assert model.chosen.grad.item() < 0


@given(sums, sums, st.sampled_from(["simpo", "orpo"]))
def test_simpo_and_orpo_do_not_look_at_the_reference(chosen: float, rejected: float, objective: str) -> None:
    settings = replace(SETTINGS, objective=objective)
    nothing = pair(math.nan, math.nan)
    value = losses.loss(pair(chosen, rejected), nothing, settings).item()
    assert math.isfinite(value)


def test_answers_that_are_certain_and_answers_that_are_impossible_have_finite_orpo_losses() -> None:
    ends = torch.tensor([0.0, -1e-9, -1e4])
    made = losses.orpo(ends, ends.flip(0), 0.1)
    assert bool(torch.isfinite(made).all())


def test_a_beta_of_0_is_that_of_the_objective() -> None:
    assert losses.beta_of(replace(SETTINGS, objective="simpo")) == 2.0
    assert losses.beta_of(replace(SETTINGS, objective="ipo", beta=0.3)) == 0.3


@pytest.mark.parametrize(
    ("objective", "key"),
    [*((one, "beta") for one in ALL), ("cdpo", "flipped"), ("simpo", "target_margin")],
    ids="-".join,
)
def test_a_setting_of_an_objective_changes_its_loss(objective: str, key: str) -> None:
    usual = replace(SETTINGS, objective=objective)
    before, after = (losses.loss(pair(-2, -6), pair(-3, -5), one) for one in (usual, replace(usual, **{key: 0.3})))
    assert before.item() != pytest.approx(after.item())


# what is said of held-out pairs


def test_distinct_word_runs_by_hand() -> None:
    texts = ["a b a b", "a b"]  # pairs: ab ba ab, ab
    assert heldout.distinct(texts, 2) == pytest.approx(2 / 4)
    assert heldout.distinct(texts, 1) == pytest.approx(2 / 6)
    assert heldout.distinct(["", "a"], 2) == 0.0
    assert heldout.mean_words(["a b", ""]) == 1.0


def test_rewards_by_hand() -> None:
    # gaps 1 and −3 with β = 0.5: one of two won, mean (0.5 − 1.5)/2
    assert heldout.rewarded([(-1, -5), (-4, -1)], [(-2, -5), (-1, -1)], 0.5) == pytest.approx((0.5, -0.5))


def test_answers_are_narrow_only_where_base_and_preferred_answers_are_not() -> None:
    alike = {"self_bleu": 0.1, "self_bleu_before": 0.1, "self_bleu_preferred": 0.1}
    scores = {"distinct_2_before": 0.8, "distinct_2_preferred": 0.9, "distinct_2": 0.3, **alike}
    assert "30% of their word pairs are distinct, 80% before and 90% in the preferred" in heldout.narrowed(scores, 0.5)
    assert heldout.narrowed(scores, 0.3) == "" == heldout.narrowed(scores, 0.0)
    assert heldout.narrowed({**scores, "distinct_2_preferred": 0.1}, 0.5) == ""
