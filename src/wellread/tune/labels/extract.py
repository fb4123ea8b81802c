"""Extractive question answering: where in a text the answer begins and ends, or that the text holds none.

Two outputs are read at every token, one for a beginning and one for an end; «no answer» is both at the first token. The
loss is the mean of the two cross entropies over the tokens of question and text.

Source: Devlin et al., NAACL 2019, sections 4.2 and 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellread.metrics import metrics
from wellread.tune.data.data import ExtractRow
from wellread.tune.labels.labelled import LabelledItem, is_cut

LABELS = ("start", "end")
MOST_TOKENS = 30  # of an answer


def encode(row: ExtractRow, tokenizer: Any, longest: int) -> LabelledItem | None:
    """Question, then text; None where the text is so long that it is cut before the answer ends.

    The target is (first token of the answer, last token); (0, 0) where there is none.
    """
    item = unanswered(row, tokenizer, longest)
    spans = item.spans
    if not row.answers:
        return item
    answer = row.answers[0]
    inside = [n for n, (a, b) in enumerate(spans) if a < answer.start + len(answer.text) and b > answer.start]
    if not inside or spans[inside[-1]][1] < answer.start + len(answer.text.rstrip()):
        return None
    return LabelledItem(item.ids, (inside[0], inside[-1]), spans, item.cut)


def unanswered(row: ExtractRow, tokenizer: Any, longest: int) -> LabelledItem:
    """Question and text with the target of «no answer»; its spans are characters of the text, (-1, -1) elsewhere."""
    question = f"{row.question.strip()}\n"
    made = tokenizer(question + row.context, truncation=True, max_length=longest, return_offsets_mapping=True)
    moved = [(start - len(question), end - len(question)) for start, end in made["offset_mapping"]]
    spans = tuple((start, end) if start < end and start >= 0 else (-1, -1) for start, end in moved)
    return LabelledItem(tuple(made["input_ids"]), (0, 0), spans, is_cut(made))


def loss(logits: Any, items: Sequence[LabelledItem]) -> Any:
    """Cross entropy of beginnings and ends, summed; logits (n, width, 2)."""
    import torch

    there = torch.zeros(logits.shape[:2], dtype=torch.bool)
    for at, item in enumerate(items):
        there[at, : len(item.ids)] = True
    total = logits.new_zeros(())
    for side in range(2):
        wanted = torch.tensor([item.target[side] for item in items])
        scores = logits[:, :, side].float().masked_fill(~there, float("-inf"))
        total = total + torch.nn.functional.cross_entropy(scores, wanted, reduction="sum")
    return total


def answer(logits: NDArray[np.float32], item: LabelledItem, context: str) -> str:
    """The likeliest text, empty where «no answer» is likelier; logits (tokens, 2).

    A beginning and an end count together when the end is at most MOST_TOKENS behind.
    """
    starts, ends = logits[:, 0], logits[:, 1]
    inside = [n for n, (a, b) in enumerate(item.spans) if a >= 0 and b >= 0]
    best, chosen = float(starts[0] + ends[0]), ""
    for first in inside:
        for last in range(first, min(first + MOST_TOKENS, inside[-1] + 1)):
            if starts[first] + ends[last] > best:
                best, chosen = float(starts[first] + ends[last]), context[item.spans[first][0] : item.spans[last][1]]
    return chosen.strip()


def scores(said: Sequence[str], rows: Sequence[ExtractRow]) -> dict[str, float]:
    """Exact match and F1 of words against the best reference; a question without an answer wants an empty text.

    Source: Rajpurkar et al., ACL 2018.
    """
    exact, overlap = [], []
    for text, row in zip(said, rows, strict=True):
        wanted = [one.text for one in row.answers]
        if not wanted or not text:
            right = float(not wanted and not text)
            exact.append(right)
            overlap.append(right)
        else:
            exact.append(metrics.exact_match(text, wanted))
            overlap.append(metrics.token_f1(text, wanted))
    n = max(1, len(rows))
    return {"exact_match": sum(exact) / n, "f1": sum(overlap) / n}
