"""Pictures and scanned pages: read line by line, said to be read, and listed where nothing sure was read."""

from __future__ import annotations

import zlib
from pathlib import Path

import pypdfium2
import pytest
from tests.documents import malformed

from wellread.documents import ocr
from wellread.documents.containers.outlook import decompressed, page_in
from wellread.documents.media import media_type, parser_for
from wellread.documents.parsers import pdf
from wellread.documents.plugged import unsound
from wellread.documents.scans import with_scans
from wellread.errors import SourceError

REPORT = Path(__file__).resolve().parents[2] / "samples/harbour/documents/notices/incident-2026-041.png"
engine = pytest.mark.skipif(not ocr.available(), reason="faster-paddle is not installed: pip install wellread[ocr]")


def line(text: str, left: int, top: int, width: int = 300) -> ocr.OcrLine:
    return ocr.OcrLine(text, left, top, left + width, top + 20, 0.9)


def scanned(*pages: bytes) -> bytes:
    """A PDF whose pages are pictures of the pages of one-page PDFs."""
    n = len(pages)
    kids = b" ".join(b"%d 0 R" % (3 + 3 * i) for i in range(n))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%s]>>" % (n, kids)]
    for i, page in enumerate(pages):
        with pypdfium2.PdfDocument(page) as document:
            drawn = document[0].render(scale=2, grayscale=True)
            rows = bytes(drawn.buffer)
            grey = b"".join(rows[y * drawn.stride : y * drawn.stride + drawn.width] for y in range(drawn.height))
            size = (drawn.width, drawn.height)
        at = 3 + 3 * i
        head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 8" % size
        picture = malformed.stream(zlib.compress(grey), head + b"/Filter/FlateDecode")
        objects += [
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</I %d 0 R>>>>/Contents %d 0 R>>"
            % (at + 2, at + 1),
            malformed.stream(b"q 595 0 0 842 0 0 cm /I Do Q"),
            picture,
        ]
    return malformed.pdf(*objects)


def test_rows_are_read_across_and_columns_of_prose_down() -> None:
    form = [line("Ship:", 0, 0, 60), line("Eider Sound", 400, 2), line("Date:", 0, 40, 60), line("6 July", 400, 41)]
    assert [x.text for x in ocr.in_order(form)] == ["Ship:", "Eider Sound", "Date:", "6 July"]
    prose = [line(f"{side}{n}", 0 if side == "l" else 400, 30 * n) for n in range(6) for side in "rl"]
    assert [x.text for x in ocr.in_order(prose)] == [f"l{n}" for n in range(6)] + [f"r{n}" for n in range(6)]


def test_a_bitmap_is_what_pdfium_drew() -> None:
    grey = ocr.bitmap(2, 1, 4, 1, b"\x01\x02\x00\x00")
    assert grey[54:60] == b"\x01\x01\x01\x02\x02\x02"
    assert ocr.bitmap(2, 1, 8, 4, b"abcxdefx")[54:60] == b"abcdef"
    with pytest.raises(ValueError, match="2 channels"):
        ocr.bitmap(1, 1, 2, 2, b"ab")


@engine
def test_a_picture_gives_its_words_with_places_and_says_that_they_were_read() -> None:
    data = REPORT.read_bytes()
    parsed = parser_for(media_type(data, REPORT.name))(data, REPORT.name)
    assert unsound(parsed) == ""
    assert "INCIDENT REPORT 2026-041" in parsed.text
    assert parsed.text.index("Ship:") < parsed.text.index("Eider Sound")
    assert parsed.metadata["read_by"].startswith("OCR (faster-paddle ")
    assert float(parsed.metadata["ocr_confidence"]) > 0.9
    lines = parsed.images[0].lines
    assert len(lines) > 10
    assert all(parsed.text[x.span.start : x.span.end].strip() and 0 < x.confidence <= 1 for x in lines)


@engine
def test_a_picture_without_words_is_told_and_gives_nothing() -> None:
    blank = ocr.bitmap(64, 64, 192, 3, b"\xff" * 64 * 192)
    with pytest.raises(SourceError, match="no text that is sure") as caught:
        parser_for("image/png")(blank, "blank.bmp")
    assert caught.value.kind == "suspect"


@engine
def test_scanned_pages_are_read_and_blank_ones_stay_listed() -> None:
    words = malformed.text_pdf(
        [(60, 700, "The ferry leaves Kestvik at nine."), (60, 680, "Dogs travel free of charge.")]
    )
    data = scanned(words, malformed.text_pdf([]))
    before = pdf.parse(data, "scan.pdf")
    assert before.metadata["units_not_read"] == "1–2"
    after = with_scans(before, data, "scan.pdf")
    assert unsound(after) == ""
    assert "The ferry leaves Kestvik at nine." in after.text
    assert after.blocks[0].page == 1
    assert after.metadata["ocr_pages"] == "1"
    assert after.metadata["units_not_read"] == "2"


def test_without_an_engine_a_scan_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "find_spec", lambda name: None)
    data = scanned(malformed.text_pdf([(60, 700, "Words.")]))
    parsed = with_scans(pdf.parse(data, "scan.pdf"), data, "scan.pdf")
    assert parsed.metadata["ocr"] == "install wellread[ocr]"
    assert parsed.metadata["units_not_read"] == "1"


def test_compressed_rtf_of_outlook_is_unpacked() -> None:
    """The example of [MS-OXRTFCP], section 3.1.1."""
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompressed(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    for broken in (b"", b"x" * 16, packed[:20]):
        try:
            decompressed(broken)
        except ValueError:
            continue


def test_a_page_inside_of_rtf_is_found() -> None:
    rich = rb"{\rtf1\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 S\'e9a{\*\htmltag72 </p>}\htmlrtf\par}\htmlrtf0 }"
    assert page_in(rich).decode().strip() == "<p>Séa</p>"
