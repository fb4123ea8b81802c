"""The weights that a run left, on disk and in memory: what was learned, beside the base that it belongs to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellread.errors import ModelError
from wellread.tune import recipe
from wellread.tune.base import base_model
from wellread.tune.recipe import Recipe
from wellread.tune.train import state
from wellread.tune.train.loop import TuneFailed

CARD = "tuned.json"  # in best/: the method, and the base by name and digest


def open_base(method: Recipe, folder: Path) -> Any:
    """The base model as a method needs it: in 4 bits for a quantized one, else in float32.

    Raises: as ``load_model``.
    """
    if not method.quantized:
        return base_model.load_model(folder)
    from wellread.tune.base import quantized

    return quantized.load_model(folder)


def write(method: Recipe, model: Any, run: Path, card: Mapping[str, Any], save: Any = None) -> None:
    """``best/`` of a run becomes the model as it is now, all or nothing. Raises: TuneFailed for a value not finite."""
    part = run / ".best.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    (save or (lambda folder: method.save(model, folder)))(part)
    state.put(part / CARD, {"method": method.name, "mergeable": method.mergeable, **card})
    check(part)
    state.replace_best(run, part)


def check(folder: Path) -> None:
    """Nothing, where every value of every weight in a folder is finite. Raises: TuneFailed naming the tensor."""
    import torch
    from safetensors import safe_open

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise TuneFailed(f"{folder}: holds no weights")
    for path in files:
        with safe_open(path, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - no mapping
                if not bool(torch.isfinite(tensors.get_tensor(name)).all()):
                    raise TuneFailed(f"{path.name}: {name} holds a value that is not finite; lower tune.learning_rate")


def card_of(best: Path) -> dict[str, Any]:
    """tuned.json of a ``best/`` folder. Raises: ModelError where it is missing."""
    try:
        found: dict[str, Any] = json.loads((best / CARD).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{best}: holds no tuned model ({error}); finish the run first") from None
    return found


def load(best: Path, base_folder: Path) -> Any:
    """The tuned model of a run's ``best/`` on its base, ready to predict.

    Args:
        best: as a run wrote it.
        base_folder: safetensors of the base, as run.json names them.
    Raises: ModelError where something is missing or does not fit.
    """
    method = recipe.find(card_of(best)["method"])
    base = open_base(method, base_folder)
    return method.load(base, best).eval()
