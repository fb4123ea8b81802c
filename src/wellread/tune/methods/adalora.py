"""AdaLoRA: LoRA as P Λ Q with singular values Λ; those that matter least are set to 0 until a budget of ranks is kept.

It begins with half as many ranks again as ``tune.rank`` a module, takes ranks away after a tenth of the steps, and
keeps ``tune.rank`` a module on average for the last third. Trainers do not call the reallocation; here it runs after
each step.

Source: Zhang et al., ICLR 2023, equations 8 to 11 (importance) and 12 (budget).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellread.tune.base import peft_files
from wellread.tune.recipe import Attached, MethodPlan, Recipe, linear_modules

WIDER = 1.5  # ranks at the beginning, as a multiple of those at the end
ORTHOGONAL = 0.1  # weight of the penalty that keeps P and Q orthogonal; gamma in the paper
PATTERN, MEMORY = "adalora.pattern.", "adalora.memory."  # of what is kept beside the weights
MEMORIES = ("ipt", "exp_avg_ipt", "exp_avg_unc")


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model with P, Λ and Q on the chosen linear modules, and what a step must do for its budget."""
    s = plan.settings
    config = peft_files.peft().AdaLoraConfig(
        task_type="CAUSAL_LM",
        init_r=round(WIDER * s.rank),
        target_r=s.rank,
        lora_alpha=s.alpha,
        lora_dropout=s.dropout,
        tinit=plan.total_steps // 10,
        tfinal=plan.total_steps * 3 // 10,
        deltaT=1,
        total_step=plan.total_steps,
        target_modules=linear_modules(model, s, plan.choice),
    )
    adapted = peft_files.attach(model, config)
    return Attached(
        adapted,
        extra=lambda: _memory(adapted),
        restore=lambda found: _restore(adapted, found),
        penalty=lambda: _penalty(adapted),
        after_step=lambda step: adapted.base_model.update_and_allocate(step + 1),
    )


def _penalty(model: Any) -> Any:
    """ORTHOGONAL times the mean of ‖P Pᵀ − 1‖ over all P, and the same of Q; a scalar tensor."""
    import torch

    distances = []
    for name, weight in model.named_parameters():
        if ".lora_A." in name or ".lora_B." in name:
            square = weight @ weight.T if ".lora_A." in name else weight.T @ weight  # (rank, rank)
            distances.append(torch.linalg.matrix_norm(square - torch.eye(len(square))))
    return ORTHOGONAL * torch.stack(distances).mean()


def _memory(model: Any) -> dict[str, Any]:
    """What the next allocation depends on beside the weights: which ranks are alive, and the running importances."""
    import torch

    allocator = model.base_model.rankallocator
    found = {f"{MEMORY}{kind}.{name}": one for kind in MEMORIES for name, one in getattr(allocator, kind).items()}
    pattern = model.peft_config["default"].rank_pattern or {}
    return found | {f"{PATTERN}{name}": torch.tensor(alive, dtype=torch.uint8) for name, alive in pattern.items()}


def _restore(model: Any, found: Mapping[str, Any]) -> None:
    allocator = model.base_model.rankallocator
    for kind in MEMORIES:
        start = f"{MEMORY}{kind}."
        setattr(allocator, kind, {n.removeprefix(start): t for n, t in found.items() if n.startswith(start)})
    pattern = {n.removeprefix(PATTERN): [bool(v) for v in t] for n, t in found.items() if n.startswith(PATTERN)}
    model.peft_config["default"].rank_pattern = pattern or None


RECIPE = Recipe(
    name="adalora",
    about="lora whose ranks go where they matter, within a budget",
    learning_rate=2e-3,
    attach=attach,
    save=peft_files.save,
    load=peft_files.load,
)
