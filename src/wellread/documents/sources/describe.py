"""A document from what its parser, its sidecar and its source say."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import Any

from wellread import digests
from wellread.documents.clean import one_line, visible
from wellread.documents.sources.listing import Source
from wellread.errors import SourceError
from wellread.store import layout
from wellread.types import Document


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What stands beside a file: its keys as text."""

    title: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)


def read_sidecar(data: bytes, uri: str) -> Sidecar:
    """The keys of ``NAME.meta.toml``; lists become "a, b". Raises: SourceError (broken) for what is not TOML."""
    if not data:
        return Sidecar()
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"{uri}.meta.toml: not TOML: {error}; correct or remove it", "broken") from error
    keys = {key: _as_text(value) for key, value in values.items()}
    return Sidecar(keys.pop("title", ""), keys)


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_as_text(part) for part in value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return one_line(visible(str(value)))


def document_id(tenant: str, uri: str) -> str:
    """32 hex digits that stay the same over versions."""
    return digests.of_text(f"{tenant}\0{uri}")[:32]


def fallback_title(uri: str) -> str:
    """The name of a file in words."""
    name = PurePosixPath(uri.split("?", 1)[0]).stem or uri
    return one_line(visible(name.replace("_", " ").replace("-", " ")))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document comes from and under which id it is known."""

    id: str
    uri: str
    source: Source
    mtime_ns: int = 0


def document(origin: Origin, fields: Mapping[str, Any], sidecar: Sidecar) -> Document:
    """The document that a child's answer ``fields`` describes; ``version`` is 0 until the index knows it.

    A sidecar's keys win over those in the file. Labels of the file narrow those of its source, never widen them.
    Raises: SourceError (broken) for a date that is none.
    """
    keys = {**fields["metadata"], **sidecar.keys}
    days = {key: _day(keys.pop(key, ""), key, origin.uri) for key in ("valid_from", "valid_until")}
    superseded_by = keys.pop("superseded_by", "") or None
    labels = _labels(origin.source, keys.pop("labels", keys.pop("label", "")))
    structure = layout.from_rows(fields, fields["text"])
    return Document(
        id=origin.id,
        uri=origin.uri,
        version=0,
        title=fields["title"],
        media_type=fields["media_type"],
        text=fields["text"],
        digest=fields["digest"],
        tenant=origin.source.tenant,
        labels=labels,
        metadata=keys,
        blocks=structure.blocks,
        size_bytes=fields["size_bytes"],
        modified_at=datetime.fromtimestamp(origin.mtime_ns / 1e9, UTC) if origin.mtime_ns else None,
        valid_from=days["valid_from"],
        valid_until=days["valid_until"],
        superseded_by=superseded_by,
        units=structure.units,
        tables=structure.tables,
        images=structure.images,
    )


def _labels(source: Source, own: str) -> frozenset[str]:
    given = frozenset(source.options.labels)
    named = frozenset(filter(None, (part.strip() for part in own.split(","))))
    if not given:
        return named
    return given & named or given


def _day(value: str, key: str, uri: str) -> date | None:
    if not value.strip():
        return None
    try:
        return date.fromisoformat(value.strip()[:10])
    except ValueError as error:
        raise SourceError(f"{uri}: {key}: '{value}' is not a date; write it as 2026-12-31", "broken") from error
