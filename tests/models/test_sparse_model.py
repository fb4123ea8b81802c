"""A learned sparse model in miniature: random weights, the real classes, nothing fetched."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from wellread import KnowledgeBase, config
from wellread.errors import ModelError, StoreError, UsageError
from wellread.models import select
from wellread.models.providers import transformers
from wellread.models.settings import SparseSettings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("sentence_transformers") is None,
        reason="sentence-transformers is not installed: pip install 'wellread[transformers]'",
    ),
]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ferry", "dogs", "pay", "free", "harbour", "bikes", "the"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer that fills masks."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizer

    place = tmp_path_factory.mktemp("tiny")
    (place / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    BertTokenizer(str(place / "vocab.txt")).save_pretrained(place)
    torch.manual_seed(0)
    made = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertForMaskedLM(made).save_pretrained(place)
    return place


def test_the_heaviest_words_of_a_text_are_kept(folder: Path) -> None:
    whole = transformers.open_sparse(str(folder), SparseSettings(), folder)
    few = transformers.open_sparse(str(folder), SparseSettings(terms=2), folder)
    texts = ["the ferry", "dogs pay", "", "the ferry"]
    vectors, cut = whole.encode(texts), few.encode(texts)
    assert len(vectors) == 4 and whole.encode([]) == []
    for (terms, weights), (few_terms, few_weights) in zip(vectors, cut, strict=True):
        assert (np.diff(terms) > 0).all() and (weights > 0).all() and terms.max(initial=0) < len(WORDS)
        assert sorted(few_weights.tolist()) == pytest.approx(sorted(weights.tolist())[-2:])
        assert set(few_terms) <= set(terms)
    np.testing.assert_allclose(vectors[0][1], vectors[3][1], rtol=1e-4)
    assert whole.id != few.id and whole.remote is None


def test_a_model_of_another_kind_or_name_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no such kind .onnx.; known are transformers"):
        select.sparse(SparseSettings(model="onnx:minilm"), folder)
    with pytest.raises(ModelError, match="wellread models pull hf:owner/none"):
        select.sparse(SparseSettings(model="transformers:owner/none"), config.models_folder())


def test_a_base_is_searched_by_it_and_follows_its_documents(folder: Path, tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "a.md").write_text("the ferry and dogs\n", "utf-8")
    KnowledgeBase.create(tmp_path / "base").close()
    setting = f"sparse.model=transformers:{folder}"
    with KnowledgeBase.open(tmp_path / "base", overrides=["rerank.model="]) as base:
        base.add(str(documents))
        with pytest.raises(StoreError, match="no sparse vectors yet"):
            base.configured([setting]).search("dogs")
        with_model = base.configured([setting])
        assert with_model.sparse_fill() == 1
        assert "sparse" in with_model.search("dogs").hits[0].scores
        (documents / "b.md").write_text("free bikes pay\n", "utf-8")
        base.sync()
        told = next(stage.detail for stage in with_model.search("dogs").stages if stage.name == "search")
        assert told["without sparse vector"] == 1
        with_model.sync()
        assert {hit.document.title for hit in with_model.search("bikes").hits if "sparse" in hit.scores} == {"a", "b"}
        base.remove(str(documents / "a.md"))
        assert [hit.document.title for hit in with_model.search("dogs bikes").hits] == ["b"]
        assert with_model.check() == []
