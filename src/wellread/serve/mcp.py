"""The Model Context Protocol over HTTP, without sessions: version 2026-07-28, and 2025-11-25 for older clients.

Source: modelcontextprotocol.io, specification 2026-07-28 (stateless: every request stands for itself). Tools read and
rate; none takes a path or an address. A failure is a result with ``isError``, never an empty list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wellread import config
from wellread.errors import UsageError, WellreadError

VERSION, LEGACY = "2026-07-28", ("2025-11-25", "2025-06-18", "2025-03-26")
SERVER = {"name": "wellread", "version": config.VERSION}
INSTRUCTIONS = "Answers from an organisation's documents, each sentence with its source, or a refusal."
TTL_MS = 60_000
PARSE, INVALID, NO_METHOD, BAD_PARAMS, HEADERS_DIFFER, NO_VERSION = -32700, -32600, -32601, -32602, -32020, -32022
_META = "io.modelcontextprotocol/"

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: what it takes and gives as JSON schemas, the action that a key needs for it, and what it does."""

    name: str
    about: str
    action: str
    takes: Mapping[str, Any]
    gives: Mapping[str, Any]
    call: Callable[[Arguments], Mapping[str, Any]]
    reads_only: bool = True

    def told(self) -> dict[str, Any]:
        """As ``tools/list`` has it."""
        hints = {"readOnlyHint": self.reads_only, "openWorldHint": False}
        schemas = {"inputSchema": dict(self.takes), "outputSchema": dict(self.gives)}
        return {"name": self.name, "description": self.about, **schemas, "annotations": hints}


@dataclass(frozen=True, slots=True)
class McpReply:
    """What goes back over HTTP; ``body`` None is an empty one."""

    status: int
    body: Mapping[str, Any] | None


def answer(message: object, headers: Mapping[str, str], tools: Mapping[str, Tool]) -> McpReply:
    """One JSON-RPC message answered with the tools that its caller may use, in their order."""
    method = message.get("method") if isinstance(message, Mapping) and message.get("jsonrpc") == "2.0" else None
    if not isinstance(message, Mapping) or not isinstance(method, str):
        return _failed(400, None, INVALID, "one JSON-RPC 2.0 request is expected")
    number = message.get("id")
    params = message.get("params") or {}
    if not isinstance(params, Mapping):
        return _failed(400, number, BAD_PARAMS, "params: is an object")
    meta = params.get("_meta") or {}
    version = meta.get(f"{_META}protocolVersion") if isinstance(meta, Mapping) else None
    if number is None:
        return McpReply(202, None)
    if version is None:
        return _reply(number, method, params, tools, modern=False)
    wanted = {"mcp-protocol-version": version, "mcp-method": method}
    if method == "tools/call":
        wanted["mcp-name"] = str(params.get("name"))
    for name, value in wanted.items():
        if name in headers and headers[name] != value:
            return _failed(400, number, HEADERS_DIFFER, f"{name}: the header and the body differ")
    if version != VERSION:
        told = {"supported": [VERSION, *LEGACY], "requested": version}
        return _failed(400, number, NO_VERSION, f"protocol version {version} is not spoken here", told)
    return _reply(number, method, params, tools, modern=True)


def _reply(number: object, method: str, params: Arguments, tools: Mapping[str, Tool], *, modern: bool) -> McpReply:
    if method == "tools/call":
        name = params.get("name")
        tool = tools.get(name) if isinstance(name, str) else None
        if tool is None:
            return _failed(200, number, BAD_PARAMS, f"{name}: no such tool; there are {', '.join(tools)}")
        return _done(number, _called(tool, params.get("arguments") or {}), modern=modern)
    if method == "tools/list":
        return _done(number, {"tools": [tool.told() for tool in tools.values()]}, modern=modern, cached=True)
    if method == "ping":
        return _done(number, {}, modern=modern)
    if method == "server/discover" and modern:
        about = {"supportedVersions": [VERSION, *LEGACY], "capabilities": {"tools": {}}, "instructions": INSTRUCTIONS}
        return _done(number, {**about, "serverInfo": SERVER}, modern=True, cached=True)
    if method == "initialize" and not modern:
        asked = params.get("protocolVersion")
        spoken = asked if asked in LEGACY else LEGACY[0]
        about = {"protocolVersion": spoken, "capabilities": {"tools": {}}, "serverInfo": SERVER}
        return _done(number, {**about, "instructions": INSTRUCTIONS}, modern=False)
    return _failed(404 if modern else 200, number, NO_METHOD, f"{method}: no such method")


def _called(tool: Tool, arguments: object) -> dict[str, Any]:
    try:
        if not isinstance(arguments, Mapping):
            raise UsageError("arguments: is an object")
        _checked(arguments, tool)
        found = tool.call(arguments)
    except WellreadError as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    text = json.dumps(found, ensure_ascii=False, default=str)
    return {"content": [{"type": "text", "text": text}], "structuredContent": dict(found), "isError": False}


LARGEST = 2**53 - 1  # the whole numbers that JSON carries everywhere
_KINDS: Mapping[str, type | tuple[type, ...]] = {"string": str, "integer": int, "object": dict, "array": list}


def _checked(arguments: Arguments, tool: Tool) -> None:
    """Raises: UsageError where an argument is missing, unknown or of another kind."""
    known = tool.takes.get("properties", {})
    for name in tool.takes.get("required", ()):
        if name not in arguments:
            raise UsageError(f"{tool.name}: {name} is required")
    for name, value in arguments.items():
        if name not in known:
            raise UsageError(f"{tool.name}: {name}: no such argument; there are {', '.join(known)}")
        if not isinstance(value, _KINDS[known[name]["type"]]) or isinstance(value, bool):
            raise UsageError(f"{tool.name}: {name}: is a {known[name]['type']}")
        if isinstance(value, int) and abs(value) > LARGEST:
            raise UsageError(f"{tool.name}: {name}: is beyond {LARGEST:,}")
        if "enum" in known[name] and value not in known[name]["enum"]:
            raise UsageError(f"{tool.name}: {name}: is one of {', '.join(known[name]['enum'])}")


def _done(number: object, result: Mapping[str, Any], *, modern: bool, cached: bool = False) -> McpReply:
    given = dict(result)
    if modern:
        given |= {"resultType": "complete", "_meta": {f"{_META}serverInfo": SERVER}}
        given |= {"ttlMs": TTL_MS, "cacheScope": "private"} if cached else {}
    return McpReply(200, {"jsonrpc": "2.0", "id": number, "result": given})


def _failed(status: int, number: object, code: int, message: str, data: object = None) -> McpReply:
    error: dict[str, Any] = {"code": code, "message": message} | ({"data": data} if data is not None else {})
    return McpReply(status, {"jsonrpc": "2.0", "id": number, "error": error})
