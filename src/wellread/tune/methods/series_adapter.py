"""Series adapters as Houlsby: a bottleneck behind the attention and one behind the MLP of each layer.

h becomes h + W₂ relu(W₁ h) before the residual is added, with h what the block wrote.

Source: Houlsby et al., ICML 2019, figure 2.
"""

from __future__ import annotations

from typing import Any

from wellread.tune.base import bottleneck
from wellread.tune.base.bottleneck import AdapterShape
from wellread.tune.recipe import Attached, MethodPlan, Recipe


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model with an untrained adapter behind each chosen attention and MLP."""
    blocks = bottleneck.blocks_of(model, ("self_attn", "mlp"))
    chosen = tuple(name for name in blocks if plan.choice.blocks is None or name in plan.choice.blocks)
    shape = AdapterShape(chosen, plan.settings.adapter_width, parallel=False, scale=1.0, dropout=plan.settings.dropout)
    return Attached(bottleneck.put(model, shape))


RECIPE = Recipe(
    name="series-adapter",
    about="bottlenecks behind attention and MLP (Houlsby)",
    learning_rate=1e-3,
    attach=attach,
    save=bottleneck.save,
    load=bottleneck.load,
    mergeable=False,
)
