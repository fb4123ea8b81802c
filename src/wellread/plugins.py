"""Named parts from other packages: found by entry point, loaded only when somebody names them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from wellread.errors import UsageError

GROUPS = {
    "parser": "wellread.parsers",
    "chunker": "wellread.chunkers",
    "chat": "wellread.chat",
    "embedder": "wellread.embedders",
    "reranker": "wellread.rerankers",
}


def installed(part: str) -> Mapping[str, EntryPoint]:
    """Entry points for a part (a key of GROUPS) by name; nothing is imported."""
    return {point.name: point for point in entry_points(group=GROUPS[part])}


def load(part: str, name: str) -> Any:
    """The object behind an entry point. Raises UsageError where there is none or it cannot be imported."""
    point = installed(part).get(name)
    if point is None:
        raise UsageError(f"{part} '{name}': no installed package offers it (entry point group {GROUPS[part]})")
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{part} '{name}': {point.value} cannot be loaded: {error}") from error
