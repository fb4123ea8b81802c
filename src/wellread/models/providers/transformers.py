"""sentence-transformers models: embedders and cross-encoders from a folder, a pulled model, or the hub's cache.

Only files that are on this machine are read, only safetensors, and no code of a model is run.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellread.errors import MissingExtra, ModelError
from wellread.models import tokens
from wellread.models.api import SparseVector, Vectors
from wellread.models.settings import EmbedSettings, RerankSettings, SparseSettings

_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


class TransformersEmbedder:
    """A bi-encoder; pooling and normalising as its own files say, then length 1.

    Threads may share it, one at a time computes.
    """

    remote: str | None = None

    def __init__(self, name: str, model: Any, settings: EmbedSettings) -> None:
        self._model, self._settings = model, settings
        self._lock = threading.Lock()
        self.max_tokens = int(settings.max_tokens or model.max_seq_length or 512)
        model.max_seq_length = self.max_tokens
        self.dim = int(model.get_embedding_dimension() or len(model.encode("a", show_progress_bar=False)))
        prefixes = f"{settings.query_prefix!r}{settings.passage_prefix!r}{self.max_tokens}"
        self.id = f"transformers:{name}:{_digest(model, prefixes)[:12]}"

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), dim), rows of length 1."""
        prefix = self._settings.query_prefix if kind == "query" else self._settings.passage_prefix
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        with self._lock:
            vectors: Vectors = np.asarray(
                self._model.encode(
                    [tokens.clean(prefix + text) for text in texts],
                    batch_size=min(8, self._settings.batch),
                    show_progress_bar=False,
                    convert_to_numpy=True,
                    normalize_embeddings=True,
                ),
                np.float32,
            )
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut."""
        if not texts:
            return []
        encoded = self._model.tokenizer(
            [tokens.clean(text) for text in texts], add_special_tokens=False, truncation=False, verbose=False
        )
        return [len(ids) for ids in encoded["input_ids"]]


class TransformersReranker:
    """A cross-encoder. Threads may share it, one at a time computes."""

    remote: str | None = None

    def __init__(self, name: str, model: Any) -> None:
        self.id = f"transformers:{name}"
        self._model = model
        self._lock = threading.Lock()

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """(len(passages),); the model's own scale."""
        if not passages:
            return np.zeros(0, np.float32)
        pairs = [(tokens.clean(question), tokens.clean(passage)) for passage in passages]
        with self._lock:
            scores = np.asarray(self._model.predict(pairs, batch_size=8, show_progress_bar=False), np.float32)
        if scores.shape != (len(passages),):
            raise ModelError(
                f"{self.id}: gives {scores.shape[1:]} scores a passage; take a cross-encoder with one label"
            )
        return scores


class TransformersSparse:
    """A learned sparse model: the heaviest words that it sees in a text.

    Threads may share it, one at a time computes.
    """

    remote: str | None = None

    def __init__(self, name: str, model: Any, settings: SparseSettings) -> None:
        self._model, self._terms = model, settings.terms
        self._lock = threading.Lock()
        model.max_seq_length = min(settings.max_tokens, model.max_seq_length or settings.max_tokens)
        kept = f"{model.max_seq_length}:{settings.terms}"
        self.id = f"transformers:{name}:{_digest(model, kept)[:12]}"

    def encode(self, texts: Sequence[str], kind: str = "passage") -> list[SparseVector]:
        """A vector for each text; of the words that the model sees, the heaviest ``terms``. Raises ModelError."""
        if not texts:
            return []
        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        with self._lock:
            found = encode([tokens.clean(text) for text in texts], batch_size=8, show_progress_bar=False)
        if not found.is_sparse:
            raise ModelError(f"{self.id}: gives dense vectors; take a SPLADE model, or name it in embed.model")
        found = found.coalesce()
        rows, terms = found.indices().numpy()
        weights = found.values().float().numpy()
        starts = np.searchsorted(rows, np.arange(len(texts) + 1))
        parts = [slice(starts[n], starts[n + 1]) for n in range(len(texts))]
        return [_heaviest(terms[part], weights[part], self._terms) for part in parts]


def _heaviest(terms: NDArray[np.int64], weights: NDArray[np.float32], most: int) -> SparseVector:
    """The ``most`` terms with the largest weights above 0, by term."""
    order = np.lexsort((terms, -weights))[:most]
    order = np.sort(order[weights[order] > 0])
    return terms[order].astype(np.int64), weights[order].astype(np.float32)


def open_embedder(name: str, settings: EmbedSettings, folder: Path, api_key: str | None) -> TransformersEmbedder:
    """``transformers:NAME``: a folder, a pulled owner/name, or one in the hub's cache.

    Raises: MissingExtra without sentence-transformers; ModelError where it is not here or has pickled weights only.
    """
    where = resolve(name, folder)
    return TransformersEmbedder(name, _load("SentenceTransformer", name, where, settings.threads), settings)


def open_reranker(name: str, settings: RerankSettings, folder: Path, api_key: str | None) -> TransformersReranker:
    """``transformers:NAME`` as a cross-encoder. Raises as ``open_embedder``."""
    return TransformersReranker(name, _load("CrossEncoder", name, resolve(name, folder), settings.threads))


def open_sparse(name: str, settings: SparseSettings, folder: Path, api_key: str | None = None) -> TransformersSparse:
    """``transformers:NAME`` as a learned sparse model. Raises as ``open_embedder``."""
    return TransformersSparse(name, _load("SparseEncoder", name, resolve(name, folder), settings.threads), settings)


def resolve(name: str, folder: Path) -> str:
    """The folder of a model, or ``name`` itself for the hub's cache. Raises ModelError for pickled weights."""
    for candidate in (Path(name).expanduser(), folder / name.replace("/", "--")):
        if candidate.is_dir():
            check_weights(candidate)
            return str(candidate)
    return name


def check_weights(folder: Path) -> None:
    """Nothing, where a folder has safetensors. Raises ModelError naming pickled weights, which can run code."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    if any(path.suffix == ".safetensors" for path in files):
        return
    pickled = sorted(path.name for path in files if path.suffix in _PICKLED)
    if pickled:
        raise ModelError(
            f"{folder}: has its weights only as {pickled[0]}, a pickle, which can run code when it is read; "
            "convert them to safetensors or take a model that has them"
        )
    raise ModelError(f"{folder}: has no *.safetensors file; pull the model again")


def _load(cls: str, name: str, where: str, threads: int) -> Any:
    try:
        import sentence_transformers
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra(f"sentence-transformers (for transformers:{name})", "transformers") from error
    notices: Any = transformers.utils.logging
    notices.disable_progress_bar()  # of loading weights, on stderr
    if threads:
        torch.set_num_threads(threads)
    try:
        return getattr(sentence_transformers, cls)(
            where, trust_remote_code=False, local_files_only=True, model_kwargs={"use_safetensors": True}
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"transformers:{name}: cannot be loaded ({error}); run: wellread models pull hf:{name}"
        ) from error


def _digest(model: Any, settings: str) -> str:
    """Of every weight and what is done around them: vectors of a tuned model never mix with those of its base."""
    found = hashlib.sha256(settings.encode())
    found.update(str(model).encode())  # the modules and their pooling
    for key, tensor in sorted(model.state_dict().items()):
        found.update(key.encode())
        found.update(tensor.detach().cpu().float().numpy().tobytes())
    return found.hexdigest()
