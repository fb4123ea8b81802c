"""Rows, a model and settings put together: what the loop trains, in which steps, in which number format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellread.progress import Progress
from wellread.tune.base import device
from wellread.tune.recipe import MethodPlan, Recipe
from wellread.tune.settings import TuneSettings
from wellread.tune.train import checkpoint, probe, state, tuned
from wellread.tune.train.examples import EncodedParts
from wellread.tune.train.loop import LoopModel, Record, StepPlan
from wellread.tune.train.losses import ConversationTask

REPLAY_OF_FACTS = 0.25


def replay_of(rows: EncodedParts, settings: TuneSettings) -> float:
    """General examples as a share of the own ones: as set, else REPLAY_OF_FACTS where facts are taught."""
    if settings.replay is not None:
        return settings.replay
    return REPLAY_OF_FACTS if rows.teaches_facts else 0.0


def course_of(rows: EncodedParts, settings: TuneSettings, replay: float) -> StepPlan:
    """The steps that a run of these rows takes."""
    lengths = [len(row.ids) for row in (*rows.train, *rows.general)]
    return StepPlan(lengths, len(rows.train), settings, replay)


def task_of(model: Any, rows: EncodedParts, settings: TuneSettings, tokenizer: Any, *, bf16: bool) -> ConversationTask:
    """The rows as a task of the loop."""
    pad = probe.pad_of(tokenizer)
    return ConversationTask(
        model, rows.train, rows.general, rows.validation, pad_id=pad, batch=settings.batch, bf16=bf16
    )


def attach(method: Recipe, model: Any, plan: MethodPlan, card: Mapping[str, Any]) -> LoopModel:
    """The model made trainable, as the loop needs it; ``card`` goes into tuned.json beside its weights."""
    import torch

    torch.manual_seed(plan.settings.seed)
    attached = method.attach(model, plan)
    if plan.settings.checkpointing:
        attached.model.activation_checkpointing_enable()

    def weights() -> dict[str, Any]:
        return {**trainable(attached.model), **(attached.extra() if attached.extra else {})}

    def restore(found: Mapping[str, Any]) -> None:
        with torch.no_grad():
            for name, parameter in trainable(attached.model).items():
                parameter.copy_(found[name])
        if attached.restore:
            attached.restore(found)

    return LoopModel(
        model=attached.model,
        groups=lambda: [{"params": list(trainable(attached.model).values())}],
        weights=weights,
        restore=restore,
        save=lambda best: tuned.write(method, attached.model, best.parent, card, attached.save),
        penalty=attached.penalty,
        after_step=attached.after_step,
    )


def trainable(model: Any) -> dict[str, Any]:
    """The parameters that require gradients, by name, each once."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def n_trained(model: Any) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in trainable(model).values())


def n_parameters(model: Any) -> int:
    """How many numbers the model has."""
    return sum(parameter.numel() for parameter in model.parameters())


def dtype_of(model: Any, rows: EncodedParts, settings: TuneSettings, tokenizer: Any) -> str:
    """The number format of the settings, or the one in which a step of this model is faster here."""
    if settings.dtype != "auto":
        return settings.dtype
    longest = sorted(range(len(rows.train)), key=lambda i: len(rows.train[i].ids))
    middle = longest[len(longest) // 2 :][: settings.batch] or longest[-settings.batch :]

    def step(bf16: bool) -> None:
        task_of(model, rows, settings, tokenizer, bf16=bf16).loss(middle).backward()
        model.zero_grad()

    return device.faster_dtype(step)[0]


def recorder(folder: Path, course: StepPlan, progress: Progress) -> Record:
    """Writes a row of metrics, and tells who watches."""
    begun = checkpoint.latest(folder / "checkpoints")
    done = int(begun.name.removeprefix("step-")) if begun else 0
    metrics, validation = state.Metrics(folder, done), ""

    def record(row: Mapping[str, Any]) -> None:
        nonlocal validation
        metrics.add(row)
        if "validation_loss" in row:
            loss = row["validation_loss"]
            validation = "" if loss is None else f", validation {loss:.3f}"
            return
        speed = row["tokens"] / max(row["seconds"], 1e-9)
        note = f"loss {row['loss']:.3f}{validation}, {speed:,.0f} tokens/s"
        progress.step("train", row["step"], course.total, note)

    return record
