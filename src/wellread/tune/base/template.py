"""From a conversation to token ids and labels: exactly what is trained on, in the model's own template.

The conversation is rendered by the tokenizer's template and tokenised once, as a server does it; labels are set on the
characters that the assistant wrote and on the token that ends its turn. Nothing is matched by searching for markers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellread.errors import UsageError
from wellread.models.api import Message

_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
_SYSTEM = re.compile(r"<\|im_start\|>system\n.*?<\|im_end\|>\n", re.DOTALL)

IGNORED = -100  # label of a token that is read and not learned: what torch's cross entropy passes over


class TurnSpan(NamedTuple):
    """Characters of a rendered conversation that an assistant turn covers, its end token included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as the model reads it, and which of its characters are learned."""

    text: str
    spans: tuple[TurnSpan, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids with labels of the same length (IGNORED where nothing is learned).

    ``n_cut`` tokens were lost at the end to the length limit; ``ends`` says that every turn of the assistant ends with
    a token that stops generation, and that this token is learned.
    """

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    n_cut: int = 0
    ends: bool = True

    @property
    def n_trained(self) -> int:
        """Tokens that the loss is computed on: the first one has no predecessor, so it never counts."""
        return sum(label != IGNORED for label in self.labels[1:])


class TokenPiece(NamedTuple):
    """A token as text, and whether it is learned."""

    text: str
    trained: bool


class Batch(NamedTuple):
    """Rows padded on the right to one width: (n, width) int64 each."""

    ids: NDArray[np.int64]
    attention: NDArray[np.int64]
    labels: NDArray[np.int64]


def render(messages: Sequence[Message], tokenizer: Any) -> Rendered:
    """The conversation in the tokenizer's own template, byte for byte what a server sends to the model.

    Raises: UsageError where the tokenizer has no template, the template refuses the conversation, or what it writes
        for a turn depends on later turns so that no part of it can be called the assistant's.
    """
    plain = [{"role": turn.role, "content": turn.content} for turn in messages]
    whole = _apply(tokenizer, plain)
    spans = []
    for at, turn in enumerate(plain):
        if turn["role"] != "assistant":
            continue
        if at == 0:
            return _by_marks(plain, whole, tokenizer)
        before = _apply(tokenizer, plain[:at], prompt=True)
        after = _apply(tokenizer, plain[: at + 1])
        if not (whole.startswith(before) and whole.startswith(after) and len(before) < len(after)):
            return _by_marks(plain, whole, tokenizer)
        spans.append(TurnSpan(len(before), _end_of_turn(after, len(before), tokenizer)))
    return Rendered(whole, tuple(spans))


def _apply(tokenizer: Any, plain: list[dict[str, str]], *, prompt: bool = False) -> str:
    if not getattr(tokenizer, "chat_template", None):
        raise UsageError(f"{_name(tokenizer)}: has no chat template; take an instruct model, or train on texts")
    from jinja2.exceptions import TemplateError

    try:
        return str(tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=prompt))
    except (TemplateError, IndexError, ValueError, TypeError) as error:
        raise UsageError(f"{_name(tokenizer)}: its chat template refuses the conversation: {error}") from error


def _end_of_turn(text: str, start: int, tokenizer: Any) -> int:
    """Where the turn that begins at ``start`` ends: after its end token, else after everything the template wrote."""
    stripped = text.rstrip()
    if len(stripped) > start and stripped.endswith(_special(tokenizer)):
        return len(stripped)
    return len(text)


def _by_marks(plain: list[dict[str, str]], whole: str, tokenizer: Any) -> Rendered:
    """For templates that rewrite earlier turns: by their own marks of what the assistant writes, or as ChatML."""
    if _GENERATION.search(tokenizer.chat_template):
        from transformers.utils.chat_template_utils import render_jinja_template

        made: Any = render_jinja_template(
            conversations=[plain],
            chat_template=tokenizer.chat_template,
            return_assistant_tokens_mask=True,
            **tokenizer.special_tokens_map,
        )
        rendered, marks = made
        return Rendered(str(rendered[0]), tuple(TurnSpan(int(start), int(end)) for start, end in marks[0]))
    text, spans = "", []
    for turn in plain:
        text += f"<|im_start|>{turn['role']}\n"
        start = len(text)
        text += f"{turn['content']}<|im_end|>"
        if turn["role"] == "assistant":
            spans.append(TurnSpan(start, len(text)))
        text += "\n"
    before = len(whole) - len(text)
    if not whole.endswith(text) or (before and not _SYSTEM.fullmatch(whole[:before])):
        raise UsageError(
            f"{_name(tokenizer)}: its chat template writes earlier turns again and marks no turn of the assistant; "
            "split conversations into single exchanges, or take another base model"
        )
    return Rendered(whole, tuple(TurnSpan(start + before, end + before) for start, end in spans))


def encode(messages: Sequence[Message], tokenizer: Any, max_length: int) -> Encoded:
    """Token ids of the conversation and what is learned of it: the turns of the assistant with their end tokens.

    The ids are those of ``apply_chat_template``: no BOS beyond the template's own. Where the template ends the last
    turn with no token that stops generation, the tokenizer's EOS is added and learned. A token across the border of a
    turn counts to the assistant.

    Args:
        messages: at least one; system, user and assistant turns.
        tokenizer: of transformers, with a chat template.
        max_length: tokens kept, > 0; the rest is cut at the end and counted.
    Raises: UsageError as ``render``.
    """
    if max_length <= 0:
        raise ValueError("max_length: is above 0")
    rendered = render(messages, tokenizer)
    ids, offsets = _tokens(rendered.text, tokenizer)
    labels = [IGNORED] * len(ids)
    for span in rendered.spans:
        for at, (start, end) in enumerate(offsets):
            if start < span.end and end > span.start:
                labels[at] = ids[at]
    special = _special(tokenizer)
    ends = [rendered.text[: span.end].endswith(special) for span in rendered.spans]
    if ends and not ends[-1] and messages[-1].role == "assistant" and tokenizer.eos_token_id is not None:
        ids, labels = [*ids, tokenizer.eos_token_id], [*labels, tokenizer.eos_token_id]
        ends[-1] = True
    return Encoded(tuple(ids[:max_length]), tuple(labels[:max_length]), max(0, len(ids) - max_length), all(ends))


def encode_text(text: str, tokenizer: Any, max_length: int) -> Encoded:
    """Running text, all of it learned, EOS at its end; BOS at its start where the tokenizer adds one, once.

    Args: as ``encode``.
    """
    if max_length <= 0:
        raise ValueError("max_length: is above 0")
    ids = list(tokenizer(text)["input_ids"])
    if len(ids) > 1 and ids[0] == ids[1] == tokenizer.bos_token_id:
        ids = ids[1:]
    if tokenizer.eos_token_id is not None and (not ids or ids[-1] != tokenizer.eos_token_id):
        ids.append(tokenizer.eos_token_id)
    ends = bool(ids) and ids[-1] == tokenizer.eos_token_id
    return Encoded(tuple(ids[:max_length]), tuple(ids[:max_length]), max(0, len(ids) - max_length), ends)


def batch_labels(rows: Sequence[Encoded], pad_id: int) -> Batch:
    """The rows padded on the right to the longest; what is padding is known by its place, never by its id.

    So the end token is learned also where the model pads with it.

    Raises: ValueError without rows.
    """
    if not rows:
        raise ValueError("rows: at least one")
    width = max(len(row.ids) for row in rows)
    ids = np.full((len(rows), width), pad_id, np.int64)
    attention = np.zeros((len(rows), width), np.int64)
    labels = np.full((len(rows), width), IGNORED, np.int64)
    for at, row in enumerate(rows):
        n = len(row.ids)
        ids[at, :n], attention[at, :n], labels[at, :n] = row.ids, 1, row.labels
    return Batch(ids, attention, labels)


def pieces(encoded: Encoded, tokenizer: Any) -> list[TokenPiece]:
    """The tokens as texts, with what is learned; for showing the mask to a person."""
    texts = [tokenizer.decode([one], skip_special_tokens=False) for one in encoded.ids]
    return [TokenPiece(text, label != IGNORED) for text, label in zip(texts, encoded.labels, strict=True)]


def stop_tokens(tokenizer: Any) -> tuple[str, str]:
    """What the template ends a turn of the assistant with, and the tokenizer's EOS; they should be the same."""
    probe = [Message("user", "a"), Message("assistant", "b")]
    rendered = render(probe, tokenizer)
    turn = rendered.text[rendered.spans[-1].start : rendered.spans[-1].end]
    return turn.removeprefix("b").strip(), str(tokenizer.eos_token or "")


def _tokens(text: str, tokenizer: Any) -> tuple[list[int], list[tuple[int, int]]]:
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(f"{_name(tokenizer)}: has no fast tokenizer, so what is learned cannot be told from the rest")
    made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return list(made["input_ids"]), [(int(start), int(end)) for start, end in made["offset_mapping"]]


def _special(tokenizer: Any) -> tuple[str, ...]:
    """Texts of the tokens that stand for no text; at least one, so that ``endswith`` means what it says."""
    named = {str(one) for one in tokenizer.all_special_tokens}
    added = {str(one) for one in getattr(tokenizer, "added_tokens_decoder", {}).values() if one.special}
    return tuple(sorted(one for one in named | added if one)) or ("\0",)


def _name(tokenizer: Any) -> str:
    return str(getattr(tokenizer, "name_or_path", "") or "the tokenizer")
