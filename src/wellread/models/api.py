"""What wellread asks of a model: three small Protocols. Any class with these members serves; no base class needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wellread.types import Usage

Vectors = NDArray[np.float32]  # (n, dim), rows of length 1
SparseVector = tuple[NDArray[np.int64], NDArray[np.float32]]  # terms of the vocabulary, ascending, and their weights


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; ``role`` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ToolShape:
    """A tool that a model may call; ``parameters`` is its JSON schema, an object of strings."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model asks for; ``arguments`` is as it wrote them, JSON if it keeps to its schema."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a chat model wrote or which tools it calls, why it stopped (stop or length), and what it cost."""

    text: str
    usage: Usage
    stop_reason: str = "stop"
    model: str = ""
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to generate; temperature 0 is greedy and the default everywhere in wellread.

    ``grammar`` (GBNF) binds models of llama.cpp, ``tools`` are offered to endpoints; each ignores what is not for it,
    so what comes is checked in any case.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int = 0
    grammar: str = ""
    tools: tuple[ToolShape, ...] = ()


@runtime_checkable
class Chat(Protocol):
    """A model that continues a conversation."""

    name: str  # kind:name, as in wellread.toml
    context_tokens: int
    remote: str | None  # host that texts are sent to; None when nothing leaves the machine

    def count_tokens(self, text: str) -> int:
        """Tokens of ``text`` for this model; an estimate, rather too high than too low, where it has no tokenizer."""
        ...

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        """The whole answer. Raises ModelError, ModelUnavailable."""
        ...

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        """Pieces of the answer as they come, then one Reply; ``stop`` ends it early.

        A generator, or anything else that has ``close``, stops the model when it is closed. Raises ModelError,
        ModelUnavailable.
        """
        ...


def stop(stream: Iterator[str | Reply]) -> None:
    """What ``Chat.stream`` gave is closed, where it can be: the model is free for others, a service stops sending."""
    close = getattr(stream, "close", None)
    if callable(close):
        close()


@runtime_checkable
class Embedder(Protocol):
    """A model that turns texts into vectors of length 1."""

    id: str  # names weights and pooling: vectors with different ids never mix
    dim: int
    max_tokens: int  # longer texts are cut by the model
    remote: str | None

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), dim) float32, rows of length 1; ``kind`` is passage or query. Raises ModelError."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text for this model, without the special ones around it."""
        ...


@runtime_checkable
class TokenEmbedder(Embedder, Protocol):
    """An embedder that also gives the vector of each token, for late interaction."""

    def token_vectors(self, texts: Sequence[str]) -> list[Vectors]:
        """(tokens, dim) for each text, rows of length 1. Raises ModelError."""
        ...


@runtime_checkable
class SparseEncoder(Protocol):
    """A model that says which words of its vocabulary a text is about (SPLADE)."""

    id: str  # names weights and what is kept: vectors with different ids never mix
    remote: str | None

    def encode(self, texts: Sequence[str], kind: str = "passage") -> list[SparseVector]:
        """A vector for each text, its weights above 0; ``kind`` is passage or query. Raises ModelError."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """A model that scores passages against a question."""

    id: str
    remote: str | None

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """(len(passages),) float32; higher is better. Raises ModelError."""
        ...
