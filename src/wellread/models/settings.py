"""What a user may set about models; the sections ``chat``, ``embed`` and ``rerank`` of ``wellread.toml``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LOCAL_CONTEXT_TOKENS, ENDPOINT_CONTEXT_TOKENS = 2048, 8192  # what chat.context_tokens = 0 stands for


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """The model that writes answers."""

    model: str = "llama:smollm2-135m"
    """Which model, as kind:name; llama:NAME or llama:/path/file.gguf runs here, openai:NAME asks an endpoint."""
    base_url: str = ""
    """Address of an OpenAI-compatible endpoint up to and with /v1; empty means https://api.openai.com/v1."""
    api_key_env: str = ""
    """Environment variable that holds the endpoint's key; the key itself never stands in a file."""
    timeout_s: float = 120.0
    """Longest wait for the next bytes of an answer."""
    connect_timeout_s: float = 10.0
    """Longest wait for a connection."""
    max_attempts: int = 4
    """How often a request is sent before the service counts as unavailable."""
    context_tokens: int = 0
    """Tokens that prompt and answer may have together; 0 takes 2,048 here and 8,192 at an endpoint."""
    threads: int = 0
    """Threads of a model that runs here; 0 takes the physical cores that this process may use."""
    price_in: float | None = None
    """Price of a million prompt tokens; without it no cost is shown."""
    price_out: float | None = None
    """Price of a million written tokens; without it no cost is shown."""
    currency: str = "USD"
    """Currency of the prices."""
    personal_data: Literal["send", "mask", "refuse"] = "send"
    """Addresses and numbers of persons in prompts to a model elsewhere: send them, mask them (marks go out and are
    turned back in the answer), or refuse to send the prompt."""

    def __post_init__(self) -> None:
        _check_service(self.timeout_s, self.connect_timeout_s, self.max_attempts)
        for name in ("context_tokens", "threads", "price_in", "price_out"):
            _not_negative(name, getattr(self, name))


def context_tokens(chat: ChatSettings) -> int:
    """Tokens that prompt and answer of the chat model may have together; 0 where no model is set."""
    if chat.context_tokens or not chat.model:
        return chat.context_tokens
    return ENDPOINT_CONTEXT_TOKENS if chat.model.startswith("openai:") else LOCAL_CONTEXT_TOKENS


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """The model that turns passages and questions into vectors."""

    model: str = "static:minilm"
    """Which model, as kind:name; static:minilm and onnx:minilm need no download."""
    base_url: str = ""
    """Address of an OpenAI-compatible endpoint up to and with /v1; empty means https://api.openai.com/v1."""
    api_key_env: str = ""
    """Environment variable that holds the endpoint's key; the key itself never stands in a file."""
    timeout_s: float = 60.0
    """Longest wait for the next bytes of an answer."""
    connect_timeout_s: float = 10.0
    """Longest wait for a connection."""
    max_attempts: int = 4
    """How often a request is sent before the service counts as unavailable."""
    batch: int = 64
    """Texts in one request to an endpoint."""
    dim: int = 0
    """Numbers of a vector: an endpoint is asked for so many, a model here is cut to its first ones; 0 takes all."""
    max_tokens: int = 0
    """Tokens of a text that the model reads; 0 takes what the model says, 8,191 at an endpoint."""
    threads: int = 0
    """Threads of a model that runs here; 0 takes the physical cores that this process may use."""
    query_prefix: str = ""
    """Put before a question, for sentence-transformers models and endpoints that were trained with one."""
    passage_prefix: str = ""
    """Put before a passage, for sentence-transformers models and endpoints that were trained with one."""

    def __post_init__(self) -> None:
        _check_service(self.timeout_s, self.connect_timeout_s, self.max_attempts)
        if self.batch < 1:
            raise ValueError(f"batch: is at least 1, got {self.batch}")
        for name in ("dim", "max_tokens", "threads"):
            _not_negative(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class SparseSettings:
    """A learned sparse model (SPLADE) that is searched beside meaning and words; empty means none."""

    model: str = ""
    """Which model, as kind:name: transformers:NAME; a change needs `wellread index reembed`."""
    weight: float = 0.3
    """Weight of this search beside those by meaning and by words, which weigh 1 together."""
    terms: int = 128
    """Words of the model's vocabulary that are kept of a passage, the heaviest."""
    max_tokens: int = 256
    """Tokens of a passage that the model reads."""
    threads: int = 0
    """Threads of the model; 0 takes the physical cores that this process may use."""

    def __post_init__(self) -> None:
        _not_negative("threads", self.threads)
        for name in ("terms", "max_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: is at least 1, got {getattr(self, name)}")
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight: is between 0 and 1, got {self.weight:g}")


@dataclass(frozen=True, slots=True)
class RerankSettings:
    """The model that scores passages against a question; empty means none."""

    model: str = "onnx:minilm"
    """Which model, as kind:name: onnx:minilm, late:minilm, transformers:NAME or cohere:NAME; empty means none."""
    base_url: str = ""
    """Address of a Cohere-compatible endpoint, up to the part before /rerank; empty means https://api.cohere.com/v2."""
    api_key_env: str = ""
    """Environment variable that holds the endpoint's key; the key itself never stands in a file."""
    timeout_s: float = 30.0
    """Longest wait for the next bytes of an answer."""
    connect_timeout_s: float = 10.0
    """Longest wait for a connection."""
    max_attempts: int = 3
    """How often a request is sent before the service counts as unavailable."""
    threads: int = 0
    """Threads of a model that runs here; 0 takes the physical cores that this process may use."""
    candidates: int = 30
    """Best hits of the search that are read; the rest keeps its place behind them."""
    reads: Literal["auto", "sentences", "passages"] = "auto"
    """sentences: the best of each passage; passages: whole ones; auto: sentences where the model encodes sentences."""
    sentences: int = 1
    """Sentences, list items or rows of a passage that are read at most: those nearest to the question at a glance."""
    weight: float | None = None
    """Share of the model's score in the order, the rest is the search's; empty: 1, for a sentence encoder 0.67."""
    batch: int = 16
    """Pieces that are read at a time; a sentence encoder without a budget gets all at once."""
    budget_ms: int = 0
    """Milliseconds after which no further batch is begun; what was not read keeps its place; 0 reads all."""

    def __post_init__(self) -> None:
        _check_service(self.timeout_s, self.connect_timeout_s, self.max_attempts)
        for name in ("threads", "budget_ms"):
            _not_negative(name, getattr(self, name))
        for name in ("candidates", "sentences", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: is at least 1, got {getattr(self, name)}")
        if self.weight is not None and not 0 <= self.weight <= 1:
            raise ValueError(f"weight: is between 0 and 1, got {self.weight:g}")


def _check_service(timeout_s: float, connect_timeout_s: float, max_attempts: int) -> None:
    if timeout_s <= 0:
        raise ValueError(f"timeout_s: is above 0, got {timeout_s}")
    if connect_timeout_s <= 0:
        raise ValueError(f"connect_timeout_s: is above 0, got {connect_timeout_s}")
    if max_attempts < 1:
        raise ValueError(f"max_attempts: is at least 1, got {max_attempts}")


def _not_negative(name: str, value: float | None) -> None:
    if value is not None and value < 0:
        raise ValueError(f"{name}: is not negative, got {value}")


def threads_for(threads: int) -> int:
    """``threads``, or for 0 the physical cores that this process may run on (two hyper-threads count as one core)."""
    if threads > 0:
        return threads
    if not hasattr(os, "sched_getaffinity"):
        return max(1, os.cpu_count() or 1)
    cores = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            cores.add(siblings.read_text("ascii").strip())
        except OSError:
            cores.add(str(cpu))
    return max(1, len(cores))
