"""Prefix tuning: keys and values of some virtual tokens are learned for every layer; the model's own weights stay.

Source: Li and Liang, ACL 2021, section 4.
"""

from __future__ import annotations

from typing import Any

from wellread.errors import UsageError
from wellread.tune.base import peft_files
from wellread.tune.recipe import Attached, MethodPlan, Recipe


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model with learned keys and values before every text. Raises: UsageError with ``tune.checkpointing``."""
    if plan.settings.checkpointing:
        raise UsageError("tune.checkpointing = true: prefix tuning cannot compute activations twice; set it to false")
    config = peft_files.peft().PrefixTuningConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=plan.settings.virtual_tokens, prefix_projection=False
    )
    return Attached(peft_files.attach(model, config))


RECIPE = Recipe(
    name="prefix",
    about="learned keys and values before the text, in every layer",
    learning_rate=1e-2,
    attach=attach,
    save=peft_files.save,
    load=peft_files.load,
    mergeable=False,
    blocks=(),
)
