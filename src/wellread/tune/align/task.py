"""Pairs as a task of the training loop: the objective of each pair, against what the reference said of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wellread.tune.align import losses, reference
from wellread.tune.align.losses import PairLogprobs
from wellread.tune.align.preferences import EncodedPair
from wellread.tune.settings import TuneSettings

Kept = Sequence[tuple[float, float]]  # summed log-probabilities of the reference: preferred, rejected


class PreferenceTask:
    """Encoded pairs with what the reference says of each, as (preferred, rejected) in nats; of one thread."""

    def __init__(
        self,
        model: Any,
        pairs: tuple[Sequence[EncodedPair], Kept],
        validation: tuple[Sequence[EncodedPair], Kept],
        settings: TuneSettings,
        *,
        pad_id: int,
        bf16: bool,
    ) -> None:
        self._model, self._settings, self._pad_id, self._bf16 = model, settings, pad_id, bf16
        self._pairs, self._reference = pairs
        self._validation, self._validation_reference = validation
        self.lengths = [pair.n_tokens for pair in self._pairs]

    def weight(self, rows: Sequence[int]) -> int:
        """Pairs."""
        return len(rows)

    def loss(self, rows: Sequence[int]) -> Any:
        """Summed loss of the pairs, with a gradient."""
        pairs, kept = [self._pairs[row] for row in rows], [self._reference[row] for row in rows]
        return self._of(pairs, kept).sum()

    def validate(self) -> float | None:
        """Mean loss a pair of the validation part, chance switched off; None where there is none."""
        import torch

        if not self._validation:
            return None
        was, total, batch = self._model.training, 0.0, self._settings.batch
        self._model.eval()
        with torch.no_grad():
            for start in range(0, len(self._validation), batch):
                some = slice(start, start + batch)
                total += float(self._of(self._validation[some], self._validation_reference[some]).sum())
        self._model.train(was)
        return total / len(self._validation)

    def _of(self, pairs: Sequence[EncodedPair], kept: Kept) -> Any:
        """(n,)"""
        made = reference.pair_logprobs(self._model, pairs, self._pad_id, bf16=self._bf16)
        chosen, rejected = made.chosen.new_tensor(kept).unbind(1)
        before = PairLogprobs(chosen, rejected, made.chosen_tokens, made.rejected_tokens)
        return losses.loss(made, before, self._settings)
