"""THE VERB for a model from nothing: running text comes in, a tokenizer and a small model trained on it go out."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from wellread.errors import UsageError
from wellread.progress import Progress
from wellread.tune.base import base_model, device
from wellread.tune.data.data import PARTS, DataSet, TextRow, texts_of
from wellread.tune.scratch import model as scratch
from wellread.tune.settings import TuneSettings
from wellread.tune.train import loop, losses, session, state, tuned
from wellread.tune.train.loop import LoopModel, StepPlan
from wellread.tune.train.losses import ConversationTask
from wellread.tune.train.outcome import Result

LEARNING_RATE = 3e-3


def train(folder: Path, data: DataSet, settings: TuneSettings, progress: Progress) -> Result:
    """The result of a run whose run.json is there; ``best/`` is a whole model as transformers reads it.

    Raises: UsageError for a data set without texts; TuneFailed with the reason.
    """
    parts = {name: ["\n".join(texts_of(row)) for row in getattr(data, name)] for name in PARTS}
    if not any(parts["train"]) or not all(isinstance(row, TextRow) for row in data.train):
        name = data.card.name
        raise UsageError(f"data set '{name}': is for {data.card.task}; a model from nothing learns from texts")
    device.quiet_libraries()
    run = replace(state.read(folder), threads=device.set_threads(settings.threads), dtype="float32")
    made = folder / "beginning"
    made.mkdir(exist_ok=True)
    tokenizer = scratch.make_tokenizer(parts["train"], settings.vocabulary, made)
    model = scratch.make_model(tokenizer, settings.layers, settings.width, seed=settings.seed)
    rows = {name: scratch.blocks(texts, tokenizer) for name, texts in parts.items()}
    bf16 = settings.dtype == "bfloat16"
    task = ConversationTask(
        model, rows["train"], [], rows["validation"], pad_id=tokenizer.pad_token_id, batch=settings.batch, bf16=bf16
    )
    course = StepPlan(task.lengths, len(task.lengths), settings, 0.0)
    rate = settings.learning_rate or LEARNING_RATE
    run = replace(run, learning_rate=rate, trained=session.n_trained(model), dtype="bfloat16" if bf16 else "float32")
    state.write(folder, run)
    began = time.perf_counter()
    card = {"method": "scratch", "mergeable": True, "task": "texts", "run": run.name, "data": asdict(run.data)}
    ended = loop.run(
        _trained(model, tokenizer, card), task, course, rate, folder, session.recorder(folder, course, progress)
    )
    position = ended.position
    speed = position.tokens / max(position.seconds, 1e-9)
    n_weights = run.trained
    del model, task
    gc.collect()
    model = base_model.load_model(folder / "best").eval()
    judged = "test" if rows["test"] else "validation" if rows["validation"] else "train"
    loss = losses.mean(model, rows[judged], tokenizer.pad_token_id, batch=settings.batch, bf16=False) or 0.0
    n_judged = sum(row.n_trained for row in rows[judged])
    result = Result(
        run.name,
        folder,
        steps=position.step,
        best_step=position.best_step,
        stopped_early=ended.early,
        validation_before=position.before,
        validation_loss=position.best,
        test_loss=loss if judged == "test" else None,
        tokens=position.tokens,
        learned_tokens=position.learned,
        trained=n_weights,
        seconds=round(time.perf_counter() - began, 2),
        tokens_per_s=round(speed, 1),
        peak_memory_mb=round(device.peak_memory_mb()),
        scores={
            "perplexity": scratch.perplexity(loss),
            "bits_per_byte": scratch.bits_per_byte(loss, n_judged, parts[judged]),
        },
        notes=tuple(_costs(n_weights, speed)),
    )
    state.put(folder / "result.json", asdict(result))
    return result


def _costs(n_weights: int, speed: float) -> list[str]:
    """What a useful size would take here, said plainly."""
    weights, tokens = scratch.USEFUL
    small = scratch.cost_of(weights, scratch.TOKENS_PER_WEIGHT * weights, n_weights, speed)
    real = scratch.cost_of(weights, tokens, n_weights, speed)
    return [
        f"{n_weights:,} weights learned from scratch know words, not the world; a model of {weights / 1e6:.0f} million "
        f"weights would take {small.years:,.1f} years on this machine for the least sensible number of tokens "
        f"({small.tokens / 1e9:.1f} billion: 20 a weight) and {real.years:,.0f} years for what SmolLM2-135M was given "
        f"({real.tokens / 1e12:.0f} trillion); tune one that exists instead: tune.method = 'lora'"
    ]


def _trained(model: Any, tokenizer: Any, card: Mapping[str, Any]) -> LoopModel:
    def restore(found: Mapping[str, Any]) -> None:
        import torch

        with torch.no_grad():
            for name, parameter in session.trainable(model).items():
                parameter.copy_(found[name])

    def save(best: Path) -> None:
        part = best.parent / ".best.part"
        part.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(str(part))
        tokenizer.save_pretrained(str(part))
        state.put(part / tuned.CARD, card)
        tuned.check(part)
        state.replace_best(best.parent, part)

    groups = [{"params": list(session.trainable(model).values())}]
    return LoopModel(model, lambda: groups, lambda: session.trainable(model), restore, save)
