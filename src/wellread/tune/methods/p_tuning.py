"""P-tuning: virtual tokens before the text whose embeddings come out of a small network that is learned with them.

Source: Liu et al. 2021 (GPT Understands, Too), section 3.2.
"""

from __future__ import annotations

from typing import Any

from wellread.tune.base import peft_files
from wellread.tune.recipe import Attached, MethodPlan, Recipe


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model with a network that writes the embeddings before every text."""
    config = peft_files.peft().PromptEncoderConfig(
        task_type="CAUSAL_LM",
        num_virtual_tokens=plan.settings.virtual_tokens,
        encoder_reparameterization_type="MLP",
        encoder_hidden_size=model.config.hidden_size // 2,
    )
    return Attached(peft_files.attach(model, config))


RECIPE = Recipe(
    name="p-tuning",
    about="learned embeddings before the text, written by a small network",
    learning_rate=5e-3,
    attach=attach,
    save=peft_files.save,
    load=peft_files.load,
    mergeable=False,
    blocks=(),
)
