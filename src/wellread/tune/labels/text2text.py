"""Summaries, translations, answers, conversation: a chat model learns to write one text from another, and is scored.

Training is that of every chat model: a pair is a question and its answer. What is particular is the score: the tuned
model and its base write the answers of the test part, and both are compared with the references by every measure of the
field. Source: BLEU: Papineni et al., ACL 2002; ROUGE: Lin 2004; chrF: Popović, WMT 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wellread.metrics import metrics
from wellread.models.api import Message
from wellread.tune.base.template import render
from wellread.tune.data.data import ChatRow, PairRow, Row

MEASURES: Mapping[str, Callable[[str, Sequence[str]], float]] = {
    "exact_match": metrics.exact_match,
    "f1": metrics.token_f1,
    "rouge_l": metrics.rouge_l,
    "bleu": metrics.bleu,
    "chrf": metrics.chrf,
}
MOST_TOKENS = 128
MOST_ROWS = 32  # of the test part that are written out
AT_ONCE = 8


def judge(base: Any, tuned: Any, tokenizer: Any, rows: Sequence[Row]) -> dict[str, float]:
    """Every measure of the tuned model on the rows, and of the base beside it as ``base_…``.

    Args:
        base: a function that gives the base model, which is let go before the tuned one is opened.
        tuned: a function that gives the tuned model.
        tokenizer: of both.
        rows: of which the first MOST_ROWS are written out.
    """
    given = [asked(row) for row in rows[:MOST_ROWS]]
    prompts, references = [one for one, _ in given], [wanted for _, wanted in given]
    before = scores(write(base(), tokenizer, prompts), references)
    after = scores(write(tuned(), tokenizer, prompts), references)
    return {**after, **{f"base_{name}": value for name, value in before.items()}}


def asked(row: Row) -> tuple[list[Message], str]:
    """What the model is given, and the reference answer."""
    if isinstance(row, PairRow):
        return [Message("user", row.source)], row.target
    if not isinstance(row, ChatRow):
        raise TypeError(f"row {row.id}: is no pair of texts and no conversation")
    last = max(n for n, turn in enumerate(row.messages) if turn.role == "assistant")
    return list(row.messages[:last]), row.messages[last].content


def write(model: Any, tokenizer: Any, prompts: Sequence[Sequence[Message]]) -> list[str]:
    """Greedy answers, in the order of the prompts."""
    import torch
    from transformers import GenerationConfig

    end = tokenizer.eos_token_id
    make: Any = GenerationConfig
    settings = make(max_new_tokens=MOST_TOKENS, do_sample=False, eos_token_id=end, pad_token_id=end)
    texts = [render([*prompt, Message("assistant", "x")], tokenizer) for prompt in prompts]
    ids = [tokenizer(one.text[: one.spans[-1].start], add_special_tokens=False)["input_ids"] for one in texts]
    order = sorted(range(len(ids)), key=lambda n: len(ids[n]))
    found: dict[int, str] = {}
    for at in range(0, len(order), AT_ONCE):
        some = order[at : at + AT_ONCE]
        width = max(len(ids[n]) for n in some)
        given = torch.tensor([[end] * (width - len(ids[n])) + ids[n] for n in some])
        mask = torch.tensor([[0] * (width - len(ids[n])) + [1] * len(ids[n]) for n in some])
        with torch.inference_mode():
            made = model.generate(input_ids=given, attention_mask=mask, generation_config=settings)
        for n, row in zip(some, made[:, width:].tolist(), strict=True):
            found[n] = tokenizer.decode(row, skip_special_tokens=True).strip()
    return [found[n] for n in range(len(ids))]


def scores(said: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """The mean of every measure over the answers, each between 0 and 1."""
    n = max(1, len(said))
    return {
        name: sum(measure(text, [wanted]) for text, wanted in zip(said, references, strict=True)) / n
        for name, measure in MEASURES.items()
    }
