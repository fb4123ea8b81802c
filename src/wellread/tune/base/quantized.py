"""Base models in 4 bits (NF4 with a second quantisation of its constants), on this machine's CPU too.

Source: Dettmers et al., NeurIPS 2023 (QLoRA), section 3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wellread.errors import MissingExtra
from wellread.tune.base import base_model

FAST_PATH = "support_avx512bf16_for_cpu"


def load_model(folder: Path) -> Any:
    """The model of a folder with its linear layers in NF4, ready for training adapters on it.

    bitsandbytes packs its weights for another kernel in the first forward without gradients, and gradients are wrong
    from then on; so that kernel is switched off (docs/log.md).

    Raises: MissingExtra without bitsandbytes; ModelError.
    """
    import torch

    try:
        import bitsandbytes  # noqa: F401  # transformers loads it by name
        from transformers import BitsAndBytesConfig
    except ImportError as error:
        raise MissingExtra("bitsandbytes (for tune.method = 'qlora')", "qlora") from error
    config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]  # the library leaves it so
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    model = base_model.load_model(folder, quantization=config)
    for module in model.modules():
        if hasattr(module, FAST_PATH):
            setattr(module, FAST_PATH, False)
    return model


def weight_bytes(model: Any) -> int:
    """Bytes that the weights and buffers of a model take in memory, each shared one counted once."""
    seen = {tensor.data_ptr(): tensor for tensor in (*model.parameters(), *model.buffers())}
    return sum(tensor.numel() * tensor.element_size() for tensor in seen.values())
