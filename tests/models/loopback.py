"""Real HTTP on loopback: a server that answers each request with the next of a list of scripted answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class Canned:
    """An answer; ``declared`` promises more bytes than are sent, so that the connection breaks in the middle."""

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    declared: int | None = None


Answering = Callable[[Request], Canned]


@dataclass
class Server:
    url: str
    requests: list[Request]


@contextmanager
def serving(answer: Answering | Sequence[Canned]) -> Iterator[Server]:
    requests: list[Request] = []
    queue = None if callable(answer) else list(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, dict(self.headers), json.loads(data) if data else None)
            requests.append(request)
            canned = answer(request) if queue is None else queue.pop(0)
            time.sleep(canned.delay_s)
            body = canned.body if isinstance(canned.body, bytes) else json.dumps(canned.body).encode()
            try:
                self.send_response(canned.status)
                for name, value in canned.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body) if canned.declared is None else canned.declared))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the client has given up waiting
                self.close_connection = True
            if canned.declared is not None:
                self.close_connection = True

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def events(*payloads: object, done: bool = True) -> bytes:
    """A stream of server-sent events."""
    lines = [p if isinstance(p, str) else json.dumps(p, ensure_ascii=False) for p in payloads]
    return "".join(f"data: {line}\n\n" for line in [*lines, *(["[DONE]"] if done else [])]).encode()


def openai_like(request: Request) -> Canned:
    """An endpoint that embeds by letter counts and repeats the last message in capitals."""
    if request.path.endswith("/embeddings"):
        rows = [_letters(text) for text in request.body["input"]]
        data = [{"index": i, "embedding": row} for i, row in enumerate(rows)]
        return Canned({"data": data[::-1], "usage": {"prompt_tokens": 7}})
    if request.path.endswith("/rerank"):
        query = set(request.body["query"].split())
        scores = [len(query & set(d.split())) / len(query) for d in request.body["documents"]]
        return Canned({"results": [{"index": i, "relevance_score": s} for i, s in enumerate(scores)][::-1]})
    words = request.body["messages"][-1]["content"].upper().split()
    limit = request.body["max_tokens"]
    text, reason = " ".join(words[:limit]), "length" if len(words) > limit else "stop"
    counts = {"prompt_tokens": 1000, "completion_tokens": 500}
    if not request.body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        return Canned({"model": "echo", "choices": [choice], "usage": counts})
    pieces = [{"choices": [{"index": 0, "delta": {"content": c}}]} for c in text]
    end = [{"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}, {"choices": [], "usage": counts}]
    return Canned(events(*pieces, *end), headers={"Content-Type": "text/event-stream"})


def _letters(text: str) -> list[float]:
    return [1.0 + text.lower().count(letter) for letter in "abcdefghijklmnop"]
