"""What a file says about itself: ``key: value`` lines between two ``---`` lines at the top, or a sidecar in TOML."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M)
_LINE = re.compile(r"([A-Za-z_][\w.-]{0,60})\s*:(?:\s+(.*))?\Z")
_KNOWN = frozenset(
    [
        "title",
        "labels",
        "label",
        "tags",
        "tag",
        "date",
        "author",
        "authors",
        "description",
        "summary",
        "keywords",
        "category",
        "categories",
        "lang",
        "language",
        "valid_from",
        "valid_until",
        "superseded_by",
        "layout",
        "draft",
        "slug",
        "permalink",
        "id",
        "version",
        "status",
        "owner",
        "updated",
        "created",
    ]
)
_LIST_ITEM = re.compile(r"\s*-\s+(.*)\Z")


def split(text: str) -> tuple[Mapping[str, str], str]:
    """The keys of a front matter block and the text below it; text without such a block comes back whole.

    Lists (``[a, b]`` or lines of ``- a``) become "a, b". A block with a line that is not ``key: value`` is text, and so
    is one whose keys are words of a reader ("Opening hours", "Phone") rather than names of fields.
    """
    found = _FRONT.match(text)
    if found is None:
        return {}, text
    keys: dict[str, str] = {}
    written: list[str] = []
    last = ""
    for line in found.group(1).splitlines():
        item, pair = _LIST_ITEM.match(line), _LINE.match(line)
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if item and last:
            keys[last] = f"{keys[last]}, {_bare(item.group(1))}" if keys[last] else _bare(item.group(1))
        elif pair:
            written.append(pair.group(1))
            last = pair.group(1).lower()
            keys[last] = _bare(pair.group(2) or "")
        else:
            return {}, text
    fields = all(key == key.lower() for key in written) or any(key.lower() in _KNOWN for key in written)
    return (keys, text[found.end() :].lstrip("\n")) if keys and fields else ({}, text)


def _bare(value: str) -> str:
    value = value.strip()
    if value.startswith("[") and value.endswith("]"):
        return ", ".join(filter(None, (_bare(part) for part in value[1:-1].split(","))))
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
