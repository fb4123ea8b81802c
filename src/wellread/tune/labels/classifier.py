"""A new output layer for labels, on a frozen network (finetuning I), a whole one (finetuning II), or one with a LoRA.

``head`` learns the new layer alone: the network below is run once over every text, and its features are kept, so that
an epoch is cheap. ``full`` learns all layers, the new one ten times as fast as the others: it starts from
chance, they do not. ``lora`` learns the new layer and a change of low rank.

Source of the names: Howard and Ruder, ACL 2018; Devlin et al., NAACL 2019, section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wellread.tune.base import peft_files
from wellread.tune.labels import labelled
from wellread.tune.labels.labelled import LabelledItem
from wellread.tune.settings import TuneSettings

HEAD_TIMES = 10.0
RATES = {"head": 1e-2, "full": 1e-4, "lora": 1e-3, "ulmfit": 2e-3}


def attach(model: Any, method: str, settings: TuneSettings) -> None:
    """The parameters of the model that ``method`` learns require gradients, the others do not."""
    if method == "head":
        model.body.requires_grad_(False)
    elif method == "lora":
        config = peft_files.peft().LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            use_rslora=settings.rslora,
            use_dora=settings.dora,
            target_modules=list(settings.targets) or "all-linear",
        )
        model.body = peft_files.attach(model.body, config)


def groups(model: Any, method: str, rate: float) -> list[Mapping[str, Any]]:
    """Parameter groups with their learning rates."""
    head = {"params": list(model.head.parameters()), "lr": rate}
    if method == "head":
        return [head]
    body = [parameter for parameter in model.body.parameters() if parameter.requires_grad]
    return [
        {"params": body, "lr": rate},
        {**head, "lr": rate * (HEAD_TIMES if method == "full" else 1.0)},
    ]


class Cached:
    """The features of every item under a frozen body, computed once."""

    def __init__(self, model: Any, pad: int, batch: int) -> None:
        self._model, self._pad, self._batch = model, pad, batch
        self._kept: dict[tuple[int, ...], Any] = {}

    def logits(self, items: Sequence[LabelledItem]) -> Any:
        """Of the head, on features that are kept."""
        import torch

        missing = [item for item in items if item.ids not in self._kept]
        if missing:
            was = self._model.training
            self._model.eval()
            with torch.no_grad():
                for some in labelled.by_length(missing, self._batch):
                    features = self._model.pooled(*labelled.padded(some, self._pad))
                    for item, row in zip(some, features, strict=True):
                        self._kept[item.ids] = row[: len(item.ids)].clone() if row.ndim == 2 else row.clone()
            self._model.train(was)
        rows = [self._kept[item.ids] for item in items]
        if rows[0].ndim == 2:
            rows = list(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True))
        return self._model.head(self._model.dropout(torch.stack(rows)))
