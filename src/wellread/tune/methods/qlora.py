"""QLoRA: LoRA on a base whose linear layers are held in 4 bits (NF4); a third of the memory, on the CPU no faster.

What is learned is a plain LoRA in float32, but it was learned on top of rounded weights: on the exact base it gives
slightly other answers.

Source: Dettmers et al., NeurIPS 2023, equation 5.
"""

from __future__ import annotations

from typing import Any

from wellread.tune.base import peft_files
from wellread.tune.recipe import Attached, MethodPlan, Recipe, linear_modules


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model in 4 bits with an untrained LoRA on the chosen linear modules."""
    s, choice = plan.settings, plan.choice
    config = peft_files.peft().LoraConfig(
        task_type="CAUSAL_LM",
        r=s.rank,
        lora_alpha=s.alpha,
        lora_dropout=s.dropout,
        use_rslora=s.rslora,
        use_dora=s.dora,
        target_modules=linear_modules(model, s, choice),
        rank_pattern=dict(choice.ranks or {}),
        alpha_pattern={name: s.alpha * rank / s.rank for name, rank in (choice.ranks or {}).items()},
    )
    return Attached(peft_files.attach(model, config))


RECIPE = Recipe(
    name="qlora",
    about="lora on a base in 4 bits: a third of the memory for the weights",
    learning_rate=5e-4,
    attach=attach,
    save=peft_files.save,
    load=peft_files.load,
    quantized=True,
)
