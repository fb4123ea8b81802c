"""Bottleneck adapters: a narrow network beside or behind a block of the model, and only that is learned.

PEFT has none and the library that does cannot be installed with transformers 5, so they are built here: as hooks on the
blocks, which leaves every name and every weight of the base as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wellread.errors import ModelError, UsageError

CHILD = "bottleneck"  # name of an adapter below the block that it belongs to
WEIGHTS, SHAPE = "adapter.safetensors", "adapter.json"


@dataclass(frozen=True, slots=True)
class AdapterShape:
    """What an adapter is: which blocks have one, how wide, and what is added to what.

    ``parallel``: the adapter reads what the block reads, and ``scale`` times its output is added to the block's;
    otherwise it reads what the block wrote.
    """

    blocks: tuple[str, ...]
    width: int
    parallel: bool
    scale: float
    dropout: float


def blocks_of(model: Any, endings: Sequence[str]) -> list[str]:
    """Names of the blocks of all layers that end in one of ``endings``, from the bottom up. Raises: UsageError."""
    found = [name for name, _ in model.named_modules() if name.rpartition(".")[2] in endings and ".layers." in name]
    if not found:
        raise UsageError(f"{model.config.model_type}: has no {' or '.join(endings)}; take tune.method = 'lora'")
    return found


def put(model: Any, shape: AdapterShape) -> Any:
    """The model with untrained adapters; they begin as no change at all, and alone require gradients."""
    import torch

    model.requires_grad_(False)
    size = int(model.config.hidden_size)
    for name in shape.blocks:
        block = model.get_submodule(name)
        device = next(block.parameters()).device
        block.add_module(CHILD, _network(torch, size, shape).to(device))
        block.register_forward_hook(_add_to_output(shape), with_kwargs=True)
    setattr(model, CHILD, shape)
    return model


def _network(torch: Any, size: int, shape: AdapterShape) -> Any:
    """(…, size) → (…, size) through ``shape.width``; the second layer begins at 0."""
    down, up = torch.nn.Linear(size, shape.width), torch.nn.Linear(shape.width, size)
    torch.nn.init.normal_(down.weight, std=0.02)
    for weight in (down.bias, up.weight, up.bias):
        torch.nn.init.zeros_(weight)
    return torch.nn.Sequential(down, torch.nn.ReLU(), torch.nn.Dropout(shape.dropout), up)


def _add_to_output(shape: AdapterShape) -> Any:
    def hook(block: Any, given: tuple[Any, ...], named: Mapping[str, Any], made: Any) -> Any:
        output = made[0] if isinstance(made, tuple) else made  # attention gives its weights too
        read = (given[0] if given else named["hidden_states"]) if shape.parallel else output
        changed = output + shape.scale * block.get_submodule(CHILD)(read)
        return (changed, *made[1:]) if isinstance(made, tuple) else changed

    return hook


def save(model: Any, folder: Path) -> None:
    """The weights of the adapters and their shape, nothing of the base."""
    from safetensors.torch import save_file

    shape: AdapterShape = getattr(model, CHILD)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if f".{CHILD}." in name}
    save_file(weights, folder / WEIGHTS)
    (folder / SHAPE).write_text(json.dumps(asdict(shape), indent=1) + "\n", "utf-8")


def load(model: Any, folder: Path) -> Any:
    """A base model with the adapters of ``folder``, ready to predict. Raises: ModelError where they do not fit."""
    from safetensors.torch import load_file

    try:
        found = json.loads((folder / SHAPE).read_text("utf-8"))
        adapted = put(model, AdapterShape(**{**found, "blocks": tuple(found["blocks"])}))
        _, unknown = adapted.load_state_dict(load_file(folder / WEIGHTS), strict=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ModelError(f"{folder}: its adapter does not fit this base: {error}") from error
    if unknown:
        raise ModelError(f"{folder}: its adapter does not fit this base: {unknown[0]} has no place in it")
    return adapted.eval()
