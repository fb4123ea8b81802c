"""Text of pictures and scanned pages, by an optional engine; what it reads is said to be read, with its confidence.

The engine is faster-paddle (PP-OCRv6, models in its wheel, nothing is downloaded). Its tiny model reads clean pages; a
picture that it is unsure of is read again by the small one. Latin, Chinese and Japanese script are read; a page that
gives few letters at low confidence (Cyrillic, Greek, Arabic script, handwriting) is reported, not returned.
"""

from __future__ import annotations

import resource
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from wellread.documents.assemble import Assembly, numbers, ranges
from wellread.documents.clean import one_line
from wellread.documents.containers.inner import add_parsed
from wellread.errors import SourceError
from wellread.types import Box, Image, Parsed, Span, TextLine

PACKAGE = "faster-paddle"
INSTALL = "install wellread[ocr]"
SURE = 0.9  # mean confidence below which the larger model reads again
UNSURE = 0.6  # mean confidence below which nothing is taken
MEMORY_BYTES = 2 << 30  # address space of both models beside a page, measured: 1.2 GB
MAX_PIXELS = 100_000_000
SECONDS_A_FILE = 20.0  # of a process; what is left over stays listed as not read


@dataclass(frozen=True, slots=True)
class OcrLine:
    """A line as the engine gives it: pixels from the upper left corner."""

    text: str
    left: int
    top: int
    right: int
    bottom: int
    confidence: float


def available() -> bool:
    """Whether the engine is installed."""
    return find_spec("faster_paddle") is not None


def version() -> str:
    """What reads, with its version; "" where nothing does."""
    return f"{PACKAGE} {metadata.version(PACKAGE)}" if available() else ""


@lru_cache(maxsize=2)
def _engine(size: str) -> Any:
    import faster_paddle

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return faster_paddle.OcrEngine(model_size=size, threads=1)


def loaded() -> bool:
    """Whether a model is in this process."""
    return _engine.cache_info().currsize > 0


def read(picture: bytes) -> list[OcrLine]:
    """The lines of an encoded picture in reading order; empty where nothing is read with confidence.

    Raises: ValueError for what is no picture that the engine can decode.
    """
    found = _lines(picture, "tiny")
    if found and _mean(found) < SURE:
        found = max(found, _lines(picture, "small"), key=_mean)
    return in_order(found) if found and _mean(found) >= UNSURE else []


def _mean(lines: list[OcrLine]) -> float:
    letters = sum(len(line.text) for line in lines)
    return sum(line.confidence * len(line.text) for line in lines) / letters if letters else 0.0


def _lines(picture: bytes, size: str) -> list[OcrLine]:
    try:
        found = _engine(size).ocr(picture)["bounds"].values()
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return [_line(words, b) for b in found if (words := one_line(b["text"]))]


def _line(words: str, bounds: Mapping[str, Any]) -> OcrLine:
    (left, top), (right, bottom) = bounds["topLeftCoord"], bounds["bottomRightCoord"]
    return OcrLine(words, int(left), int(top), int(right), int(bottom), float(bounds["confidence"]))


def in_order(lines: list[OcrLine]) -> list[OcrLine]:
    """Lines as they are read: column by column where the page is set in columns, then row by row."""
    if len(lines) < 2:
        return lines
    width = max(line.right for line in lines) - min(line.left for line in lines)
    cut = _gutter(lines, width)
    if cut is not None:
        before = [line for line in lines if line.right <= cut]
        return in_order(before) + in_order([line for line in lines if line.right > cut])
    rows: list[list[OcrLine]] = []
    for line in sorted(lines, key=lambda line: line.top):
        middle = (line.top + line.bottom) / 2
        if rows and middle < max(other.bottom for other in rows[-1][:1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.left)]


def _gutter(lines: list[OcrLine], width: int) -> int | None:
    """Where a page of two columns of prose is parted; None for one column, and for forms and tables."""
    for cut in sorted({line.right for line in lines})[:-1]:
        left = [line for line in lines if line.right <= cut]
        right = [line for line in lines if line.left >= cut + width * 0.01]
        if len(left) + len(right) < len(lines) or min(len(left), len(right)) < 5:
            continue
        wide = (sorted(line.right - line.left for line in side)[len(side) // 2] for side in (left, right))
        if all(w >= 0.3 * width for w in wide):
            return cut
    return None


def paragraphs(lines: list[OcrLine]) -> list[list[list[OcrLine]]]:
    """Lines in reading order as paragraphs of rows: a gap of more than a line parts paragraphs."""
    rows: list[list[OcrLine]] = []
    for line in lines:
        same = rows and line.top < (rows[-1][0].top + rows[-1][0].bottom) / 2 < line.bottom
        if same and line.left >= rows[-1][-1].left:
            rows[-1].append(line)
        else:
            rows.append([line])
    made: list[list[list[OcrLine]]] = []
    for row in rows:
        last = made[-1][-1][0] if made else None
        near = last is not None and 0 <= row[0].top - last.bottom <= 0.9 * (last.bottom - last.top)
        if near:
            made[-1].append(row)
        else:
            made.append([row])
    return made


def add_lines(
    assembly: Assembly, lines: list[OcrLine], size: tuple[int, int], page: int | None
) -> tuple[TextLine, ...]:
    """Lines as paragraphs of the document, each with its place; where every line stands."""
    placed: list[TextLine] = []
    for paragraph in paragraphs(lines):
        text = "\n".join("  ".join(line.text for line in row) for row in paragraph)
        inside = [line for row in paragraph for line in row]
        span = assembly.add("paragraph", text, page=page, box=_box(inside, size))
        if span is None:
            continue
        words, at = assembly.text_of(span), 0
        for line in inside:
            found = words.find(line.text, at)
            if found >= 0:
                at = found + len(line.text)
                start = span.start + found
                placed.append(TextLine(Span(start, start + len(line.text)), _box([line], size), line.confidence))
    return tuple(placed)


def _box(lines: list[OcrLine], size: tuple[int, int]) -> Box:
    width, height = max(size[0], 1), max(size[1], 1)
    ends = (min(x.left for x in lines) / width, min(x.top for x in lines) / height)
    far = (max(x.right for x in lines) / width, max(x.bottom for x in lines) / height)
    return Box(*(min(max(round(value * 1000), 0), 1000) for value in (*ends, *far)))


def facts(lines: list[OcrLine], pages: list[int]) -> dict[str, str]:
    """What is told of text that was read: that it was, how surely, by what."""
    told = {"read_by": f"OCR ({version()})", "ocr_confidence": f"{_mean(lines):.2f}"}
    return {**told, "ocr_pages": ranges(pages)} if pages else told


def bitmap(width: int, height: int, stride: int, channels: int, pixels: bytes) -> bytes:
    """A BMP file of pixels that are BGR, BGRx or grey, rows from the top.

    Raises: ValueError for another number of ``channels``.
    """
    if channels == 1:
        rows = (pixels[y * stride : y * stride + width] for y in range(height))
        pixels, stride = b"".join(bytes(3 * [v])[:3] for row in rows for v in row), width * 3
    elif channels == 4:
        wide = (pixels[y * stride : y * stride + width * 4] for y in range(height))
        pixels, stride = b"".join(_three_of_four(row) for row in wide), width * 3
    elif channels != 3:
        raise ValueError(f"a picture of {channels} channels")
    row = (width * 3 + 3) & ~3
    padding = b"\0" * (row - width * 3)
    body = b"".join(pixels[y * stride : y * stride + width * 3] + padding for y in range(height))
    file = struct.pack("<2sIHHI", b"BM", 54 + len(body), 0, 0, 54)
    about = struct.pack("<IiiHHIIiiII", 40, width, -height, 1, 24, 0, len(body), 2835, 2835, 0, 0)
    return file + about + body


def _three_of_four(row: bytes) -> bytes:
    made = bytearray(len(row) // 4 * 3)
    for channel in range(3):
        made[channel::3] = row[channel::4]
    return bytes(made)


def with_scans(parsed: Parsed, render: Callable[[int], tuple[bytes, int, int]]) -> Parsed:
    """``parsed`` with the pages that gave no text read from their picture; those that still give none stay listed.

    Args:
        parsed: has units, and names those that gave nothing.
        render: the picture of a page (from 1) as an encoded file, with its width and height.
    """
    missing = sorted(numbers(parsed.metadata.get("units_not_read", "")))
    if not missing:
        return parsed
    told = dict(parsed.metadata)
    if not available():
        return replace(parsed, metadata={**told, "ocr": INSTALL})
    assembly = Assembly()
    read_lines: list[OcrLine] = []
    done: list[int] = []
    begun = time.process_time()
    pages = _pages(parsed)
    for unit in parsed.units:
        assembly.begin(unit.kind, unit.label, hidden=unit.hidden, size=unit.size)
        if unit.number not in missing:
            add_parsed(assembly, pages[unit.number], keep=True)
            continue
        if time.process_time() - begun > SECONDS_A_FILE:
            told["ocr"] = f"the pages not read were beyond {SECONDS_A_FILE:g} CPU seconds of reading"
            continue
        picture, width, height = render(unit.number)
        lines = read(picture)
        placed = add_lines(assembly, lines, (width, height), unit.number)
        if placed:
            read_lines += lines
            done.append(unit.number)
            assembly.add_image(Image(assembly.n_blocks - 1, "", (width, height), unit.number, lines=placed))
    left = [number for number in missing if number not in done]
    told.pop("units_not_read", None)
    if left:
        told["units_not_read"] = ranges(left)
        told.setdefault("ocr", "the pages not read gave no text that was sure: another script, handwriting or no text")
    told |= facts(read_lines, done) if done else {}
    return assembly.parsed(parsed.media_type, parsed.title, told)


def _pages(parsed: Parsed) -> dict[int, Parsed]:
    """The blocks and tables of each unit, over the same text."""
    made: dict[int, Parsed] = {}
    for unit in parsed.units:
        at = [n for n, block in enumerate(parsed.blocks) if block.page == unit.number]
        places = {old: new for new, old in enumerate(at)}
        tables = tuple(replace(t, block=places[t.block]) for t in parsed.tables if t.block in places)
        blocks = tuple(parsed.blocks[n] for n in at)
        made[unit.number] = replace(parsed, blocks=blocks, tables=tables, images=(), units=(), parts=())
    return made


def need(name: str) -> None:
    """Raises: SourceError (extra) where no engine is installed."""
    if not available():
        raise SourceError(f"{name}: a picture; {INSTALL} to read the text in it", "extra")
