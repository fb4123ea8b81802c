"""A chat model elsewhere that never sees personal data: they go out as marks, and come back as what they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Literal

from wellread import personal
from wellread.errors import UsageError
from wellread.models.api import Chat, Message, Reply, Sampling, stop
from wellread.models.prices import Price

Policy = Literal["send", "mask", "refuse"]


def discreet(chat: Chat, policy: Policy) -> Chat:
    """The model as it is where it runs here or everything may be sent; else behind the policy."""
    return chat if chat.remote is None or policy == "send" else DiscreetChat(chat, policy)


class DiscreetChat:
    """A chat model behind a policy for personal data. Threads may share it as far as they may share that model.

    ``mask``: each address or number goes out as a mark like «[e-mail address 1]», the same one within a call, and every
    mark in the reply is turned back, so that answer and check see what the documents say. ``refuse``: nothing is sent.
    What counts is what ``personal.find`` finds: addresses and numbers by form and check digits, no names.
    """

    def __init__(self, chat: Chat, policy: Policy) -> None:
        self.name, self.context_tokens, self.remote = chat.name, chat.context_tokens, chat.remote
        self.price: Price = getattr(chat, "price", Price())
        self._chat, self._policy = chat, policy

    def count_tokens(self, text: str) -> int:
        """Tokens of a text as it is."""
        return self._chat.count_tokens(text)

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        """The whole answer, its marks turned back. Raises: UsageError where personal data are refused."""
        marks: dict[str, str] = {}
        made = self._chat.reply(self._outgoing(messages, marks), sampling)
        calls = tuple(replace(call, arguments=restored(call.arguments, marks)) for call in made.calls)
        return replace(made, text=restored(made.text, marks), calls=calls)

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        """Pieces of the answer, each mark turned back as soon as it is whole; see ``Chat.stream``."""
        marks: dict[str, str] = {}
        stream = self._chat.stream(self._outgoing(messages, marks), sampling)
        held = ""
        try:
            for piece in stream:
                if isinstance(piece, Reply):
                    if held:
                        yield restored(held, marks)
                    yield replace(piece, text=restored(piece.text, marks))
                    return
                whole, held = _whole(held + piece)
                if whole:
                    yield restored(whole, marks)
            if held:
                yield restored(held, marks)
        finally:
            stop(stream)

    def close(self) -> None:
        """The model is closed, where it can be."""
        close = getattr(self._chat, "close", None)
        if callable(close):
            with closing(self._chat):  # type: ignore[type-var]  # it has close
                pass

    def _outgoing(self, messages: Sequence[Message], marks: dict[str, str]) -> list[Message]:
        if self._policy == "refuse":
            kinds = sorted({found.kind for message in messages for found in personal.find(message.content)})
            if kinds:
                raise UsageError(
                    f"chat.personal_data = 'refuse': the prompt holds {', '.join(kinds)}, and {self.name} is at "
                    f"{self.remote}; nothing was sent. 'mask' sends marks instead"
                )
        return [replace(message, content=personal.masked(message.content, marks)) for message in messages]


def restored(text: str, marks: dict[str, str]) -> str:
    """A text with its marks turned back; ``marks`` holds what each mark stands for."""
    for mark, original in marks.items():
        text = text.replace(mark, original)
    return text


def _whole(text: str) -> tuple[str, str]:
    """A text up to a mark that has begun and not ended, and the rest."""
    start = text.rfind("[")
    if start < 0 or "]" in text[start:] or len(text) - start > personal.LONGEST_MARK:
        return text, ""
    return text[:start], text[start:]
