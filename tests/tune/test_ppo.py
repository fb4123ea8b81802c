"""Reward model and PPO: each formula by hand or by limit, and a run that is stopped and comes to the same weights."""

from __future__ import annotations

import math
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tune import tiny
from tests.tune.test_align import pair, taste
from tests.tune.test_run import _weights, settings

from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.metrics import stats
from wellread.tune import contest, run
from wellread.tune.align import heldout, ppo, preferences, reward
from wellread.tune.align.reward import RewardScores
from wellread.tune.base import base_model, device
from wellread.tune.data.data import PreferenceRow
from wellread.tune.settings import TuneSettings
from wellread.tune.train import losses, outcome, state
from wellread.tune.train.loop import TuneFailed


def test_advantages_by_hand_and_at_their_limits() -> None:
    rewards, values = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.2, 0.4, 0.5])
    gains, returns = ppo.advantages(rewards, values, lam=0.5)
    last = 1.0 - 0.5
    middle = (0.5 - 0.4) + 0.5 * last
    first = (0.4 - 0.2) + 0.5 * middle
    assert gains.tolist() == pytest.approx([first, middle, last])
    assert returns.tolist() == pytest.approx([first + 0.2, middle + 0.4, 1.0])
    one_step, _ = ppo.advantages(rewards, values, lam=0.0)  # the error of one step
    assert one_step.tolist() == pytest.approx([0.2, 0.1, 0.5])
    whole, _ = ppo.advantages(rewards, values, lam=1.0)  # what comes in all, less the value
    assert whole.tolist() == pytest.approx([0.8, 0.6, 0.5])


def test_the_gradient_of_the_clipped_ratio_is_that_of_the_policy_gradient() -> None:
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    action, gain = 1, 1.7
    before = logits.log_softmax(0)[action].detach()
    ppo.clipped(logits.log_softmax(0)[action], before, torch.tensor(gain)).backward()
    assert logits.grad is not None
    for at in range(3):
        moved = [logits.detach().clone() for _ in range(2)]
        moved[0][at] += 1e-6
        moved[1][at] -= 1e-6
        up, down = (-gain * one.log_softmax(0)[action] for one in moved)
        assert float(logits.grad[at]) == pytest.approx(float(up - down) / 2e-6, rel=1e-6)


@pytest.mark.parametrize(("ratio", "gain", "moves"), [(1.3, 1.0, False), (0.7, -1.0, False), (1.3, -1.0, True)])
def test_beyond_the_clip_only_a_worse_answer_is_still_moved(ratio: float, gain: float, moves: bool) -> None:
    now = torch.tensor(math.log(ratio), requires_grad=True)
    ppo.clipped(now, torch.tensor(0.0), torch.tensor(gain)).backward()
    assert (now.grad is not None and float(now.grad) != 0) == moves


def test_a_two_armed_bandit_is_solved() -> None:
    logits = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    chance = torch.Generator().manual_seed(0)
    for _ in range(40):
        before = logits.log_softmax(0).detach()
        arms = torch.multinomial(before.exp(), 32, replacement=True, generator=chance)
        gains = (arms == 1).float() - (arms == 1).float().mean()
        for _ in range(ppo.PASSES):
            optimizer.zero_grad()
            ppo.clipped(logits.log_softmax(0)[arms], before[arms], gains).mean().backward()
            optimizer.step()
    assert float(logits.detach().softmax(0)[1]) > 0.95


def test_the_weight_of_the_distance_follows_the_distance() -> None:
    assert ppo.adapted(0.1, 6.0, 6.0) == pytest.approx(0.1)
    assert ppo.adapted(0.1, 60.0, 6.0) == pytest.approx(0.11) and ppo.adapted(0.1, 0.0, 6.0) == pytest.approx(0.09)


def test_the_distance_is_that_of_known_distributions(tiny_model: Path) -> None:
    """Over many draws Σ log π − log π_ref comes near the divergence of the two distributions of one token."""
    one, other = torch.tensor([0.7, 0.3]).log(), torch.tensor([0.4, 0.6]).log()
    arms = torch.multinomial(one.exp(), 20_000, replacement=True, generator=torch.Generator().manual_seed(1))
    drawn = ppo.Drawn([], torch.zeros(0), [one[arms]], [other[arms]], [])
    drawn.rows.append(None)  # type: ignore[arg-type]  # one answer of so many tokens
    exact = float((one.exp() * (one - other)).sum())
    assert drawn.kl / 20_000 == pytest.approx(exact, rel=0.05)


def test_a_direction_that_decides_is_found_and_chance_is_refused() -> None:
    chance = torch.Generator().manual_seed(3)
    hidden = torch.randn(12, generator=chance)
    answers = torch.randn(400, 2, 12, generator=chance)
    first = (answers[:, 0] @ hidden > answers[:, 1] @ hidden)[:, None]
    better, worse = torch.where(first, answers[:, 0], answers[:, 1]), torch.where(first, answers[:, 1], answers[:, 0])
    made = reward._fit(better[:300], worse[:300], 1.0)
    right = (made(better[300:]) > made(worse[300:])).float().mean()
    assert float(right) > 0.93 and reward._brier(made, better[300:], worse[300:]) < 0.1
    with pytest.raises(TuneFailed, match="right on 50% of 40 held-out pairs, chance or length alone on 60%"):
        reward.refuse(RewardScores(40, 0.5, 0.6, 0.25))
    reward.refuse(RewardScores(40, 0.7, 0.6, 0.2))
    reward.refuse(RewardScores(3, 0.0, 1.0, 0.5))  # too few to say


def test_drawn_answers_have_their_own_tokens_as_labels(tiny_model: Path) -> None:
    tokenizer, model = base_model.load_tokenizer(tiny_model), base_model.load_model(tiny_model)
    rows = heldout.drawn(model, tokenizer, ["Where does Anna live?", "Who?"], seed=5)
    again = heldout.drawn(model, tokenizer, ["Where does Anna live?", "Who?"], seed=5)
    assert rows == again and all(0 < row.n_trained <= heldout.TOKENS for row in rows)
    logs, hidden = ppo._per_token(model, rows, tokenizer.eos_token_id)
    summed = losses.logprobs(model, rows, tokenizer.eos_token_id, bf16=False).detach()
    assert [float(one.detach().sum()) for one in logs] == pytest.approx(summed.tolist(), abs=1e-4)
    assert [len(one) for one in hidden] == [row.n_trained for row in rows]


class StopsAfter:
    """Somebody who presses Ctrl-C after a round."""

    def __init__(self, at: int) -> None:
        self._at = at

    def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
        if stage == "rounds" and done == self._at:
            raise KeyboardInterrupt


def quick(model: Path) -> TuneSettings:
    made = settings(model, learning_rate=3e-3, narrowest=0.0, replay=None, save_every_s=0.0)
    return replace(made, objective="ppo", epochs=10, explode=0.0, rounds=3, answers=8, batch=4, probe=False)


def test_a_run_stopped_between_rounds_comes_to_the_same_weights(tmp_path: Path, tiny_model: Path) -> None:
    rows = tuple(pair(name, place, n) for n in range(2) for name, place in zip(tiny.NAMES, tiny.PLACES, strict=True))
    base: KnowledgeBase = tiny.base(tmp_path / "base", taste(train=rows[:12], validation=rows[12:14], test=rows[14:]))
    tokenizer = base_model.load_tokenizer(tiny_model)
    assert preferences.encode_pairs(taste(train=rows), tokenizer, 128).train
    chosen = quick(tiny_model)
    try:
        done = run.start(base, chosen, name="whole")
    except TuneFailed as error:
        pytest.fail(str(error))
    assert done.scores is not None and "reward_model_accuracy" in done.scores and "kl" in done.scores
    with pytest.raises(KeyboardInterrupt):
        run.start(base, chosen, name="cut", progress=StopsAfter(2))
    run.resume(base, "cut")
    whole, cut = (state.folder_of(base.folder, name) for name in ("whole", "cut"))
    for part in ("checkpoints", "best"):
        first, second = _weights(whole, part), _weights(cut, part)
        assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
    told = [row for row in state.rows(whole) if "reward" in row]
    assert [row["step"] for row in told] == [1, 2, 3]
    assert [row["reward"] for row in told] == [row["reward"] for row in state.rows(cut) if "reward" in row]


def test_a_refused_reward_model_stays_refused_when_its_run_is_resumed(tmp_path: Path, tiny_model: Path) -> None:
    chance = random.Random(0)  # which of two places is preferred is decided by a coin
    sides = [
        chance.sample([f"In {tiny.PLACES[n * 3 % 8]}.", f"In {tiny.PLACES[(n * 3 + 1) % 8]}."], 2) for n in range(40)
    ]
    rows = tuple(PreferenceRow(f"c{n}", f"Where is {n}?", *two) for n, two in enumerate(sides))
    base = tiny.base(tmp_path / "base", taste(train=rows[:12], validation=rows[12:20], test=rows[20:]))
    with pytest.raises(TuneFailed, match="held-out pairs, chance or length alone"):
        run.start(base, quick(tiny_model), name="taste-ppo")
    with pytest.raises(TuneFailed, match="held-out pairs, chance or length alone"):
        run.resume(base, "taste-ppo")
    folder = state.folder_of(base.folder, "taste-ppo")
    assert not [row for row in state.rows(folder) if "reward" in row]
    assert contest._best_of(None, folder, None).failed.startswith("the reward model is right")  # type: ignore[arg-type]


def test_what_a_model_asks_of_sampling_does_not_change_what_is_drawn(tiny_model: Path) -> None:
    tokenizer, model = base_model.load_tokenizer(tiny_model), base_model.load_model(tiny_model)
    asked = [f"Where does {name} live?" for name in tiny.NAMES]
    plain = heldout.drawn(model, tokenizer, asked, seed=1)
    model.generation_config.repetition_penalty = 1.5
    model.generation_config.no_repeat_ngram_size = 2
    assert heldout.drawn(model, tokenizer, asked, seed=1) == plain


def test_ppo_refuses_a_method_that_plans_its_steps(tmp_path: Path, tiny_model: Path) -> None:
    base = tiny.base(tmp_path / "base", taste())
    with pytest.raises(UsageError, match="adalora"):
        run.start(base, replace(quick(tiny_model), method="adalora"), name="planned")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"epochs": 3}, "tune.epochs = 3: ppo counts rounds"),
        ({"dropout": 0.1}, "tune.dropout = 0.1: the ratio"),
        ({"dtype": "bfloat16"}, "tune.dtype = 'bfloat16': a ratio"),
        ({"max_steps": 3}, "tune.max_steps = 3: a round of ppo takes 4 steps"),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else "",
)
def test_a_setting_that_rounds_cannot_follow_is_refused(changed: dict[str, Any], told: str, tiny_model: Path) -> None:
    ppo.refuse(quick(tiny_model))
    with pytest.raises(UsageError, match=re.escape(told)):
        ppo.refuse(replace(quick(tiny_model), **changed))


def test_the_others_are_followed_round_by_round(tmp_path: Path, tiny_model: Path) -> None:
    """Schedule, max_steps, validate_every, patience, explode, accumulate and by_length each change the rounds."""
    rows = tuple(pair(name, place, n) for n in range(2) for name, place in zip(tiny.NAMES, tiny.PLACES, strict=True))
    base = tiny.base(tmp_path / "base", taste(train=rows[:12], validation=rows[12:14], test=rows[14:]))

    def rounds(name: str, **changed: Any) -> list[dict[str, Any]]:
        try:
            run.start(base, replace(quick(tiny_model), **{"schedule": "linear", "patience": 0, **changed}), name=name)
        except TuneFailed as error:
            assert "never fell" in str(error) or "explode" in changed, error
        return state.rows(state.folder_of(base.folder, name))

    plain = rounds("plain", warmup=0.0, validate_every=2)
    assert [row["learning_rate"] for row in plain if "reward" in row] == pytest.approx([3e-3, 2e-3, 1e-3])
    assert [row["step"] for row in plain if "validation_loss" in row] == [0, 2, 3]
    hasty = rounds("hasty", patience=1, learning_rate=1e-12, rounds=6)  # the same answers, so no higher reward
    assert [row["step"] for row in hasty if "reward" in row] == [1]
    assert len([row for row in rounds("far", explode=1e-9, target_kl=1e-3) if "reward" in row]) < 3
    assert "nats from the base model's" in state.read(state.folder_of(base.folder, "far")).reason
    summed = rounds("summed", warmup=0.0, accumulate=2, max_steps=5)  # a round has two steps now
    assert [row["step"] for row in summed if "reward" in row] == [1, 2]
    mixed = rounds("mixed", warmup=0.0, by_length=False, rounds=1)
    assert len({next(row["loss"] for row in some if "reward" in row) for some in (plain, summed, mixed)}) == 3


def test_seconds_hold_the_fit_and_the_draws_and_memory_is_that_of_the_run(tmp_path: Path, tiny_model: Path) -> None:
    rows = tuple(pair(name, place, n) for n in range(2) for name, place in zip(tiny.NAMES, tiny.PLACES, strict=True))
    base = tiny.base(tmp_path / "base", taste(train=rows[:12], validation=rows[12:14], test=rows[14:]))
    big = bytearray(1_000_000_000)  # what the process held before is not the run's
    big[::4096] = b"1" * len(big[::4096])
    before = device.peak_memory_mb()
    del big
    result = run.start(base, quick(tiny_model), name="one")
    steps = [row for row in state.rows(result.folder) if "reward" in row][-1]["seconds"]
    fit = reward.scores_of(result.folder).seconds
    assert fit > 0 and result.seconds > steps + fit
    assert 0 < result.peak_memory_mb < before - 200
    found = outcome.result_of(result.folder)
    assert found and (found["seconds"], found["peak_memory_mb"]) == (result.seconds, result.peak_memory_mb)


# the ways beside each other


def way(name: str, wins: int, seconds: float, failed: str = "", of: int = 40) -> contest.AlignedWay:
    """A way that beats the base, whose rewards are 0, on the first ``wins`` prompts."""
    rewards = tuple(wins / of if at < wins else -1.0 - wins / of for at in range(of))
    score = stats.bootstrap([float(one > 0) for one in rewards], seed=0)
    low, high = score.low, score.high
    return contest.AlignedWay(name, score.value, low, high, seconds=seconds, failed=failed, rewards=rewards)


BASE = contest.AlignedWay("base", rewards=(0.0,) * 40)


def told(ways: list[contest.AlignedWay], agrees: float) -> tuple[str, str]:
    made = [BASE, *ways]
    return contest.advise(made, contest.duels(made, seed=0), agrees)


@pytest.mark.parametrize(
    ("ways", "agrees", "headline"),
    [
        ([way("dpo", 38, 60), way("ppo", 22, 600)], 0.8, "Use DPO."),
        ([way("dpo", 22, 60), way("ppo", 38, 600)], 0.8, "Use a reward model with PPO."),
        ([way("dpo", 22, 60), way("ppo", 20, 600)], 0.8, "Keep the base model."),
        ([way("dpo", 36, 60, failed="narrowed"), way("best-of-n", 30, 9)], 0.8, "Use the best of"),
        ([way("dpo", 38, 60)], 0.52, "Collect more pairs before choosing."),
    ],
)
def test_the_advice_follows_from_the_rows_and_changes_with_them(
    ways: list[contest.AlignedWay], agrees: float, headline: str
) -> None:
    said, because = told(ways, agrees)
    assert said.startswith(headline) and because


def test_of_two_that_cannot_be_told_apart_the_cheaper_one_is_taken() -> None:
    even = way("ppo", 34, 600)
    dpo = replace(
        way("dpo", 32, 60), rewards=tuple(one + (0.5 if at % 2 else -0.5) for at, one in enumerate(even.rewards))
    )
    said, because = told([dpo, even], 0.8)
    assert said == "Use DPO." and "not distinguishable: ppo" in because
    assert "beyond chance" in told([way("dpo", 40, 60), way("ppo", 4, 600)], 0.8)[1]


def test_duels_are_paired_exact_and_corrected() -> None:
    ways = [BASE, way("dpo", 31, 60), way("ppo", 26, 600)]
    found = {(one.first, one.second): one for one in contest.duels(ways, seed=0)}
    assert found["base", "dpo"].p == pytest.approx(stats.mcnemar(31, 9))
    assert found["base", "dpo"].value == pytest.approx((9 - 31) / 40)
    assert [one.p_corrected for one in found.values()] == pytest.approx(stats.holm([one.p for one in found.values()]))
    assert not found["base", "ppo"].distinguishable and found["base", "ppo"].p < 0.1  # 26 of 40 is not enough of three


def test_all_ways_are_measured_on_one_preference_set_and_taken_up_again(tmp_path: Path, tiny_model: Path) -> None:
    rows = tuple(pair(name, place, n) for n in range(2) for name, place in zip(tiny.NAMES, tiny.PLACES, strict=True))
    base: KnowledgeBase = tiny.base(tmp_path / "base", taste(train=rows[:10], validation=rows[10:12], test=rows[12:]))
    chosen = replace(quick(tiny_model), rounds=1, epochs=2, data="taste")
    made = contest.contest(base, chosen, "taste")
    drawn = [one for one in made.ways if one.rewards]
    assert len(made.differences) == len(drawn) * (len(drawn) - 1) // 2 and all(one.peak_memory_mb for one in drawn)
    assert [one.name for one in made.ways] == list(contest.WAYS)
    assert made.headline and made.judge_pairs == 10 and made.prompts == len({row.prompt for row in rows[12:]})
    assert all(one.failed or 0 <= one.low <= one.win_rate <= one.high <= 1 for one in made.ways)
    again = contest.contest(base, chosen, "taste")  # trains nothing again
    assert [one.win_rate for one in again.ways] == [one.win_rate for one in made.ways]
