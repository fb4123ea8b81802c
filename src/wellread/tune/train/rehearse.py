"""Texts that the base model writes itself, to be read again while it learns something else.

What it writes is what it knows how to write, so learning these texts beside the new ones holds the old habits without
any other corpus.

Source: Huang et al., ACL 2024 (self-synthesized rehearsal), section 3; here without refinement, as plain texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wellread.progress import Progress
from wellread.tune.base import peft_files
from wellread.tune.base.template import Encoded
from wellread.tune.train import probe, state

FILE = "rehearsal.json"
TOKENS = 40
AT_ONCE = 16
LIKELY = 0.95  # share of the probability that a token is drawn from
OPENINGS = (
    *("The", "In", "A", "When", "After", "It", "She", "He", "They", "We", "My", "People", "Every", "For", "On", "If"),
    *(
        "There",
        "Many",
        "Our",
        "One",
        "As",
        "At",
        "This",
        "Before",
        "During",
        "Most",
        "Some",
        "Children",
        "Water",
        "Music",
    ),
)


def texts(folder: Path, model: Any, tokenizer: Any, n: int, progress: Progress, *, seed: int) -> list[Encoded]:
    """``n`` texts of TOKENS tokens drawn from the model, all of each learned; a resumed run finds the same ones.

    Args:
        folder: of the run; it keeps the token ids.
        model: the base model.
        tokenizer: its tokenizer.
        n: how many.
        progress: who watches.
        seed: where chance enters.
    """
    path = folder / FILE
    if not path.is_file():
        state.put(path, {"ids": _drawn(model, tokenizer, n, progress, seed=seed)})
    kept: Sequence[Sequence[int]] = json.loads(path.read_text("utf-8"))["ids"]
    return [Encoded(tuple(ids), tuple(ids)) for ids in kept]


def _drawn(model: Any, tokenizer: Any, n: int, progress: Progress, *, seed: int) -> list[list[int]]:
    import torch

    torch.manual_seed(seed)
    stops = {probe.pad_of(tokenizer), tokenizer.eos_token_id}
    starts = [tokenizer(OPENINGS[at % len(OPENINGS)], add_special_tokens=False)["input_ids"] for at in range(n)]
    found: list[list[int]] = []
    for size in sorted({len(one) for one in starts}):
        same = [one for one in starts if len(one) == size]
        for at in range(0, len(same), AT_ONCE):
            ids = torch.tensor(same[at : at + AT_ONCE])
            with torch.no_grad(), peft_files.quiet():
                made = model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=TOKENS - size,
                    do_sample=True,
                    temperature=1.0,
                    top_k=0,
                    top_p=LIKELY,
                    pad_token_id=probe.pad_of(tokenizer),
                )
            found += [_until_stop(row, stops) for row in made.tolist()]
            progress.step("rehearsal", len(found), n)
    return [one for one in found if len(one) > 1]


def _until_stop(ids: Sequence[int], stops: set[int]) -> list[int]:
    end = next((at for at, one in enumerate(ids) if one in stops), len(ids))
    return list(ids[:end])
