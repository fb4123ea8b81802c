"""Proximal policy optimisation over answers, in one file: answers are drawn, rewarded, and made likelier or less so.

A round draws answers to prompts from the model as it is, gives each the reward model's reward less the distance from
the base model at every token, and takes a few clipped steps. Source: Schulman et al., 2017 («Proximal policy
optimization algorithms»), equation 7; Ziegler et al., 2019 («Fine-tuning language models from human preferences»),
equation 2 and the adaptive coefficient of section 2.2; advantages: Schulman et al., ICLR 2016, equation 16.

A round depends on the weights, the optimizer's memory and its own number alone, and ends in a checkpoint: a run that
was killed does its unfinished round again and comes to the same weights.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wellread.errors import UsageError
from wellread.progress import Progress
from wellread.tune.align import heldout, reference, reward
from wellread.tune.align.reward import RewardModel, RewardScores
from wellread.tune.base.template import Encoded
from wellread.tune.settings import TuneSettings
from wellread.tune.train import batches, checkpoint, losses, optimise, schedule, state
from wellread.tune.train.checkpoint import Position
from wellread.tune.train.loop import Ended, LoopModel, TuneFailed

CLIP = 0.2  # how far the ratio of probabilities may move in a round
LAMBDA = 0.95  # of the advantages; nothing is discounted
PASSES = 2  # over the answers of a round
VALUE_RATE = 1e-2  # learning rate of the value head
ADAPT = 0.1  # share by which the weight of the distance may change in a round
HAS_NO_MEANING: Mapping[str, str] = {  # setting → why rounds cannot follow it
    "epochs": "ppo counts rounds, see tune.rounds",
    "dropout": "the ratio of two passes over an answer would compare two models",
    "dtype": "a ratio of probabilities near 1 is lost in it",
}


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


@dataclass(frozen=True, slots=True)
class PolicyTask:
    """What a policy learns from: prompts that are asked in rounds and others that it is judged on, and who rewards.

    ``fit`` makes the reward model of the base model, once for a run.
    """

    asked: Sequence[str]
    judged: Sequence[str]
    fit: Callable[[Any], tuple[RewardModel, RewardScores]]


@dataclass(frozen=True, slots=True)
class _Stage:
    """The open things of a run: the policy, its reference, its judge, the value head and the optimizer."""

    trained: LoopModel
    opened: reference.Opened
    judge: RewardModel
    head: Any
    optimizer: Any
    tokenizer: Any
    pad_id: int
    settings: TuneSettings


def refuse(settings: TuneSettings) -> None:
    """Raises: UsageError for a setting that rounds cannot follow, with the reason."""
    plain = TuneSettings()
    for name, why in HAS_NO_MEANING.items():
        given = getattr(settings, name)
        if given not in (getattr(plain, name), "float32"):
            raise UsageError(f"tune.{name} = {given!r}: {why}; for ppo leave it at {getattr(plain, name)!r}")
    if settings.max_steps and settings.max_steps < _steps_a_round(settings):
        steps = f"a round of ppo takes {_steps_a_round(settings)} steps (tune.answers, tune.batch, tune.accumulate)"
        raise UsageError(f"tune.max_steps = {settings.max_steps}: {steps}; raise it, or leave it at 0")


def rounds_of(settings: TuneSettings) -> int:
    """Rounds of a run: ``tune.rounds``, or as many whole ones as ``tune.max_steps`` has room for."""
    most = settings.max_steps // _steps_a_round(settings) if settings.max_steps else settings.rounds
    return min(settings.rounds, most)


def _steps_a_round(settings: TuneSettings) -> int:
    return PASSES * math.ceil(math.ceil(settings.answers / settings.batch) / settings.accumulate)


def run(
    trained: LoopModel,
    task: PolicyTask,
    opened: reference.Opened,
    tokenizer: Any,
    settings: TuneSettings,
    learning_rate: float,
    folder: Path,
    progress: Progress,
) -> Ended:
    """Trains for ``tune.rounds`` rounds; the weights with the highest reward on the judged prompts end in ``best/``.

    The validation loss of such a run is minus that mean reward. A folder with checkpoints is resumed. What ends any
    other run ends this one: patience counts measurements without a higher reward, and ``tune.explode`` times
    ``tune.target_kl`` is how far the answers may go from the base model.

    Raises: TuneFailed where the reward model is no better than chance or length, or the answers go too far.
    """
    import torch

    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    judge = _reward_model(folder, task, opened)
    head = torch.nn.Linear(len(judge.direction), 1)
    torch.nn.init.zeros_(head.weight), torch.nn.init.zeros_(head.bias)
    weight = torch.tensor([settings.beta or 0.1])
    groups = [*trained.groups(), {"params": list(head.parameters()), "lr": VALUE_RATE}]
    optimizer = optimise.optimizer_of(settings, groups, learning_rate)
    stage = _Stage(trained, opened, judge, head, optimizer, tokenizer, pad, settings)
    position, begun = Position(), checkpoint.latest(folder / "checkpoints")
    if begun is not None:
        position, weights = checkpoint.load(begun, optimizer)
        trained.restore(weights)
        with torch.no_grad():
            head.weight.copy_(weights["value.weight"]), head.bias.copy_(weights["value.bias"])
            weight.copy_(weights["kl.weight"])
    metrics, total = state.Metrics(folder, position.step), rounds_of(settings)
    if begun is None:
        position.before = position.best = _judged(stage, task, position)
        metrics.add({"step": 0, "validation_loss": position.before})
    saved = time.monotonic()
    while position.step < total and not _out_of_patience(settings, position):
        row = _round(stage, task, position, weight, total)
        metrics.add(row)
        progress.step("rounds", position.step, total, f"reward {row['reward']:+.2f}, KL {row['kl']:.1f} nats")
        _refuse_what_went_too_far(row["kl"], settings)
        if position.step == total or position.step % (settings.validate_every or 1) == 0:
            _validate(stage, task, position, folder, metrics)
        last = position.step == total or _out_of_patience(settings, position)
        if last or time.monotonic() - saved >= settings.save_every_s:
            kept = {"value.weight": head.weight, "value.bias": head.bias, "kl.weight": weight}
            checkpoint.save(folder / "checkpoints", position, {**trained.weights(), **kept}, optimizer)
            saved = time.monotonic()
    return Ended(position, early=position.step < total)


def _out_of_patience(settings: TuneSettings, position: Position) -> bool:
    return bool(settings.patience) and position.worse >= settings.patience


def _refuse_what_went_too_far(kl: float, settings: TuneSettings) -> None:
    if settings.explode and not kl <= settings.explode * settings.target_kl:
        raise TuneFailed(
            f"the answers are {kl:.1f} nats from the base model's, above {settings.explode:g} times tune.target_kl = "
            f"{settings.target_kl:g}; lower tune.learning_rate, or raise tune.beta"
        )


def _round(stage: _Stage, task: PolicyTask, position: Position, weight: Any, total: int) -> dict[str, Any]:
    """Draws, rewards and learns once; the position moves on, and ``weight`` becomes that of the next round."""
    started, settings = time.monotonic(), stage.settings
    seed = settings.seed * 1_000_003 + position.step
    prompts = random.Random(seed).choices(task.asked, k=settings.answers)
    factor = schedule.factor(settings.schedule, position.step, total, settings.warmup)
    rate = optimise.set_factor(stage.optimizer, factor)
    drawn = _drawn(stage, prompts, seed)
    loss, norm = _learn(stage, drawn, float(weight), position.step)
    weight.fill_(adapted(float(weight), drawn.kl, settings.target_kl))
    position.step += 1
    position.tokens += sum(len(row.ids) for row in drawn.rows)
    position.learned += sum(row.n_trained for row in drawn.rows)
    position.seconds += time.monotonic() - started
    return _row(position, loss, norm, rate, drawn, float(weight))


def _reward_model(folder: Path, task: PolicyTask, opened: reference.Opened) -> RewardModel:
    found = reward.load(folder)
    if found is None:
        started = time.monotonic()
        with opened() as base:
            found, scores = task.fit(base)
        reward.save(folder, found, replace(scores, seconds=round(time.monotonic() - started, 2)))
    reward.refuse(reward.scores_of(folder))  # of a resumed run, too: it was refused before for the same reason
    return found


def _drawn(stage: _Stage, prompts: Sequence[str], seed: int) -> Drawn:
    import torch

    model = stage.trained.model
    rows = heldout.drawn(model, stage.tokenizer, prompts, seed=seed)
    model.eval()
    with torch.no_grad():
        before, hidden = _per_token(model, rows, stage.pad_id)
        values = [stage.head(one.float()).squeeze(-1) for one in hidden]
        with stage.opened() as base:
            of_base, seen = _per_token(base, rows, stage.pad_id)
            rewards = stage.judge(torch.stack([one.float().mean(0) for one in seen]))  # as ``reward.states`` gives them
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


def _learn(stage: _Stage, drawn: Drawn, weight: float, number: int) -> tuple[float, float]:
    """Mean loss and gradient norm of the last step of a round; the round ``number`` decides the order."""
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
    gains = [(one - mean) / scale for one in gains]
    settings, loss, norm = stage.settings, 0.0, 0.0
    stage.trained.model.train(settings.checkpointing)  # activations are computed twice in that mode alone
    lengths = [len(row.ids) for row in drawn.rows]
    for turn in range(PASSES):
        order = number * PASSES + turn
        made = batches.plan(lengths, settings.batch, order, seed=settings.seed, by_length=settings.by_length)
        for start in range(0, len(made), settings.accumulate):
            loss, norm = _step(stage, drawn, gains, targets, made[start : start + settings.accumulate])
    return loss, norm


def _step(
    stage: _Stage, drawn: Drawn, gains: Sequence[Any], targets: Sequence[Any], made: Sequence[Sequence[int]]
) -> tuple[float, float]:
    """Mean policy loss a token and gradient norm of one step over batches whose gradients are summed."""
    import torch

    tokens, total = sum(drawn.rows[n].n_trained for some in made for n in some), 0.0
    for some in made:
        rows = [drawn.rows[n] for n in some]
        logits, chosen, hidden = losses.learned(stage.trained.model, rows, stage.pad_id, bf16=False)
        now = logits.log_softmax(-1).gather(1, chosen[:, None]).squeeze(1)
        policy = clipped(now, torch.cat([drawn.before[n] for n in some]), torch.cat([gains[n] for n in some])).sum()
        guessed = stage.head(hidden.detach().float()).squeeze(-1)
        value = (guessed - torch.cat([targets[n] for n in some])).square().sum()
        ((policy + value) / tokens).backward()
        total += float(policy.detach())
    parameters = [p for group in stage.optimizer.param_groups for p in group["params"]]
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, stage.settings.clip or math.inf))
    if not math.isfinite(norm):
        raise TuneFailed(f"the gradient is {norm}; lower tune.learning_rate")
    stage.optimizer.step()
    stage.optimizer.zero_grad()
    return total / tokens, norm


def _judged(stage: _Stage, task: PolicyTask, position: Position) -> float:
    """Minus the mean reward of answers to the judged prompts, always drawn alike; its seconds count."""
    started = time.monotonic()
    rows = heldout.drawn(stage.trained.model, stage.tokenizer, task.judged, seed=stage.settings.seed)
    with stage.opened() as base:
        states = reward.states(base, rows, stage.pad_id, batch=heldout.AT_ONCE)
    loss = -float(stage.judge(states).mean())
    position.aside += time.monotonic() - started
    return loss


def _validate(stage: _Stage, task: PolicyTask, position: Position, folder: Path, metrics: state.Metrics) -> None:
    loss = _judged(stage, task, position)
    metrics.add({"step": position.step, "validation_loss": loss})
    if position.best is None or loss < position.best:
        position.best, position.best_step, position.worse = loss, position.step, 0
        stage.trained.save(folder / "best")
    else:
        position.worse += 1


def _row(position: Position, loss: float, norm: float, rate: float, drawn: Drawn, weight: float) -> dict[str, Any]:
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
