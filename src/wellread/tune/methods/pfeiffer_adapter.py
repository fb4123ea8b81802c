"""Series adapters as Pfeiffer: one bottleneck a layer, behind the MLP; half the weights of Houlsby's.

Source: Pfeiffer et al., EACL 2021 (AdapterFusion), section 3.
"""

from __future__ import annotations

from typing import Any

from wellread.tune.base import bottleneck
from wellread.tune.base.bottleneck import AdapterShape
from wellread.tune.recipe import Attached, MethodPlan, Recipe


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model with an untrained adapter behind each chosen MLP."""
    blocks = bottleneck.blocks_of(model, ("mlp",))
    chosen = tuple(name for name in blocks if plan.choice.blocks is None or name in plan.choice.blocks)
    shape = AdapterShape(chosen, plan.settings.adapter_width, parallel=False, scale=1.0, dropout=plan.settings.dropout)
    return Attached(bottleneck.put(model, shape))


RECIPE = Recipe(
    name="pfeiffer-adapter",
    about="a bottleneck behind the MLP (Pfeiffer)",
    learning_rate=1e-3,
    attach=attach,
    save=bottleneck.save,
    load=bottleneck.load,
    mergeable=False,
    blocks=("mlp",),
)
