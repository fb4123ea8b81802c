"""Models of other packages, held to what the Protocols promise; an error names model and package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellread.models.api import (
    Chat,
    Embedder,
    Message,
    Reply,
    Reranker,
    Sampling,
    SparseEncoder,
    SparseVector,
    Vectors,
    stop,
)
from wellread.plugins import NamedPart

MEMBERS = {
    "chat": ("name", "context_tokens", "remote", "count_tokens", "reply", "stream"),
    "embedder": ("id", "dim", "max_tokens", "remote", "embed", "count_tokens"),
    "reranker": ("id", "remote", "score"),
    "sparse": ("id", "remote", "encode"),
}
OFF_ONE = 1e-3  # how far the length of a vector may be from 1


def checked(named: NamedPart, model: Any) -> Chat | Embedder | Reranker | SparseEncoder:
    """The model behind the same Protocol. Raises: PluginError naming the members that it lacks."""
    missing = [member for member in MEMBERS[named.part] if not hasattr(model, member)]
    if missing:
        raise named.wrong(f"opened a {type(model).__name__} without {', '.join(missing)}")
    if named.part == "chat":
        return PluggedChat(named, model)
    if named.part == "embedder":
        return PluggedEmbedder(named, model)
    if named.part == "sparse":
        return PluggedSparse(named, model)
    return PluggedEncoder(named, model) if isinstance(model, Embedder) else PluggedReranker(named, model)


class Plugged:
    """A model of another package. Threads may share it as far as that package says that they may."""

    def __init__(self, named: NamedPart, model: Any) -> None:
        self._named, self._model = named, model

    def close(self) -> None:
        """The model is closed, where it can be."""
        close = getattr(self._model, "close", None)
        if callable(close):
            with self._named.answering():
                close()


class PluggedEmbedder(Plugged):
    """An embedder of another package. Threads may share it as far as that package says that they may."""

    def __init__(self, named: NamedPart, model: Embedder) -> None:
        super().__init__(named, model)
        self.id, self.remote = str(model.id), model.remote
        self.dim, self.max_tokens = int(model.dim), int(model.max_tokens)
        self.tokenizer_file = str(getattr(model, "tokenizer_file", "") or "")

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), dim), rows of length 1. Raises: PluginError for anything else."""
        with self._named.answering():
            vectors = np.asarray(self._model.embed(texts, kind), np.float32)
        if vectors.shape != (len(texts), self.dim):
            raise self._named.wrong(f"embed gave {vectors.shape} for {len(texts)} texts in {self.dim} dimensions")
        lengths = np.linalg.norm(vectors, axis=1)
        if not np.all(np.abs(lengths - 1) < OFF_ONE):
            worst = lengths[int(np.argmax(np.nan_to_num(np.abs(lengths - 1), nan=np.inf)))]
            raise self._named.wrong(f"embed gave a vector of length {worst:g}; divide each by its length")
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text. Raises: PluginError where they are not one whole number a text."""
        with self._named.answering():
            counts = [int(n) for n in self._model.count_tokens(texts)]
        if len(counts) != len(texts) or min(counts, default=0) < 0:
            raise self._named.wrong(f"count_tokens gave {len(counts)} counts for {len(texts)} texts, or one below 0")
        return counts


class PluggedReranker(Plugged):
    """A reranker of another package. Threads may share it as far as that package says that they may."""

    def __init__(self, named: NamedPart, model: Reranker) -> None:
        super().__init__(named, model)
        self.id, self.remote = str(model.id), model.remote

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """(len(passages),), higher is better. Raises: PluginError for anything else."""
        return _scores(self._named, self._model, question, passages)


class PluggedEncoder(PluggedEmbedder):
    """A reranker of another package that embeds sentences as well.

    Threads may share it as far as that package says that they may.
    """

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """(len(passages),), higher is better. Raises: PluginError for anything else."""
        return _scores(self._named, self._model, question, passages)


def _scores(named: NamedPart, model: Any, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
    with named.answering():
        scores = np.asarray(model.score(question, passages), np.float32)
    if scores.shape != (len(passages),) or not np.isfinite(scores).all():
        raise named.wrong(f"score gave {scores.shape} for {len(passages)} passages, or something that is no number")
    return scores


class PluggedSparse(Plugged):
    """A learned sparse model of another package. Threads may share it as far as that package says that they may."""

    def __init__(self, named: NamedPart, model: SparseEncoder) -> None:
        super().__init__(named, model)
        self.id, self.remote = str(model.id), model.remote

    def encode(self, texts: Sequence[str], kind: str = "passage") -> list[SparseVector]:
        """A vector for each text, terms ascending, weights above 0. Raises: PluginError for anything else."""
        with self._named.answering():
            made = self._model.encode(texts, kind)
            vectors = [(np.asarray(terms, np.int64), np.asarray(weights, np.float32)) for terms, weights in made]
        if len(vectors) != len(texts):
            raise self._named.wrong(f"encode gave {len(vectors)} vectors for {len(texts)} texts")
        for terms, weights in vectors:
            if (
                terms.shape != weights.shape
                or terms.ndim != 1
                or (np.diff(terms) <= 0).any()
                or not (weights > 0).all()
            ):
                raise self._named.wrong(
                    "encode gave a vector whose terms do not ascend, or a weight that is not above 0"
                )
        return vectors


class PluggedChat(Plugged):
    """A chat model of another package. Threads may share it as far as that package says that they may."""

    def __init__(self, named: NamedPart, model: Chat) -> None:
        super().__init__(named, model)
        self.name, self.remote, self.context_tokens = str(model.name), model.remote, int(model.context_tokens)

    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""
        with self._named.answering():
            return int(self._model.count_tokens(text))

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        """The whole answer. Raises: PluginError where it is no Reply."""
        with self._named.answering():
            reply: object = self._model.reply(messages, sampling)
        if not isinstance(reply, Reply):
            raise self._named.wrong(f"reply gave a {type(reply).__name__}, not a wellread.models.api.Reply")
        return reply

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        """Pieces of the answer, then one Reply. Raises: PluginError where that is not what comes."""
        last: object = None
        with self._named.answering():
            stream = self._model.stream(messages, sampling)
            try:
                for piece in stream:
                    if isinstance(last, Reply) or not isinstance(piece, str | Reply):
                        raise self._named.wrong(f"stream gave a {type(piece).__name__} after a {type(last).__name__}")
                    last = piece
                    yield piece
            finally:
                stop(stream)
        if not isinstance(last, Reply):
            raise self._named.wrong("stream ended without a Reply")
