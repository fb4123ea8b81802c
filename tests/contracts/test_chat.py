"""What every chat model keeps to, run over each kind that can be opened here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.models.loopback import openai_like, serving

from wellread import config
from wellread.errors import MissingExtra, ModelError
from wellread.models import select
from wellread.models.api import Chat, Message, Reply, Sampling
from wellread.models.settings import ChatSettings

NAMES = {"llama": "llama:smollm2-135m", "openai": "openai:echo"}
ASK = [Message("system", "Answer in one sentence."), Message("user", "The ferry leaves at nine. When does it leave?")]


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


def test_it_has_the_members_of_the_protocol(model: Chat) -> None:
    assert isinstance(model, Chat)
    assert model.name in NAMES.values() and model.context_tokens > 0 and model.remote is None


def test_the_stream_gives_what_the_reply_gives(model: Chat) -> None:
    sampling = Sampling(max_tokens=12)
    whole = model.reply(ASK, sampling)
    *pieces, last = model.stream(ASK, sampling)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    assert isinstance(last, Reply)
    assert "".join(map(str, pieces)) == last.text == whole.text
    assert last.usage == whole.usage and last.stop_reason == whole.stop_reason


def test_temperature_zero_repeats_itself(model: Chat) -> None:
    assert model.reply(ASK, Sampling(max_tokens=8)) == model.reply(ASK, Sampling(max_tokens=8))


def test_the_limit_is_kept_and_named(model: Chat) -> None:
    reply = model.reply(ASK, Sampling(max_tokens=2))
    assert reply.stop_reason == "length" and len(reply.text) < 40


def test_usage_counts_this_call(model: Chat) -> None:
    used = model.reply(ASK, Sampling(max_tokens=4)).usage
    assert used.calls == 1 and used.prompt_tokens > 10 and used.completion_tokens > 0 and used.cost is None


def test_tokens_of_a_text_grow_with_it(model: Chat) -> None:
    assert model.count_tokens("") == 0
    assert 0 < model.count_tokens("ferry") < model.count_tokens("ferry " * 20)
