from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from tests.models.loopback import Canned, events, openai_like, serving

from wellread.errors import ModelError, ModelUnavailable, UsageError
from wellread.models import http, select
from wellread.models.api import Message, Reply, Sampling
from wellread.models.settings import ChatSettings, EmbedSettings, RerankSettings

ASK = [Message("system", "be brief"), Message("user", "two dogs")]
NOWHERE = Path("/nonexistent")
REPLY = {"model": "m", "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}


def chat(url: str, **given: object):
    settings = ChatSettings(model="openai:m", base_url=f"{url}/v1", **given)  # type: ignore[arg-type]
    return select.chat(settings, NOWHERE, api_key="secret-key")


def embedder(url: str, **given: object):
    return select.embedder(EmbedSettings(model="openai:e", base_url=f"{url}/v1/", **given), NOWHERE)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_FIRST_WAIT_S", 0.01)


def test_a_reply_carries_text_tokens_and_cost_and_the_key_goes_in_the_header() -> None:
    with serving(openai_like) as server:
        reply = chat(server.url, price_in=2.0, price_out=10.0).reply(ASK, Sampling(max_tokens=9, stop=("\n",)))
    assert (reply.text, reply.stop_reason, reply.model) == ("TWO DOGS", "stop", "echo")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (1000, 500)
    assert reply.usage.cost == pytest.approx(0.007)  # 1,000 at 2 + 500 at 10, a million each
    request = server.requests[0]
    assert request.headers["Authorization"] == "Bearer secret-key"
    assert request.body["messages"][0] == {"role": "system", "content": "be brief"}
    assert request.body["stop"] == ["\n"]


def test_a_stream_ends_with_the_whole_reply_and_its_tokens() -> None:
    with serving(openai_like) as server:
        *pieces, reply = chat(server.url).stream(ASK, Sampling())
    assert isinstance(reply, Reply)
    assert "".join(map(str, pieces)) == reply.text == "TWO DOGS"
    assert reply.usage.completion_tokens == 500
    assert reply.usage.cost is None
    assert server.requests[0].body["stream_options"] == {"include_usage": True}


def test_the_limit_is_told_from_the_end() -> None:
    with serving(openai_like) as server:
        assert chat(server.url).reply(ASK, Sampling(max_tokens=1)).stop_reason == "length"
        assert [*chat(server.url).stream(ASK, Sampling(max_tokens=1))][-1].stop_reason == "length"


def test_too_many_requests_waits_as_long_as_it_is_told() -> None:
    with serving([Canned(status=429, headers={"Retry-After": "1"}), Canned(REPLY)]) as server:
        started = time.monotonic()
        assert chat(server.url).reply(ASK, Sampling()).text == "yes"
    assert 1.0 <= time.monotonic() - started < 3


def test_a_service_that_asks_for_an_hour_is_unavailable_at_once() -> None:
    with (
        serving([Canned(status=429, headers={"Retry-After": "3600"})]) as server,
        pytest.raises(ModelUnavailable, match="asks to wait 3600 s"),
    ):
        chat(server.url).reply(ASK, Sampling())


def test_a_server_error_that_passes_is_not_seen() -> None:
    with serving([Canned(b"oops", 500), Canned(b"", 503), Canned(REPLY)]) as server:
        assert chat(server.url).reply(ASK, Sampling()).text == "yes"
    assert len(server.requests) == 3


def test_a_server_error_that_stays_names_host_attempts_and_cause() -> None:
    with serving([Canned(b"out of\nmemory", 500)] * 2) as server, pytest.raises(ModelUnavailable) as caught:
        chat(server.url, max_attempts=2).reply(ASK, Sampling())
    host = server.url.removeprefix("http://")
    assert str(caught.value) == f"{host}: did not answer after 2 attempts: status 500: 'out of memory'"


def test_answers_that_are_refused_and_cut_are_tried_as_often_as_is_said_and_no_more() -> None:
    cut = Canned(REPLY, declared=100_000)
    with serving([Canned(b"", 503), cut, Canned(b"", 503), cut, Canned(REPLY)]) as server:
        with pytest.raises(ModelUnavailable, match="did not answer after 3 attempts"):
            chat(server.url, max_attempts=3).reply(ASK, Sampling())
        assert len(server.requests) == 3
    with serving([cut, Canned(b"", 503), Canned(REPLY)]) as server:
        assert chat(server.url, max_attempts=3).reply(ASK, Sampling()).text == "yes"


def test_a_wrong_key_is_not_tried_again_and_never_shown() -> None:
    with serving([Canned(b'{"error": "bad key"}', 401)]) as server, pytest.raises(ModelError) as caught:
        chat(server.url).reply(ASK, Sampling())
    assert not isinstance(caught.value, ModelUnavailable)
    assert "401" in str(caught.value) and "api_key_env" in str(caught.value)
    assert "secret-key" not in str(caught.value)


def test_nobody_listening_is_unavailable_with_the_reason() -> None:
    with serving([]) as server:
        url = server.url
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:\d+: did not answer after 2 attempts: .*refused"):
        chat(url, max_attempts=2).reply(ASK, Sampling())


def test_a_slow_service_ends_in_a_timeout() -> None:
    with serving([Canned(REPLY, delay_s=0.5)]) as server, pytest.raises(ModelUnavailable, match="timed out"):
        chat(server.url, timeout_s=0.1, max_attempts=1).reply(ASK, Sampling())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>login</html>", "not a JSON object"),
        (b"[1, 2]", "not a JSON object"),
        (b"\xff\xfe", "not a JSON object"),
        ({"choices": []}, "no choices"),
        ({"choices": [{"message": {"content": None}}]}, "no text"),
        ({"choices": ["x"]}, "no choices"),
    ],
)
def test_an_answer_of_another_form_is_shown_in_the_error(body: object, said: str) -> None:
    with serving([Canned(body)]) as server, pytest.raises(ModelError, match=said):
        chat(server.url).reply(ASK, Sampling())


def test_a_cut_body_is_asked_for_again() -> None:
    with serving([Canned(b'{"choi', declared=500), Canned(REPLY)]) as server:
        assert chat(server.url).reply(ASK, Sampling()).text == "yes"


def test_a_stream_that_is_cut_gives_its_pieces_then_unavailable() -> None:
    cut = events({"choices": [{"delta": {"content": "half"}}]}, done=False)
    for canned in (Canned(cut, declared=9999), Canned(cut)):  # a broken connection; an end without [DONE]
        with serving([canned]) as server:
            stream = chat(server.url).stream(ASK, Sampling())
            assert next(stream) == "half"
            with pytest.raises(ModelUnavailable, match="broke off"):
                next(stream)


def test_broken_bytes_comments_and_split_lines_in_a_stream_do_no_harm() -> None:
    body = b': hello\r\nevent: x\r\ndata: {"choices": [{"delta":\r\ndata: {"content": "a\xff"}}]}\r\n\r\n' + events()
    with serving([Canned(body)]) as server:
        *pieces, reply = chat(server.url).stream(ASK, Sampling())
    assert pieces == ["a\ufffd"]
    assert reply.text == "a\ufffd" and reply.usage.completion_tokens > 0


def test_an_error_inside_a_stream_is_raised() -> None:
    failing = Canned(events({"error": {"message": "overloaded"}}))
    with serving([failing]) as server, pytest.raises(ModelUnavailable, match="overloaded"):
        list(chat(server.url).stream(ASK, Sampling()))


def test_a_redirect_is_refused_so_that_texts_go_where_the_settings_say() -> None:
    elsewhere = Canned(status=307, headers={"Location": "http://127.0.0.1:9/v1"})
    with serving([elsewhere]) as server, pytest.raises(ModelError, match="status 307"):
        chat(server.url).reply(ASK, Sampling())


def test_what_leaves_the_machine_is_told_by_the_host() -> None:
    assert chat("https://api.example.com").remote == "api.example.com"
    for url in ("http://localhost:1", "http://127.0.0.9", "http://[::1]:80"):
        assert chat(url).remote is None
    with pytest.raises(UsageError, match=r"chat\.base_url"):
        chat("example.com")


def test_embeddings_come_in_batches_in_order_and_of_length_one() -> None:
    texts = ["cab", "dog", "abba", "", "p" * 9]
    with serving(openai_like) as server:
        model = embedder(server.url, batch=2, passage_prefix="")
        vectors = model.embed(texts)
        assert [len(r.body["input"]) for r in server.requests] == [2, 2, 1]
        alone = model.embed([texts[2]])[0]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(vectors[2], alone)
    assert model.dim == 16 and model.id.endswith(":e:16")


def test_prefixes_reach_the_endpoint_and_the_id() -> None:
    with serving(openai_like) as server:
        model = embedder(server.url, query_prefix="query: ", passage_prefix="passage: ")
        model.embed(["dogs"], kind="query")
        model.embed(["dogs"])
        assert [r.body["input"] for r in server.requests] == [["query: dogs"], ["passage: dogs"]]
        assert "query: " in model.id


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([{"index": 0, "embedding": [1, 2]}], "expected 3"),
        ([], "shape"),
        ([{"index": 1, "embedding": [1, 2, 3]}], "shape"),
        ([{"index": 0, "embedding": [0, 0, 0]}], "zero"),
        ([{"index": 0, "embedding": ["x"]}], "no embeddings"),
        ("nothing", "no embeddings"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(data: object, said: str) -> None:
    with serving([Canned({"data": data})]) as server, pytest.raises(ModelError, match=said):
        embedder(server.url, dim=3).embed(["a"])


def test_a_reranker_gives_scores_in_the_order_of_the_passages() -> None:
    with serving(openai_like) as server:
        model = select.reranker(RerankSettings(model="cohere:r", base_url=server.url), NOWHERE)
        assert model is not None
        scores = model.score("small dogs", ["cats", "small dogs", "dogs"])
    np.testing.assert_allclose(scores, [0, 1, 0.5])


def test_a_ranking_with_a_passage_missing_is_refused() -> None:
    for results in ([{"index": 0, "relevance_score": 1}], [{"index": 7, "relevance_score": 1}], None):
        with serving([Canned({"results": results})]) as server, pytest.raises(ModelError):
            model = select.reranker(RerankSettings(model="cohere:r", base_url=server.url), NOWHERE)
            model.score("q", ["a", "b"])
