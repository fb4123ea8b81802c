"""What every embedder keeps to, run over each kind that can be opened here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from tests.models.loopback import openai_like, serving

from wellread import config
from wellread.errors import MissingExtra, ModelError
from wellread.models import select
from wellread.models.api import Embedder
from wellread.models.settings import EmbedSettings

NAMES = {
    "static": "static:minilm",
    "onnx": "onnx:minilm",
    "openai": "openai:letters",
    "transformers": "transformers:sentence-transformers/all-MiniLM-L6-v2",
}
TEXTS = ["The ferry takes dogs.", "", "Fahrpläne — 時刻表 🚢", "word " * 400, "a\x00b\ud800", "The ferry takes dogs."]


def test_every_kind_stands_in_the_contract() -> None:
    assert set(select.EMBEDDERS) == set(NAMES)


@pytest.fixture(scope="module", params=sorted(NAMES))
def model(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    with serving(openai_like) as server:
        settings = EmbedSettings(model=NAMES[request.param], base_url=f"{server.url}/v1", threads=1, batch=4)
        try:
            yield select.embedder(settings, config.models_folder())
        except (MissingExtra, ModelError) as error:
            pytest.skip(f"{NAMES[request.param]} cannot be opened here: {error}")


def test_it_has_the_members_of_the_protocol(model: Embedder) -> None:
    assert isinstance(model, Embedder)
    assert model.id and model.dim > 0 and model.max_tokens > 0 and model.remote is None


def test_rows_have_length_one_whatever_the_text(model: Embedder) -> None:
    vectors = model.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), model.dim) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_no_texts_give_no_rows(model: Embedder) -> None:
    assert model.embed([]).shape == (0, model.dim)
    assert model.count_tokens([]) == []


def test_a_text_keeps_its_vector_in_any_company_and_order(model: Embedder) -> None:
    vectors, backwards = model.embed(TEXTS), model.embed(TEXTS[::-1])
    np.testing.assert_allclose(vectors, backwards[::-1], atol=2e-5)
    np.testing.assert_allclose(vectors[0], vectors[-1], atol=2e-5)


def test_a_question_lives_in_the_same_space(model: Embedder) -> None:
    assert model.embed(["dogs on the ferry"], kind="query").shape == (1, model.dim)


def test_tokens_are_counted_text_by_text(model: Embedder) -> None:
    counts = model.count_tokens(TEXTS)
    assert len(counts) == len(TEXTS) and counts[1] == 0
    assert counts[0] == counts[-1] > 0 and counts[3] >= 400


def test_the_same_settings_give_the_same_id(model: Embedder) -> None:
    assert model.id == model.id
    assert ":" in model.id
