"""A language model whose output layer is replaced by one for labels: its text is read, not continued.

``best/`` of such a model holds the network below in the format of transformers (or an adapter of PEFT for it), and the
new layer in head.safetensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from wellread.errors import MissingExtra, ModelError

HEAD, CARD = "head.safetensors", "head.json"
Pooling = Literal["mean", "concat", "none"]


@dataclass(frozen=True, slots=True)
class HeadShape:
    """The new output layer: labels in the order of its outputs, and what it reads.

    ``pooling``: mean of the hidden states; concat, for last or first, maximum and mean one after the other; none, for a
    label at every token. ``decoder``: whether the last token has seen all others, else the first.
    """

    labels: tuple[str, ...]
    pooling: Pooling = "mean"
    decoder: bool = False
    dropout: float = 0.1


def build(folder: Path, shape: HeadShape, *, seed: int) -> Any:
    """The model of a folder with a new, untrained output layer of the given shape.

    Raises: MissingExtra; ModelError where the folder holds no model.
    """
    import torch

    body = load_body(folder)
    torch.manual_seed(seed)
    return _module()(body, shape)


def load_body(folder: Path) -> Any:
    """The network below the output layer in float32. Raises: MissingExtra, ModelError."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("torch with transformers (for training)", "tune") from error
    extra = {"add_pooling_layer": False} if _type(folder) in ("bert", "roberta", "xlm-roberta") else {}
    try:
        return transformers.AutoModel.from_pretrained(
            str(folder),
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            **extra,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{folder}: cannot be loaded for training: {error}") from error


def is_decoder(folder: Path) -> bool:
    """Whether each token of the model sees only those before it."""
    return _type(folder) not in ("bert", "roberta", "xlm-roberta", "distilbert", "electra", "mpnet", "deberta-v2")


def most_tokens(folder: Path, tokenizer: Any) -> int:
    """Tokens of a text that the model of a folder reads at most, as it and its tokenizer say."""
    places = _config(folder).get("max_position_embeddings") or tokenizer.model_max_length
    return min(int(places), int(tokenizer.model_max_length))


def _type(folder: Path) -> str:
    return str(_config(folder)["model_type"])


def _config(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        found["model_type"]  # every model has one
        return found
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder}: holds no model ({error})") from error


@cache
def _module() -> Any:
    import torch

    class Headed(torch.nn.Module):
        """Body, pooling, dropout and one linear layer."""

        def __init__(self, body: Any, shape: HeadShape) -> None:
            super().__init__()
            width = int(body.config.hidden_size)
            self.body, self.shape = body, shape
            self.dropout = torch.nn.Dropout(shape.dropout)
            self.head = torch.nn.Linear(width * (3 if shape.pooling == "concat" else 1), len(shape.labels))

        def pooled(self, ids: Any, mask: Any) -> Any:
            """(n, width) tokens → (n, features), or (n, width, features) without pooling."""
            hidden = self.body(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            return pool(hidden, mask, self.shape)

        def forward(self, ids: Any, mask: Any) -> Any:
            """Logits (n, labels), or (n, width, labels) without pooling."""
            return self.head(self.dropout(self.pooled(ids, mask)))

    return Headed


def pool(hidden: Any, mask: Any, shape: HeadShape) -> Any:
    """Hidden states (n, width, size) → features (n, size), or (n, 3 size) for concat; padding counts for nothing.

    Source of concat: Howard and Ruder, ACL 2018, section 3.3.
    """
    import torch

    if shape.pooling == "none":
        return hidden
    there = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * there).sum(1) / there.sum(1).clamp(min=1)
    if shape.pooling == "mean":
        return mean
    ends = mask.sum(1) - 1 if shape.decoder else torch.zeros(len(mask), dtype=torch.long)
    one = hidden[torch.arange(len(hidden)), ends]
    most = hidden.masked_fill(there == 0, float("-inf")).amax(1)
    return torch.cat([one, most, mean], -1)


def save(model: Any, folder: Path) -> None:
    """Body (or its adapter) and head in ``folder``."""
    from safetensors.torch import save_file

    from wellread.tune.base import peft_files

    if hasattr(model.body, "peft_config"):
        peft_files.save(model.body, folder)
    else:
        model.body.save_pretrained(str(folder))
    save_file({name: tensor.contiguous() for name, tensor in model.head.state_dict().items()}, folder / HEAD)
    (folder / CARD).write_text(json.dumps(asdict(model.shape), ensure_ascii=False) + "\n", "utf-8")


def load(folder: Path, base: Path) -> Any:
    """The model that ``save`` wrote, ready to predict; an adapter is put on the body of ``base``.

    Raises: ModelError where something is missing or does not fit.
    """
    from safetensors.torch import load_file

    from wellread.tune.base import peft_files

    shape = shape_of(folder)
    adapted = (folder / "adapter_config.json").is_file()
    model = _module()(load_body(base if adapted else folder), shape)
    if adapted:
        model.body = peft_files.load(model.body, folder)
    try:
        model.head.load_state_dict(load_file(folder / HEAD))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{folder / HEAD}: does not fit: {error}") from error
    return model.eval()


def shape_of(folder: Path) -> HeadShape:
    """head.json of a folder. Raises: ModelError."""
    try:
        value: Mapping[str, Any] = json.loads((folder / CARD).read_text("utf-8"))
        return HeadShape(**{**value, "labels": tuple(value["labels"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / CARD}: cannot be read: {error}") from error


def layers_of(model: Any) -> list[list[Any]]:
    """Parameters of the model in groups from the bottom up: embeddings, each layer, the new output layer.

    What stands behind the last layer (a final norm) belongs to it.
    """
    body = model.body.get_base_model() if hasattr(model.body, "get_base_model") else model.body
    stack: Sequence[Any] = body.encoder.layer if hasattr(body, "encoder") else body.layers
    groups: list[list[Any]] = [[]] + [list(layer.parameters()) for layer in stack] + [list(model.head.parameters())]
    known = {id(parameter) for group in groups for parameter in group}
    for name, parameter in body.named_parameters():
        if id(parameter) not in known:
            groups[0 if "embed" in name else len(stack)].append(parameter)
    return groups
