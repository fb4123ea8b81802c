"""Clients as they are, unchanged, against a running server: OpenAI's own, and the SDK of the Model Context Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.serve.conftest import Site

QUESTION = "What does a guest berth cost a night?"


@pytest.fixture
def client(site: Site) -> Any:
    openai = pytest.importorskip("openai", reason="OpenAI's client is not installed: make setup")
    with openai.OpenAI(base_url=f"http://127.0.0.1:{site.port}/v1", api_key=site.keys["reader"]) as made:
        yield made


def test_openai_python_reads_answers_streams_and_annotations(client: Any) -> None:
    messages = [{"role": "user", "content": QUESTION}]
    whole = client.chat.completions.create(model="wellread", messages=messages)
    assert "85 crowns" in whole.choices[0].message.content
    assert whole.choices[0].message.annotations[0].url_citation.title
    assert whole.model_extra["wellread"]["citations"][0]["quote"]
    pieces = client.chat.completions.create(model="wellread", messages=messages, stream=True)
    text = "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
    assert text.split() == whole.choices[0].message.content.split()
    with client.chat.completions.stream(model="wellread", messages=messages) as stream:
        assert "85 crowns" in stream.get_final_completion().choices[0].message.content


def test_openai_python_reads_responses_and_their_events(client: Any) -> None:
    whole = client.responses.create(model="wellread", input=QUESTION)
    assert "85 crowns" in whole.output_text
    assert whole.output[0].content[0].annotations[0].type == "url_citation"
    kinds = [event.type for event in client.responses.create(model="wellread", input=QUESTION, stream=True)]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"


def test_openai_python_reads_models_embeddings_and_passages(client: Any) -> None:
    assert next(iter(client.models.list())).id == "wellread"
    assert client.models.retrieve("wellread").owned_by == "wellread"
    made = client.embeddings.create(model="wellread", input=["a berth", "a dog"])
    assert len(made.data) == 2 and len(made.data[0].embedding) > 50
    found = client.vector_stores.search("default", query="guest berth", max_num_results=3)
    assert "85 crowns" in next(iter(found)).content[0].text


def test_openai_python_gets_its_own_errors(client: Any) -> None:
    import openai

    with pytest.raises(openai.NotFoundError, match="there is none"):
        client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "x"}])
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="wellread", messages=[])
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wr_wrong").models.list()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_mcp_sdk_lists_and_calls_in_both_eras(site: Site, mode: str) -> None:
    mcp = pytest.importorskip("mcp", reason="the SDK of the Model Context Protocol is not installed: make setup")
    httpx2 = pytest.importorskip("httpx2")
    from anyio import run
    from mcp.client.streamable_http import streamable_http_client

    async def talk() -> tuple[list[str], Any]:
        headers = {"authorization": f"Bearer {site.keys['reader']}"}
        async with httpx2.AsyncClient(headers=headers) as http:
            transport = streamable_http_client(f"http://127.0.0.1:{site.port}/mcp", http_client=http)
            async with mcp.Client(transport, mode=mode) as one:
                listed = await one.list_tools()
                called = await one.call_tool("ask", {"question": QUESTION})
                return [tool.name for tool in listed.tools], called.structured_content

    names, found = run(talk)
    assert names[0] == "ask" and "85 crowns" in found["text"]
