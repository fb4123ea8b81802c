"""The routes for programs, over a real socket."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from wellread.serve.run import ROUTES

if TYPE_CHECKING:
    from tests.serve.conftest import Site

QUESTION = "What does a guest berth cost a night?"
SECRET = "What does the harbour master earn a month?"


def asked(question: str, **more: object) -> dict[str, object]:
    return {"model": "wellread", "messages": [{"role": "user", "content": question}], **more}


# who may


def test_every_route_but_health_and_the_ways_in_needs_a_key(site: Site) -> None:
    free = {"/health", "/ready", "/login", "/link/{token}", "/logout", "/static/{name}"}
    assert {row.path for row in ROUTES if row.action is None} == free
    for row in ROUTES:
        if row.action is None:
            continue
        path = row.path.replace("{id:path}", "x").replace("{id}", "x").replace("{trace}", "x")
        for key in (None, "wr_000000000000_x_00000000", "ended"):
            reply = site.call(row.method, path, {}, key=key)
            assert (reply.status, row.page) in ((401, False), (303, True)), (row, key)
            assert b"crowns" not in reply.body


def test_a_key_does_only_what_it_may(site: Site) -> None:
    reply = site.call("POST", "/v1/chat/completions", asked(QUESTION), key="searcher")
    assert reply.status == 403 and reply.json["error"]["code"] == "not_allowed"
    assert site.call("GET", "/metrics", key="reader").status == 403
    assert "wellread_answers_total" in site.call("GET", "/metrics", key="board").text


def test_a_revoked_key_lets_nobody_in(site: Site) -> None:
    from wellread.store import credentials

    with site.base.store.writing() as tx:
        token = credentials.issue(tx, "key", "short", who=site.base.who)
    assert site.call("GET", "/v1/models", key=token).status == 200
    with site.base.store.writing() as tx:
        assert credentials.revoke(tx, token.split("_")[1], who=site.base.who)
    assert site.call("GET", "/v1/models", key=token).status == 401


def test_a_session_ends_with_the_key_that_it_began_with(site: Site) -> None:
    from datetime import UTC, datetime

    from wellread.store import credentials

    with site.base.store.writing() as tx:
        token = credentials.issue(tx, "key", "desk", who=site.base.who)
        session = credentials.issue(tx, "session", credentials.session_name("desk"), who=site.base.who)
        other = credentials.issue(tx, "session", credentials.session_name("hall"), who=site.base.who)
    with site.base.store.writing() as tx:
        assert credentials.find(tx.connection, session, "session", now=datetime.now(UTC)) is not None
        assert credentials.revoke(tx, token.split("_")[1], who=site.base.who)
        assert credentials.find(tx.connection, session, "session", now=datetime.now(UTC)) is None
        assert credentials.find(tx.connection, other, "session", now=datetime.now(UTC)) is not None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/ask", {"question": QUESTION, "history": 5}),
        ("POST", "/api/ask", {"question": "\ud800"}),
        ("POST", "/v1/chat/completions", {"model": "\ud800", "messages": [{"role": "user", "content": "x"}]}),
        ("PUT", "/api/answers/x/rating", {"rating": True}),
        ("PUT", "/api/answers/x/rating", {"rating": 1, "comment": {}}),
        ("PUT", "/api/answers/x/rating", {"rating": 1, "correction": []}),
    ],
)
def test_a_body_of_the_wrong_form_is_the_fault_of_whoever_sent_it(
    site: Site, method: str, path: str, body: dict[str, object]
) -> None:
    reply = site.call(method, path, body, key="board")
    assert reply.status in (400, 403, 404), reply.text


def test_a_name_that_no_header_can_hold_is_written_in_one_all_the_same(site: Site) -> None:
    body = {**asked(QUESTION), "größe\r\nX: 1": 1, "日本": 2}
    assert site.call("POST", "/v1/chat/completions", body, key="board").status == 200


def test_no_secret_stands_in_the_store(site: Site) -> None:
    site.base.store.checkpoint()
    # read by another process: one that closes a file of SQLite loses the locks that it holds on it elsewhere
    held = [str(path) for path in site.base.store.folder.rglob("*") if path.is_file()]
    stored = subprocess.run(["cat", *held], stdout=subprocess.PIPE, check=True).stdout
    for token in site.keys.values():
        assert token.encode() not in stored and token.split("_")[2].encode() not in stored


def test_what_a_key_may_not_see_is_in_no_reply(site: Site) -> None:
    whole = site.call("POST", "/v1/chat/completions", asked(SECRET), key="board").json
    assert "5100" in whole["choices"][0]["message"]["content"]
    trace = whole["wellread"]["trace_id"]
    calls = [
        ("POST", "/v1/chat/completions", asked(SECRET)),
        ("POST", "/v1/responses", {"input": SECRET}),
        ("POST", "/v1/vector_stores/default/search", {"query": SECRET}),
        ("POST", "/api/ask", {"question": SECRET}),
        ("GET", f"/a/{trace}", None),
        ("GET", "/documents", None),
        ("GET", "/asked", None),
    ]
    for name, arguments in (("ask", {"question": SECRET}), ("search", {"query": SECRET}), ("list_documents", {})):
        params = {"name": name, "arguments": arguments}
        calls.append(("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
    for method, path, body in calls:
        reply = site.call(method, path, body, key="reader")
        assert b"5100 crowns" not in reply.body and b"pay.md" not in reply.body, (path, reply.text)


def test_a_foreign_and_an_unknown_id_look_alike(site: Site) -> None:
    whole = site.call("POST", "/v1/chat/completions", asked(SECRET), key="board").json
    trace = whole["wellread"]["trace_id"]
    foreign, unknown = site.call("GET", f"/a/{trace}"), site.call("GET", "/a/nothing")
    assert (foreign.status, foreign.body) == (unknown.status, unknown.body) and foreign.status == 404
    uri = whole["wellread"]["citations"][0]["document"]
    assert site.call("GET", f"/d?uri={uri}").body == site.call("GET", "/d?uri=/nothing").body
    rated = [site.call("PUT", f"/api/answers/{one}/rating", {"rating": 1}) for one in (trace, "nothing")]
    assert rated[0].status == rated[1].status == 404


# chat completions


def test_an_answer_has_marks_annotations_and_our_object(site: Site) -> None:
    reply = site.call("POST", "/v1/chat/completions", asked(QUESTION, temperature=0.1, tools=[{"type": "function"}]))
    assert reply.status == 200
    message = reply.json["choices"][0]["message"]
    assert "85 crowns" in message["content"]
    [note] = message["annotations"]
    place = note["url_citation"]
    assert message["content"][place["start_index"] : place["end_index"]] == "[1]"
    assert "guest berth" in reply.json["wellread"]["citations"][0]["quote"]
    assert reply.headers["x-wellread-ignored"] == "temperature, tools"
    page = site.call("GET", place["url"].partition("#")[0])
    assert page.status == 200 and "<mark" in page.text and "85 crowns" in page.text


def test_a_stream_gives_the_same_text_in_pieces_and_ends_with_done(site: Site) -> None:
    whole = site.call("POST", "/v1/chat/completions", asked(QUESTION)).json
    body = asked(QUESTION, stream=True, stream_options={"include_usage": True})
    *events, done = site.call("POST", "/v1/chat/completions", body).events
    chunks = [json.loads(event) for event in events]
    assert done == "[DONE]"
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert text.split() == whole["choices"][0]["message"]["content"].split()
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "stop"
    assert chunks[-1]["choices"] == [] and set(chunks[-1]["usage"]) == {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
    }
    assert any("wellread" in chunk for chunk in chunks)


def test_what_the_documents_do_not_say_is_refused_as_ordinary_content(site: Site) -> None:
    reply = site.call("POST", "/v1/chat/completions", asked("Who composed the opera about the lighthouse?")).json
    assert reply["wellread"]["refused"] is True
    assert reply["choices"][0]["message"]["content"]


def test_history_makes_a_follow_up_whole(site: Site) -> None:
    messages = [
        {"role": "system", "content": "Answer as a pirate."},
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "85 crowns a night."},
        {"role": "user", "content": [{"type": "text", "text": "And what about dogs, do they travel free?"}]},
    ]
    reply = site.call("POST", "/v1/chat/completions", {"messages": messages})
    assert reply.status == 200 and "free" in reply.json["choices"][0]["message"]["content"]
    assert "system" in reply.headers["x-wellread-ignored"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
        (asked(QUESTION, n=2), "n"),
        (asked(QUESTION, logprobs=True), "logprobs"),
        (asked(QUESTION, model="gpt-9"), "model"),
    ],
)
def test_a_wrong_body_is_named_with_its_field(site: Site, body: dict[str, object], param: str) -> None:
    reply = site.call("POST", "/v1/chat/completions", body)
    assert reply.status in (400, 404)
    assert reply.json["error"]["param"] == param and reply.json["error"]["message"]


def test_bodies_that_are_no_object_or_too_large_are_refused(site: Site) -> None:
    assert site.call("POST", "/v1/chat/completions", b"{not json").status == 400
    assert site.call("POST", "/v1/chat/completions", b"[1]").status == 400
    assert site.call("POST", "/v1/chat/completions", b"[" * 100_000).status == 400
    assert site.call("POST", "/v1/chat/completions", b"x" * 1_100_000).status == 413
    assert site.call("GET", "/v1/nothing").status == 404
    assert site.call("DELETE", "/v1/models").status == 405


# responses, models, embeddings, search


def test_the_events_of_a_response_are_numbered_and_complete(site: Site) -> None:
    reply = site.call("POST", "/v1/responses", {"input": QUESTION, "stream": True})
    events = [json.loads(event) for event in reply.events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]
    assert "output_text.annotation.added" in kinds
    text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    assert text == events[-1]["response"]["output"][0]["content"][0]["text"]
    whole = site.call("POST", "/v1/responses", {"input": [{"role": "user", "content": QUESTION}]}).json
    assert whole["status"] == "completed" and whole["output"][0]["content"][0]["annotations"][0]["title"]


def test_models_are_listed_and_found_by_name(site: Site) -> None:
    names = [one["id"] for one in site.call("GET", "/v1/models").json["data"]]
    assert names[0] == "wellread"
    assert site.call("GET", "/v1/models/wellread").json["object"] == "model"
    assert site.call("GET", "/v1/models/other/one").status == 404


def test_embeddings_come_as_numbers_or_packed(site: Site) -> None:
    plain = site.call("POST", "/v1/embeddings", {"input": ["a berth", "a dog"], "model": "x"}).json
    packed = site.call("POST", "/v1/embeddings", {"input": ["a berth", "a dog"], "encoding_format": "base64"}).json
    for one, two in zip(plain["data"], packed["data"], strict=True):
        raw = base64.b64decode(two["embedding"])
        assert struct.unpack(f"<{len(raw) // 4}f", raw) == pytest.approx(one["embedding"])
    assert site.call("POST", "/v1/embeddings", {"input": [[1, 2]]}).status == 400


def test_a_vector_store_search_tells_ranks_and_no_raw_scores(site: Site) -> None:
    found = site.call("POST", "/v1/vector_stores/default/search", {"query": "guest berth"}).json
    assert "85 crowns" in found["data"][0]["content"][0]["text"] and found["data"][0]["score"] == 1.0
    assert site.call("POST", "/v1/vector_stores/other/search", {"query": "x"}).status == 404
    assert site.call("POST", "/v1/vector_stores/default/search", {"query": "x", "max_num_results": 51}).status == 400


# load, hosts, rating


def test_a_client_that_hangs_up_frees_its_place(site: Site) -> None:
    import socket
    import time

    body = json.dumps(asked(QUESTION, stream=True)).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {site.keys['reader']}\r\n\r\n"
    )
    for _ in range(6):
        with socket.create_connection(("127.0.0.1", site.port)) as one:
            one.sendall(head.encode() + body)
            one.recv(200)
    until = time.monotonic() + 20
    while site.served.turnstile.taken and time.monotonic() < until:
        time.sleep(0.05)
    assert site.served.turnstile.taken == 0 and site.served.turnstile.waiting == 0
    assert site.call("POST", "/v1/chat/completions", asked(QUESTION)).status == 200


def test_only_the_named_hosts_are_served_and_no_foreign_form(site: Site) -> None:
    assert site.call("GET", "/health", key=None, host="evil.example").status == 421
    reply = site.call("POST", "/api/ask", {"question": QUESTION}, origin="https://evil.example")
    assert reply.status == 403 and reply.json["error"]["code"] == "foreign_origin"


def test_a_rating_reaches_the_base_with_its_rater(site: Site) -> None:
    from wellread.store import feedback

    trace = site.call("POST", "/api/ask", {"question": QUESTION}).json["trace_id"]
    given = {"rating": -1, "correction": "85 crowns, dogs free"}
    assert site.call("PUT", f"/api/answers/{trace}/rating", given).json["rated"]
    with site.base.store.reading() as connection:
        [one] = feedback.listing(connection, who=site.base.who, trace_id=trace)
    assert (one.rating, one.correction) == (-1, "85 crowns, dogs free")
    assert site.call("PUT", f"/api/answers/{trace}/rating", {"rating": 7}).status == 400
