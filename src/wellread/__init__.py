"""Teaches a language model what an organisation knows, and shows by measurement which way of teaching serves best.

    import wellread

    with wellread.open("mybase") as base:
        base.add("~/documents")
        answer = base.ask("Which crossings take dogs?")
        print(answer.text, [citation.document for citation in answer.citations])

Everything public is in ``__all__`` and is loaded when it is first named, so that the import itself costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wellread.doctor import Finding
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
    from wellread.knowledge_base import KnowledgeBase
    from wellread.retrieve.parts import SearchResult
    from wellread.retrieve.understand.followup import Turn
    from wellread.types import (
        AllOf,
        Answer,
        AnyOf,
        Chunk,
        Citation,
        Compare,
        Document,
        Failure,
        Filter,
        Hit,
        Not,
        OneOf,
        Principal,
        Span,
        Stage,
        Status,
        SyncReport,
        Usage,
        ValidOn,
        Verdict,
    )


_TYPES = (
    "AllOf Answer AnyOf Chunk Citation Compare Document Failure Filter Hit Not OneOf Principal Span Stage Status "
    "SyncReport Usage ValidOn Verdict"
)
_ERRORS = (
    "ConfigError MissingExtra ModelError ModelUnavailable PluginError Refused SourceError StoreError UsageError "
    "WellreadError"
)
_HOMES = {
    **dict.fromkeys(_TYPES.split(), "wellread.types"),
    **dict.fromkeys(_ERRORS.split(), "wellread.errors"),
    "Turn": "wellread.retrieve.understand.followup",
    "SearchResult": "wellread.retrieve.parts",
    "KnowledgeBase": "wellread.knowledge_base",
    "Finding": "wellread.doctor",
}

__all__ = [
    "AllOf",
    "Answer",
    "AnyOf",
    "Chunk",
    "Citation",
    "Compare",
    "ConfigError",
    "Document",
    "Failure",
    "Filter",
    "Finding",
    "Hit",
    "KnowledgeBase",
    "MissingExtra",
    "ModelError",
    "ModelUnavailable",
    "Not",
    "OneOf",
    "PluginError",
    "Principal",
    "Refused",
    "SearchResult",
    "SourceError",
    "Span",
    "Stage",
    "Status",
    "StoreError",
    "SyncReport",
    "Turn",
    "Usage",
    "UsageError",
    "ValidOn",
    "Verdict",
    "WellreadError",
    "__version__",
    "open",
]


def open(
    path: Path | str | None = None,
    *,
    who: Principal | None = None,
    overrides: Sequence[str] = (),
    read_only: bool = False,
) -> KnowledgeBase:
    """The knowledge base at ``path``, to be used in a ``with`` block or closed by ``close()``.

    Args:
        path: its folder; None is the one of ``WELLREAD_BASE``, else the nearest with a wellread.toml upwards from here.
        who: the principal; None is everybody's: the default tenant without any group.
        overrides: settings for this opening alone, as ``section.key=value``.
        read_only: nothing is written, the question log neither.
    Raises: UsageError where there is no knowledge base, ConfigError, StoreError.
    """
    from wellread.knowledge_base import KnowledgeBase
    from wellread.types import Principal

    return KnowledgeBase.open(path, who=who or Principal(), overrides=overrides, read_only=read_only)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("wellread.config").VERSION
    if name not in _HOMES:
        raise AttributeError(f"module 'wellread' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
