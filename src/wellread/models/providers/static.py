"""The default embedder: one vector per token, averaged. No session, no download, thousands of passages a second."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellread.errors import ModelError, UsageError
from wellread.models import tokens
from wellread.models.api import Vectors
from wellread.models.settings import EmbedSettings

VECTORS = tokens.DATA / "static-minilm-256.safetensors"
MAX_TOKENS = 8192
_HEADER_LIMIT = 1 << 20
_DTYPES = {"I8": "<i1", "F16": "<f2", "F32": "<f4", "I32": "<i4", "U8": "<u1"}


class StaticEmbedder:
    """Mean of token vectors, scaled to length 1; the vectors carry their tokens' weights already.

    Threads may share it: the table is only read.
    """

    remote: str | None = None
    max_tokens = MAX_TOKENS

    def __init__(self, name: str, table: NDArray[np.float32], tokenizer_file: Path, digest: str) -> None:
        self.id = f"static:{name}:{digest[:12]}"
        self.dim = int(table.shape[1])
        self._table = table  # (vocabulary, dim)
        self.tokenizer_file = str(tokenizer_file)  # so that other processes count tokens as this model does
        self._tokenizer = tokens.load(tokenizer_file)

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), dim), rows of length 1; a text without a known token gets the first unit vector."""
        out = np.zeros((len(texts), self.dim), np.float32)
        for row, ids in enumerate(tokens.encode(self._tokenizer, texts)):
            if ids:
                # text by text: 200 rows of the table fit the core's cache, a whole batch of them does not
                np.add.reduce(self._table.take(ids[:MAX_TOKENS], axis=0), axis=0, out=out[row])
        lengths = np.linalg.norm(out, axis=1, keepdims=True)
        empty = ~(lengths[:, 0] > 1e-12)
        np.divide(out, lengths, out=out, where=lengths > 1e-12)
        out[empty] = 0.0
        out[empty, 0] = 1.0
        return out

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in tokens.encode(self._tokenizer, texts)]


def open_embedder(name: str, settings: EmbedSettings, folder: Path, api_key: str | None) -> StaticEmbedder:
    """``static:minilm``. Raises UsageError for another name, ModelError for a damaged file."""
    if name != "minilm":
        raise UsageError(f"embed.model or answer.scorer = 'static:{name}': there is only static:minilm")
    return load(VECTORS, tokens.MINILM_TOKENIZER, name)


def load(vectors: Path, tokenizer: Path, name: str) -> StaticEmbedder:
    """An embedder from a file of token vectors (int8 ``vectors`` times ``scales``) and its tokenizer.json.

    Raises: ModelError where a file is absent, cut or of another shape.
    """
    try:
        data = vectors.read_bytes()
    except OSError as error:
        raise ModelError(f"{vectors}: the token vectors cannot be read: {error.strerror}") from error
    tensors = read_safetensors(data, vectors)
    table = _dequantise(tensors, vectors)
    return StaticEmbedder(name, table, tokenizer, hashlib.sha256(data).hexdigest())


def _dequantise(tensors: Mapping[str, NDArray[Any]], path: Path) -> NDArray[np.float32]:
    try:
        quantised, scales = tensors["vectors"], tensors["scales"].astype(np.float32)
    except KeyError as error:
        raise ModelError(f"{path}: has no tensor {error}; reinstall wellread") from None
    if quantised.ndim != 2 or scales.size not in (1, *quantised.shape):
        raise ModelError(f"{path}: vectors {quantised.shape} and scales {scales.shape} do not fit; reinstall wellread")
    per_row = scales.size == quantised.shape[0]
    table: NDArray[np.float32] = quantised.astype(np.float32)
    table *= scales.reshape(-1, 1) if per_row else scales.reshape(1, -1)
    if not np.isfinite(table).all():
        raise ModelError(f"{path}: holds values that are not numbers; reinstall wellread")
    return table


def read_safetensors(data: bytes, path: Path) -> dict[str, NDArray[Any]]:
    """Tensors of a safetensors file as views of ``data``; every offset is checked against the file.

    Raises: ModelError naming ``path``.
    Source: the format's description, https://huggingface.co/docs/safetensors
    """
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(_HEADER_LIMIT, len(data) - 8):
        raise ModelError(f"{path}: is not a safetensors file, or is cut short")
    body = memoryview(data)[8 + size :]
    found: dict[str, NDArray[Any]] = {}
    try:
        for name, entry in json.loads(data[8 : 8 + size]).items():
            if name == "__metadata__":
                continue
            dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(int(n) for n in entry["shape"])
            start, end = (int(n) for n in entry["data_offsets"])
            if not 0 <= start <= end <= len(body) or end - start != math.prod(shape) * dtype.itemsize:
                raise ValueError(f"tensor {name} lies outside the file")
            found[name] = np.frombuffer(body[start:end], dtype).reshape(shape)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: is not a sound safetensors file: {error}") from error
    return found
