"""What the tokenizer of the base model makes of each row: its length, what is learned of it, and whether it ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellread.errors import UsageError
from wellread.models.api import Message
from wellread.models.tokens import estimate
from wellread.tune.base import template
from wellread.tune.data.data import ChatRow, PairRow, PreferenceRow, RatedRow, Row, texts_of
from wellread.tune.data.findings import DataFinding, Policy
from wellread.tune.data.rows import PlacedRow

LOOKED_AT = 20  # turns of a role that are looked for in what the template writes, as long as none is missing
WELL_KNOWN = (
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|begin_of_text|>", "<|end_of_text|>", "</s>",
    "<eos>", "<bos>", "<end_of_turn>", "<start_of_turn>", "[INST]", "[/INST]",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of the rows: median, 99th percentile, longest; ``limit`` is what they were held against.

    ``estimated`` says that no tokenizer was at hand.
    """

    p50: int
    p99: int
    longest: int
    limit: int
    trained: int  # tokens that are learned in one epoch
    estimated: bool = False


def conversation(row: Row) -> tuple[Message, ...] | None:
    """The row as the conversation that a chat model is trained on; None for tasks without one."""
    if isinstance(row, ChatRow):
        return row.messages
    if isinstance(row, PairRow):
        return (Message("user", row.source), Message("assistant", row.target))
    if isinstance(row, PreferenceRow):
        longer = max(row.chosen, row.rejected, key=len)
        return (Message("user", row.prompt), Message("assistant", longer))
    if isinstance(row, RatedRow):
        return (Message("user", row.prompt), Message("assistant", row.answer))
    return None


def encoded(row: Row, tokenizer: Any, max_length: int) -> template.Encoded:
    """What a row becomes. Raises: UsageError where the chat template refuses it."""
    turns = conversation(row)
    if turns is not None:
        return template.encode(turns, tokenizer, max_length)
    return template.encode_text("\n".join(texts_of(row)), tokenizer, max_length)


def look(
    rows: Sequence[PlacedRow], tokenizer: Any | None, max_length: int, policy: Policy
) -> tuple[list[DataFinding], Lengths]:
    """Faults that only tokens show, and the lengths.

    Args:
        rows: of one task.
        tokenizer: of the base model; None estimates lengths and finds only control tokens.
        max_length: tokens of a row at most, above 0.
        policy: what is dropped.
    """
    found = _special(rows, tokenizer, policy)
    if tokenizer is None:
        sizes = [sum(map(estimate, texts_of(placed.row))) + 8 for placed in rows]
        return found, _lengths(sizes, 0, max_length, estimated=True)
    fits: list[tuple[PlacedRow, template.Encoded]] = []
    for placed in rows:
        try:
            fits.append((placed, encoded(placed.row, tokenizer, 1 << 20)))
        except UsageError as error:
            found.append(policy.finding("refused-by-template", placed.file, placed.number, str(error)))
    lengths = _lengths([len(one.ids) for _, one in fits], sum(one.n_trained for _, one in fits), max_length)
    for placed, one in fits:
        found += _of_row(placed, one, max_length, policy)
    return [*found, *_lost(rows, tokenizer, policy), *_stops(rows, tokenizer, policy)], lengths


def _lengths(sizes: Sequence[int], trained: int, max_length: int, *, estimated: bool = False) -> Lengths:
    if not sizes:
        return Lengths(0, 0, 0, max_length, 0, estimated)
    p50, p99 = (int(np.percentile(sizes, q, method="higher")) for q in (50, 99))
    return Lengths(p50, p99, max(sizes), max_length, trained, estimated)


def _of_row(placed: PlacedRow, one: template.Encoded, max_length: int, policy: Policy) -> list[DataFinding]:
    def say(code: str, message: str) -> list[DataFinding]:
        return [policy.finding(code, placed.file, placed.number, message)]

    n = len(one.ids)
    kept = [label != template.IGNORED for label in one.labels[1:max_length]]
    if one.n_trained == 0 or not any(kept):
        why = (
            f"all {n} tokens are prompt" if one.n_trained == 0 else f"its prompt alone fills {max_length} of {n} tokens"
        )
        return say("zero-trained", f"{why}; shorten it, or pass --max-length {n}")
    if n > max_length:
        turns = conversation(placed.row)
        code = "answer-cut" if turns is not None and turns[-1].role == "assistant" else "text-cut"
        return say(code, f"has {n} tokens, {n - max_length} more than --max-length {max_length}")
    if not one.ends:
        return say("no-end-token", "no stop token ends a turn of it; take a base model whose template writes one")
    return []


def _lost(rows: Sequence[PlacedRow], tokenizer: Any, policy: Policy) -> list[DataFinding]:
    """Roles that the rows have and the template leaves out, each at the first row that loses a turn so."""
    found: dict[str, DataFinding] = {}
    fine: Counter[str] = Counter()
    for placed in rows:
        turns = conversation(placed.row) or ()
        asked = [
            turn for turn in turns if turn.role not in found and fine[turn.role] < LOOKED_AT and turn.content.strip()
        ]
        if not asked:
            continue
        try:
            text = " ".join(template.render(turns, tokenizer).text.split())
        except UsageError:
            continue  # each row says so
        for turn in asked:
            if " ".join(turn.content.split()) in text:
                fine[turn.role] += 1
            elif turn.role not in found:
                message = (
                    f"the template writes no {turn.role} turn: «{' '.join(turn.content.split())[:60]}» is in no token"
                )
                found[turn.role] = policy.finding("lost-turn", placed.file, placed.number, message)
    return list(found.values())


def _stops(rows: Sequence[PlacedRow], tokenizer: Any, policy: Policy) -> list[DataFinding]:
    """Whether the token that ends a turn is the one that the tokenizer calls its end."""
    if not rows or conversation(rows[0].row) is None:
        return []
    try:
        ends, eos = template.stop_tokens(tokenizer)
    except UsageError:
        return []  # each row says so
    if not ends or ends == eos:
        return []
    message = f"the template ends a turn with {ends} and the tokenizer's EOS is {eos}; a server must stop at {ends}"
    return [policy.finding("other-end-token", rows[0].file, 0, message)]


def _special(rows: Sequence[PlacedRow], tokenizer: Any | None, policy: Policy) -> list[DataFinding]:
    """Texts that spell out a control token: it would be read as one, and the end of a turn would come twice."""
    tokens = set(WELL_KNOWN)
    if tokenizer is not None:
        added = {str(one) for one in getattr(tokenizer, "added_tokens_decoder", {}).values() if one.special}
        tokens = {*tokens, *(str(one) for one in tokenizer.all_special_tokens), *added}
    pattern = re.compile(
        "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True) if len(token) > 2)
    )
    found = []
    for placed in rows:
        for text in texts_of(placed.row):
            match = pattern.search(text)
            if match:
                message = f"holds {match[0]}, which the template writes itself; remove it from the text"
                found.append(policy.finding("special-token", placed.file, placed.number, message))
                break
    return found
