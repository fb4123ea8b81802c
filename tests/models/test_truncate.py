from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wellread.errors import UsageError
from wellread.models import select
from wellread.models.settings import EmbedSettings
from wellread.models.truncate import Truncated

TEXTS = ["The ferry takes dogs.", "Fares for bicycles", ""]


def test_a_cut_vector_is_the_first_numbers_at_length_one() -> None:
    whole = select.embedder(EmbedSettings(), Path())
    cut = select.embedder(EmbedSettings(dim=64), Path())
    first = whole.embed(TEXTS)[:, :64]
    np.testing.assert_allclose(cut.embed(TEXTS), first / np.linalg.norm(first, axis=1, keepdims=True), rtol=1e-5)
    assert cut.dim == 64 and cut.id == f"{whole.id}:64d" and cut.count_tokens(TEXTS) == whole.count_tokens(TEXTS)
    assert cut.tokenizer_file  # so that the child processes count for it


def test_all_numbers_or_none_named_leave_the_model_as_it_is() -> None:
    ids = {select.embedder(EmbedSettings(dim=dim), Path()).id for dim in (0, 256)}
    assert len(ids) == 1
    with pytest.raises(UsageError, match=r"embed\.dim = 300: static:minilm gives 256 numbers"):
        select.embedder(EmbedSettings(dim=300), Path())


def test_a_row_that_is_zero_where_it_is_cut_stays_a_direction() -> None:
    class Late:
        """Its first numbers say nothing."""

        id, dim, max_tokens, remote = "late", 4, 8, None

        def embed(self, texts: list[str], kind: str = "passage") -> np.ndarray:
            return np.tile(np.array([0, 0, 0, 1], np.float32), (len(texts), 1))

        def count_tokens(self, texts: list[str]) -> list[int]:
            return [1] * len(texts)

    assert Truncated(Late(), 2).embed(["a", "b"]).tolist() == [[1, 0], [1, 0]]
