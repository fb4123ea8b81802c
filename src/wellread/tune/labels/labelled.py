"""Rows with labels as the loop reads them: token ids, what is right, the loss, and what the model says in the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

IGNORED = -100


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """A row: token ids, and what is right: one label, or one for each token (IGNORED where none is asked for).

    ``spans`` are the characters at which its tokens begin and end, where an answer is looked up in a text. ``cut`` says
    that the text continued beyond the limit.
    """

    ids: tuple[int, ...]
    target: tuple[int, ...]
    spans: tuple[tuple[int, int], ...] = ()
    cut: bool = False

    @property
    def n_targets(self) -> int:
        """What the loss is averaged over."""
        return sum(one != IGNORED for one in self.target)


def is_cut(made: Any) -> bool:
    """Whether a tokenizer left something out of the text that it was given."""
    return any(one.overflowing for one in made.encodings or ())


def padded(items: Sequence[LabelledItem], pad: int) -> tuple[Any, Any]:
    """(n, width) ids and mask as tensors, padded on the right."""
    import torch

    width = max(len(item.ids) for item in items)
    ids = np.full((len(items), width), pad, np.int64)
    mask = np.zeros((len(items), width), np.int64)
    for at, item in enumerate(items):
        ids[at, : len(item.ids)], mask[at, : len(item.ids)] = item.ids, 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


Logits = Callable[[Sequence[LabelledItem]], Any]  # (n, labels), (n, width, labels)
Loss = Callable[[Any, Sequence[LabelledItem]], Any]  # logits and rows → summed loss


class LabelTask:
    """Labelled rows as a task of the loop."""

    def __init__(
        self,
        model: Any,
        logits: Logits,
        loss: Loss,
        train: Sequence[LabelledItem],
        validation: Sequence[LabelledItem],
        batch: int,
    ) -> None:
        self._model, self._logits, self._loss = model, logits, loss
        self._train, self._validation, self._batch = list(train), list(validation), batch
        self.lengths = [len(item.ids) for item in self._train]

    def weight(self, rows: Sequence[int]) -> int:
        """Labels of the examples."""
        return sum(self._train[row].n_targets for row in rows)

    def loss(self, rows: Sequence[int]) -> Any:
        """Summed cross entropy in nats, with a gradient."""
        items = [self._train[row] for row in rows]
        return self._loss(self._logits(items), items)

    def validate(self) -> float | None:
        """Mean cross entropy a label of the validation part; None where there is none."""
        import torch

        total, n = 0.0, 0
        self._model.eval()
        with torch.no_grad():
            for items in by_length(self._validation, self._batch):
                total += float(self._loss(self._logits(items), items))
                n += sum(item.n_targets for item in items)
        return total / n if n else None


def by_length(items: Sequence[LabelledItem], batch: int) -> Iterator[list[LabelledItem]]:
    """The items in batches of like length."""
    ordered = sorted(items, key=lambda item: len(item.ids))
    for start in range(0, len(ordered), batch):
        yield ordered[start : start + batch]


def cross_entropy(logits: Any, items: Sequence[LabelledItem]) -> Any:
    """Summed over the items' labels; logits (n, labels), or (n, width, labels) with a label at each token."""
    import torch

    if logits.ndim == 2:
        wanted = torch.tensor([item.target[0] for item in items])
        return torch.nn.functional.cross_entropy(logits.float(), wanted, reduction="sum")
    wanted = torch.full(logits.shape[:2], IGNORED)
    for at, item in enumerate(items):
        wanted[at, : len(item.target)] = torch.tensor(item.target)
    return torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum"
    )


def predicted(logits: Logits, model: Any, items: Sequence[LabelledItem], batch: int) -> list[NDArray[np.float32]]:
    """Logits of each item in its own order: (labels,), or (tokens, labels)."""
    import torch

    model.eval()
    order = sorted(range(len(items)), key=lambda n: len(items[n].ids))
    found: dict[int, NDArray[np.float32]] = {}
    with torch.no_grad():
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            made = logits([items[n] for n in chosen]).float().numpy()
            for n, row in zip(chosen, made, strict=True):
                found[n] = row if row.ndim == 1 else row[: len(items[n].ids)]
    return [found[n] for n in range(len(items))]


# figures


def accuracy(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Share of rows with the right label."""
    return sum(a == b for a, b in zip(said, wanted, strict=True)) / len(wanted) if wanted else math.nan


def macro_f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    """Mean of the F1 of every label that occurs in ``wanted``."""
    labels = sorted(set(wanted))
    return sum(f1(*_counts(said, wanted, label)) for label in labels) / len(labels) if labels else math.nan


def _counts(said: Sequence[str], wanted: Sequence[str], label: str) -> tuple[int, int, int]:
    right = sum(a == b == label for a, b in zip(said, wanted, strict=True))
    return right, sum(a == label for a in said), sum(b == label for b in wanted)


def f1(right: int, said: int, wanted: int) -> float:
    """Harmonic mean of right / said and right / wanted, 0 where nothing is right."""
    return 2 * right / (said + wanted) if right else 0.0
