"""Named parts from other packages: found by entry point, loaded only when a setting names them.

A setting names a part as ``kind:name``. Where the kind is not one of wellread's own, it is the name of an entry point
in the part's group; that is a function which is called with the name and the settings, and returns the part. Code from
elsewhere may raise anything: what leaves it is a PluginError that names the part, its package and what went wrong.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from wellread.errors import PluginError, UsageError, WellreadError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

# Part → group of entry points. What the function behind one is called with, and what it returns: docs/how-to/plugins.md
GROUPS = {
    "parser": "wellread.parsers",
    "chunker": "wellread.chunkers",
    "chat": "wellread.chat",
    "embedder": "wellread.embedders",
    "reranker": "wellread.rerankers",
    "sparse": "wellread.sparse",
    "rewriter": "wellread.rewriters",
    "index": "wellread.indexes",
}


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part as a setting names it, and the package that offers it."""

    part: str  # a key of GROUPS
    kind: str
    name: str
    where: str  # the setting that names it
    value: str  # module:function
    package: str
    version: str
    folder: str  # that the package lies in

    def __str__(self) -> str:
        return f"{self.where} = '{self.kind}:{self.name}' ({self.part} of {self.package} {self.version})"

    def open(self, *arguments: Any) -> Any:
        """The part: what the function behind the entry point returns for the name and ``arguments``.

        Raises: UsageError where the function cannot be imported, PluginError where it fails.
        """
        if self.folder and self.folder not in sys.path:
            sys.path.append(self.folder)
        try:
            make = loaded(self.value)
        except (ImportError, AttributeError, ValueError) as error:
            raise UsageError(f"{self}: {self.value} cannot be loaded: {error}") from error
        with self.answering():
            return make(self.name, *arguments)

    def answering(self) -> Answering:
        """A context in which the part's own code runs."""
        return Answering(self)

    def wrong(self, what: str) -> PluginError:
        """The error for an answer that is not what was agreed."""
        return PluginError(f"{self}: {what}; see docs/how-to/plugins.md, and tell its author")


@dataclass(frozen=True, slots=True)
class Answering:
    """The edge to code from elsewhere: what it raises becomes a PluginError, wellread's own errors pass."""

    named: NamedPart

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, WellreadError | MemoryError | RecursionError):
            raise PluginError(f"{self.named}: raised {type(error).__name__}: {error}") from error


def loaded(place: str) -> Any:
    """What stands at ``module:name``, its module imported now. Raises: ImportError, AttributeError, ValueError."""
    return pkgutil.resolve_name(place)


def installed(part: str) -> Mapping[str, EntryPoint]:
    """Entry points for a part (a key of GROUPS) by name; nothing is imported."""
    from importlib.metadata import entry_points  # a process that only parses does not need it

    return {point.name: point for point in entry_points(group=GROUPS[part])}


def named(part: str, text: str, where: str) -> NamedPart:
    """The part that the setting ``where`` names as ``kind:name``.

    Raises: UsageError where that is not its form, or no installed package offers the kind; it lists those that do.
    """
    kind, colon, name = text.partition(":")
    if not colon or not kind or not name:
        raise UsageError(f"{where} = '{text}': is written kind:name, the kind being a {part} of an installed package")
    known = installed(part)
    if kind not in known:
        there = ", ".join(sorted(known)) or "none"
        raise UsageError(
            f"{where} = '{text}': no installed package offers the {part} '{kind}'; there are: {there} "
            f"(entry points of the group {GROUPS[part]})"
        )
    point = known[kind]
    if point.dist is None:
        return NamedPart(part, kind, name, where, point.value, point.module, "without a version", "")
    folder = str(point.dist.locate_file(""))
    return NamedPart(part, kind, name, where, point.value, point.dist.name, point.dist.version, folder)
