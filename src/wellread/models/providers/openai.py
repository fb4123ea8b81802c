"""Any endpoint that speaks OpenAI's protocol: chat completions, streamed or whole, and embeddings.

Source: https://platform.openai.com/docs/api-reference/chat and /embeddings
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from wellread.errors import ModelError, ModelUnavailable
from wellread.models import http, tokens
from wellread.models.api import Message, Reply, Sampling, ToolCall, Vectors
from wellread.models.http import Service
from wellread.models.prices import Price, usage
from wellread.models.settings import ENDPOINT_CONTEXT_TOKENS, ChatSettings, EmbedSettings
from wellread.types import Usage

OPENAI_URL = "https://api.openai.com/v1"
EMBED_TOKENS = 8191


class OpenAIChat:
    """A chat model behind ``POST /chat/completions``; safe to use from several threads."""

    def __init__(self, model: str, service: Service, context_tokens: int, price: Price) -> None:
        self.name = f"openai:{model}"
        self.context_tokens = context_tokens
        self.remote = service.remote
        self.price = price
        self._model, self._service = model, service

    def count_tokens(self, text: str) -> int:
        """An estimate that is rather too high."""
        return tokens.estimate(text)

    def reply(self, messages: Sequence[Message], sampling: Sampling) -> Reply:
        """The whole answer in one response."""
        answer = http.post(self._service, "/chat/completions", self._body(messages, sampling))
        choice = _first_choice(self._service, answer)
        message = choice.get("message")
        text = message.get("content") if isinstance(message, dict) else None
        calls = _calls(message) if sampling.tools else ()
        if not isinstance(text, str):
            if not calls:
                raise ModelError(f"{self._service.host}: the answer has no text: {http.excerpt(str(choice))}")
            text = ""
        used = self._usage(answer.get("usage"), messages, text + "".join(call.arguments for call in calls))
        return Reply(text, used, _stop_reason(choice), str(answer.get("model") or self._model), calls)

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Reply]:
        """Pieces as they come, then the Reply. A connection that breaks before the end raises ModelUnavailable."""
        body = self._body(messages, sampling) | {"stream": True, "stream_options": {"include_usage": True}}
        pieces: list[str] = []
        reason, counted, model = "", None, self._model
        response = http.send(self._service, "POST", "/chat/completions", body=body)
        with closing(response):
            for data in http.events(self._service, response):
                if data.strip() == "[DONE]":
                    reason = reason or "stop"
                    break
                event = http.as_object(self._service, data)
                if event.get("error"):
                    raise ModelUnavailable(f"{self._service.host}: {http.excerpt(str(event['error']))}")
                counted = event.get("usage") or counted
                model = str(event.get("model") or model)
                if event.get("choices"):
                    choice = _first_choice(self._service, event)
                    reason = _stop_reason(choice) if choice.get("finish_reason") else reason
                    if piece := _delta(choice):
                        pieces.append(piece)
                        yield piece
        if not reason:
            raise ModelUnavailable(f"{self._service.host}: the answer broke off after {len(pieces)} pieces")
        text = "".join(pieces)
        yield Reply(text, self._usage(counted, messages, text), reason, model)

    def _body(self, messages: Sequence[Message], sampling: Sampling) -> dict[str, object]:
        body: dict[str, object] = {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "seed": sampling.seed,
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if sampling.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {"name": one.name, "description": one.description, "parameters": one.parameters},
                }
                for one in sampling.tools
            ]
        return body

    def _usage(self, counted: object, messages: Sequence[Message], text: str) -> Usage:
        counts = counted if isinstance(counted, dict) else {}
        prompt, written = counts.get("prompt_tokens"), counts.get("completion_tokens")
        if not isinstance(prompt, int):
            prompt = sum(tokens.estimate(m.content) + 4 for m in messages)
        if not isinstance(written, int):
            written = tokens.estimate(text)
        return usage(self.price, prompt, written)


def _first_choice(service: Service, answer: Mapping[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ModelError(f"{service.host}: the answer has no choices: {http.excerpt(str(answer))}")
    return dict(choices[0])


def _calls(message: object) -> tuple[ToolCall, ...]:
    """The functions that a message calls; what is not of their form is left out."""
    given = message.get("tool_calls") if isinstance(message, dict) else None
    made = [one.get("function") for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return tuple(
        ToolCall(one["name"], one["arguments"])
        for one in made
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("arguments"), str)
    )


def _delta(choice: Mapping[str, Any]) -> str:
    delta = choice.get("delta")
    piece = delta.get("content") if isinstance(delta, dict) else None
    return piece if isinstance(piece, str) else ""


def _stop_reason(choice: Mapping[str, Any]) -> str:
    return "length" if choice.get("finish_reason") == "length" else "stop"


class OpenAIEmbedder:
    """Vectors from ``POST /embeddings``, in batches; the number of dimensions is asked for once and then checked.

    Threads may share it; the count of tokens used is kept under a lock.
    """

    def __init__(self, model: str, service: Service, settings: EmbedSettings) -> None:
        self.remote, self.base_url = service.remote, service.base_url
        self.max_tokens = settings.max_tokens or EMBED_TOKENS
        self.used = Usage()
        self._model, self._service, self._settings = model, service, settings
        self._lock = threading.Lock()
        self._dim = settings.dim

    @property
    def id(self) -> str:
        """Endpoint, model and dimensions, and the prefixes where there are any."""
        prefixes = (self._settings.query_prefix, self._settings.passage_prefix)
        return f"openai:{self._service.host}:{self._model}:{self.dim}" + (f":{prefixes!r}" if any(prefixes) else "")

    @property
    def dim(self) -> int:
        """Length of a vector; the first use asks the endpoint. Raises ModelError, ModelUnavailable."""
        if not self._dim:
            self._send(["dimension"])
        return self._dim

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate of each text that is rather too high."""
        return [tokens.estimate(text) for text in texts]

    def embed(self, texts: Sequence[str], kind: str = "passage") -> Vectors:
        """(len(texts), dim), rows of length 1."""
        prefix = self._settings.query_prefix if kind == "query" else self._settings.passage_prefix
        size = self._settings.batch
        rows = [prefix + text or " " for text in texts]  # endpoints refuse an empty text
        parts = [self._send(rows[start : start + size]) for start in range(0, len(rows), size)]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), np.float32)

    def _send(self, texts: list[str]) -> Vectors:
        body: dict[str, object] = {"model": self._model, "input": texts, "encoding_format": "float"}
        if self._settings.dim:
            body["dimensions"] = self._settings.dim
        answer = http.post(self._service, "/embeddings", body)
        try:
            rows = sorted(answer["data"], key=lambda row: int(row["index"]))
            vectors = np.array([row["embedding"] for row in rows], np.float32)
            in_order = [int(row["index"]) for row in rows] == list(range(len(texts)))
        except (KeyError, TypeError, ValueError) as error:
            raise self._fault(f"gave no embeddings ({error!r}): {http.excerpt(str(answer))}") from error
        if not in_order or vectors.ndim != 2 or vectors.shape[1] == 0:
            raise self._fault(f"gave embeddings of shape {vectors.shape} for {len(texts)} texts")
        self._check_dim(int(vectors.shape[1]))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not (lengths > 0).all():
            raise self._fault("gave a vector that is zero or not of numbers")
        self._count(answer.get("usage"), texts)
        scaled: Vectors = vectors / lengths
        return scaled

    def _check_dim(self, dim: int) -> None:
        if self._dim and dim != self._dim:
            hint = "; set embed.dim to what the model gives" if self._settings.dim else ""
            raise self._fault(f"gave vectors of {dim} dimensions, expected {self._dim}{hint}")
        self._dim = dim

    def _count(self, counted: object, texts: Sequence[str]) -> None:
        n = counted.get("prompt_tokens") if isinstance(counted, dict) else None
        with self._lock:
            self.used += Usage(n if isinstance(n, int) else sum(map(tokens.estimate, texts)), 0, 1)

    def _fault(self, what: str) -> ModelError:
        return ModelError(f"{self._service.host}: model {self._model} {what}")


def open_chat(name: str, settings: ChatSettings, folder: Path, api_key: str | None) -> OpenAIChat:
    """``openai:NAME`` at ``settings.base_url``; nothing is sent yet. Raises UsageError for a wrong address."""
    service = Service(
        http.service_at(settings.base_url or OPENAI_URL, "chat.base_url"),
        api_key,
        settings.connect_timeout_s,
        settings.timeout_s,
        settings.max_attempts,
    )
    price = Price(settings.price_in, settings.price_out, settings.currency)
    return OpenAIChat(name, service, settings.context_tokens or ENDPOINT_CONTEXT_TOKENS, price)


def open_embedder(name: str, settings: EmbedSettings, folder: Path, api_key: str | None) -> OpenAIEmbedder:
    """``openai:NAME`` at ``settings.base_url``; nothing is sent yet. Raises UsageError for a wrong address."""
    service = Service(
        http.service_at(settings.base_url or OPENAI_URL, "embed.base_url"),
        api_key,
        settings.connect_timeout_s,
        settings.timeout_s,
        settings.max_attempts,
    )
    return OpenAIEmbedder(name, service, settings)
