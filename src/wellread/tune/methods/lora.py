"""LoRA: to each linear layer a change of low rank is added, and only that is learned.

W x becomes W x + s B A x with A (rank, in), B (out, rank) and s = alpha / rank, or alpha / √rank with ``rslora``. B
starts at 0, so training starts at the base model. DoRA learns the length of each column of W + s B A apart from its
direction. PiSSA and OLoRA start from the strongest directions of W instead and take them out of W; what is saved is a
plain LoRA of twice the rank that fits the untouched base.

Source: Hu et al., ICLR 2022, equation 3; rsLoRA: Kalajdzievski 2023, theorem 3.2; DoRA: Liu et al., ICML 2024,
equation 5; PiSSA: Meng et al., NeurIPS 2024, equations 2 to 4.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wellread.tune.base import peft_files
from wellread.tune.recipe import Attached, MethodPlan, Recipe, linear_modules


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model with an untrained LoRA on the chosen linear modules."""
    s, choice = plan.settings, plan.choice
    starts_elsewhere = s.init in ("pissa", "olora")
    config = peft_files.peft().LoraConfig(
        task_type="CAUSAL_LM",
        r=s.rank,
        lora_alpha=s.alpha,
        lora_dropout=s.dropout,
        use_rslora=s.rslora,
        use_dora=s.dora,
        init_lora_weights=True if s.init == "zero" else s.init,
        target_modules=linear_modules(model, s, choice),
        rank_pattern=dict(choice.ranks or {}),
        alpha_pattern={name: s.alpha * rank / s.rank for name, rank in (choice.ranks or {}).items()},
    )
    adapted = peft_files.attach(model, config)
    if not starts_elsewhere:
        return Attached(adapted)
    begun = plan.work / "beginning"
    adapted.peft_config["default"].init_lora_weights = True  # the beginning is kept as a plain LoRA
    peft_files.save(adapted, begun)
    adapted.peft_config["default"].init_lora_weights = s.init
    return Attached(adapted, save=lambda folder: _save_difference(adapted, begun, folder))


def _save_difference(model: Any, begun: Path, folder: Path) -> None:
    """What was learned, as a LoRA of twice the rank: the weights now minus those of the beginning."""
    with peft_files.quiet():
        model.save_pretrained(str(folder), path_initial_model_for_weight_conversion=str(begun))
    (folder / "README.md").unlink(missing_ok=True)


RECIPE = Recipe(
    name="lora",
    about="a change of low rank to each linear layer; the usual choice",
    learning_rate=5e-4,
    attach=attach,
    save=peft_files.save,
    load=peft_files.load,
)
