"""The loss of a conversation: cross entropy of the tokens that the assistant wrote, and of nothing else.

Logits over a large vocabulary are a fifth of the arithmetic of a small model, and most positions have no label. So the
output layer is given only the hidden states of those that have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from wellread.tune.base.template import IGNORED, Encoded, batch_labels


class ConversationTask:
    """Encoded conversations as a task of the loop: rows [0, n_own) are the data set's, the rest are replayed."""

    def __init__(
        self,
        model: Any,
        own: Sequence[Encoded],
        general: Sequence[Encoded],
        validation: Sequence[Encoded],
        *,
        pad_id: int,
        batch: int,
        bf16: bool,
    ) -> None:
        self._model, self._rows, self._validation = model, [*own, *general], list(validation)
        self._pad_id, self._batch, self._bf16 = pad_id, batch, bf16
        self.n_own = len(own)
        self.lengths = [len(row.ids) for row in self._rows]

    def weight(self, rows: Sequence[int]) -> int:
        """Learned tokens of the examples."""
        return sum(self._rows[row].n_trained for row in rows)

    def loss(self, rows: Sequence[int]) -> Any:
        """Summed cross entropy in nats, with a gradient."""
        return summed(self._model, [self._rows[row] for row in rows], self._pad_id, bf16=self._bf16)

    def validate(self) -> float | None:
        """Mean cross entropy a learned token of the validation part; None where there is none."""
        return mean(self._model, self._validation, self._pad_id, batch=self._batch, bf16=self._bf16)


def mean(model: Any, rows: Sequence[Encoded], pad_id: int, *, batch: int, bf16: bool) -> float | None:
    """Mean cross entropy a learned token in nats, chance switched off; None without a learned token."""
    import torch

    ordered = sorted((row for row in rows if row.n_trained), key=lambda row: len(row.ids))
    if not ordered:
        return None
    was, total = model.training, 0.0
    model.eval()
    with torch.no_grad():
        for start in range(0, len(ordered), batch):
            total += float(summed(model, ordered[start : start + batch], pad_id, bf16=bf16))
    model.train(was)
    return total / sum(row.n_trained for row in ordered)


def summed(model: Any, rows: Sequence[Encoded], pad_id: int, *, bf16: bool) -> Any:
    """Cross entropy of all learned tokens of the rows, in nats, summed; a scalar tensor."""
    import torch

    logits, targets = learned_logits(model, rows, pad_id, bf16=bf16)
    return torch.nn.functional.cross_entropy(logits, targets, reduction="sum")


def logprobs(model: Any, rows: Sequence[Encoded], pad_id: int, *, bf16: bool) -> Any:
    """Log-probability of the learned tokens of each row, in nats, summed: (n,)."""
    import torch

    logits, targets = learned_logits(model, rows, pad_id, bf16=bf16)
    lost = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    return torch.stack([-one.sum() for one in torch.split(lost, [row.n_trained for row in rows])])


def learned_logits(model: Any, rows: Sequence[Encoded], pad_id: int, *, bf16: bool) -> tuple[Any, Any]:
    """(learned tokens, vocabulary) float32 and the tokens (learned tokens,), row after row."""
    return learned(model, rows, pad_id, bf16=bf16)[:2]


def learned(model: Any, rows: Sequence[Encoded], pad_id: int, *, bf16: bool) -> tuple[Any, Any, Any]:
    """The same, and the states (learned tokens, width) that the output layer was given."""
    import torch

    made = batch_labels(rows, pad_id)
    device = next(model.parameters()).device
    ids = torch.from_numpy(made.ids).to(device)  # (n, width)
    following = np.full_like(made.labels, IGNORED)
    following[:, :-1] = made.labels[:, 1:]  # a position is judged by the token after it
    targets = torch.from_numpy(following).to(device)
    wanted = targets != IGNORED
    padded = bool((made.attention == 0).any()) or needs_mask(model)
    mask = torch.from_numpy(made.attention).to(device) if padded else None
    with only(model, wanted) as seen, torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits  # (learned tokens, vocabulary)
    return logits.float(), targets[wanted], seen[-1]


def needs_mask(model: Any) -> bool:
    """Whether the model puts something before the tokens, and lengthens the mask that it is given."""
    return bool(getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False))


@contextmanager
def only(model: Any, wanted: Any) -> Iterator[list[Any]]:
    """Inside, the output layer sees the wanted positions alone: (n, width) bool in, (wanted, vocabulary) out.

    The list that is given holds the states of these positions once the model has run.

    Virtual tokens that a method puts before the text are passed over.
    """
    head = model.get_output_embeddings()
    seen: list[Any] = []

    def narrow(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden = given[0]  # (n, virtual + width, hidden)
        seen[:] = [hidden[:, hidden.shape[1] - wanted.shape[1] :][wanted]]
        return (seen[0],)

    hook = head.register_forward_pre_hook(narrow)
    try:
        yield seen
    finally:
        hook.remove()
