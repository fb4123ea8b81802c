"""WordLlama's 256-d static table as an embedder: what the peer scripts use, so that all pay the same for the model."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import kitoken
import numpy as np

from wellread.models.api import Vectors


class WordLlama:
    """Mean of token vectors, rows of length 1. ``folder`` holds w.safetensors and tok.json."""

    id = "bench:wordllama-256"
    dim = 256
    max_tokens = 1_000_000
    remote = None

    def __init__(self, folder: Path) -> None:
        self.tokenizer_file = str(folder / "tok.json")  # so that the child processes count like the model
        raw = (folder / "w.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + length])
        entry = next(v for k, v in header.items() if k != "__metadata__")
        table = np.frombuffer(raw[8 + length :], {"F16": np.float16, "F32": np.float32}[entry["dtype"]])
        self._table = table.reshape(entry["shape"]).astype(np.float32)
        self._tokenizer = kitoken.Kitoken.from_tokenizers_file(self.tokenizer_file)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in self._tokenizer.encode_all(list(texts))]

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(n, 256) float32."""
        out = np.empty((len(texts), self.dim), np.float32)
        for row, ids in enumerate(self._tokenizer.encode_all(list(texts))):
            out[row] = self._table[ids].mean(0) if len(ids) else 0
        return out / (np.linalg.norm(out, axis=1, keepdims=True) + 1e-9)
