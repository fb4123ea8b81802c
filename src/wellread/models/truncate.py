"""Vectors cut to their first numbers: half the numbers, half the space, and with most models little less found.

Models trained for it (Matryoshka) put what matters most first; the packaged static table does so too, because its
numbers are principal components. Others lose more: measure before you keep it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellread.errors import UsageError
from wellread.models.api import Embedder, Vectors


class Truncated:
    """The first ``dim`` numbers of another embedder's vectors, scaled to length 1 again.

    Threads may share it as far as they may share that embedder.

    Source: Kusupati et al., NeurIPS 2022 (Matryoshka representation learning), section 3.
    """

    def __init__(self, model: Embedder, dim: int) -> None:
        self.id = f"{model.id}:{dim}d"
        self.dim, self.max_tokens, self.remote = dim, model.max_tokens, model.remote
        self.tokenizer_file = str(getattr(model, "tokenizer_file", "") or "")
        self._model = model

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), dim), rows of length 1; a row of nothing but zeros becomes the first unit vector."""
        first = np.array(self._model.embed(texts, kind)[:, : self.dim], np.float32)
        lengths = np.linalg.norm(first, axis=1, keepdims=True)
        empty = lengths[:, 0] < 1e-12
        first[empty, 0], lengths[empty] = 1.0, 1.0
        return np.asarray(first / lengths, np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """As the other embedder counts."""
        return self._model.count_tokens(texts)

    def close(self) -> None:
        """The other embedder is closed, where it can be."""
        close = getattr(self._model, "close", None)
        if callable(close):
            close()


def truncated(model: Embedder, dim: int, name: str) -> Embedder:
    """The embedder, cut to ``dim`` numbers where that is fewer than it gives. Raises UsageError where it is more."""
    if dim in (0, model.dim):
        return model
    if dim > model.dim:
        raise UsageError(f"embed.dim = {dim}: {name} gives {model.dim} numbers; set fewer, or 0 for all of them")
    return Truncated(model, dim)
