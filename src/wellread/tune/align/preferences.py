"""Pairs of a better and a worse answer as the model reads them, and which pairs nothing can be learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellread.errors import UsageError
from wellread.models.api import Message
from wellread.tune.base.template import Encoded, encode
from wellread.tune.data.data import PARTS, DataSet, PreferenceRow, Row, limit_of
from wellread.tune.train.loop import TuneFailed


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """One prompt with two answers, as token ids of prompt and answer; only the tokens of the answers have labels.

    ``preferred`` is the text of the chosen one, ``rater`` who chose it where that is known.
    """

    id: str
    prompt: str
    preferred: str
    chosen: Encoded
    rejected: Encoded
    rater: str = ""

    @property
    def rows(self) -> tuple[Encoded, Encoded]:
        """What goes through the model for this pair."""
        return self.chosen, self.rejected

    @property
    def n_tokens(self) -> int:
        """Tokens that go through the model for this pair."""
        return len(self.chosen.ids) + len(self.rejected.ids)


@dataclass(frozen=True, slots=True)
class PreferenceParts:
    """The parts of a data set as pairs; ``left_out`` names each row that is not among them, and why."""

    train: tuple[EncodedPair, ...]
    validation: tuple[EncodedPair, ...]
    test: tuple[EncodedPair, ...]
    left_out: tuple[Mapping[str, Any], ...]
    max_length: int

    @property
    def held_out(self) -> tuple[EncodedPair, ...]:
        """What a run is judged by: the test part, else the validation part."""
        return self.test or self.validation

    @property
    def wanted(self) -> dict[str, str]:
        """Held-out prompts, each with an answer that was preferred."""
        found = {pair.prompt: pair.preferred for pair in reversed(self.held_out)}
        return dict(reversed(found.items()))


def encode_pairs(data: DataSet, tokenizer: Any, max_length: int) -> PreferenceParts:
    """Every pair of the data set in the model's own template.

    A pair is compared over its whole answers or not at all: one with an answer beyond the limit is left out and listed,
    for a cut answer has another length and no end.

    Args:
        data: preferences.
        tokenizer: of the base model, with a chat template.
        max_length: tokens of prompt and answer at most; 0 takes that of the data set, see ``limit_of``.
    Raises: UsageError where the data set is for another task or the tokenizer has no template; TuneFailed where no pair
        of the training part is left.
    """
    if data.card.task != "preference":
        raise UsageError(f"data set '{data.card.name}': is for {data.card.task}; preferences are learned from pairs")
    most = limit_of(data.card, max_length)
    left_out: list[Mapping[str, Any]] = []
    train, validation, test = (_part(name, getattr(data, name), tokenizer, most, left_out) for name in PARTS)
    if not train:
        first = f"; the first: {left_out[0]['id']}: {left_out[0]['reason']}" if left_out else ""
        raise TuneFailed(f"data set '{data.card.name}': has no pair to learn from at {most} tokens an answer{first}")
    return PreferenceParts(train, validation, test, tuple(left_out), most)


def _part(
    part: str, rows: Sequence[Row], tokenizer: Any, most: int, left_out: list[Mapping[str, Any]]
) -> tuple[EncodedPair, ...]:
    kept = []
    for row in rows:
        if not isinstance(row, PreferenceRow):
            raise UsageError(f"row {row.id}: is no pair of answers")
        chosen, rejected = (answered(row.prompt, text, tokenizer, most) for text in (row.chosen, row.rejected))
        pair = EncodedPair(row.id, row.prompt, row.chosen, chosen, rejected, row.rater)
        reason = _why_not(pair, most)
        if reason:
            left_out.append({"part": part, "id": row.id, "reason": reason})
        else:
            kept.append(pair)
    return tuple(kept)


def answered(prompt: str, answer: str, tokenizer: Any, most: int) -> Encoded:
    """A prompt with its answer in the model's own template, of ``most`` tokens; the answer's have labels."""
    return encode([Message("user", prompt), Message("assistant", answer)], tokenizer, most)


def _why_not(pair: EncodedPair, most: int) -> str:
    """Why nothing can be learned from a pair; empty where something can."""
    for name, answer in (("preferred ", pair.chosen), ("rejected ", pair.rejected)):
        reason = unlearnable(name, answer, most)
        if reason:
            return reason
    return "both answers are the same tokens" if pair.chosen.ids == pair.rejected.ids else ""


def unlearnable(name: str, answer: Encoded, most: int) -> str:
    """Why nothing can be learned from an answer, which the reason calls ``name``; empty where something can."""
    if answer.n_cut:
        return f"its {name}answer needs {len(answer.ids) + answer.n_cut} tokens with its prompt, above {most}"
    return "" if answer.n_trained else f"its {name}answer is empty"
