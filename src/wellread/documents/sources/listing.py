"""Where documents come from: folders, globs, files, pages and texts, each listed without reading what it holds."""

# Names of files need not be Unicode, and folder entries carry what pathlib would ask again.
# ruff: noqa: PTH100, PTH111, PTH112, PTH116, PTH118, PTH120

from __future__ import annotations

import fnmatch
import glob
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wellread import paths
from wellread.errors import SourceError, UsageError

if TYPE_CHECKING:
    from wellread.store.files import SourceRow

IGNORED_FOLDERS = frozenset({"node_modules", "__pycache__"})
OWN_FILES = frozenset({"wellread.toml"})
SIDECAR = ".meta.toml"
_BYTE = re.compile(rb"\\x([0-9a-f]{2})")
_READS_LIKE_A_BYTE = re.compile(rb"\\(?=x[0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Options:
    """What a source gives its documents (``labels``), and which of its files it takes (globs over relative paths)."""

    labels: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A folder, glob, file, url or text; ``id`` is 0 until the store knows it; ``text`` is held while it is new.

    ``listed_for`` is the command that looks at it in this run; "" for one that is there and only owns what it takes.
    """

    kind: str
    location: str
    options: Options = field(default_factory=Options)
    tenant: str = "default"
    id: int = 0
    text: str | None = None
    listed_for: Literal["add", "sync", ""] = "sync"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source, as its folder entry says; ``sidecar`` is what ``NAME.meta.toml`` holds.

    ``real`` is where it lies, with links resolved; ``ctime_ns`` when its bytes, name or rights last changed, which no
    program can set back; ``device`` the file system that it lies on.
    """

    uri: str
    path: str
    source: Source
    size_bytes: int
    mtime_ns: int
    regular: bool = True
    sidecar: bytes = b""
    real: str = ""
    ctime_ns: int = 0
    device: int = 0

    @property
    def meta_digest(self) -> str:
        """Hash of what decides on title, labels and validity from outside the file."""
        return meta_digest(self.source, self.sidecar)


@dataclass(slots=True)
class Listing:
    """Everything that sources hold now, and where listing failed (uri or folder, reason)."""

    found: dict[str, SourceFile] = field(default_factory=dict)
    failed: list[tuple[Source, str, str]] = field(default_factory=list)


def describe(location: str, options: Options, *, tenant: str, text: str | None = None) -> Source:
    """The source that a user means by ``location``.

    Raises: UsageError for what is not there, SourceError for a scheme that is not fetched.
    """
    if text is not None:
        return Source("text", f"stdin:{location}", options, tenant, text=text)
    if "://" in location:
        if not location.lower().startswith(("http://", "https://")):
            raise SourceError(f"{location}: only http and https addresses are fetched", "refused")
        return Source("url", location, options, tenant)
    path = os.path.abspath(os.path.expanduser(location))
    if os.path.isdir(path):
        return Source("folder", path, options, tenant)
    if os.path.lexists(path):
        return Source("file", path, options, tenant)
    if glob.has_magic(location):
        return Source("glob", path, options, tenant)
    raise UsageError(f"{location}: no such file or folder")


def from_row(row: SourceRow) -> Source:
    """A source as the store keeps it."""

    def words(key: str) -> tuple[str, ...]:
        value = row.settings.get(key, ())
        return tuple(str(word) for word in value) if isinstance(value, list | tuple) else ()

    private = bool(row.settings.get("allow_private", False))
    options = Options(words("labels"), words("include"), words("exclude"), private)
    return Source(row.kind, row.location, options, row.tenant, row.id)


def meta_digest(source: Source, sidecar: bytes) -> str:
    """Hash of a source's labels and a sidecar's bytes."""
    return hashlib.sha256("\0".join(sorted(source.options.labels)).encode() + b"\0\0" + sidecar).hexdigest()[:32]


def listing(sources: Sequence[Source]) -> Listing:
    """The files of all folder, glob and file sources; one that two sources hold is named with the first."""
    result = Listing()
    for source in sources:
        try:
            for found in _files(source, result):
                result.found.setdefault(found.uri, found)
        except OSError as error:
            result.failed.append((source, source.location, _untold(source.location, "listed", error)))
    return result


def _files(source: Source, result: Listing) -> Iterator[SourceFile]:
    if source.kind == "file":
        try:
            os.lstat(source.location)
        except FileNotFoundError:
            os.stat(os.path.dirname(source.location))  # gone with its folder: nothing is known
            return
        found = _found(source, source.location, os.path.realpath(source.location))
        if found is not None:
            yield found
    elif source.kind in ("folder", "glob"):
        yield from _walk(source, result)


def reach(source: Source) -> tuple[str, tuple[str, ...]]:
    """The folder where a folder or glob begins, and what it takes below that: a pattern for each part of a path."""
    if source.kind == "folder":
        return source.location, ("**",)
    base = Path(source.location)
    while glob.has_magic(str(base)):
        base = base.parent
    return str(base), Path(source.location).relative_to(base).parts


def _fits(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether a file at those parts is what the pattern means, as ``glob`` reads it: ``**`` is any number of parts."""
    if not pattern or not parts:
        return not pattern and not parts
    if pattern[0] == "**":
        return len(pattern) == 1 or any(_fits(pattern[1:], parts[n:]) for n in range(len(parts)))
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _fits(pattern[1:], parts[1:])


def takes(source: Source, pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether the source takes a file at those parts of a path below where it begins (see ``reach``)."""
    return _fits(pattern, parts) and not any(map(_ignored, parts)) and _wanted(source, "/".join(parts))


def _leads(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether something that fits the pattern can lie below a folder at those parts."""
    if not pattern or not parts or pattern[0] == "**":
        return bool(pattern)
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _leads(pattern[1:], parts[1:])


def _walk(source: Source, result: Listing) -> Iterator[SourceFile]:
    """Files by name; links are followed only to what lies where the source begins, and no folder is entered twice."""
    top, pattern = reach(source)
    root = os.path.realpath(top)
    seen: set[str] = set()
    stack: list[tuple[str, tuple[str, ...]]] = [(top, ())]
    while stack:
        folder, within = stack.pop()
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if folder == top:
                raise
            result.failed.append((source, folder, _untold(folder, "listed", error)))
            continue
        names = {entry.name for entry in listed}
        folders = []
        for entry in listed:
            parts = (*within, entry.name)
            fits, leads = _fits(pattern, parts), _leads(pattern, parts)
            if not (fits or leads) or _ignored(entry.name) or (entry.is_symlink() and not _inside(entry.path, root)):
                continue
            found = None
            lies = os.path.realpath(entry.path) if entry.is_symlink() else os.path.join(real, entry.name)
            try:
                if entry.is_dir():
                    own = source.kind == "folder" and os.path.isdir(os.path.join(entry.path, paths.DATA))
                    folders += [(entry.path, parts)] if leads and not own else []
                elif fits and _wanted(source, "/".join(parts)):
                    found = _found(source, entry.path, lies, entry, entry.name + SIDECAR in names)
            except OSError as error:
                if not _matches(source.options.exclude, "/".join(parts)):
                    result.failed.append((source, entry.path, _untold(entry.path, "looked at", error)))
            if found is not None:
                yield found
        stack.extend(reversed(folders))


def _untold(path: str, done: str, error: OSError) -> str:
    return f"{path}: cannot be {done}: {error.strerror}; nothing of it was taken for deleted"


def _ignored(name: str) -> bool:
    return name.startswith(".") or name in IGNORED_FOLDERS or name in OWN_FILES or name.endswith(SIDECAR)


def _inside(path: str, root: str) -> bool:
    real = os.path.realpath(path)
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def _wanted(source: Source, relative: str) -> bool:
    options = source.options
    return (not options.include or _matches(options.include, relative)) and not _matches(options.exclude, relative)


def _matches(patterns: tuple[str, ...], relative: str) -> bool:
    name = relative.rsplit("/", 1)[-1]
    return any(fnmatch.fnmatchcase(relative, p) or fnmatch.fnmatchcase(name, p) for p in patterns)


def _found(
    source: Source, path: str, real: str, entry: os.DirEntry[str] | None = None, sidecar: bool | None = None
) -> SourceFile | None:
    """The file as its folder entry describes it, None if it is not there. Raises: OSError if that cannot be told."""
    try:
        state = entry.stat() if entry is not None else os.stat(path)
    except FileNotFoundError:
        return None
    extra = b""
    beside = path + SIDECAR
    if sidecar or (sidecar is None and os.path.lexists(beside)):
        try:
            extra = Path(beside).read_bytes()[: 1 << 20]
        except OSError:
            extra = b"unreadable"  # not TOML: the file is listed as broken, with this sidecar as the reason
    regular = stat.S_ISREG(state.st_mode)
    return SourceFile(
        uri_of(path),
        path,
        source,
        state.st_size,
        state.st_mtime_ns,
        regular,
        extra,
        real,
        state.st_ctime_ns,
        state.st_dev,
    )


def uri_of(path: str) -> str:
    r"""How a path is known in the base: its name need not be Unicode, and no two paths are known alike.

    A byte that is not UTF-8 stands as ``\xff``; a backslash of a name that reads like that, as ``\x5c``.
    """
    name = os.fsencode(path)
    if b"\\x" in name:
        name = _READS_LIKE_A_BYTE.sub(rb"\\x5c", name)
    return name.decode("utf-8", "backslashreplace").replace(os.sep, "/")


def path_of(uri: str) -> str:
    """The path that ``uri_of`` names so."""
    named = uri.encode("utf-8", "surrogateescape")
    return os.fsdecode(_BYTE.sub(lambda match: bytes([int(match[1], 16)]), named))
