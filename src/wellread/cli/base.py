"""The knowledge base that a call means, and its settings file."""

from __future__ import annotations

from pathlib import Path

from wellread import config
from wellread.cli.call import Call
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase


def open_base(call: Call, *, read_only: bool = False) -> KnowledgeBase:
    """The knowledge base that a call means. Raises: UsageError where there is none, ConfigError, StoreError."""
    return KnowledgeBase.open(call.base, who=call.who, overrides=call.overrides, read_only=read_only)


def settings_file(call: Call) -> Path | None:
    """The settings file that a call means: of --base, of WELLREAD_BASE, or the nearest one upwards."""
    named = call.base or config.environment("WELLREAD_BASE")
    if named is None:
        return config.find(Path.cwd())
    path = Path(named) / config.FILE_NAME
    if not path.is_file():
        raise UsageError(f"{named}: no knowledge base there (no {config.FILE_NAME}); run wellread init {named}")
    return path
