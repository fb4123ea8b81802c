"""Pages drawn with quotations marked: how many lines are marked by their letters, how fast, how large.

    python -m bench.pictures [FOLDER]...        without folders: the PDFs of the sample organisation

Every line of a page and every cell of its tables is a quotation. It is marked by its letters, by the box of the block
that holds it, or not at all. Of a long file the first twenty pages are drawn.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.common import keep
from wellread.documents.pages.marks import Quoted
from wellread.documents.parsers import pdf
from wellread.documents.pictures import PagePictures, pages_of
from wellread.documents.settings import ParseSettings
from wellread.documents.sources.listing import uri_of
from wellread.errors import SourceError
from wellread.types import Document, Span

SAMPLES = Path(__file__).parents[1] / "samples" / "harbour" / "documents"
PAGES = 20
_LINE = re.compile(r"[^\n]+")


def opened(path: Path) -> Document | None:
    """The document of a file; None where it is not read."""
    data = path.read_bytes()
    try:
        made = pdf.parse(data, path.name)
    except SourceError:
        return None
    digest = hashlib.sha256(data).hexdigest()
    read = Document("", uri_of(str(path.absolute())), 1, "", made.media_type, made.text, digest)
    return replace(read, blocks=made.blocks, units=made.units, tables=made.tables)


def quotations(document: Document) -> Iterator[tuple[int, tuple[Quoted, ...]]]:
    """The pages, each with all its lines and cells."""
    found: dict[int, list[Quoted]] = {}
    for line in _LINE.finditer(document.text):
        for page, quoted in pages_of(document, Span(*line.span())).items():
            if page <= PAGES:
                found.setdefault(page, []).extend(quoted)
    for page, parts in sorted(found.items()):
        yield page, tuple(parts)


def main() -> None:
    """Prints and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[SAMPLES])
    paths = sorted({path for folder in parser.parse_args().folders for path in folder.rglob("*.pdf")})
    drawer = PagePictures(ParseSettings())
    counted = dict.fromkeys(("files", "not_read", "pages", "parts", "by_block", "not_at_all", "bytes"), 0)
    seconds: list[float] = []
    for path in paths:
        document = opened(path)
        counted["files" if document is not None else "not_read"] += 1
        for page, quoted in quotations(document) if document is not None else ():
            begun = time.perf_counter()
            drawn = drawer.draw(document, page, quoted)
            seconds.append(time.perf_counter() - begun)
            counted["pages"] += 1
            counted["parts"] += len(quoted)
            counted["by_block"] += drawn.n_areas
            counted["not_at_all"] += drawn.n_lost
            counted["bytes"] += len(drawn.png)
    drawer.close()
    seconds = sorted(seconds[1:]) or [0.0]  # the first one starts the child
    exact = 1 - (counted["by_block"] + counted["not_at_all"]) / max(1, counted["parts"])
    figures = {**counted, "exact": exact, "ms_median": 1000 * seconds[len(seconds) // 2], "ms_most": 1000 * seconds[-1]}
    figures["kilobytes"] = counted["bytes"] / 1000 / max(1, counted["pages"])
    keep("pictures", figures)


if __name__ == "__main__":
    main()
