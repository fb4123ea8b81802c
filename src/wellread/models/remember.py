"""A sentence encoder that remembers: the vector of a text that was embedded lately costs nothing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wellread.models.api import Embedder, TokenEmbedder, Vectors

MOST = 8_192  # texts; 13 MB of vectors of 384 numbers


class Remembered:
    """An embedder with the vectors of its last texts; ``score`` compares by cosine. Threads may share it."""

    def __init__(self, model: Embedder, most: int = MOST) -> None:
        self.id, self.dim, self.max_tokens, self.remote = model.id, model.dim, model.max_tokens, model.remote
        self._model, self._most = model, most
        self._known: OrderedDict[tuple[str, str], Vectors] = OrderedDict()  # (kind, text) → (dim,), latest last
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), dim), rows of length 1. Raises ModelError."""
        keys = [(kind, text) for text in texts]
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
            for key in found:
                self._known.move_to_end(key)
        new = [key for key in dict.fromkeys(keys) if key not in found]
        if new:
            found.update(zip(new, self._model.embed([text for _, text in new], kind), strict=True))
            with self._lock:
                self._known.update((key, found[key]) for key in new)
                while len(self._known) > self._most:
                    self._known.popitem(last=False)
        return np.stack([found[key] for key in keys]) if keys else np.zeros((0, self.dim), np.float32)

    def token_vectors(self, texts: Sequence[str]) -> list[Vectors]:
        """(tokens, dim) for each text, not remembered; no vectors where the model gives none of tokens."""
        if not isinstance(self._model, TokenEmbedder):
            return [np.zeros((0, self.dim), np.float32) for _ in texts]
        return self._model.token_vectors(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return self._model.count_tokens(texts)

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """(len(passages),) cosine of the question with each passage, -1 to 1."""
        return np.asarray(self.embed(passages) @ self.embed([question], "query")[0], np.float32)
