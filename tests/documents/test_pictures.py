"""Pages drawn with quotations marked: what is marked is what is quoted, and a bad file costs one picture."""

from __future__ import annotations

import hashlib
import os
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.documents.pdf_pages import at, document, grid

from wellread.documents.pages.marks import HIGHEST, WIDTH, Quoted, size_drawn, size_of_part
from wellread.documents.pages.picture import png
from wellread.documents.parsers import pdf
from wellread.documents.pictures import PagePictures, pages_of, size_of
from wellread.documents.settings import ParseSettings
from wellread.documents.sources.listing import path_of, uri_of
from wellread.errors import SourceError
from wellread.types import Document, Span

SAMPLES = Path(__file__).parents[2] / "samples" / "harbour" / "documents" / "fares"


@pytest.fixture(scope="module")
def pictures() -> Iterator[PagePictures]:
    drawer = PagePictures(ParseSettings())
    yield drawer
    drawer.close()


def opened(path: Path) -> Document:
    """The document of a PDF file, as a sync would make it."""
    data = path.read_bytes()
    made = pdf.parse(data, path.name)
    digest = hashlib.sha256(data).hexdigest()
    read = Document("d", uri_of(str(path)), 1, "", made.media_type, made.text, digest)
    return replace(read, blocks=made.blocks, units=made.units, tables=made.tables)


def written(folder: Path, *contents: str, **how: str) -> Document:
    path = folder / "page.pdf"
    path.write_bytes(document(*contents, **how))
    return opened(path)


def pixels(data: bytes) -> np.ndarray:
    """The colours of a PNG of ours: rows without a filter."""
    width, height = struct.unpack(">II", data[16:24])
    packed = data[data.index(b"IDAT") + 4 :]
    rows = np.frombuffer(zlib.decompressobj().decompress(packed), np.uint8).reshape(height, 1 + 3 * width)
    return rows[:, 1:].reshape(height, width, 3)


def yellow(data: bytes) -> np.ndarray:
    """Which pixels are marked: blue is well below red and green."""
    colours = pixels(data).astype(int)
    return colours.min(axis=2) < colours[:, :, :2].min(axis=2) - 60


def find(text: str, words: str) -> Span:
    start = text.index(words)
    return Span(start, start + len(words))


def test_every_line_and_row_of_a_price_list_is_marked_by_its_letters(pictures: PagePictures) -> None:
    made = opened(SAMPLES / "fares-2026.pdf")
    whole = pages_of(made, Span(0, len(made.text)))
    assert list(whole) == [1, 2]
    for page, quoted in whole.items():
        drawn = pictures.draw(made, page, quoted)
        assert drawn.n_exact >= len(quoted) and (drawn.n_areas, drawn.n_lost) == (0, 0)


def test_a_number_that_stands_in_many_cells_is_marked_in_its_own(pictures: PagePictures, tmp_path: Path) -> None:
    xs, ys = (50, 150, 250), (700, 720, 740, 760)
    cells = "".join(at(55, y + 5, "85") + at(155, y + 5, "85") for y in ys[:-1])
    made = written(tmp_path, grid(xs, ys) + cells)
    middle = next(c for c in made.tables[0].cells if (c.row, c.col) == (1, 1))
    drawn = pictures.draw(made, 1, pages_of(made, middle.span)[1])
    down, across = np.nonzero(yellow(drawn.png))
    scale = 1100 / 595
    assert 150 * scale < across.min() and across.max() < 170 * scale
    assert (842 - 740) * scale < down.min() and down.max() < (842 - 720) * scale


def test_a_quotation_over_two_pages_is_marked_on_both(pictures: PagePictures, tmp_path: Path) -> None:
    made = written(tmp_path, at(50, 100, "Boats that arrive at night"), at(50, 700, "pay the full berth fee."))
    pages = pages_of(made, Span(0, len(made.text)))
    assert sorted(pages) == [1, 2]
    assert all(yellow(pictures.draw(made, n, q).png).any() for n, q in pages.items())


def test_a_turned_page_is_marked_where_the_words_are_seen(pictures: PagePictures, tmp_path: Path) -> None:
    made = written(tmp_path, at(50, 800, "upper line of the page") + at(50, 50, "lower line"), page="/Rotate 90")
    assert size_of(made, 1, "page") == size_drawn(842, 595)
    drawn = pictures.draw(made, 1, pages_of(made, find(made.text, "lower line"))[1])
    dark = pixels(drawn.png).max(axis=2) < 120
    inside = yellow(drawn.png)
    assert inside.any() and dark.any()
    assert np.nonzero(inside)[1].max() < 120 * 1100 / 842  # the foot of the page as stored is at the left now


def test_what_is_not_on_the_page_is_shown_by_its_block_or_not_at_all(pictures: PagePictures, tmp_path: Path) -> None:
    made = written(tmp_path, at(50, 700, "The quay closes at noon."))
    box = made.blocks[0].box
    by_block = pictures.draw(made, 1, (Quoted("never printed", box),))
    assert (by_block.n_exact, by_block.n_areas, by_block.n_lost) == (0, 1, 0)
    nowhere = pictures.draw(made, 1, (Quoted("never printed"),))
    assert nowhere.n_lost == 1 and not yellow(nowhere.png).any()


def test_the_part_around_a_quotation_holds_it_and_has_the_size_that_was_promised(pictures: PagePictures) -> None:
    made = opened(SAMPLES / "timetable-winter-2026.pdf")
    for block in made.blocks[::5]:
        for page, quoted in pages_of(made, block.span).items():
            for part in ("strip", "spot"):
                marked = yellow(pictures.draw(made, page, quoted, part).png)
                assert marked.shape[::-1] == size_of(made, page, part)
                assert marked.any()


def test_a_file_that_changed_or_went_is_not_drawn_and_what_was_drawn_stays(tmp_path: Path) -> None:
    made = written(tmp_path, at(50, 700, "The quay closes at noon."))
    path = tmp_path / "page.pdf"
    drawer = PagePictures(ParseSettings())
    before = drawer.draw(made, 1, ())
    path.write_bytes(path.read_bytes() + b"\n%")
    assert drawer.draw(made, 1, ()) is before
    with pytest.raises(SourceError) as changed:
        drawer.draw(made, 1, (), "strip")
    path.unlink()
    with pytest.raises(SourceError) as gone:
        drawer.draw(made, 1, (), "strip")
    drawer.close()
    assert (changed.value.kind, gone.value.kind) == ("changed", "unreadable")


def test_a_page_that_takes_too_long_costs_one_picture_and_is_not_tried_again(tmp_path: Path) -> None:
    curves = (f"0 {n % 800} m 590 {n * 7 % 800} 300 {n % 600} 20 {n % 90} c S\n" for n in range(80_000))
    scribble = "1 w\n" + "".join(curves)
    slow = written(tmp_path, at(50, 700, "Slow."), scribble)
    drawer = PagePictures(ParseSettings(timeout_s=0.3))
    for limit_s in (20.0, 0.05):
        start = time.monotonic()
        with pytest.raises(SourceError) as trouble:
            drawer.draw(slow, 2, ())
        assert trouble.value.kind == "timeout" and time.monotonic() - start < limit_s
    assert drawer.draw(slow, 1, ()).png
    drawer.close()


def test_a_page_that_there_is_not_is_told(pictures: PagePictures, tmp_path: Path) -> None:
    made = written(tmp_path, at(50, 700, "One page."))
    with pytest.raises(SourceError, match="has no page 2"):
        pictures.draw(made, 2, ())


@given(st.floats(1, 20_000), st.floats(1, 20_000))
def test_a_picture_is_never_larger_than_it_may_be(width: float, height: float) -> None:
    for across, down in (size_of_part(part, width, height) for part in ("page", "strip", "spot")):
        assert 1 <= across <= WIDTH and 1 <= down <= HIGHEST


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_a_png_holds_every_colour_as_it_was(height: int, width: int, seed: int) -> None:
    colours = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    assert (pixels(png(colours)) == colours).all()


@given(st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name))
def test_a_file_is_found_again_by_the_name_that_it_has_in_the_base(name: bytes) -> None:
    path = os.fsdecode(name)
    assert path_of(uri_of(path)) == path
