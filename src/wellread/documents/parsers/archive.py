"""Archives as folders: ZIP, TAR, and single files packed by gzip, bzip2 or xz; every entry is a document of its own."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from wellread.documents.assemble import Assembly
from wellread.documents.clean import one_line, visible
from wellread.documents.containers.packages import MAX_RATIO, SLACK
from wellread.errors import SourceError
from wellread.types import Parsed, Part

ZIP, TAR, GZIP, BZIP2, XZ = (
    "application/zip",
    "application/x-tar",
    "application/gzip",
    "application/x-bzip2",
    "application/x-xz",
)
MAX_ENTRIES, MAX_TOTAL_BYTES, MAX_ENTRY_BYTES = 20_000, 400 << 20, 200 << 20
_FAULTS = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    OverflowError,
)


def parse(data: bytes, name: str) -> Parsed:
    """The list of entries; they are its parts. Raises: SourceError (broken, too-large, encrypted, unknown-type)."""
    left: list[str] = []
    try:
        if data.startswith(b"PK"):
            media_type, parts = ZIP, list(_zipped(data, name, left))
        else:
            media_type, inner = _unpacked(data, name)
            if tarfile.is_tarfile(io.BytesIO(inner)):
                media_type, parts = TAR, list(_tarred(inner, name, left))
            elif media_type == TAR:
                raise SourceError(f"{name}: named as an archive, but it is something else", "unknown-type")
            else:
                parts = [Part(_inner_name(name), "", inner)]
    except SourceError:
        raise
    except _FAULTS as error:
        raise SourceError(f"{name}: the archive is broken: {error}", "broken") from error
    assembly = Assembly()
    assembly.add("list", "\n".join(f"- {part.name}" for part in parts))
    told = {"entries": str(len(parts))} | ({"parts_not_read": "\n".join(left)} if left else {})
    return assembly.parsed(media_type, "", told, parts)


def _inner_name(name: str) -> str:
    path = PurePosixPath(name.rpartition("!/")[2] or name)
    return path.stem or "content"


def _unpacked(data: bytes, name: str) -> tuple[str, bytes]:
    """What a single packed file holds, counted while it is unpacked."""
    packed: tuple[tuple[bytes, str, Callable[[io.BytesIO], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]], ...] = (
        (b"\x1f\x8b", GZIP, lambda held: gzip.GzipFile(fileobj=held)),
        (b"BZh", BZIP2, bz2.BZ2File),
        (b"\xfd7zXZ", XZ, lzma.LZMAFile),
    )
    found = next(((kind, opens) for magic, kind, opens in packed if data.startswith(magic)), None)
    if found is None:
        return TAR, data
    kind, opens = found
    limit = min(MAX_TOTAL_BYTES, len(data) * MAX_RATIO + SLACK)
    with opens(io.BytesIO(data)) as stream:
        inner = stream.read(limit + 1)
    if len(inner) > limit:
        raise SourceError(f"{name}: unpacks to more than {limit:,} bytes; refused as a bomb", "too-large")
    return kind, inner


def _zipped(data: bytes, name: str, left: list[str]) -> Iterator[Part]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        total = sum(entry.file_size for entry in entries)
        packed = sum(entry.compress_size for entry in entries)
        if len(entries) > MAX_ENTRIES or total > min(MAX_TOTAL_BYTES, max(packed, 1) * MAX_RATIO + SLACK):
            raise SourceError(f"{name}: unpacks to {total:,} bytes in {len(entries)} entries; refused", "too-large")
        if any(entry.flag_bits & 1 for entry in entries):
            raise SourceError(f"{name}: is encrypted; unpack it with its password", "encrypted")
        seen: set[str] = set()
        for entry in entries:
            path = _safe(entry.filename)
            if not path or path in seen:
                continue
            seen.add(path)
            with archive.open(entry) as stream:
                inner = stream.read(min(entry.file_size, MAX_ENTRY_BYTES) + 1)
            if len(inner) > min(entry.file_size, MAX_ENTRY_BYTES):
                left.append(path)
            else:
                yield Part(path, "", inner)


def _tarred(data: bytes, name: str, left: list[str]) -> Iterator[Part]:
    seen: set[str] = set()
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for n, entry in enumerate(archive):
            if n > MAX_ENTRIES:
                raise SourceError(f"{name}: more than {MAX_ENTRIES:,} entries; refused", "too-large")
            path = _safe(entry.name)
            if not entry.isfile() or not path or path in seen:
                continue
            seen.add(path)
            stream = archive.extractfile(entry) if entry.size <= MAX_ENTRY_BYTES else None
            if stream is None:
                left.append(path)
            else:
                yield Part(path, "", stream.read())


def _safe(path: str) -> str:
    """The name of an entry without what leads out of the archive, and without what systems add."""
    steps = [step for step in one_line(visible(path.replace("\\", "/"))).split("/") if step not in ("", ".", "..")]
    return "" if not steps or steps[0] == "__MACOSX" or steps[-1] == ".DS_Store" else "/".join(steps)
