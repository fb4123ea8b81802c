"""The training loop: one flat function that can be killed at any instant and continues to the same weights.

A step depends on the weights, the optimizer's memory and its own number alone: the batches of an epoch follow from the
seed, the learning rate from the step, and chance (dropout) is seeded again in every step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from wellread.errors import ModelError
from wellread.tune.settings import TuneSettings
from wellread.tune.train import batches, checkpoint, optimise, schedule
from wellread.tune.train.checkpoint import Position

FIRST = 5  # steps whose mean loss is the measure of an explosion


class TuneFailed(ModelError):
    """Training went wrong in a way that makes its result worthless; the message is the reason."""


class TrainingTask(Protocol):
    """What is learned: examples with a loss."""

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each example."""
        ...

    def weight(self, rows: Sequence[int]) -> int:
        """What the loss of these examples is averaged over: learned tokens, or examples."""
        ...

    def loss(self, rows: Sequence[int]) -> Any:
        """The summed loss of the examples, a tensor with a gradient."""
        ...

    def validate(self) -> float | None:
        """The validation loss; None where there is no validation part."""
        ...


@dataclass(frozen=True, slots=True)
class LoopModel:
    """What training hands to the loop beside the task: the model, its groups of parameters, and what a step touches.

    ``weights`` gives everything that training changes, by name, and ``restore`` takes it back; ``save`` writes the
    model as it is into a folder. ``penalty`` is added to the loss of a step; ``after_step`` runs between the step (its
    number from 0) and the clearing of the gradients.
    """

    model: Any
    groups: Callable[[], Sequence[Mapping[str, Any]]]
    weights: Callable[[], dict[str, Any]]
    restore: Callable[[Mapping[str, Any]], None]
    save: Callable[[Path], None]
    penalty: Callable[[], Any] | None = None
    after_step: Callable[[int], None] | None = None


@dataclass(frozen=True, slots=True)
class StepPlan:
    """The steps of a run: which batches each holds, by epoch; ``steps_per_epoch`` is the same for every epoch."""

    lengths: Sequence[int]
    n_own: int
    settings: TuneSettings
    replay: float
    steps_per_epoch: int = field(init=False)

    def __post_init__(self) -> None:
        """Plans one epoch, once: all have as many examples, and planning takes as long as the data are many."""
        object.__setattr__(self, "steps_per_epoch", len(self.epoch(0)))

    def epoch(self, number: int) -> list[list[tuple[int, ...]]]:
        """The steps of an epoch, each a list of batches whose gradients are summed."""
        s = self.settings
        rows = batches.rows_of(self.n_own, len(self.lengths) - self.n_own, self.replay, number, seed=s.seed)
        made = batches.plan(self.lengths, s.batch, number, seed=s.seed, by_length=s.by_length, rows=rows)
        return [made[i : i + s.accumulate] for i in range(0, len(made), s.accumulate)]

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        all_epochs = self.steps_per_epoch * self.settings.epochs
        return min(all_epochs, self.settings.max_steps) if self.settings.max_steps else all_epochs

    def steps(self, start: int) -> Iterator[tuple[int, list[tuple[int, ...]]]]:
        """(step, batches) from ``start`` to the end."""
        number = start // self.steps_per_epoch
        step = number * self.steps_per_epoch
        while step < self.total:
            for made in self.epoch(number):
                if start <= step < self.total:
                    yield step, made
                step += 1
            number += 1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a loop came to its end: ``early`` where patience ran out."""

    position: Position
    early: bool


Record = Callable[[Mapping[str, Any]], None]


def run(
    trained: LoopModel,
    task: TrainingTask,
    course: StepPlan,
    learning_rate: float,
    folder: Path,
    record: Record,
) -> Ended:
    """Trains until the course ends or patience does; ``folder`` gets ``checkpoints/`` and ``best/``.

    A folder with checkpoints is resumed. ``record`` gets a row for each step and each validation.

    Raises: TuneFailed where the loss is not finite, explodes, or nothing is learned.
    """
    settings = course.settings
    optimizer = optimise.optimizer_of(settings, trained.groups(), learning_rate)
    checkpoints, position = folder / "checkpoints", Position()
    begun = checkpoint.latest(checkpoints)
    if begun is not None:
        position, weights = checkpoint.load(begun, optimizer)
        trained.restore(weights)
    else:
        position.before = position.best = _measured(task, position)
        record({"step": 0, "validation_loss": position.before})
    watch = _Watch(settings, course, position)
    saved = time.monotonic()
    for step, made in course.steps(position.step):
        if watch.out_of_patience():
            break
        begun_at = time.monotonic()
        loss, norm = _step(trained, task, optimizer, course, step, made)
        position.step = step + 1
        position.tokens += sum(task.lengths[row] for rows in made for row in rows)
        position.learned += sum(task.weight(rows) for rows in made)
        position.seconds += time.monotonic() - begun_at
        record(_row(position, loss, norm, float(optimizer.param_groups[0]["lr"])))
        watch.look(step, loss, norm)
        if watch.due(position.step):
            _validate(trained, task, position, folder / "best", record)
        if time.monotonic() - saved >= settings.save_every_s:
            checkpoint.save(checkpoints, position, trained.weights(), optimizer)
            saved = time.monotonic()
    checkpoint.save(checkpoints, position, trained.weights(), optimizer)
    if position.best is None:  # no validation part: the last weights are the ones that are kept
        trained.save(folder / "best")
        position.best_step = position.step
    return Ended(position, watch.out_of_patience() and position.step < course.total)


def _step(
    trained: LoopModel, task: TrainingTask, optimizer: Any, course: StepPlan, step: int, made: Sequence[Sequence[int]]
) -> tuple[float, float]:
    """Mean loss and gradient norm of one step."""
    import torch

    settings = course.settings
    torch.manual_seed(settings.seed * 1_000_003 + step)
    trained.model.train()
    optimise.set_factor(optimizer, schedule.factor(settings.schedule, step, course.total, settings.warmup))
    weight = sum(task.weight(rows) for rows in made)
    if not weight:
        raise TuneFailed(
            f"step {step + 1}: its examples have no token to learn; see: wellread tune prepare --show-mask"
        )
    if trained.penalty:
        trained.penalty().backward()
    total = 0.0
    for rows in made:
        loss = task.loss(rows) / weight
        loss.backward()
        total += float(loss.detach())
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, settings.clip or math.inf))
    if math.isfinite(norm):
        optimizer.step()
    if trained.after_step:
        trained.after_step(step)
    optimizer.zero_grad()
    return total, norm


def _row(position: Position, loss: float, norm: float, rate: float) -> dict[str, Any]:
    return {
        "step": position.step,
        "loss": loss,
        "norm": norm,
        "learning_rate": rate,
        "tokens": position.tokens,
        "seconds": round(position.seconds, 3),
    }


def _validate(trained: LoopModel, task: TrainingTask, position: Position, best: Path, record: Record) -> None:
    """A model that is better than all before is in ``best`` afterwards."""
    loss = _measured(task, position)
    if loss is None:
        return
    record({"step": position.step, "validation_loss": loss})
    if not math.isfinite(loss):
        raise TuneFailed(f"step {position.step}: the validation loss is {loss}; lower tune.learning_rate")
    if position.best is None or loss < position.best:
        position.best, position.best_step, position.worse = loss, position.step, 0
        trained.save(best)
    else:
        position.worse += 1


def _measured(task: TrainingTask, position: Position) -> float | None:
    """The validation loss; what it takes counts beside the steps."""
    begun = time.monotonic()
    loss = task.validate()
    position.aside += time.monotonic() - begun
    return loss


class _Watch:
    """Sees that a run is lost, and when the validation loss is due."""

    def __init__(self, settings: TuneSettings, course: StepPlan, position: Position) -> None:
        self._settings, self._position = settings, position
        self._every = settings.validate_every or course.steps_per_epoch
        self._total = course.total
        self._last: list[float] = []

    def look(self, step: int, loss: float, norm: float) -> None:
        """Raises: TuneFailed where loss or gradient are not finite, or the loss has exploded."""
        for what, value in (("loss", loss), ("gradient", norm)):
            if not math.isfinite(value):
                raise TuneFailed(
                    f"step {step + 1}: the {what} is {value}; lower tune.learning_rate, or set tune.dtype to float32"
                )
        first = self._position.first
        if len(first) < FIRST:
            first.append(loss)
        self._last = [*self._last[1 - FIRST :], loss]
        begun, now = sum(first) / len(first), sum(self._last) / len(self._last)
        if self._settings.explode and len(self._last) == FIRST and now > self._settings.explode * max(begun, 1.0):
            raise TuneFailed(
                f"step {step + 1}: the loss has risen to {now:.2f}, above {self._settings.explode:g} times its "
                f"beginning ({begun:.2f}); lower tune.learning_rate"
            )

    def due(self, step: int) -> bool:
        """Whether the validation loss is measured after ``step`` steps."""
        return step % self._every == 0 or step == self._total

    def out_of_patience(self) -> bool:
        """Whether the validation loss has not become better for as long as is waited."""
        return bool(self._settings.patience) and self._position.worse >= self._settings.patience
