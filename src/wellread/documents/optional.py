"""Readers that an extra brings: which are here, so that a file that needs one is read again once it is."""

from __future__ import annotations

from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import PurePosixPath

from wellread.documents.kinds import BY_SUFFIX

PACKAGES = {  # by extra: distribution → module
    "ocr": {"faster-paddle": "faster_paddle"},
    "legacy": {"python-calamine": "python_calamine", "legacy-doc": "legacy_doc", "olefile": "olefile"},
    "yaml": {"PyYAML": "yaml"},
}
_HOLDS_ANY = frozenset({"archive", "mail", "mailbox", "Outlook message"})


@lru_cache(maxsize=8)
def versions(extra: str) -> str:
    """The packages of an extra that are installed, with their versions."""
    here = (name for name, module in PACKAGES[extra].items() if find_spec(module) is not None)
    return ",".join(f"{name}{metadata.version(name)}" for name in here)


def mark(name: str) -> str:
    """What a file's text depends on besides settings: the optional readers of its kind, "" for kinds that need none."""
    kind = BY_SUFFIX.get(PurePosixPath(name).suffix.lower())
    if kind is None:
        return ""
    if kind.name in _HOLDS_ANY:
        return "+" + "+".join(versions(extra) for extra in PACKAGES)
    extra = kind.extra.split(" ", 1)[0]
    return f"+{versions(extra)}" if extra else ""
