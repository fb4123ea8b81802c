"""IA3: keys, values and the hidden activations of the MLP are each multiplied by a learned vector; nothing else is.

Source: Liu et al., NeurIPS 2022, section 3.3.
"""

from __future__ import annotations

from typing import Any

from wellread.tune.base import peft_files
from wellread.tune.recipe import Attached, MethodPlan, Recipe, linear_modules

SCALED = ("k_proj", "v_proj", "down_proj")  # outputs of the first two, inputs of the third
BY_INPUT = ("down_proj",)


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model with vectors of ones at its keys, values and MLP activations."""
    names = [name for name in linear_modules(model, plan.settings, plan.choice) if name.endswith(SCALED)]
    by_input = [name for name in names if name.endswith(BY_INPUT)]
    config = peft_files.peft().IA3Config(task_type="CAUSAL_LM", target_modules=names, feedforward_modules=by_input)
    return Attached(peft_files.attach(model, config))


RECIPE = Recipe(
    name="ia3",
    about="three learned vectors a layer: the fewest weights of all",
    learning_rate=5e-3,
    attach=attach,
    save=peft_files.save,
    load=peft_files.load,
)
