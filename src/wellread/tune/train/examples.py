"""A prepared data set as the model reads it: token ids and labels, and what of it nothing can be learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.errors import UsageError
from wellread.models.api import Message
from wellread.tune.base.template import Encoded, encode, encode_text
from wellread.tune.data.data import ChatRow, DataSet, PairRow, Row, TextRow, limit_of
from wellread.tune.train import probe
from wellread.tune.train.loop import TuneFailed

TASKS = ("chat", "text2text", "texts")


@dataclass(frozen=True, slots=True)
class EncodedParts:
    """The parts as token ids with labels; ``left_out`` names each row that nothing can be learned from, and why.

    ``cut`` rows lost their end to the length limit and still have something to learn. ``general`` are the rows for
    replay.
    """

    train: tuple[Encoded, ...]
    validation: tuple[Encoded, ...]
    test: tuple[Encoded, ...]
    general: tuple[Encoded, ...]
    left_out: tuple[Mapping[str, Any], ...]
    cut: int
    max_length: int
    teaches_facts: bool


def encode_rows(data: DataSet, tokenizer: Any, max_length: int) -> EncodedParts:
    """Every row of the data set in the model's own template.

    Args:
        data: conversations, pairs or texts.
        tokenizer: of the base model.
        max_length: tokens of a row at most; 0 takes that of the data set, see ``limit_of``.
    Raises: UsageError where the data set is for another task; TuneFailed where no row has a token to learn.
    """
    if data.card.task not in TASKS:
        raise UsageError(
            f"data set '{data.card.name}': is for {data.card.task}; this method learns from {', '.join(TASKS)}"
        )
    most = limit_of(data.card, max_length)
    left_out: list[Mapping[str, Any]] = []
    parts = {}
    for part in ("train", "validation", "test"):
        parts[part] = _part(part, getattr(data, part), tokenizer, most, left_out)
    made = [row for rows in parts.values() for row in rows]
    if not any(row.n_trained for row in parts["train"]):
        first = f"; the first: {left_out[0]['id']}: {left_out[0]['reason']}" if left_out else ""
        raise TuneFailed(f"data set '{data.card.name}': has no token to learn at {most} tokens an example{first}")
    return EncodedParts(
        train=tuple(parts["train"]),
        validation=tuple(parts["validation"]),
        test=tuple(parts["test"]),
        general=_general(tokenizer, most),
        left_out=tuple(left_out),
        cut=sum(row.n_cut > 0 for row in made),
        max_length=most,
        teaches_facts=any(isinstance(row, ChatRow) and row.fact for row in data.train),
    )


def _general(tokenizer: Any, most: int) -> tuple[Encoded, ...]:
    """The general conversations; none for a model that was not made for conversations."""
    if not probe.has_template(tokenizer):
        return ()
    return tuple(encode(row.messages, tokenizer, most) for row in probe.general())


def _part(
    part: str, rows: Sequence[Row], tokenizer: Any, most: int, left_out: list[Mapping[str, Any]]
) -> list[Encoded]:
    kept = []
    for row in rows:
        made = encoded(row, tokenizer, most)
        if made.n_trained:
            kept.append(made)
        else:
            reason = f"its answer lies beyond the first {most} tokens" if made.n_cut else "the assistant writes nothing"
            left_out.append({"part": part, "id": row.id, "reason": reason})
    return kept


def encoded(row: Row, tokenizer: Any, most: int) -> Encoded:
    """One row: a conversation, a text and what it becomes, or running text."""
    if isinstance(row, ChatRow):
        return encode(row.messages, tokenizer, most)
    if isinstance(row, PairRow):
        return encode([Message("user", row.source), Message("assistant", row.target)], tokenizer, most)
    if isinstance(row, TextRow):
        return encode_text(row.text, tokenizer, most)
    raise UsageError(f"row {row.id}: is no conversation, pair or text")
