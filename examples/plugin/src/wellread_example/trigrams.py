"""An embedder: every three letters in a row count, so that «tiket» lies near «ticket». Nothing is learned or loaded."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wellread.errors import UsageError
from wellread.models.api import Vectors
from wellread.models.settings import EmbedSettings


class Trigrams:
    """Counts of hashed trigrams, square roots taken, scaled to length 1."""

    remote = None
    max_tokens = 100_000

    def __init__(self, dim: int) -> None:
        self.id = f"example:trigrams-{dim}"  # change it when the same text gets another vector: vectors never mix
        self.dim = dim

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), dim) float32, rows of length 1; an empty text gets the first unit vector."""
        out = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                marked = f" {word} ".encode("utf-8", "replace")
                for at in range(max(1, len(marked) - 2)):
                    out[row, zlib.crc32(marked[at : at + 3]) % self.dim] += 1
            if not out[row].any():
                out[row, 0] = 1
        out = np.sqrt(out)
        return out / np.linalg.norm(out, axis=1, keepdims=True)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words of each text."""
        return [len(text.split()) for text in texts]


def open_embedder(name: str, settings: EmbedSettings, folder: Path, api_key: str | None) -> Trigrams:
    """``example:256``: the number is that of dimensions."""
    if not name.isdigit() or int(name) < 8:
        raise UsageError(f"embed.model = 'example:{name}': write the number of dimensions, like example:256")
    return Trigrams(int(name))
