"""Full fine-tuning: every weight of the model is learned, or those of the chosen modules while the rest stays as it is.

A frozen weight stays equal to the base's bit by bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wellread.errors import ModelError
from wellread.tune.recipe import Attached, MethodPlan, Recipe, linear_modules


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model itself; with a choice or targets, only those linear modules require gradients."""
    if plan.choice.blocks is None and not plan.settings.targets:
        return Attached(model.requires_grad_(True))
    chosen = set(linear_modules(model, plan.settings, plan.choice))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.rpartition(".")[0] in chosen)
    return Attached(model)


def save(model: Any, folder: Path) -> None:
    """The whole model, as other programs read it."""
    model.save_pretrained(str(folder))


def load(model: Any, folder: Path) -> Any:
    """The base model with the weights of ``folder``. Raises: ModelError where they do not fit."""
    from safetensors.torch import load_file

    found = {name: tensor for path in sorted(folder.glob("*.safetensors")) for name, tensor in load_file(path).items()}
    missing, unknown = model.load_state_dict(found, strict=False)
    shared = set(getattr(model, "_tied_weights_keys", None) or ())
    if unknown or set(missing) - shared:
        raise ModelError(f"{folder}: its weights do not fit this base: {[*unknown, *missing][:3]}")
    return model.eval()


RECIPE = Recipe(
    name="full",
    about="every weight, or those of chosen layers; forgets most, needs most memory",
    learning_rate=5e-5,
    attach=attach,
    save=save,
    load=load,
)
