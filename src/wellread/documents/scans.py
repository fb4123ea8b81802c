"""Pages of a PDF that gave no text, drawn and read; where no reader is installed they stay listed, with the cure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pypdfium2

from wellread.documents import ocr
from wellread.documents.assemble import numbers
from wellread.errors import SourceError
from wellread.types import Parsed

DPI = 150
MOST_SIDE = 4_000  # pixels


def with_scans(parsed: Parsed, data: bytes, name: str) -> Parsed:
    """``parsed`` with the pages that were not read from their text layer read by OCR. Raises: SourceError (broken)."""
    if not numbers(parsed.metadata.get("units_not_read", "")):
        return parsed
    with _opened(data, name) as document:

        def render(number: int) -> tuple[bytes, int, int]:
            page = document[number - 1]
            scale = min(DPI / 72, MOST_SIDE / max(*page.get_size(), 1.0))
            drawn = page.render(scale=scale, rev_byteorder=False)
            try:
                picture = ocr.bitmap(drawn.width, drawn.height, drawn.stride, drawn.n_channels, bytes(drawn.buffer))
                return picture, drawn.width, drawn.height
            finally:
                drawn.close()
                page.close()

        try:
            return ocr.with_scans(parsed, render)
        except (pypdfium2.PdfiumError, ValueError) as error:
            raise SourceError(f"{name}: a page cannot be drawn: {error}", "broken") from error


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[pypdfium2.PdfDocument]:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise SourceError(f"{name}: pdfium cannot open it: {error}", "broken") from error
    try:
        yield document
    finally:
        document.close()
