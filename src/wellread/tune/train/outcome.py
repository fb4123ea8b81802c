"""What a run was worth: the tuned model read back from disk, beside the base model on the same rows and probes."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wellread.progress import Progress
from wellread.tune.base import device
from wellread.tune.recipe import Recipe
from wellread.tune.train import curves, losses, probe, state, tuned
from wellread.tune.train.examples import EncodedParts
from wellread.tune.train.loop import FIRST, Ended, TuneFailed
from wellread.tune.train.probe import Forgotten, Probe
from wellread.tune.train.state import TrainingRun

BATCH = 16


@dataclass(frozen=True, slots=True)
class Before:
    """The base model on the test rows (None where there are none), and its probe (None where it is switched off)."""

    test_loss: float | None
    probe: Probe | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to; losses are nats a learned token, None where the data set has no such part.

    ``validation_before`` and ``test_before`` are the base model's. ``tokens_per_s`` counts tokens that went through the
    model in training, padding not counted; ``seconds`` has measuring between the steps in it, and what learning from
    preferences does before the first one. ``peak_memory_mb`` is the most that the process held meanwhile. ``ranking``
    is the validation loss after a few steps on the blocks that the ranking kept, on the top ones and on some by chance.
    ``scores`` are the figures of the task (accuracy, F1, perplexity …) on the test part; ``notes`` are for the user.
    """

    name: str
    folder: Path
    steps: int = 0
    best_step: int = 0
    stopped_early: bool = False
    train_loss: float = 0.0
    validation_before: float | None = None
    validation_loss: float | None = None
    test_before: float | None = None
    test_loss: float | None = None
    probe_before: Probe | None = None
    probe_after: Probe | None = None
    forgotten: Forgotten | None = None
    ranking: Mapping[str, float] | None = None
    left_out: int = 0
    cut: int = 0
    tokens: int = 0
    learned_tokens: int = 0
    trained: int = 0
    seconds: float = 0.0
    tokens_per_s: float = 0.0
    peak_memory_mb: float = 0.0
    scores: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def before(
    folder: Path, run: TrainingRun, tokenizer: Any, rows: EncodedParts, method: Recipe, progress: Progress
) -> Before:
    """The base model measured once for a run; a resumed run finds it in ``before.json``."""
    path = folder / "before.json"
    if path.is_file():
        value = json.loads(path.read_text("utf-8"))
        return Before(value["test_loss"], Probe(**value["probe"]) if value["probe"] else None)
    model = tuned.open_base(method, Path(run.base.folder))
    found = Before(_test_loss(model, tokenizer, rows), _probe(run, model, tokenizer, progress))
    del model
    gc.collect()
    state.put(path, asdict(found))
    return found


def judge(
    folder: Path, run: TrainingRun, tokenizer: Any, rows: EncodedParts, before: Before, ended: Ended, progress: Progress
) -> Result:
    """What the weights in ``best/`` do, read back from disk; it is in result.json too.

    Raises: TuneFailed where they are no better than the base model's.
    """
    position = ended.position
    losses_seen = [row["loss"] for row in state.rows(folder) if "loss" in row]
    _refuse_what_is_no_better(ended, losses_seen)
    model = tuned.load(folder / "best", Path(run.base.folder))
    after = _probe(run, model, tokenizer, progress)
    result = Result(
        name=run.name,
        folder=folder,
        steps=position.step,
        best_step=position.best_step,
        stopped_early=ended.early,
        train_loss=sum(losses_seen[-FIRST:]) / len(losses_seen[-FIRST:]),
        validation_before=position.before,
        validation_loss=position.best,
        test_before=before.test_loss,
        test_loss=_test_loss(model, tokenizer, rows),
        probe_before=before.probe,
        probe_after=after,
        forgotten=probe.forgotten(before.probe, after) if before.probe and after else None,
        ranking=_ranking(folder),
        left_out=len(run.left_out),
        cut=run.cut,
        tokens=position.tokens,
        learned_tokens=position.learned,
        trained=run.trained,
        seconds=round(position.seconds + position.aside, 2),
        tokens_per_s=round(position.tokens / max(position.seconds, 1e-9), 1),
        peak_memory_mb=round(device.peak_memory_mb()),
    )
    state.put(folder / "result.json", asdict(result))
    return result


def result_of(folder: Path) -> dict[str, Any] | None:
    """What result.json holds, None where there is none yet."""
    path = folder / "result.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def draw(folder: Path, run: TrainingRun) -> None:
    """curves.png and report.html, as far as the run has come."""
    curves.draw(folder, run, result_of(folder))


def _refuse_what_is_no_better(ended: Ended, losses_seen: list[float]) -> None:
    position = ended.position
    if not losses_seen or not position.learned:
        raise TuneFailed("no step was made: there is nothing to learn from")
    if position.before is not None:
        if not position.best_step:
            raise TuneFailed(
                f"the validation loss never fell below the base model's ({position.before:.3f}); "
                "give it more epochs, another tune.learning_rate, or other examples"
            )
        return
    first, last = losses_seen[:FIRST], losses_seen[-FIRST:]
    if not math.fsum(last) / len(last) < math.fsum(first) / len(first):
        raise TuneFailed(
            f"the loss did not fall ({first[0]:.3f} at the start, {last[-1]:.3f} at the end) and there is no "
            "validation part; give it more epochs or another tune.learning_rate"
        )


def _ranking(folder: Path) -> dict[str, float] | None:
    path = folder / "choice.json"
    if not path.is_file():
        return None
    found: dict[str, float] = json.loads(path.read_text("utf-8"))["losses"]
    return found


def _test_loss(model: Any, tokenizer: Any, rows: EncodedParts) -> float | None:
    return losses.mean(model, rows.test, probe.pad_of(tokenizer), batch=BATCH, bf16=False)


def _probe(run: TrainingRun, model: Any, tokenizer: Any, progress: Progress) -> Probe | None:
    if not run.settings["probe"]:
        return None
    return probe.measure(model, tokenizer, bf16=False, progress=progress)
