"""Pictures: the text in them, read line by line with its place and confidence (extra ``ocr``)."""

from __future__ import annotations

import hashlib
import struct

from wellread.documents import ocr
from wellread.documents.assemble import Assembly
from wellread.errors import SourceError
from wellread.types import Image, Parsed

MEDIA_TYPES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
    b"RIFF": "image/webp",
}


def parse(data: bytes, name: str) -> Parsed:
    """Raises: SourceError: extra without an engine, too-large, broken, suspect where nothing could be read."""
    media_type = next((kind for magic, kind in MEDIA_TYPES.items() if data.startswith(magic)), "")
    if not media_type:
        raise SourceError(f"{name}: named as a picture, but it is something else", "unknown-type")
    ocr.need(name)
    width, height = _size(data, media_type)
    if width * height > ocr.MAX_PIXELS:
        raise SourceError(f"{name}: {width:,} × {height:,} pixels; more than {ocr.MAX_PIXELS:,}", "too-large")
    try:
        lines = ocr.read(data)
    except ValueError as error:
        raise SourceError(f"{name}: the picture cannot be decoded: {error}", "broken") from error
    if not lines:
        raise SourceError(
            f"{name}: no text that is sure was read in the picture: another script, handwriting or no text", "suspect"
        )
    assembly = Assembly()
    assembly.begin("frame")
    size = (width or max(line.right for line in lines), height or max(line.bottom for line in lines))
    placed = ocr.add_lines(assembly, lines, size, 1)
    assembly.add_image(Image(0, hashlib.sha256(data).hexdigest(), size, 1, lines=placed))
    return assembly.parsed(media_type, "", ocr.facts(lines, []))


def _size(data: bytes, media_type: str) -> tuple[int, int]:
    """Width and height by the head of the file; 0 where it does not say."""
    try:
        if media_type == "image/png":
            return struct.unpack(">II", data[16:24])
        if media_type == "image/gif":
            return struct.unpack("<HH", data[6:10])
        if media_type == "image/bmp":
            width, height = struct.unpack("<ii", data[18:26])
            return width, abs(height)
        if media_type == "image/jpeg":
            return _jpeg_size(data)
        if media_type == "image/tiff":
            return _tiff_size(data)
    except (struct.error, IndexError):
        pass  # the decoder finds its own words for a damaged head
    return 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return 0, 0


def _tiff_size(data: bytes) -> tuple[int, int]:
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack(f"{order}I", data[4:8])[0]
    found = {256: 0, 257: 0}
    for n in range(struct.unpack(f"{order}H", data[at : at + 2])[0]):
        tag, kind = struct.unpack(f"{order}HH", data[at + 2 + 12 * n : at + 6 + 12 * n])
        if tag in found:
            width = "H" if kind == 3 else "I"
            found[tag] = struct.unpack_from(f"{order}{width}", data, at + 10 + 12 * n)[0]
    return found[256], found[257]
