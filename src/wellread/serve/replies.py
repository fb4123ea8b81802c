"""How a failure is said over HTTP: one shape under ``/v1`` and ``/api``, in the words of our errors."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import JSONResponse

from wellread.errors import (
    ConfigError,
    MissingExtra,
    ModelError,
    ModelUnavailable,
    PluginError,
    Refused,
    SourceError,
    StoreError,
    UsageError,
    WellreadError,
)


@dataclass(frozen=True, slots=True)
class HttpError(Exception):
    """A request that is not served: status, a code for programs, what to do, and the field that is at fault."""

    status: int
    code: str
    message: str
    param: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.message


NOT_FOUND = HttpError(404, "not_found", "there is nothing here that this key may see")
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
# what a client must not repeat by itself: a model has worked already
_ONCE = (("x-should-retry", "false"),)


def of(error: WellreadError) -> HttpError:
    """A failure of the library as the status and code that programs know."""
    if isinstance(error, UsageError):
        return HttpError(400, "invalid_request", str(error))
    if isinstance(error, Refused):
        return HttpError(403, "refused", str(error))
    if isinstance(error, ModelUnavailable):
        return HttpError(503, "model_unavailable", str(error), headers=_ONCE)
    if isinstance(error, ModelError | MissingExtra | PluginError | ConfigError):
        return HttpError(500, "model_error", str(error), headers=_ONCE)
    if isinstance(error, StoreError | SourceError):
        return HttpError(503, "store_error", str(error), headers=_ONCE)
    return HttpError(500, "server_error", str(error), headers=_ONCE)


def body(error: HttpError) -> dict[str, object]:
    """The error as OpenAI's clients read it."""
    kind = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


def response(error: HttpError) -> JSONResponse:
    """The whole reply."""
    return JSONResponse(body(error), error.status, headers={**dict(error.headers), "cache-control": "no-store"})
