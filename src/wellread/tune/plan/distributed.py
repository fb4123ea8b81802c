"""What every process of a launched training runs: ``python -m wellread.tune.plan.distributed FOLDER``.

The steps are those of one process. Each process takes its share of every batch, and a gradient is divided by the
learned tokens of all of them, so that any number of processes comes to the same weights, but for the order of sums.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wellread.errors import MissingExtra
from wellread.tune import recipe
from wellread.tune.base import base_model, device
from wellread.tune.base.template import IGNORED, Encoded, batch_labels
from wellread.tune.plan.launch import RECIPE, ROWS
from wellread.tune.recipe import MethodPlan
from wellread.tune.settings import TuneSettings
from wellread.tune.train import losses, optimise, probe, schedule, session, state, tuned
from wellread.tune.train.loop import StepPlan, TuneFailed


def train(folder: Path) -> Path:
    """Trains as ``launch.write`` laid it out; the first process leaves ``best/`` and metrics.jsonl in the folder.

    Raises: TuneFailed where a loss is not finite.
    """
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise MissingExtra("accelerate (to train in several processes)", "tune") from error
    import torch

    about = json.loads((folder / RECIPE).read_text("utf-8"))
    settings = TuneSettings(**{**about["settings"], "targets": tuple(about["settings"]["targets"])})
    rows = [_encoded(json.loads(line)) for line in (folder / ROWS).read_text("utf-8").splitlines()]
    device.quiet_libraries()
    accelerator = Accelerator(cpu=about["cpu"])
    weights = Path(about["base"]["folder"])
    tokenizer = base_model.load_tokenizer(weights)
    course = StepPlan([len(row.ids) for row in rows], about["n_own"], settings, about["replay"])
    method = recipe.find(settings.method)
    plan = MethodPlan(settings, course.total, tokenizer, folder)
    card = {"base": about["base"], "data": about["data"]}
    trained = session.attach(method, tuned.open_base(method, weights), plan, card)
    optimizer = optimise.optimizer_of(settings, trained.groups(), about["learning_rate"])
    model, optimizer = accelerator.prepare(trained.model, optimizer)
    metrics = state.Metrics(folder, 0) if accelerator.is_main_process else None
    for step, made in course.steps(0):
        torch.manual_seed(settings.seed * 1_000_003 + step)
        model.train()
        rate = optimise.set_factor(optimizer, schedule.factor(settings.schedule, step, course.total, settings.warmup))
        n_learned = sum(rows[row].n_trained for batch in made for row in batch)
        total = 0.0
        for batch in made:
            loss = _loss(accelerator, model, [rows[row] for row in batch], probe.pad_of(tokenizer)) / n_learned
            accelerator.backward(loss * accelerator.num_processes)  # gradients are averaged over the processes
            total += float(accelerator.reduce(loss.detach()))
        if not math.isfinite(total):
            raise TuneFailed(f"step {step + 1}: the loss is {total}; lower tune.learning_rate")
        if settings.clip:
            accelerator.clip_grad_norm_(model.parameters(), settings.clip)
        optimizer.step()
        optimizer.zero_grad()
        if metrics:
            metrics.add({"step": step + 1, "loss": total, "learning_rate": rate})
    accelerator.wait_for_everyone()
    whole = accelerator.get_state_dict(model)  # every process takes part where the weights are spread
    if accelerator.is_main_process:
        _put(accelerator.unwrap_model(model), whole)
        trained.save(folder / "best")
        tokenizer.save_pretrained(folder / "best")
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return folder / "best"


def _encoded(value: Mapping[str, Any]) -> Encoded:
    return Encoded(tuple(value["ids"]), tuple(value["labels"]))


def _loss(accelerator: Any, model: Any, batch: Sequence[Encoded], pad: int) -> Any:
    """Summed cross entropy of this process's share of the batch; a process without a share adds nothing."""
    import torch

    mine = batch[accelerator.process_index :: accelerator.num_processes]
    made = batch_labels(mine or batch[:1], pad)
    ids = torch.from_numpy(made.ids).to(accelerator.device)
    following = np.full_like(made.labels, IGNORED)
    following[:, :-1] = made.labels[:, 1:]
    targets = torch.from_numpy(following).to(accelerator.device)
    wanted = targets != IGNORED
    mask = torch.from_numpy(made.attention).to(accelerator.device)
    with losses.only(accelerator.unwrap_model(model), wanted):
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.float(), targets[wanted], reduction="sum")
    return loss if mine else loss * 0.0


def _put(model: Any, weights: Mapping[str, Any]) -> None:
    """The gathered weights in the model that is saved; they are there already where nothing was spread."""
    import torch

    with torch.no_grad():
        for name, parameter in session.trainable(model).items():
            if name in weights and parameter.shape == weights[name].shape:
                parameter.copy_(weights[name])


if __name__ == "__main__":
    train(Path(sys.argv[1]))
