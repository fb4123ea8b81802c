"""What a run learned, added into the weights of its base: tensors by the base's own names, one at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from wellread.errors import ModelError
from wellread.tune.base.gguf_file import Array

_LEAD = re.compile(r"^(base_model\.model\.|base_model\.)")
_SAVED = re.compile(r"\.modules_to_save\.[^.]+\.")


class Merged:
    """The weights of a tuned model as if there had never been an adapter.

    Only one tensor at a time is made; the model is left as it is. A base in 4 bits is merged as the numbers that it was
    trained with, not as those before its rounding.
    """

    def __init__(self, model: Any) -> None:
        self._plain: dict[str, Any] = {}
        self._changed = {_clean(name): layer for name, layer in model.named_modules() if _is_adapted(layer)}
        for name, tensor in model.state_dict().items():
            if (own := _base_name(name)) is not None:
                self._plain[own] = tensor
        if _is_tied(model):
            self._plain.pop("lm_head.weight", None)
        for name, layer in self._changed.items():
            if getattr(layer, "use_dora", None) and any(layer.use_dora.values()):
                continue
            if not hasattr(layer, "get_delta_weight"):
                raise ModelError(f"{name}: what was learned there cannot be merged into the base; --to adapter")

    @property
    def names(self) -> list[str]:
        """Of every tensor."""
        return list(self._plain)

    def take(self, name: str) -> Array:
        """The tensor in float32."""
        import torch

        layer = self._changed.get(name.removesuffix(".weight"))
        with torch.inference_mode():
            if layer is None or not name.endswith(".weight"):
                found = self._plain[name]
            else:
                found = _merged(layer)
        array: Array = np.ascontiguousarray(found.detach().float().cpu().numpy())
        return array


def lora_pairs(model: Any) -> Mapping[str, tuple[Array, Array, float]]:
    """A, B and factor of each LoRA by the name of the base's weight; empty where the model is no plain LoRA."""
    found: dict[str, tuple[Array, Array, float]] = {}
    for name, layer in model.named_modules():
        if not _is_adapted(layer):
            continue
        if not _is_plain_lora(layer):
            return {}
        for adapter in layer.active_adapters:
            a, b = layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
            pair = (a.detach().float().cpu().numpy(), b.detach().float().cpu().numpy(), float(layer.scaling[adapter]))
            found[f"{_clean(name)}.weight"] = pair
    return found


def _is_adapted(layer: Any) -> bool:
    return hasattr(layer, "base_layer") and hasattr(layer, "active_adapters")


def _is_plain_lora(layer: Any) -> bool:
    if not getattr(layer, "lora_A", None) or not all(hasattr(a, "weight") for a in layer.lora_A.values()):
        return False
    return not any(getattr(layer, "use_dora", {}).values()) and all(b.bias is None for b in layer.lora_B.values())


def _clean(name: str) -> str:
    return _LEAD.sub("", name)


def _base_name(name: str) -> str | None:
    """The base's name of a tensor; None for one that belongs to an adapter."""
    name = _SAVED.sub(".", _clean(name))
    if re.search(r"\.(lora_\w+|ia3_\w+|original_module|ranknum)(\.|$)", name) or "base_layer.weight." in name:
        return None  # what is learned beside the base, and the scales of a weight in 4 bits
    return name.replace(".base_layer.", ".")


def _is_tied(model: Any) -> bool:
    inner, outer = model.get_input_embeddings(), model.get_output_embeddings()
    return outer is None or inner.weight.data_ptr() == outer.weight.data_ptr()


def _merged(layer: Any) -> Any:
    """The weight of one adapted layer."""
    weight = _whole(layer.base_layer)
    adapters = [name for name in layer.active_adapters if name in _learned(layer)]
    if any(getattr(layer, "use_dora", {}).values()):
        return _merged_dora(layer, weight, adapters)
    for name in adapters:
        delta = layer.get_delta_weight(name).to(weight.dtype)
        weight = weight + delta
    return weight


def _learned(layer: Any) -> Any:
    return layer.lora_A if hasattr(layer, "lora_A") else {}


def _merged_dora(layer: Any, weight: Any, adapters: list[str]) -> Any:
    """Columns of W + s B A at the learned lengths. Source: Liu et al., ICML 2024, equation 5."""
    for name in adapters:
        moved = weight + layer.get_delta_weight(name).to(weight.dtype)
        lengths = layer.lora_magnitude_vector[name].weight.to(weight.dtype)
        weight = moved * (lengths / moved.norm(dim=1)).view(-1, 1)
    return weight


def _whole(layer: Any) -> Any:
    """The weight of a linear layer in float32, unpacked where it is kept in 4 bits."""
    weight = layer.weight
    if type(weight).__name__ != "Params4bit":
        return weight.float()
    import bitsandbytes

    return bitsandbytes.functional.dequantize_4bit(weight.data, weight.quant_state).float()
