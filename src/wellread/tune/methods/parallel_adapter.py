"""Parallel adapters as He: a bottleneck beside the MLP of each layer that reads what the MLP reads.

h becomes MLP(x) + s W₂ relu(W₁ x) with s = 4.

Source: He et al., ICLR 2022 (Towards a Unified View), section 4.6 and table 6.
"""

from __future__ import annotations

from typing import Any

from wellread.tune.base import bottleneck
from wellread.tune.base.bottleneck import AdapterShape
from wellread.tune.recipe import Attached, MethodPlan, Recipe

SCALE = 4.0


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model with an untrained adapter beside each chosen MLP."""
    blocks = bottleneck.blocks_of(model, ("mlp",))
    chosen = tuple(name for name in blocks if plan.choice.blocks is None or name in plan.choice.blocks)
    shape = AdapterShape(chosen, plan.settings.adapter_width, parallel=True, scale=SCALE, dropout=plan.settings.dropout)
    return Attached(bottleneck.put(model, shape))


RECIPE = Recipe(
    name="parallel-adapter",
    about="a bottleneck beside the MLP (He)",
    learning_rate=1e-3,
    attach=attach,
    save=bottleneck.save,
    load=bottleneck.load,
    mergeable=False,
    blocks=("mlp",),
)
