"""Vectors that are computed once while many settings are tried, without making any of them look faster than it is."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wellread.index.vectors import sets
from wellread.models.api import Embedder, Vectors
from wellread.store.documents import content_hash
from wellread.store.engine.api import Store

MOST = 100_000  # texts that are remembered; 150 MB of vectors of 384 numbers


class Recalled:
    """An embedder that remembers vectors and what they cost. One thread at a time may use it.

    ``saved_s`` counts, since ``begin``, the seconds that remembered texts took when they were embedded. What the same
    settings have met before is free, as it is in a base that stays open; what only other settings met is not. So wall
    time plus ``saved_s`` is what a question takes where these settings are in force.
    """

    def __init__(self, model: Embedder, most: int = MOST) -> None:
        self.id, self.dim, self.max_tokens, self.remote = model.id, model.dim, model.max_tokens, model.remote
        self.saved_s = 0.0
        self._model, self._most = model, most
        self._known: OrderedDict[tuple[str, str], tuple[Vectors, float]] = OrderedDict()
        self._met: set[tuple[str, str]] = set()

    def begin(self, met: set[tuple[str, str]]) -> None:
        """A new question: nothing is saved yet. ``met`` holds what these settings have met, and grows with it."""
        self.saved_s = 0.0
        self._met = met

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), dim), rows of length 1. Raises ModelError."""
        keys = [(kind, text) for text in texts]
        found: dict[tuple[str, str], Vectors] = {}
        for key in dict.fromkeys(keys):
            if key in self._known:
                found[key], cost = self._known[key]
                self._known.move_to_end(key)
                self.saved_s += cost if key not in self._met else 0.0
        new = [key for key in dict.fromkeys(keys) if key not in found]
        if new:
            started = time.perf_counter()
            vectors = self._model.embed([text for _, text in new], kind)
            cost = (time.perf_counter() - started) / len(new)
            found.update(zip(new, vectors, strict=True))
            self._known.update((key, (found[key], cost)) for key in new)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        self._met.update(keys)
        return np.stack([found[key] for key in keys]) if keys else np.zeros((0, self.dim), np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return self._model.count_tokens(texts)

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """(len(passages),) cosine of the question with each passage, -1 to 1."""
        return np.asarray(self.embed(passages) @ self.embed([question], "query")[0], np.float32)


class FromStores:
    """An embedder that takes the vectors of passages from the stores that have them, by the hash of their text.

    Threads may share it as far as they may share that embedder.
    """

    def __init__(self, model: Embedder, stores: Sequence[Store]) -> None:
        self.id, self.dim, self.max_tokens, self.remote = model.id, model.dim, model.max_tokens, model.remote
        self._model, self._stores = model, stores

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), dim); what no store has is embedded. Raises ModelError."""
        if kind != "passage" or not texts:
            return self._model.embed(texts, kind)
        hashes = [content_hash(text) for text in texts]
        have: dict[bytes, NDArray[np.float16]] = {}
        for store in self._stores:
            with store.reading() as connection:
                live = sets.live(connection)
                if live is not None and live.embedder_id == self.id and live.storage == "float16":
                    have |= sets.known(store, connection, live, [h for h in hashes if h not in have])
        new = {digest: text for digest, text in zip(hashes, texts, strict=True) if digest not in have}
        made = dict(zip(new, self._model.embed(list(new.values()), kind), strict=True)) if new else {}
        return np.stack([made[h] if h in made else have[h].astype(np.float32) for h in hashes])

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return self._model.count_tokens(texts)
