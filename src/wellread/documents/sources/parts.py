"""What lies inside a file that was read: its parts become items of their own, those that are not there any more go.

A part inherits labels, dates of validity and the other keys of the file that holds it, not its title.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from wellread.documents.changes import Change, Failed, Gone, ItemState
from wellread.documents.kinds import BY_SUFFIX, BY_TYPE
from wellread.documents.sources.look import INSIDE, ParseTask, outer_of

if TYPE_CHECKING:
    from wellread.store.files import KnownFile

MAX_DEPTH = 3


@dataclass(slots=True)
class Parts:
    """The parts of the files that one run reads; for one thread."""

    known: Mapping[str, KnownFile]
    inside: dict[str, list[str]] = field(init=False)
    seen: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.inside = {}
        for uri in self.known:
            if INSIDE in uri:
                self.inside.setdefault(outer_of(uri), []).append(uri)

    def of(self, task: ParseTask, fields: Mapping[str, Any]) -> tuple[list[ParseTask], list[Change]]:
        """What is to be read next of what ``task`` gave, and what cannot be."""
        tasks: list[ParseTask] = []
        failed: list[Change] = []
        for name, media_type, size in fields.get("parts", ()):
            uri = f"{task.item.uri}{INSIDE}{name}"
            self.seen.add(uri)
            row = self.known.get(uri)
            if row is not None and row.state == "removed":
                continue
            item = ItemState(
                uri, task.item.source_id, size, task.item.mtime_ns, "", task.item.meta_digest, "", task.item.pipeline
            )
            if len(task.part) >= MAX_DEPTH:
                told = f"{uri}: lies more than {MAX_DEPTH} files deep; unpack the outer one"
                failed.append(Failed(item, "too-large", told, False))
                continue
            suffix = PurePosixPath(name).suffix.lower()
            if suffix not in BY_SUFFIX and media_type in BY_TYPE:
                suffix = BY_TYPE[media_type].suffixes.split()[0]
            tasks.append(replace(task, item=item, suffix=suffix, part=(*task.part, name)))
        for name in filter(None, fields.get("metadata", {}).get("parts_not_read", "").split("\n")):
            uri = f"{task.item.uri}{INSIDE}{name}"
            self.seen.add(uri)
            item = replace(task.item, uri=uri, digest="", size_bytes=0)
            failed.append(Failed(item, "too-large", f"{uri}: is too large to be unpacked", False))
        return tasks, failed

    def fail(self, task: ParseTask, kind: str) -> Iterator[Change]:
        """What was known inside of a file that cannot be read now has failed with it; nothing of it is gone."""
        prefix = task.item.uri + INSIDE
        for uri in self.inside.get(outer_of(task.item.uri), ()):
            row = self.known[uri]
            if uri.startswith(prefix) and row.state != "removed":
                self.seen.add(uri)
                item = replace(task.item, uri=uri, digest=row.digest, size_bytes=row.size_bytes)
                yield Failed(item, kind, f"{uri}: the file that holds it could not be read", False)

    def gone(self, read: set[str]) -> Iterator[Change]:
        """What was known inside of the files ``read`` and is not there any more."""
        for outer in read & self.inside.keys():
            for uri in self.inside[outer]:
                if uri not in self.seen and self.known[uri].state != "removed":
                    yield Gone(uri, self.known[uri].document_id)
