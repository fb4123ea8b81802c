"""Reward model and PPO: each formula by hand or by limit, and a run that is stopped and comes to the same weights."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.tune import tiny
from tests.tune.test_align import pair, taste
from tests.tune.test_run import _weights, settings

from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.tune import contest, run
from wellread.tune.align import heldout, ppo, preferences, reward
from wellread.tune.align.reward import RewardScores
from wellread.tune.base import base_model
from wellread.tune.data.data import PreferenceRow
from wellread.tune.settings import TuneSettings
from wellread.tune.train import losses, state
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
    return replace(made, objective="ppo", rounds=3, answers=8, batch=4, probe=False)


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


# the ways beside each other


def way(name: str, win_rate: float, low: float, high: float, seconds: float, failed: str = "") -> contest.AlignedWay:
    return contest.AlignedWay(name, win_rate, low, high, seconds=seconds, failed=failed)


BASE = contest.AlignedWay("base")


@pytest.mark.parametrize(
    ("ways", "agrees", "headline"),
    [
        ([way("dpo", 0.9, 0.8, 0.95, 60), way("ppo", 0.6, 0.55, 0.7, 600)], 0.8, "Use DPO."),
        ([way("dpo", 0.6, 0.55, 0.7, 60), way("ppo", 0.9, 0.8, 0.95, 600)], 0.8, "Use a reward model with PPO."),
        ([way("dpo", 0.85, 0.75, 0.95, 60), way("ppo", 0.9, 0.8, 0.97, 600)], 0.8, "Use DPO."),  # as good, and cheaper
        ([way("dpo", 0.55, 0.4, 0.7, 60), way("ppo", 0.5, 0.4, 0.6, 600)], 0.8, "Keep the base model."),
        (
            [way("dpo", 0.9, 0.8, 0.95, 60, failed="narrowed"), way("best-of-n", 0.7, 0.6, 0.8, 9)],
            0.8,
            "Use the best of",
        ),
        ([way("dpo", 0.9, 0.8, 0.95, 60)], 0.52, "Collect more pairs before choosing."),
    ],
)
def test_the_advice_follows_from_the_rows_and_changes_with_them(
    ways: list[contest.AlignedWay], agrees: float, headline: str
) -> None:
    told, because = contest.advise([BASE, *ways], agrees)
    assert told.startswith(headline) and because


def test_beyond_chance_is_said_only_where_no_interval_overlaps() -> None:
    near = [BASE, way("dpo", 0.81, 0.7, 0.9, 60), way("ppo", 0.72, 0.62, 0.8, 600)]
    assert "chance may order it and ppo" in contest.advise(near, 0.8)[1]
    far = [BASE, way("dpo", 0.9, 0.85, 0.95, 60), way("ppo", 0.6, 0.55, 0.7, 600)]
    assert "beyond chance" in contest.advise(far, 0.8)[1]


def test_all_ways_are_measured_on_one_preference_set_and_taken_up_again(tmp_path: Path, tiny_model: Path) -> None:
    rows = tuple(pair(name, place, n) for n in range(2) for name, place in zip(tiny.NAMES, tiny.PLACES, strict=True))
    base: KnowledgeBase = tiny.base(tmp_path / "base", taste(train=rows[:10], validation=rows[10:12], test=rows[12:]))
    chosen = replace(quick(tiny_model), rounds=1, epochs=2, data="taste")
    made = contest.contest(base, chosen, "taste")
    assert [one.name for one in made.ways] == list(contest.WAYS)
    assert made.headline and made.judge_pairs == 10 and made.prompts == len({row.prompt for row in rows[12:]})
    assert all(one.failed or 0 <= one.low <= one.win_rate <= one.high <= 1 for one in made.ways)
    again = contest.contest(base, chosen, "taste")  # trains nothing again
    assert [one.win_rate for one in again.ways] == [one.win_rate for one in made.ways]
