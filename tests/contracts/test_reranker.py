"""What every reranker keeps to, run over each kind that can be opened here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.models.loopback import openai_like, serving

from wellread import config, contracts
from wellread.errors import MissingExtra, ModelError
from wellread.models import select
from wellread.models.api import Reranker
from wellread.models.settings import RerankSettings

NAMES = {
    "onnx": "onnx:minilm",
    "late": "late:minilm",
    "cohere": "cohere:words",
    "transformers": "transformers:cross-encoder/ms-marco-MiniLM-L6-v2",
}


def test_every_kind_stands_in_the_contract() -> None:
    assert set(select.RERANKERS) == set(NAMES)


@pytest.fixture(scope="module", params=sorted(NAMES))
def model(request: pytest.FixtureRequest) -> Iterator[Reranker]:
    with serving(openai_like) as server:
        settings = RerankSettings(model=NAMES[request.param], base_url=server.url, threads=1)
        try:
            made = select.reranker(settings, config.models_folder())
        except (MissingExtra, ModelError) as error:
            pytest.skip(f"{NAMES[request.param]} cannot be opened here: {error}")
        assert made is not None
        yield made


def test_it_keeps_the_contract_of_rerankers(model: Reranker) -> None:
    contracts.reranker(model)
    assert model.remote is None  # the service is on this machine
