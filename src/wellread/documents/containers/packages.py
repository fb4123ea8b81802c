"""ZIP archives that are documents (Office, OpenDocument, EPUB), read within bounds on ratio, size and count.

Neither a bomb nor an entity is ever expanded; relationships to the outside are not followed, macros are not looked at.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree

from wellread.errors import SourceError

MAX_RATIO, MAX_TOTAL_BYTES, MAX_ENTRIES = 100, 300 << 20, 20_000
MAX_PART_BYTES = 64 << 20
SLACK = 1 << 20  # a small file may be packed tighter than MAX_RATIO
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]{0,1000}>")
_UNPARSED = re.compile(rb"(<!DOCTYPE[^>\[]{0,1000})\[(.{0,200000}?)\]\s*>", re.S)
_NDATA = re.compile(rb"<!ENTITY\s+[^>]{1,500}\bNDATA\b[^>]{1,100}>|<!NOTATION[^>]{1,500}>|<!--.*?-->|\s+", re.S)
_DECLARED = re.compile(rb"""\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{1,40})["']""")


@contextmanager
def opened(data: bytes, name: str, what: str) -> Iterator[Package]:
    """The archive ``data``, checked before anything is unpacked.

    Raises: SourceError (broken, too-large, encrypted, unknown-type), also for what goes wrong inside of the block.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check(archive, name)
            yield Package(archive, name, what)
    except SourceError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        IndexError,
        NotImplementedError,
        RuntimeError,
        OSError,
        ValueError,
        OverflowError,
    ) as error:
        if isinstance(error, RecursionError):
            raise SourceError(f"{name}: is nested too deep", "broken") from error
        raise SourceError(f"{name}: the {what} is broken: {error}; open and save it again", "broken") from error


def check(archive: zipfile.ZipFile, name: str) -> None:
    """Raises: SourceError (too-large, encrypted) for an archive that is not to be unpacked."""
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if len(entries) > MAX_ENTRIES or total > MAX_TOTAL_BYTES or total > max(packed, 1) * MAX_RATIO + SLACK:
        raise SourceError(f"{name}: unpacks to {total:,} bytes in {len(entries)} parts; refused as a bomb", "too-large")
    if any(entry.flag_bits & 1 for entry in entries):
        raise SourceError(f"{name}: is encrypted; save it without a password", "encrypted")


class Package:
    """The parts of an open archive; not to be shared between threads."""

    def __init__(self, archive: zipfile.ZipFile, name: str, what: str) -> None:
        self._archive, self.name, self.what = archive, name, what
        self._names = set(archive.namelist())
        self._left = MAX_TOTAL_BYTES

    def has(self, part: str) -> bool:
        """Whether there is such a part."""
        return part in self._names

    def names(self, prefix: str = "", suffix: str = "") -> list[str]:
        """Parts by the ends of their names, in order."""
        return sorted(name for name in self._names if name.startswith(prefix) and name.endswith(suffix))

    def need(self, part: str) -> None:
        """Raises: SourceError (unknown-type) without ``part``."""
        if not self.has(part):
            raise SourceError(f"{self.name}: a ZIP archive, but not {self.what} (no {part})", "unknown-type")

    def read(self, part: str) -> bytes:
        """The bytes of a part, counted while they are unpacked. Raises: SourceError (too-large)."""
        limit = min(MAX_PART_BYTES, self._left)
        with self._archive.open(part) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            raise SourceError(
                f"{self.name}: {part} unpacks to more than {limit:,} bytes; refused as a bomb", "too-large"
            )
        self._left -= len(data)
        return data

    def xml(self, part: str) -> ElementTree.Element:
        """The root of a part that is XML. Raises: SourceError (broken) for what is not, or declares a DTD."""
        return tree(self.read(part), self.name, part)

    def optional(self, part: str) -> ElementTree.Element | None:
        """The root of a part that may be missing."""
        return self.xml(part) if self.has(part) else None

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """What a part of an Office package refers to inside of it, by id: the last word of the type, and the part."""
        folder, base = posixpath.split(part)
        found: dict[str, tuple[str, str]] = {}
        root = self.optional(f"{folder}/_rels/{base}.rels" if folder else f"_rels/{base}.rels")
        for relation in root if root is not None else ():
            target = relation.get("Target", "")
            if relation.get("TargetMode") == "External" or not target:
                continue
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found[relation.get("Id", "")] = (relation.get("Type", "").rsplit("/", 1)[-1], path)
        return found


def tree(data: bytes, name: str, part: str = "") -> ElementTree.Element:
    """The root of XML without DTD; one that only names its document type is read without it.

    Raises: SourceError (broken).
    """
    where = f"{name}: {part}" if part else name
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode()
        data = re.sub(rb"""(<\?xml[^>]{0,200}?)encoding\s*=\s*["'][^"']*["']""", rb"\1", data, count=1)
    data = _UNPARSED.sub(_without_unparsed, data, count=1)
    if b"<!DOCTYPE" in data[:4096] and b"<!ENTITY" not in data:
        declared = _DECLARED.match(data)
        encoding = declared.group(1).decode("ascii") if declared else "utf-8"
        try:
            data = _DOCTYPE.sub("", data.decode(encoding), count=1).encode(encoding)
        except (UnicodeError, LookupError) as error:
            raise SourceError(f"{where}: is not in the encoding that it declares: {error}", "broken") from error
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise SourceError(f"{where}: declares entities of its own; refused", "broken")
    try:
        return ElementTree.fromstring(data)  # noqa: S314  (no DTD gets here, the size is bounded)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise SourceError(f"{where}: is not well-formed XML: {error}", "broken") from error


def _without_unparsed(found: re.Match[bytes]) -> bytes:
    """A document type that only names pictures beside the file, without them; any other as it is."""
    return found[0] if _NDATA.sub(b"", found[2]) else found[1] + b">"


def local(node: ElementTree.Element) -> str:
    """The name of an element without its namespace: strict and transitional Office files differ in nothing else."""
    tag = node.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def child(node: ElementTree.Element | None, *path: str) -> ElementTree.Element | None:
    """The first descendant along names without namespace."""
    for step in path:
        if node is None:
            return None
        node = next((kid for kid in node if local(kid) == step), None)
    return node


def children(node: ElementTree.Element | None, name: str) -> list[ElementTree.Element]:
    """The children of that name."""
    return [kid for kid in node if local(kid) == name] if node is not None else []


def every(node: ElementTree.Element | None, name: str) -> Iterator[ElementTree.Element]:
    """All descendants of that name, in order."""
    if node is not None:
        yield from (kid for kid in node.iter() if local(kid) == name)


def attribute(node: ElementTree.Element | None, name: str, default: str = "") -> str:
    """An attribute by its name without namespace."""
    if node is None:
        return default
    for key, value in node.attrib.items():
        if key.rpartition("}")[2] == name:
            return value
    return default


def core_properties(package: Package) -> dict[str, str]:
    """Author, dates, language and title of an Office file as metadata (title under ``title``)."""
    found: dict[str, str] = {}
    names = {"title": "title", "creator": "author", "created": "created", "modified": "changed", "language": "language"}
    core = package.optional("docProps/core.xml")
    for node in core if core is not None else ():
        key = names.get(local(node), "")
        if key and (node.text or "").strip():
            found[key] = " ".join((node.text or "").split())
    return found
