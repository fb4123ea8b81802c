"""ULMFiT: each layer learns at a rate of its own, the rate runs along a slanted triangle, layers thaw from the top.

Source: Howard and Ruder, ACL 2018, sections 3.2 and 3.3. The language model's own fine-tuning on the texts (their
second stage) is a run of its own before this one: ``full`` on the texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellread.tune.labels import headed

FACTOR = 2.6  # between the rates of neighbouring layers
CUT_FRACTION = 0.1  # share of the steps in which the rate rises
RATIO = 32.0  # between the highest and the lowest rate


def rate_of(top: float, layer: int, n_layers: int, factor: float = FACTOR) -> float:
    """Learning rate of a layer: ``top`` for the uppermost, ``factor`` times less for each one below.

    Args:
        top: rate of the uppermost layer, > 0.
        layer: 0 is the lowest.
        n_layers: > layer.
        factor: > 1 for lower layers that learn slower.
    Source: Howard and Ruder, ACL 2018, section 3.2: η(l-1) = η(l) / 2.6.
    """
    if not 0 <= layer < n_layers:
        raise ValueError("layer: is from 0 up to below n_layers")
    return float(top / factor ** (n_layers - 1 - layer))


def n_thawed(epoch: int, n_groups: int) -> int:
    """Groups from the top that learn in an epoch, from 0: one more in each. Source: ibid., section 3.3."""
    return min(epoch + 1, n_groups)


def groups(model: Any, top: float) -> list[Mapping[str, Any]]:
    """The model's layers from the bottom up, each with its rate."""
    layers = headed.layers_of(model)
    return [{"params": layer, "lr": rate_of(top, n, len(layers))} for n, layer in enumerate(layers) if layer]


def thaw(model: Any, epoch: int) -> int:
    """Lets the upper groups learn that learn in this epoch and freezes those below; how many learn now."""
    layers = [layer for layer in headed.layers_of(model) if layer]
    n = n_thawed(epoch, len(layers))
    for at, layer in enumerate(layers):
        for parameter in layer:
            parameter.requires_grad_(at >= len(layers) - n)
            if at < len(layers) - n:
                parameter.grad = None
    return n
