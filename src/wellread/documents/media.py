"""Which format a file has: its content must agree with its name, or it is not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from wellread import plugins
from wellread.documents.kinds import BY_SUFFIX, BY_TYPE, CURES, RENAMED, TYPES
from wellread.errors import SourceError
from wellread.types import Parsed

Parser = Callable[[bytes, str], Parsed]

DOCX = TYPES[".docx"]
PDF = TYPES[".pdf"]
RISKY = frozenset({PDF, DOCX})
_OLE = b"\xd0\xcf\x11\xe0"
_MAGIC = (  # first bytes, and what they are called in a message
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"BM\x00", "a bitmap image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE file (old Office, or an encrypted new one)"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"OggS", "an audio file"),
    (b"ID3", "an audio file"),
    (b"fLaC", "an audio file"),
    (b"RIFF", "a RIFF file (sound, film or image)"),
    (b"\x00asm", "a WebAssembly program"),
    (b"GGUF", "a model"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript document"),
)


def type_by_name(name: str) -> str | None:
    """The media type that the end of ``name`` promises; None for one that wellread does not read."""
    return TYPES.get(PurePosixPath(name).suffix.lower())


def media_type(data: bytes, name: str, suffix: str = "") -> str:
    """The media type of a file by its name (or ``suffix``, if that is known better), supported by its content.

    Raises: SourceError, of kind unknown-type where wellread does not read the type, and broken where the name promises
    one that it reads and the content is something else.
    """
    suffix = (suffix or PurePosixPath(name).suffix).lower()
    found = next((what for magic, what in _MAGIC if data.startswith(magic)), None)
    kind = BY_SUFFIX.get(suffix)
    if kind is None:
        raise SourceError(f"{name}: {_unread(suffix, found)}", "unknown-type")
    fault = _WRAPPED[kind.wrapping](data, found)
    if fault and kind.wrapping == "ole" and data.startswith(b"PK") and suffix in RENAMED:
        return TYPES[RENAMED[suffix]]  # by its content a newer file under an older name
    if fault and kind.wrapping == "zip" and data.startswith(_OLE):
        raise SourceError(f"{name}: an old or encrypted Office file; save it as an open {suffix}", "encrypted")
    if fault:
        named = "text" if kind.wrapping == "text" else f"{kind.name} ({suffix})"
        raise SourceError(f"{name}: named as {named}, but it is {fault}; give it its own extension", "broken")
    return kind.media_type


def _unread(suffix: str, found: str | None) -> str:
    """What is said of a file that is not read."""
    refused = CURES.get(suffix)
    if refused is not None:
        return f"{refused.name} is not read; {refused.cure}"
    return f"this type is not read yet ({suffix or 'no file extension'}{', ' + found if found else ''})"


def _unless(true: bool, found: str | None) -> str:
    return "" if true else found or "something else"


_ARCHIVES = (b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF")
_WRAPPED: dict[str, Callable[[bytes, str | None], str]] = {  # what a file is instead, "" where it is what it says
    "text": lambda data, found: found or "",
    "zip": lambda data, found: _unless(data.startswith(b"PK"), found),
    "ole": lambda data, found: _unless(data.startswith((_OLE, b"\x09\x08")), found),
    "pdf": lambda data, found: _unless(b"%PDF-" in data[:1024], found),
    "rtf": lambda data, found: _unless(data.lstrip()[:5] == b"{\\rtf", found),
    "picture": lambda data, found: _unless(data.startswith(_PICTURES), found),
    "archive": lambda data, found: _unless(data.startswith(_ARCHIVES) or data[257:262] == b"ustar", found),
}


def parser_for(media_type: str) -> Parser:
    """The function that parses a media type of TYPES; its module is imported on first use."""
    parser: Parser = plugins.loaded(f"wellread.documents.parsers.{BY_TYPE[media_type].parser}:parse")
    return parser
