"""Prompt tuning: the embeddings of some virtual tokens before the text are learned, and nothing else.

They start from the tokens of ``tune.prompt_text``, over and over, or from tokens drawn by chance.

Source: Lester et al., EMNLP 2021, sections 2 and 3.2.
"""

from __future__ import annotations

from typing import Any

from wellread.tune.base import peft_files
from wellread.tune.recipe import Attached, MethodPlan, Recipe


def attach(model: Any, plan: MethodPlan) -> Attached:
    """The model with learned embeddings before every text."""
    import torch

    s = plan.settings
    words = model.get_input_embeddings().weight  # (vocabulary, width)
    ids = plan.tokenizer(s.prompt_text, add_special_tokens=False)["input_ids"] if s.prompt_text else []
    if ids:
        first = torch.tensor([ids[at % len(ids)] for at in range(s.virtual_tokens)])
    else:
        first = torch.randint(len(words), (s.virtual_tokens,))
    config = peft_files.peft().PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=s.virtual_tokens)
    adapted = peft_files.attach(model, config)
    with torch.no_grad():
        adapted.prompt_encoder["default"].embedding.weight.copy_(words[first])
    return Attached(adapted)


RECIPE = Recipe(
    name="prompt",
    about="learned embeddings before the text; a few thousand weights",
    learning_rate=3e-2,
    attach=attach,
    save=peft_files.save,
    load=peft_files.load,
    mergeable=False,
    blocks=(),
)
