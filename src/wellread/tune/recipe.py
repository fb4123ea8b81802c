"""What a method of training is, and where each one lives. One recipe is one file under ``recipes/``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread import plugins
from wellread.errors import UsageError
from wellread.tune.settings import TuneSettings

RECIPES: Mapping[str, str] = {
    "full": "wellread.tune.methods.full",
    "lora": "wellread.tune.methods.lora",
    "qlora": "wellread.tune.methods.qlora",
    "adalora": "wellread.tune.methods.adalora",
    "ia3": "wellread.tune.methods.ia3",
    "prefix": "wellread.tune.methods.prefix",
    "prompt": "wellread.tune.methods.prompt",
    "p-tuning": "wellread.tune.methods.p_tuning",
    "series-adapter": "wellread.tune.methods.series_adapter",
    "pfeiffer-adapter": "wellread.tune.methods.pfeiffer_adapter",
    "parallel-adapter": "wellread.tune.methods.parallel_adapter",
}


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """What a ranking left to be trained: names of blocks (the attention or the MLP of a layer), or ranks by module.

    ``blocks`` None: all that the method trains on its own. ``ranks``: lora's rank for each linear module, by its name.
    """

    blocks: tuple[str, ...] | None = None
    ranks: Mapping[str, int] | None = None


ALL = LayerChoice()


@dataclass(frozen=True, slots=True)
class MethodPlan:
    """What a recipe is told: settings, the number of steps to come, tokenizer, a folder of its own, what is trained."""

    settings: TuneSettings
    total_steps: int
    tokenizer: Any
    work: Path
    choice: LayerChoice = ALL


@dataclass(frozen=True, slots=True)
class Attached:
    """A model whose trainable parameters require gradients, and what the loop must do beside a plain step.

    ``extra`` gives tensors beyond the trainable parameters that the next step depends on, ``restore`` takes them back;
    ``penalty`` is added to the loss of each step; ``after_step`` gets the step's number from 0.
    """

    model: Any
    extra: Callable[[], Mapping[str, Any]] | None = None
    restore: Callable[[Mapping[str, Any]], None] | None = None
    penalty: Callable[[], Any] | None = None
    after_step: Callable[[int], None] | None = None
    save: Callable[[Path], None] | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """A method of training.

    ``attach`` makes a base model trainable, ``save`` writes what was learned and nothing else, ``load`` puts that onto
    a base model again. ``learning_rate`` is the one that is taken where none is set. ``mergeable``: what was learned
    can become part of the base's own weights. ``quantized``: the base is loaded in 4 bits. ``blocks``: which parts of a
    layer a ranking chooses among; none where the method has no parts.
    """

    name: str
    about: str
    learning_rate: float
    attach: Callable[[Any, MethodPlan], Attached]
    save: Callable[[Any, Path], None]
    load: Callable[[Any, Path], Any]
    mergeable: bool = True
    quantized: bool = False
    blocks: tuple[str, ...] = ("self_attn", "mlp")


def linear_modules(model: Any, settings: TuneSettings, choice: LayerChoice = ALL) -> list[str]:
    """Names of the linear modules that are changed: by ``tune.targets`` and the choice, never the output layer.

    Raises: UsageError where none is left.
    """
    import torch

    head = model.get_output_embeddings()
    names = [name for name, one in model.named_modules() if isinstance(one, torch.nn.Linear) and one is not head]
    found = [name for name in names if not settings.targets or name.endswith(settings.targets)]
    if not found:
        ends = sorted({name.rpartition(".")[2] for name in names})
        raise UsageError(f"tune.targets = {list(settings.targets)}: names no module; there are {', '.join(ends)}")
    if choice.ranks is not None:
        return [name for name in found if choice.ranks.get(name)]
    return [name for name in found if choice.blocks is None or name.startswith(tuple(f"{b}." for b in choice.blocks))]


def find(name: str) -> Recipe:
    """The recipe of that name. Raises: UsageError."""
    if name not in RECIPES:
        raise UsageError(f"tune.method = '{name}': no such method; there are {', '.join(RECIPES)}")
    recipe: Recipe = plugins.loaded(f"{RECIPES[name]}:RECIPE")
    return recipe
