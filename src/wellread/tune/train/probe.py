"""What a model has forgotten: general questions and plain texts that ship with wellread, tried before and after."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from wellread.models.api import Message
from wellread.progress import SILENT, Progress
from wellread.tune.base import peft_files
from wellread.tune.base.template import encode, encode_text
from wellread.tune.data.data import ChatRow
from wellread.tune.train import losses

FOLDER = Path(__file__).parent / "replay"
ANSWER_TOKENS = 24
AT_ONCE = 16
LONGEST = 512


@dataclass(frozen=True, slots=True)
class Probe:
    """General ability: share of questions whose answer is held by what the model says, and loss on plain texts.

    ``text_loss`` is in nats a token, ``answer_loss`` in nats a token of the questions' right answers; the latter is
    None for a model without a chat template.
    """

    right: float
    n_questions: int
    text_loss: float
    n_texts: int
    answer_loss: float | None

    @property
    def perplexity(self) -> float:
        """Of the plain texts."""
        return float(2.718281828459045**self.text_loss)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What training cost: rise of the loss on plain texts as a share, and questions lost as a share of those known."""

    text_loss: float
    questions: float


@cache
def questions() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """General questions with their accepted answers."""
    return tuple((row["question"], tuple(row["answers"])) for row in _rows("probe") if row["kind"] == "question")


@cache
def texts() -> tuple[str, ...]:
    """Plain sentences."""
    return tuple(row["text"] for row in _rows("probe") if row["kind"] == "text")


@cache
def general() -> tuple[ChatRow, ...]:
    """General conversations for replay; none of them is a question of the probe."""
    made = []
    for row in _rows("general"):
        turns = tuple(Message(turn["role"], turn["content"]) for turn in row["messages"])
        made.append(ChatRow(row["id"], turns, kind=row["kind"]))
    return tuple(made)


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines() if line.strip()]


def measure(model: Any, tokenizer: Any, *, bf16: bool, progress: Progress = SILENT) -> Probe:
    """The probe of a model as it is now."""
    asked = questions()
    said = answer(model, tokenizer, [question for question, _ in asked], bf16=bf16, progress=progress)
    right = sum(holds(text, answers) for text, (_, answers) in zip(said, asked, strict=True))
    plain = [encode_text(text, tokenizer, LONGEST) for text in texts()]
    judged = []
    if has_template(tokenizer):
        pairs = [[Message("user", question), Message("assistant", answers[0])] for question, answers in asked]
        judged = [encode(pair, tokenizer, LONGEST) for pair in pairs]
    pad = pad_of(tokenizer)
    text_loss = losses.mean(model, plain, pad, batch=AT_ONCE, bf16=bf16)
    answer_loss = losses.mean(model, judged, pad, batch=AT_ONCE, bf16=bf16)
    return Probe(right / len(asked), len(asked), text_loss or 0.0, len(plain), answer_loss)


def forgotten(before: Probe, after: Probe) -> Forgotten:
    """What was lost from ``before`` to ``after``; below 0 where something was gained."""
    rise = after.text_loss / before.text_loss - 1 if before.text_loss else 0.0
    lost = 1 - after.right / before.right if before.right else 0.0
    return Forgotten(rise, lost)


def answer(
    model: Any,
    tokenizer: Any,
    asked: Sequence[str],
    *,
    bf16: bool,
    most_tokens: int = ANSWER_TOKENS,
    progress: Progress = SILENT,
) -> list[str]:
    """What the model says to each question, alone and greedily, in the order of the questions."""
    import torch

    prompts = [tokenizer(prompt_of(question, tokenizer), add_special_tokens=False)["input_ids"] for question in asked]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    pad, said = pad_of(tokenizer), [""] * len(prompts)
    was = model.training
    model.eval()
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        width = max(len(prompts[i]) for i in rows)
        ids = torch.tensor([[pad] * (width - len(prompts[i])) + prompts[i] for i in rows])  # (n, width), left
        mask = torch.tensor([[0] * (width - len(prompts[i])) + [1] * len(prompts[i]) for i in rows])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16), peft_files.quiet():
            made = model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=most_tokens, do_sample=False, pad_token_id=pad
            )
        for i, new in zip(rows, made[:, width:], strict=True):
            said[i] = str(tokenizer.decode(new, skip_special_tokens=True)).strip()
        progress.step("general questions", min(start + AT_ONCE, len(order)), len(order))
    model.train(was)
    return said


def prompt_of(question: str, tokenizer: Any) -> str:
    """The prompt string of a question, up to where the assistant begins to write; plain without a chat template."""
    if not has_template(tokenizer):
        return f"Question: {question}\nAnswer:"
    turns = [{"role": "user", "content": question}]
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def has_template(tokenizer: Any) -> bool:
    """Whether the model was made for conversations."""
    return bool(getattr(tokenizer, "chat_template", None))


def pad_of(tokenizer: Any) -> int:
    """The id that rows are padded with; any will do, for padding is known by its place."""
    found = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return int(found or 0)


def holds(text: str, answers: Sequence[str]) -> bool:
    """Whether a text holds one of the answers as whole words, capitals and width of letters aside."""
    held = _plain(text)
    return any(re.search(rf"(?<![\w.]){re.escape(_plain(one))}(?!\w|[.,]\d)", held) for one in answers)


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("–", "-")
    return " ".join(re.sub(r"(?<=\d)[,\u202f ](?=\d{3}\b)", "", plain).split())
