"""The Model Context Protocol: both eras, failures as failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.serve.conftest import Site

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def call(
    site: Site, method: str, params: dict[str, Any] | None = None, *, modern: bool = True, key: str = "reader", **h: str
) -> Any:
    sent = {**(params or {}), **({"_meta": META} if modern else {})}
    message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": sent}
    return site.call("POST", "/mcp", message, key=key, **h)


def test_a_modern_client_discovers_lists_and_calls(site: Site) -> None:
    told = call(site, "server/discover").json["result"]
    assert told["serverInfo"]["name"] == "wellread" and told["resultType"] == "complete"
    tools = call(site, "tools/list").json["result"]["tools"]
    assert [tool["name"] for tool in tools] == ["ask", "search", "read_document", "list_documents", "rate_answer"]
    assert tools[0]["annotations"]["readOnlyHint"] and not tools[-1]["annotations"]["readOnlyHint"]
    params = {"name": "ask", "arguments": {"question": "What does a guest berth cost a night?"}}
    result = call(site, "tools/call", params).json["result"]
    assert "85 crowns" in result["structuredContent"]["text"] and not result["isError"]
    assert "85 crowns" in result["content"][0]["text"]


def test_an_older_client_initialises_without_a_session(site: Site) -> None:
    reply = call(site, "initialize", {"protocolVersion": "2025-11-25"}, modern=False)
    assert reply.json["result"]["protocolVersion"] == "2025-11-25"
    assert not [name for name in reply.headers if "session" in name]
    assert site.call("POST", "/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}).status == 202
    assert "tools" in call(site, "tools/list", modern=False).json["result"]


def test_headers_that_differ_and_unknown_versions_are_refused(site: Site) -> None:
    assert call(site, "tools/list", mcp_method="ping").json["error"]["code"] == -32020
    params = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}}
    reply = site.call("POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": params})
    assert reply.status == 400 and reply.json["error"]["code"] == -32022
    assert call(site, "nothing/here").json["error"]["code"] == -32601


def test_a_failure_is_a_failure_and_never_an_empty_list(site: Site) -> None:
    for arguments in ({}, {"question": 7}, {"question": "x", "path": "/etc/passwd"}):
        result = call(site, "tools/call", {"name": "ask", "arguments": arguments}).json["result"]
        assert result["isError"] and result["content"][0]["text"]
    params = {"name": "read_document", "arguments": {"uri": "/etc/passwd"}}
    assert call(site, "tools/call", params).json["result"]["isError"]


def test_a_key_sees_only_the_tools_that_it_may_use(site: Site) -> None:
    from wellread.store import credentials

    with site.base.store.writing() as tx:
        token = credentials.issue(tx, "key", "asks", who=site.base.who, actions=("ask",))
    tools = call(site, "tools/list", key=token).json["result"]["tools"]
    assert [tool["name"] for tool in tools] == ["ask"]
    params = {"name": "search", "arguments": {"query": "x"}}
    assert "error" in call(site, "tools/call", params, key=token).json
