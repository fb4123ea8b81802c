"""What every chat model keeps to, run over each kind that can be opened here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.models.loopback import openai_like, serving

from wellread import config, contracts
from wellread.errors import MissingExtra, ModelError
from wellread.models import select
from wellread.models.api import Chat
from wellread.models.settings import ChatSettings

NAMES = {"llama": "llama:smollm2-135m", "openai": "openai:echo"}


def test_every_kind_stands_in_the_contract() -> None:
    assert set(select.CHATS) == set(NAMES)


@pytest.fixture(scope="module", params=sorted(NAMES))
def model(request: pytest.FixtureRequest) -> Iterator[Chat]:
    with serving(openai_like) as server:
        settings = ChatSettings(model=NAMES[request.param], base_url=f"{server.url}/v1", threads=2)
        try:
            yield select.chat(settings, config.models_folder())
        except (MissingExtra, ModelError) as error:
            pytest.skip(f"{NAMES[request.param]} cannot be opened here: {error}")


def test_it_keeps_the_contract_of_chat_models(model: Chat) -> None:
    contracts.chat(model)
    assert model.name in NAMES.values() and model.remote is None
    assert model.reply(contracts.ASK, contracts.Sampling(max_tokens=4)).usage.cost is None
