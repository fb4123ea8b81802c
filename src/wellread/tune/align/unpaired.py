"""Rated answers as a task of the training loop, each for itself: the KTO loss against what the reference said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wellread.tune.align import losses
from wellread.tune.align.ratings import EncodedAnswer
from wellread.tune.align.task import Kept
from wellread.tune.settings import TuneSettings
from wellread.tune.train.losses import logprobs


class UnpairedTask:
    """Rated answers with what the reference says of each, as (answer, strange answer) in nats; of one thread.

    Good and bad answers weigh the same as a whole: one of the rarer kind weighs more by as much as it is rarer.
    """

    def __init__(
        self,
        model: Any,
        answers: tuple[Sequence[EncodedAnswer], Kept],
        validation: tuple[Sequence[EncodedAnswer], Kept],
        settings: TuneSettings,
        *,
        pad_id: int,
        bf16: bool,
    ) -> None:
        self._model, self._settings, self._pad_id, self._bf16 = model, settings, pad_id, bf16
        self._answers, self._reference = answers
        self._validation, self._validation_reference = validation
        self.lengths = [one.n_tokens for one in self._answers]
        self.weights = weights_of([one.good for one in self._answers])

    def weight(self, rows: Sequence[int]) -> int:
        """Answers."""
        return len(rows)

    def loss(self, rows: Sequence[int]) -> Any:
        """Summed loss of the answers, with a gradient; the distance is estimated on these answers alone."""
        import torch

        some = [self._answers[row] for row in rows]
        own = self._gone(some, [self._reference[row] for row in rows], 0)
        with torch.no_grad():
            strange = self._gone(some, [self._reference[row] for row in rows], 1)
        return self._of(own, strange, some)

    def validate(self) -> float | None:
        """Mean loss an answer of the validation part, chance switched off; None where there is none."""
        import torch

        if not self._validation:
            return None
        was, batch = self._model.training, self._settings.batch
        found: tuple[list[Any], list[Any]] = ([], [])
        self._model.eval()
        with torch.no_grad():
            for start in range(0, len(self._validation), batch):
                some = slice(start, start + batch)
                for which in (0, 1):
                    gone = self._gone(self._validation[some], self._validation_reference[some], which)
                    found[which].append(gone)
            total = self._of(torch.cat(found[0]), torch.cat(found[1]), self._validation)
        self._model.train(was)
        return float(total) / len(self._validation)

    def _gone(self, some: Sequence[EncodedAnswer], kept: Kept, which: int) -> Any:
        """(n,) log π/π_ref of the answers, or of the strange ones."""
        now = logprobs(self._model, [one.rows[which] for one in some], self._pad_id, bf16=self._bf16)
        return now - now.new_tensor([pair[which] for pair in kept])

    def _of(self, own: Any, strange: Any, some: Sequence[EncodedAnswer]) -> Any:
        good = own.new_tensor([one.good for one in some]).bool()
        weights = own.new_tensor([self.weights[one.good] for one in some])
        return losses.kto(own, losses.reference_point(strange), good, losses.beta_of(self._settings), weights).sum()


def weights_of(good: Sequence[bool]) -> dict[bool, float]:
    """λ of good and of bad answers: λ_D n_D = λ_U n_U, the more frequent kind weighing 1.

    Source: Ethayarajh et al., ICML 2024, section 4.2 (the ratio is to lie between 1 and 3/2 or 4/3; 1 is taken).
    """
    n_good = sum(good)
    counts = {True: n_good, False: len(good) - n_good}
    return {kind: max(counts.values()) / n for kind, n in counts.items() if n}
