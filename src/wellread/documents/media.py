"""Which format a file has: its content must agree with its name, or it is not read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from wellread import plugins
from wellread.errors import SourceError
from wellread.types import Parsed

Parser = Callable[[bytes, str], Parsed]

TYPES = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".log": "text/plain",
    ".rst": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
DOCX = TYPES[".docx"]
PDF = TYPES[".pdf"]
RISKY = frozenset({PDF, DOCX})
_PARSERS = {
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/html": "html",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    PDF: "pdf",
    DOCX: "docx",
}
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
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CP1252_HOLES = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


def type_by_name(name: str) -> str | None:
    """The media type that the end of ``name`` promises; None for one that wellread does not read."""
    return TYPES.get(PurePosixPath(name).suffix.lower())


def media_type(data: bytes, name: str, suffix: str = "") -> str:
    """The media type of a file by its name (or ``suffix``, if that is known better), supported by its content.

    Raises: SourceError, of kind unknown-type where wellread does not read the type, and broken where the name promises
    one that it reads and the content is something else.
    """
    promised = type_by_name("x" + suffix if suffix else name)
    found = next((what for magic, what in _MAGIC if data.startswith(magic)), None)
    if promised is None:
        suffix = PurePosixPath(name).suffix or "no file extension"
        raise SourceError(
            f"{name}: this type is not read yet ({suffix}{', ' + found if found else ''})", "unknown-type"
        )
    if promised == PDF:
        if b"%PDF-" not in data[:1024]:
            raise SourceError(f"{name}: named as a PDF, but it is {found or 'something else'}", "broken")
    elif promised == DOCX:
        if data.startswith(b"\xd0\xcf\x11\xe0"):
            raise SourceError(f"{name}: an old or encrypted Office file; save it as an open .docx", "encrypted")
        if not data.startswith(b"PK"):
            raise SourceError(f"{name}: named as a DOCX, but it is {found or 'something else'}", "broken")
    elif found is not None:
        raise SourceError(f"{name}: named as text, but it is {found}; give it its own extension", "broken")
    return promised


def parser_for(media_type: str) -> Parser:
    """The function that parses a media type of TYPES; its module is imported on first use."""
    parser: Parser = plugins.loaded(f"wellread.documents.parsers.{_PARSERS[media_type]}:parse")
    return parser


def decode(data: bytes, name: str, declared: str = "") -> tuple[str, str]:
    """The text of ``data`` and the encoding it was read in.

    A byte order mark decides; then ``declared`` (a page's charset), if it fits; then UTF-8; then Windows-1252, but
    only where the bytes look like text. Raises: SourceError (broken) for what is not text.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding), encoding
            except UnicodeDecodeError as error:
                raise SourceError(
                    f"{name}: begins as {encoding} and is not, at byte {error.start}; save it as UTF-8", "broken"
                ) from error
    for encoding in filter(None, (declared, "utf-8")):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
        if len(_BINARY.findall(data[:65536])) * 50 > len(data[:65536]):
            raise SourceError(f"{name}: holds control characters, not text; give it its own extension", "broken")
        return text, encoding
    if not looks_like_text(data):
        raise SourceError(f"{name}: is not text in any encoding that is read; save it as UTF-8", "broken")
    if _CP1252_HOLES.search(data):
        return data.decode("latin-1"), "latin-1"
    return data.decode("cp1252"), "cp1252"


def looks_like_text(data: bytes) -> bool:
    """Whether single-byte ``data`` reads like text: no NUL, few controls, letters rather than high bytes."""
    sample = data[:65536]
    controls = len(_BINARY.findall(sample))
    high = sum(1 for byte in sample if byte >= 0x80)
    return b"\x00" not in sample and controls * 200 <= len(sample) and high * 10 <= len(sample) * 4
