"""A reward model of pairs: how much better one answer is than another, read off the base model's own states.

The body is the base model as it is; what is learned is one direction over the mean state of an answer's tokens, fitted
to pairs as a logistic regression on differences. That is the Bradley–Terry model (Bradley and Terry, Biometrika 1952;
Ouyang et al., NeurIPS 2022, equation 1) with a linear reward: its loss is convex, so the fit has one result, in seconds
on a CPU, and a few hundred pairs do not overfit a body of a hundred million numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wellread.tune.align import heldout
from wellread.tune.align.preferences import EncodedPair, PreferenceParts
from wellread.tune.base.template import Encoded
from wellread.tune.train import losses, state
from wellread.tune.train.loop import TuneFailed

FILE = "reward"  # reward.safetensors and reward.json in the folder of a run
DECAYS = (1.0, 10.0, 100.0)  # strengths of the penalty on the direction that are tried, by the validation pairs
STEPS = 60  # of the fit
FEWEST = 8  # held-out pairs from which chance and length are a bar


@dataclass(frozen=True, slots=True)
class RewardScores:
    """What a reward model is worth on pairs that it was not fitted on.

    ``accuracy`` is the share of pairs whose preferred answer gets the higher reward, ``by_length`` what looking at
    length alone would get; ``brier`` the mean squared error of the probability that the preferred one wins (0.25 by
    tossing a coin). None without held-out pairs. ``seconds`` is what fitting took, reading the answers included.
    """

    held_out: int
    accuracy: float | None
    by_length: float | None
    brier: float | None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RewardModel:
    """Mean and scale of the states, and the direction over them: (width,) tensors. Threads may share it."""

    mean: Any
    scale: Any
    direction: Any

    def __call__(self, states: Any) -> Any:
        """(n,) rewards of (n, width) states; only their differences mean something."""
        return ((states - self.mean) / self.scale) @ self.direction


def states(model: Any, rows: Sequence[Encoded], pad_id: int, *, batch: int) -> Any:
    """(n, width) float32: the mean last state over the learned tokens of each row, without a gradient."""
    import torch

    found = []
    with torch.no_grad():
        for start in range(0, len(rows), batch):
            some = rows[start : start + batch]
            _, _, hidden = losses.learned(model, some, pad_id, bf16=False)
            found += [one.float().mean(0) for one in torch.split(hidden, [row.n_trained for row in some])]
    return torch.stack(found)


def fitted(model: Any, pairs: PreferenceParts, pad_id: int, *, batch: int) -> tuple[RewardModel, RewardScores]:
    """The reward model of the training pairs, with its figures on held-out ones.

    The penalty is the one that does best on the validation pairs, the middle one without them.

    Args:
        model: the base model, ready to predict.
        pairs: all parts; at least one training pair.
        pad_id: fills a batch.
        batch: rows in one pass.
    """
    better, worse = _states_of(model, pairs.train, pad_id, batch)
    validation = _states_of(model, pairs.validation, pad_id, batch) if pairs.validation else None
    made = [_fit(better, worse, decay) for decay in DECAYS]
    best = made[len(made) // 2]
    if validation is not None:
        best = max(made, key=lambda one: -_brier(one, *validation))
    judged = pairs.held_out
    if not judged:
        return best, RewardScores(0, None, None, None)
    held = _states_of(model, judged, pad_id, batch)
    gaps = (best(held[0]) - best(held[1])).tolist()
    accuracy = sum(1.0 if gap > 0 else 0.5 if gap == 0 else 0.0 for gap in gaps) / len(gaps)
    return best, RewardScores(len(judged), accuracy, heldout.by_length(judged), _brier(best, *held))


def refuse(scores: RewardScores) -> None:
    """Raises: TuneFailed where a reward model is no better than chance or length on enough held-out pairs."""
    if scores.accuracy is None or scores.by_length is None or scores.held_out < FEWEST:
        return
    bar = max(0.5, scores.by_length)
    if scores.accuracy <= bar:
        raise TuneFailed(
            f"the reward model is right on {scores.accuracy:.0%} of {scores.held_out} held-out pairs, chance or length "
            f"alone on {bar:.0%}: it would teach nothing; more pairs, or pairs that agree, or tune.objective = 'dpo'"
        )


def _states_of(model: Any, pairs: Sequence[EncodedPair], pad_id: int, batch: int) -> tuple[Any, Any]:
    made = states(model, [p.chosen for p in pairs] + [p.rejected for p in pairs], pad_id, batch=batch)
    return made[: len(pairs)], made[len(pairs) :]


def _fit(better: Any, worse: Any, decay: float) -> RewardModel:
    """Minimises −mean log σ(r(y_w) − r(y_l)) + decay/(2 n) |w|² by L-BFGS from zero."""
    import torch

    both = torch.cat([better, worse])
    mean, scale = both.mean(0), both.std(0).clamp(min=1e-4) if len(both) > 1 else torch.ones_like(both[0])
    gap = (better - worse) / scale
    direction = torch.zeros(gap.shape[1], requires_grad=True)
    optimizer: Any = torch.optim.LBFGS([direction], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        loss: Any = torch.nn.functional.softplus(-(gap @ direction)).mean()
        loss = loss + decay / (2 * len(gap)) * direction.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return RewardModel(mean, scale, direction.detach())


def _brier(model: RewardModel, better: Any, worse: Any) -> float:
    return float(((model(better) - model(worse)).sigmoid() - 1).square().mean())


def save(folder: Path, model: RewardModel, scores: RewardScores) -> None:
    """The reward model and its figures in the folder of a run."""
    from safetensors.torch import save_file

    tensors = {"mean": model.mean, "scale": model.scale, "direction": model.direction}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / f"{FILE}.safetensors")
    state.put(folder / f"{FILE}.json", asdict(scores))


def load(folder: Path) -> RewardModel | None:
    """The reward model of a run; None where it has none yet."""
    from safetensors.torch import load_file

    path = folder / f"{FILE}.safetensors"
    if not (folder / f"{FILE}.json").is_file():
        return None
    return RewardModel(**load_file(path))


def scores_of(folder: Path) -> RewardScores:
    """What the reward model of a run is worth; the run has one, see ``load``."""
    return RewardScores(**json.loads((folder / f"{FILE}.json").read_text("utf-8")))


def kept(folder: Path) -> dict[str, float]:
    """The figures of the reward model in a run's folder; empty where it has none."""
    path = folder / f"{FILE}.json"
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return {name: float(value) for name, value in found.items() if value is not None}
