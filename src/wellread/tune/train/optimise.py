"""From a gradient to a step: the optimizers that can be set, and their state as plain tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wellread.tune.settings import TuneSettings

SECOND_BETA = 0.999


def optimizer_of(settings: TuneSettings, groups: Sequence[Mapping[str, Any]], learning_rate: float) -> Any:
    """A torch optimizer over parameter groups; a group's own ``lr`` counts before ``learning_rate``.

    Source: SGD with momentum: Sutskever et al., ICML 2013; Adam: Kingma and Ba, ICLR 2015; AdamW: Loshchilov and
        Hutter, ICLR 2019; Adafactor: Shazeer and Stern, ICML 2018.
    """
    import torch

    made = [{"lr": learning_rate, **group} for group in groups]
    decay = settings.weight_decay
    betas = (settings.momentum, SECOND_BETA)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(made, lr=learning_rate, momentum=settings.momentum, weight_decay=decay)
    if settings.optimizer == "adafactor":
        return torch.optim.Adafactor(made, lr=learning_rate, weight_decay=decay)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(made, lr=learning_rate, betas=betas, weight_decay=decay, fused=True)


def set_factor(optimizer: Any, factor: float) -> float:
    """Every group's learning rate becomes its own highest one times ``factor``; the first group's is given back."""
    for group in optimizer.param_groups:
        group.setdefault("highest_lr", group["lr"])
        group["lr"] = group["highest_lr"] * factor
    return float(optimizer.param_groups[0]["lr"])


def state_of(optimizer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The optimizer's memory: tensors by «parameter.name», and plain values by the same keys."""
    import torch

    tensors, values = {}, {}
    for index, entries in optimizer.state_dict()["state"].items():
        for name, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{index}.{name}"] = value
            else:
                values[f"{index}.{name}"] = value
    return tensors, values


def restore(optimizer: Any, tensors: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """The memory that ``state_of`` gave, put back."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in (*tensors.items(), *values.items()):
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    whole = optimizer.state_dict()
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})
