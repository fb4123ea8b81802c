"""The model that learning is held against: the base as it was, never a second copy in memory for the whole run.

What it says of the training pairs is computed once and kept in the run's folder: 16 bytes a pair. So a method that
changes every weight has a reference, too, and a step costs no second pass. For that moment the adapter is switched off;
a method without a switch has the base opened beside it, once its weights more, and closed again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from wellread.tune.align.losses import PairLogprobs
from wellread.tune.base.template import Encoded
from wellread.tune.settings import TuneSettings
from wellread.tune.train import losses, state

FILE = "reference.json"
ASKED = ("train", "validation")  # parts that the loss is computed on
Opened = Callable[[], AbstractContextManager[Any]]


class TwoRows(Protocol):
    """What a reference is asked about at once: a preferred and a rejected answer, or an answer and a strange one."""

    @property
    def rows(self) -> tuple[Encoded, Encoded]:
        """Both, encoded."""
        ...

    @property
    def n_tokens(self) -> int:
        """Tokens of both."""
        ...


def pair_logprobs(model: Any, pairs: Sequence[TwoRows], pad_id: int, *, bf16: bool) -> PairLogprobs:
    """What a model says of both answers of some pairs, in one pass of 2 n rows; with a gradient where it has one."""
    import torch

    rows = [pair.rows[0] for pair in pairs] + [pair.rows[1] for pair in pairs]
    summed = losses.logprobs(model, rows, pad_id, bf16=bf16)
    tokens = torch.tensor([row.n_trained for row in rows], dtype=summed.dtype, device=summed.device)
    n = len(pairs)
    return PairLogprobs(summed[:n], summed[n:], tokens[:n], tokens[n:])


def all_logprobs(
    model: Any, pairs: Sequence[TwoRows], pad_id: int, *, batch: int, bf16: bool
) -> list[tuple[float, float]]:
    """Summed log-probabilities (first, second) of every pair of rows, in their order, chance switched off."""
    import torch

    order = sorted(range(len(pairs)), key=lambda at: pairs[at].n_tokens)
    found = [(0.0, 0.0)] * len(pairs)
    was = model.training
    model.eval()
    with torch.no_grad():
        for start in range(0, len(order), batch):
            some = order[start : start + batch]
            made = pair_logprobs(model, [pairs[at] for at in some], pad_id, bf16=bf16)
            for at, chosen, rejected in zip(some, made.chosen.tolist(), made.rejected.tolist(), strict=True):
                found[at] = (chosen, rejected)
    model.train(was)
    return found


def kept(
    folder: Path,
    pairs: Mapping[str, Sequence[TwoRows]],
    opened: Callable[[], Opened],
    pad_id: int,
    *,
    batch: int,
    bf16: bool,
) -> dict[str, list[tuple[float, float]]]:
    """What the reference says of every pair that a loss is computed on; once for a run, a resumed one finds it.

    Args:
        folder: of the run; it keeps reference.json.
        pairs: by part, all of ``ASKED``.
        opened: gives the reference, see ``base_of``; called only where nothing is kept yet.
        pad_id: fills a batch.
        batch: pairs in one pass.
        bf16: as in training, so that the loss before the first step is that of two equal models.
    """
    path = folder / FILE
    if not path.is_file():
        started = time.monotonic()
        with opened()() as model:
            said = {part: all_logprobs(model, pairs[part], pad_id, batch=batch, bf16=bf16) for part in ASKED}
        state.put(path, {**said, "seconds": round(time.monotonic() - started, 2)})
    found = json.loads(path.read_text("utf-8"))
    return {part: [(float(chosen), float(rejected)) for chosen, rejected in found[part]] for part in ASKED}


def seconds_of(folder: Path) -> float:
    """What asking the reference took in a run; 0 where it was not asked."""
    path = folder / FILE
    return float(json.loads(path.read_text("utf-8")).get("seconds", 0.0)) if path.is_file() else 0.0


def base_of(tuned: Any, open_base: Callable[[], Any], *, switch: bool = True) -> Opened:
    """What gives the base model, ready to predict: the tuned one with its adapter off, or a second one in memory.

    ``switch`` False: the weights below the adapter are not the base's, so the switch would lead elsewhere.
    """
    if switch and hasattr(tuned, "disable_adapter"):
        return partial(_switched_off, tuned)
    return partial(nullcontext, open_base().eval())


@contextmanager
def _switched_off(tuned: Any) -> Iterator[Any]:
    was = tuned.training
    tuned.eval()
    with tuned.disable_adapter():
        yield tuned
    tuned.train(was)


def has_switch(settings: TuneSettings) -> bool:
    """Whether switching the adapter off gives the base while it is trained: pissa and olora take a part out of it."""
    return settings.init not in ("pissa", "olora")
