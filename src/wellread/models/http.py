"""Requests to a model service: one pool, timeouts, retries with full jitter, and errors that name host and cause."""

from __future__ import annotations

import email.utils
import ipaddress
import itertools
import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from wellread.errors import ModelError, ModelUnavailable, UsageError

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
POOLED = 8
ANSWER_LIMIT = 256 << 20  # bytes; a batch of embeddings has a few MB
_FIRST_WAIT_S, _LONGEST_WAIT_S, _LONGEST_RETRY_AFTER_S = 0.5, 20.0, 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """Where a service is, how long to wait for it, and how often to try.

    Threads may share it: ``pool`` keeps up to POOLED connections to the host open, more are opened as they are needed.
    """

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    connect_timeout_s: float = 10.0
    timeout_s: float = 60.0
    max_attempts: int = 4
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=POOLED), repr=False, compare=False
    )

    @property
    def host(self) -> str:
        """Host and port as the user wrote them."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    @property
    def remote(self) -> str | None:
        """The host, or None where it is this machine."""
        name = urlsplit(self.base_url).hostname or ""
        return None if is_loopback(name) else name


def service_at(base_url: str, setting: str) -> str:
    """``base_url`` without a slash at its end. Raises UsageError where it is not an http(s) address."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{setting} = '{base_url}': is an address like https://host/v1")
    return base_url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name is this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def post(service: Service, path: str, body: Mapping[str, object]) -> dict[str, Any]:
    """The JSON object that a POST got. Raises ModelError, ModelUnavailable after ``max_attempts`` requests."""
    for attempt in _attempts():
        try:
            response = once(service, "POST", path, attempt, body=body)
            if response is None:
                continue
            with closing(response):
                data = response.read(ANSWER_LIMIT + 1)
            break
        except HTTPError as error:  # cut while its body was read
            wait_or_give_up(service, attempt, _cause(error))
    if len(data) > ANSWER_LIMIT:
        raise ModelError(f"{service.host}: answered with more than {ANSWER_LIMIT >> 20} MB")
    return as_object(service, data)


def as_object(service: Service, data: bytes | str) -> dict[str, Any]:
    """``data`` as a JSON object. Raises ModelError that shows what came instead."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ModelError(f"{service.host}: answered {excerpt(data)}, which is not a JSON object; is base_url right?")
    return answer


def send(
    service: Service,
    method: str,
    path: str,
    *,
    body: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    redirect: bool = False,
) -> urllib3.BaseHTTPResponse:
    """An open response of status 2xx, its body not yet read; the caller closes it.

    Raises: ModelUnavailable after ``max_attempts`` requests; ModelError for what trying again cannot help.
    """
    for attempt in _attempts():
        response = once(service, method, path, attempt, body=body, headers=headers, redirect=redirect)
        if response is not None:
            return response
    raise AssertionError("attempts end with an error")


def _attempts() -> Iterator[int]:
    """1, 2, 3 …: ``wait_or_give_up`` ends them."""
    return itertools.count(1)


def once(
    service: Service,
    method: str,
    path: str,
    attempt: int,
    *,
    body: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    redirect: bool = False,
) -> urllib3.BaseHTTPResponse | None:
    """The open response to one request; None, after a wait, where another may help. Raises as ``send``."""
    timeout = urllib3.Timeout(connect=service.connect_timeout_s, read=service.timeout_s)
    # redirects are followed for downloads alone, and urllib3 drops the key where one leads to another host
    retries = urllib3.Retry(total=5, connect=0, read=0, status=0, other=0, redirect=5) if redirect else False
    try:
        response = service.pool.request(
            method,
            service.base_url + path,
            body=None if body is None else json.dumps(body).encode(),
            headers={**_headers(service, body is not None), **(headers or {})},
            timeout=timeout,
            retries=retries,
            redirect=redirect,
            preload_content=False,
        )
    except HTTPError as error:
        wait_or_give_up(service, attempt, _cause(error))
        return None
    if 200 <= response.status < 300:
        return response
    _refused(service, path, response, attempt)
    return None


def _headers(service: Service, has_body: bool) -> dict[str, str]:
    headers = {"User-Agent": "wellread", "Accept-Encoding": "identity"}
    if has_body:
        headers["Content-Type"] = "application/json"
    if service.api_key:
        headers["Authorization"] = f"Bearer {service.api_key}"
    return headers


def _refused(service: Service, path: str, response: urllib3.BaseHTTPResponse, attempt: int) -> None:
    """Waits where the status may pass, raises where not."""
    status = response.status
    try:
        said = excerpt(response.read(2000))
    except HTTPError:
        said = "nothing more"
    finally:
        response.close()
    if status in RETRIED:
        wait_or_give_up(service, attempt, f"status {status}: {said}", response.headers.get("Retry-After"))
        return
    hint = {
        401: "; is the key in the variable that api_key_env names?",
        403: "; may this key use this model?",
        404: "; are base_url and the model's name right?",
    }.get(status, "")
    raise ModelError(f"{service.host}{urlsplit(service.base_url).path}{path}: status {status}: {said}{hint}")


def wait_or_give_up(service: Service, attempt: int, cause: str, retry_after: str | None = None) -> None:
    """Sleeps before the next attempt. Raises ModelUnavailable where there is none or the service asks for a long wait.

    Source: full jitter, https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    asked = _seconds(retry_after)
    tries = "1 attempt" if attempt == 1 else f"{attempt} attempts"
    if attempt >= service.max_attempts:
        raise ModelUnavailable(f"{service.host}: did not answer after {tries}: {cause}")
    if asked is not None and asked > _LONGEST_RETRY_AFTER_S:
        raise ModelUnavailable(f"{service.host}: asks to wait {asked:.0f} s: {cause}")
    jitter = random.uniform(0, min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (attempt - 1)))
    time.sleep(jitter if asked is None else asked + jitter / 4)


def _seconds(retry_after: str | None) -> float | None:
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None


def _cause(error: HTTPError) -> str:
    text = str(getattr(error, "reason", None) or error)
    return text.rpartition("object at 0x")[2].partition(">: ")[2] or text


def events(service: Service, response: urllib3.BaseHTTPResponse) -> Iterator[str]:
    """Data of each server-sent event, broken UTF-8 replaced. Raises ModelUnavailable where the connection breaks.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
    """
    data: list[str] = []
    for line in _lines(service, response):
        if not line and data:
            yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
    if data:
        yield "\n".join(data)


def _lines(service: Service, response: urllib3.BaseHTTPResponse) -> Iterator[str]:
    rest = b""
    try:
        while piece := response.read1(1 << 16):
            *lines, rest = (rest + piece).split(b"\n")
            yield from (line.rstrip(b"\r").decode("utf-8", "replace") for line in lines)
            if len(rest) > ANSWER_LIMIT:
                raise ModelError(f"{service.host}: sent a line of more than {ANSWER_LIMIT >> 20} MB")
    except HTTPError as error:
        raise ModelUnavailable(f"{service.host}: the answer broke off: {_cause(error)}") from error
    if rest:
        yield rest.decode("utf-8", "replace")


def excerpt(data: bytes | str) -> str:
    """The first 200 characters on one line, quoted."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:1000]).split())
    return f"'{text[:200]}…'" if len(text) > 200 else f"'{text}'"
