"""Proximal policy optimisation over answers, in one file: answers are drawn, rewarded, and made likelier or less so.

A round draws answers to prompts from the model as it is, gives each the reward model's reward less the distance from
the base model at every token, and takes a few clipped steps. Source: Schulman et al., 2017 («Proximal policy
optimization algorithms»), equation 7; Ziegler et al., 2019 («Fine-tuning language models from human preferences»),
equation 2 and the adaptive coefficient of section 2.2; advantages: Schulman et al., ICLR 2016, equation 16.

A round depends on the weights, the optimizer's memory and its own number alone, and ends in a checkpoint: a run that
was killed does its unfinished round again and comes to the same weights.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.progress import Progress
from wellread.tune.align import heldout, reference, reward
from wellread.tune.align.preferences import PreferenceParts
from wellread.tune.align.reward import RewardModel
from wellread.tune.base.template import Encoded
from wellread.tune.settings import TuneSettings
from wellread.tune.train import checkpoint, losses, optimise, state
from wellread.tune.train.checkpoint import Position
from wellread.tune.train.loop import Ended, LoopModel, TuneFailed

CLIP = 0.2  # how far the ratio of probabilities may move in a round
LAMBDA = 0.95  # of the advantages; nothing is discounted
PASSES = 2  # over the answers of a round
VALUE_RATE = 1e-2  # learning rate of the value head
ADAPT = 0.1  # share by which the weight of the distance may change in a round


@dataclass(frozen=True, slots=True)
class Drawn:
    """Answers of one round: tokens, log-probabilities then and of the base, and values, each (tokens,) a row."""

    rows: list[Encoded]
    rewards: Any  # (n,)
    before: list[Any]
    base: list[Any]
    values: list[Any]

    @property
    def kl(self) -> float:
        """Mean distance from the base model in nats an answer: Σ log π − log π_ref over its own tokens."""
        return sum(float((b - r).sum()) for b, r in zip(self.before, self.base, strict=True)) / len(self.rows)

    @property
    def words(self) -> float:
        """Tokens of an answer, on average."""
        return sum(len(one) for one in self.before) / len(self.before)


def advantages(rewards: Any, values: Any, lam: float = LAMBDA, gamma: float = 1.0) -> tuple[Any, Any]:
    """Advantages and returns of one answer, (tokens,) each; after the last token nothing comes.

    Source: Schulman et al., ICLR 2016, equation 16 (generalised advantage estimation).
    """
    import torch

    found, following, after = torch.zeros_like(values), 0.0, 0.0
    for at in reversed(range(len(values))):
        delta = rewards[at] + gamma * after - values[at]
        following = delta + gamma * lam * following
        found[at], after = following, values[at]
    return found, found + values


def clipped(now: Any, before: Any, advantage: Any, clip: float = CLIP) -> Any:
    """−min(ρ A, clip(ρ, 1 − ε, 1 + ε) A) with ρ = π/π_old; its gradient at ρ = 1 is that of −A log π.

    Source: Schulman et al., 2017, equation 7.
    """
    import torch

    ratio = (now - before).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def adapted(weight: float, kl: float, target: float) -> float:
    """The weight of the distance for the next round: more of it where the model has gone further than wanted.

    Source: Ziegler et al., 2019, section 2.2.
    """
    error = max(-CLIP, min(CLIP, kl / target - 1))
    return weight * (1 + ADAPT * error / CLIP)


def run(
    trained: LoopModel,
    pairs: PreferenceParts,
    opened: reference.Opened,
    tokenizer: Any,
    settings: TuneSettings,
    learning_rate: float,
    folder: Path,
    progress: Progress,
) -> Ended:
    """Trains for ``tune.rounds`` rounds; the weights with the highest reward on validation prompts end in ``best/``.

    The validation loss of such a run is minus that mean reward. A folder with checkpoints is resumed.

    Raises: TuneFailed where the reward model is no better than chance or length.
    """
    import torch

    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    model, judge = trained.model, _reward_model(folder, pairs, opened, pad, settings)
    head = torch.nn.Linear(len(judge.direction), 1)
    torch.nn.init.zeros_(head.weight), torch.nn.init.zeros_(head.bias)
    weight = torch.tensor([settings.beta or 0.1])
    groups = [*trained.groups(), {"params": list(head.parameters()), "lr": VALUE_RATE}]
    optimizer = optimise.optimizer_of(settings, groups, learning_rate)
    position, begun = Position(), checkpoint.latest(folder / "checkpoints")
    asked = sorted({pair.prompt for pair in pairs.train})
    judged = sorted({pair.prompt for pair in (pairs.validation or pairs.train)})[: heldout.MOST]
    if begun is not None:
        position, weights = checkpoint.load(begun, optimizer)
        trained.restore(weights)
        with torch.no_grad():
            head.weight.copy_(weights["value.weight"]), head.bias.copy_(weights["value.bias"])
            weight.copy_(weights["kl.weight"])
    metrics = state.Metrics(folder, position.step)
    if begun is None:
        position.before = position.best = -_held_out(model, opened, judge, judged, tokenizer, pad, settings)
        metrics.add({"step": 0, "validation_loss": position.before})
    while position.step < settings.rounds:
        started = time.monotonic()
        seed = settings.seed * 1_000_003 + position.step
        prompts = random.Random(seed).choices(asked, k=settings.answers)
        drawn = _drawn(model, opened, judge, prompts, tokenizer, pad, head, seed)
        loss, norm = _learn(model, head, optimizer, drawn, float(weight), settings, pad, seed)
        weight.fill_(adapted(float(weight), drawn.kl, settings.target_kl))
        position.step += 1
        position.tokens += sum(len(row.ids) for row in drawn.rows)
        position.learned += sum(row.n_trained for row in drawn.rows)
        position.seconds += time.monotonic() - started
        row = _row(position, loss, norm, learning_rate, drawn, float(weight))
        metrics.add(row)
        progress.step("rounds", position.step, settings.rounds, f"reward {row['reward']:+.2f}, KL {row['kl']:.1f} nats")
        _validate(
            trained, -_held_out(model, opened, judge, judged, tokenizer, pad, settings), position, folder, metrics
        )
        kept = {"value.weight": head.weight, "value.bias": head.bias, "kl.weight": weight}
        checkpoint.save(folder / "checkpoints", position, {**trained.weights(), **kept}, optimizer)
    return Ended(position, early=False)


def _reward_model(
    folder: Path, pairs: PreferenceParts, opened: reference.Opened, pad_id: int, settings: TuneSettings
) -> RewardModel:
    found = reward.load(folder)
    if found is None:
        with opened() as base:
            found, scores = reward.fitted(base, pairs, pad_id, batch=settings.batch)
        reward.save(folder, found, scores)
    reward.refuse(reward.scores_of(folder))  # of a resumed run, too: it was refused before for the same reason
    return found


def _drawn(
    model: Any,
    opened: reference.Opened,
    judge: RewardModel,
    prompts: Sequence[str],
    tokenizer: Any,
    pad_id: int,
    head: Any,
    seed: int,
) -> Drawn:
    import torch

    rows = heldout.drawn(model, tokenizer, prompts, seed=seed)
    was = model.training
    model.eval()
    with torch.no_grad():
        before, hidden = _per_token(model, rows, pad_id)
        values = [head(one.float()).squeeze(-1) for one in hidden]
        with opened() as base:
            of_base, seen = _per_token(base, rows, pad_id)
            rewards = judge(
                torch.stack([one.float().mean(0) for one in seen])
            )  # the states that ``reward.states`` gives
    model.train(was)
    return Drawn(rows, rewards, before, of_base, values)


def _per_token(model: Any, rows: Sequence[Encoded], pad_id: int) -> tuple[list[Any], list[Any]]:
    """Log-probability of each answer's own tokens, (tokens,) a row, and the states that they were said from."""
    import torch

    logs: list[Any] = []
    seen: list[Any] = []
    for start in range(0, len(rows), heldout.AT_ONCE):
        some = rows[start : start + heldout.AT_ONCE]
        logits, targets, hidden = losses.learned(model, some, pad_id, bf16=False)
        chosen = logits.log_softmax(-1).gather(1, targets[:, None]).squeeze(1)
        lengths = [row.n_trained for row in some]
        logs += torch.split(chosen, lengths)
        seen += torch.split(hidden, lengths)
    return logs, seen


def _learn(
    model: Any, head: Any, optimizer: Any, drawn: Drawn, weight: float, settings: TuneSettings, pad_id: int, seed: int
) -> tuple[float, float]:
    """Mean loss and gradient norm of the last pass over the answers."""
    import torch

    targets, gains = [], []
    spread = drawn.rewards.std() if len(drawn.rewards) > 1 else drawn.rewards.new_ones(())
    scaled = (drawn.rewards - drawn.rewards.mean()) / spread.clamp(min=1e-6)
    for n, values in enumerate(drawn.values):
        paid = -weight * (drawn.before[n] - drawn.base[n])
        paid[-1] = paid[-1] + scaled[n]
        gain, wanted = advantages(paid, values)
        gains.append(gain)
        targets.append(wanted)
    every = torch.cat(gains)
    mean, scale = every.mean(), every.std().clamp(min=1e-6)
    order, loss, norm = list(range(len(drawn.rows))), 0.0, 0.0
    for turn in range(PASSES):
        random.Random(seed * 31 + turn).shuffle(order)
        for start in range(0, len(order), settings.batch):
            some = order[start : start + settings.batch]
            logits, tokens, hidden = losses.learned(model, [drawn.rows[n] for n in some], pad_id, bf16=False)
            now = logits.log_softmax(-1).gather(1, tokens[:, None]).squeeze(1)
            gain = (torch.cat([gains[n] for n in some]) - mean) / scale
            policy = clipped(now, torch.cat([drawn.before[n] for n in some]), gain).mean()
            guessed = head(hidden.detach().float()).squeeze(-1)
            value = (guessed - torch.cat([targets[n] for n in some])).square().mean()
            (policy + value).backward()
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            norm = float(torch.nn.utils.clip_grad_norm_(parameters, settings.clip or float("inf")))
            if not torch.isfinite(torch.tensor(norm)):
                raise TuneFailed(f"the gradient is {norm}; lower tune.learning_rate")
            optimizer.step()
            optimizer.zero_grad()
            loss = float(policy.detach())
    return loss, norm


def _held_out(
    model: Any,
    opened: reference.Opened,
    judge: RewardModel,
    prompts: Sequence[str],
    tokenizer: Any,
    pad_id: int,
    settings: TuneSettings,
) -> float:
    """Mean reward of answers to prompts that are not learned from, where there are such; always drawn alike."""
    rows = heldout.drawn(model, tokenizer, prompts, seed=settings.seed)
    with opened() as base:
        return float(judge(reward.states(base, rows, pad_id, batch=heldout.AT_ONCE)).mean())


def _validate(trained: LoopModel, loss: float, position: Position, folder: Path, metrics: state.Metrics) -> None:
    metrics.add({"step": position.step, "validation_loss": loss})
    if position.best is None or loss < position.best:
        position.best, position.best_step = loss, position.step
        trained.save(folder / "best")


def _row(position: Position, loss: float, norm: float, rate: float, drawn: Drawn, weight: float) -> Mapping[str, Any]:
    return {
        "step": position.step,
        "loss": loss,
        "norm": norm,
        "learning_rate": rate,
        "tokens": position.tokens,
        "seconds": round(position.seconds, 3),
        "reward": float(drawn.rewards.mean()),
        "kl": drawn.kl,
        "kl_weight": weight,
        "length": drawn.words,
    }
