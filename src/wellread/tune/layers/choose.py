"""What is trained: blocks or ranks by a ranking, beside the top layers and blocks by chance at the same budget.

The choice of a run is made once and kept in its ``choice.json``, so a resumed run trains the same.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wellread.errors import UsageError
from wellread.progress import Progress
from wellread.tune import recipe
from wellread.tune.base import bottleneck
from wellread.tune.layers import forest, importance
from wellread.tune.recipe import ALL, LayerChoice, Recipe
from wellread.tune.settings import TuneSettings
from wellread.tune.train import optimise, session, state, tuned
from wellread.tune.train.examples import EncodedParts

FILE = "choice.json"
BATCHES = 8  # whose gradients a ranking sees
STEPS = 8  # of a probe


def choice(
    folder: Path, settings: TuneSettings, base: Path, rows: EncodedParts, tokenizer: Any, progress: Progress
) -> LayerChoice:
    """What the settings leave to be trained; everything where ``rank_by`` is all.

    Args:
        folder: of the run; it keeps the choice, the scores behind it and how the alternatives did.
        settings: of the run.
        base: folder of the base model.
        rows: the data set.
        tokenizer: of the base model.
        progress: who watches.
    Raises: UsageError where the method has no blocks, or ranks are to be shared out and it has none.
    """
    if settings.rank_by == "all":
        return ALL
    method = recipe.find(settings.method)
    _refuse(method, settings)
    if not (folder / FILE).is_file():
        state.put(folder / FILE, _ranked(settings, method, base, rows, tokenizer, progress))
    kept = json.loads((folder / FILE).read_text("utf-8"))
    return LayerChoice(None, kept["ranks"]) if kept["ranks"] else LayerChoice(tuple(kept["kept"]))


def _refuse(method: Recipe, settings: TuneSettings) -> None:
    if not method.blocks:
        raise UsageError(f"tune.rank_by = '{settings.rank_by}': {method.name} trains no blocks; set it to all")
    if settings.spend == "ranks" and method.name not in ("lora", "qlora"):
        raise UsageError(f"tune.spend = 'ranks': {method.name} has no ranks to share out; set it to blocks")


def _ranked(
    settings: TuneSettings, method: Recipe, base: Path, rows: EncodedParts, tokenizer: Any, progress: Progress
) -> dict[str, Any]:
    """The choice as choice.json holds it."""
    probing = _Probing(settings, base, rows, tokenizer, progress)
    blocks = bottleneck.blocks_of(probing.model, method.blocks)
    costs = {name: _cost(probing.model, name, settings, method) for name in blocks}
    budget = settings.budget * sum(costs.values())
    scores = _scores(settings, probing, blocks, costs, budget)
    kept = importance.best_within(scores, costs, budget)
    others = {
        settings.rank_by: kept,
        "top": importance.top(blocks, costs, budget),
        "random": importance.drawn(blocks, costs, budget, seed=settings.seed),
    }
    losses = {name: probing.loss_after(chosen) for name, chosen in others.items()}
    ranks = _ranks(settings, probing.model, scores, budget) if settings.spend == "ranks" else None
    probing.close()
    return {
        "rank_by": settings.rank_by,
        "budget": settings.budget,
        "scores": scores,
        "costs": costs,
        "kept": [name for name in blocks if name in kept],
        "ranks": ranks,
        "probe_steps": STEPS,
        "loss_without": probing.loss_before,
        "losses": losses,
    }


def _scores(
    settings: TuneSettings, probing: _Probing, blocks: Sequence[str], costs: Mapping[str, int], budget: float
) -> dict[str, float]:
    """Of each block, by the ranking that is set."""
    if settings.rank_by == "top":
        return {name: float(at) for at, name in enumerate(blocks)}
    if settings.rank_by == "random":
        values = np.random.default_rng([settings.seed, 3]).random(len(blocks))
        return dict(zip(blocks, values.tolist(), strict=True))
    if settings.rank_by == "forest":
        return forest.rank(blocks, costs, budget, settings.probes, probing.fall, seed=settings.seed)
    return importance.by_gradient(probing.model, blocks, settings.rank_by, probing.batches())


def _cost(model: Any, block: str, settings: TuneSettings, method: Recipe) -> int:
    """Weights that training a block takes with the method."""
    if method.name.endswith("adapter"):
        return 2 * settings.adapter_width * int(model.config.hidden_size)
    inside = model.get_submodule(block)
    if method.name == "full":
        return sum(parameter.numel() for parameter in inside.parameters())
    return sum(_cost_of_rank(one) * settings.rank for one in inside.modules() if hasattr(one, "in_features"))


def _cost_of_rank(linear: Any) -> int:
    return int(linear.in_features + linear.out_features)


def _ranks(settings: TuneSettings, model: Any, scores: Mapping[str, float], budget: float) -> dict[str, int]:
    """Ranks of the linear modules; those of a block share its score by their sizes."""
    by_module, costs = {}, {}
    lowest = min(scores.values())
    for name in recipe.linear_modules(model, settings):
        block = next((block for block in scores if name.startswith(f"{block}.")), None)
        if block is None:
            continue
        costs[name] = _cost_of_rank(model.get_submodule(name))
        by_module[name] = (scores[block] - min(lowest, 0.0)) * costs[name]
    return importance.ranks(by_module, costs, budget, settings.rank)


class _Probing:
    """A base model, and short LoRA runs on it that all begin the same."""

    def __init__(
        self, settings: TuneSettings, base: Path, rows: EncodedParts, tokenizer: Any, progress: Progress
    ) -> None:
        lora = recipe.find("lora")
        self._settings, self._rows, self._tokenizer = settings, rows, tokenizer
        self._base, self._progress, self._done = base, progress, 0
        own = settings.learning_rate if settings.method in ("lora", "qlora") else 0.0
        self._rate = own or lora.learning_rate
        self.model = tuned.open_base(lora, base)
        self._task = session.task_of(self.model, rows, settings, tokenizer, bf16=settings.dtype == "bfloat16")
        self._course = session.course_of(rows, replace(settings, accumulate=1), 0.0)
        self.loss_before = self._measured()

    def batches(self) -> list[Callable[[], Any]]:
        """The mean loss of some batches, each made when it is called."""
        chosen = [rows for step in self._course.epoch(0) for rows in step][:BATCHES]
        return [partial(self._mean_loss, rows) for rows in chosen]

    def _mean_loss(self, rows: Sequence[int]) -> Any:
        return self._task.loss(rows) / self._task.weight(rows)

    def fall(self, blocks: Sequence[str]) -> float:
        """How far the validation loss falls where these blocks are trained for a few steps."""
        return self.loss_before - self.loss_after(blocks)

    def loss_after(self, blocks: Sequence[str]) -> float:
        """The validation loss (without a validation part that of the first rows) after training these blocks."""
        import torch

        torch.manual_seed(self._settings.seed)
        plain = replace(self._settings, init="zero", dora=False, dropout=0.0, targets=())
        lora = recipe.find("lora")
        made = lora.attach(
            self.model, recipe.MethodPlan(plain, STEPS, self._tokenizer, self._base, LayerChoice(tuple(blocks)))
        )
        task = session.task_of(made.model, self._rows, plain, self._tokenizer, bf16=self._settings.dtype == "bfloat16")
        weights = list(session.trainable(made.model).values())
        optimizer = optimise.optimizer_of(plain, [{"params": weights}], self._rate)
        chosen = [rows for number in range(STEPS) for step in self._course.epoch(number) for rows in step][:STEPS]
        made.model.train()
        for rows in chosen:
            (task.loss(rows) / task.weight(rows)).backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        loss = self._measured(task)
        self.model = made.model.unload()
        self.model.requires_grad_(True)
        self._done += 1
        self._progress.step("probe blocks", self._done)
        return loss

    def _measured(self, task: Any = None) -> float:
        found = (task or self._task).validate()
        if found is not None:
            return float(found)
        rows = range(min(32, len(self._rows.train)))
        import torch

        with torch.no_grad():
            return float((task or self._task).loss(rows)) / self._task.weight(rows)

    def close(self) -> None:
        """The model is given back."""
        del self.model, self._task
        gc.collect()
