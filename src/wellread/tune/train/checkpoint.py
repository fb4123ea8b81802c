"""The state of a run on disk: whole or not there. It is safetensors and JSON, so that reading it cannot run code.

A checkpoint is written into a folder of another name, flushed and renamed: a kill at any instant leaves the one before.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wellread.errors import StoreError
from wellread.tune.train import optimise

KEPT = 2


@dataclass(slots=True)
class Position:
    """How far a run is: steps done, and what it has seen; with the weights this is all that the next step depends on.

    ``best`` is the lowest validation loss so far, reached after ``best_step``; ``worse`` counts measurements since.
    ``tokens`` went through the model (padding not counted), ``learned`` of them count in the loss. ``before`` is the
    validation loss before the first step, ``first`` the losses of the first steps. ``seconds`` were spent on steps,
    ``aside`` on measuring between them.
    """

    step: int = 0
    tokens: int = 0
    learned: int = 0
    seconds: float = 0.0
    aside: float = 0.0
    before: float | None = None
    best: float | None = None
    best_step: int = 0
    worse: int = 0
    first: list[float] = field(default_factory=list)


def save(folder: Path, position: Position, weights: Mapping[str, Any], optimizer: Any) -> Path:
    """The folder ``step-N`` of a checkpoint; older ones but one are removed."""
    from safetensors.torch import save_file

    target = folder / f"step-{position.step:07d}"
    part = folder / f".{target.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    tensors, values = optimise.state_of(optimizer)
    save_file({name: tensor.detach().contiguous() for name, tensor in weights.items()}, part / "weights.safetensors")
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, part / "optimizer.safetensors")
    (part / "state.json").write_text(json.dumps({"position": asdict(position), "optimizer": values}), "utf-8")
    for path in part.iterdir():
        _flush(path)
    if target.exists():  # the same step again, after a resume
        shutil.rmtree(target)
    part.rename(target)
    _flush(folder)
    for old in _steps(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return target


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint, None where there is none."""
    found = _steps(folder)
    return found[-1] if found else None


def load(checkpoint: Path, optimizer: Any) -> tuple[Position, dict[str, Any]]:
    """Position and weights of a checkpoint; the optimizer gets its memory back.

    Raises: StoreError where it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = json.loads((checkpoint / "state.json").read_text("utf-8"))
        weights = load_file(checkpoint / "weights.safetensors")
        optimise.restore(optimizer, load_file(checkpoint / "optimizer.safetensors"), state["optimizer"])
        return Position(**state["position"]), weights
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise StoreError(
            f"{checkpoint}: is damaged ({error}); delete this folder to resume from the one before"
        ) from None


def _steps(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*")) if folder.is_dir() else []


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
