"""What every embedder keeps to, run over each kind that can be opened here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.models.loopback import openai_like, serving

from wellread import config, contracts
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


def test_it_keeps_the_contract_of_embedders(model: Embedder) -> None:
    contracts.embedder(model)
    assert model.remote is None  # the service is on this machine
