"""PDF without loss: what pdfium's plain text has and the parsed document has not, tables, speed, memory.

    python -m bench.pdf [census] [tables] [speed] [layers]      without names: all four

    census    words and numbers of every file of the public sets against pdfium's plain text
    tables    distinct words and neighbouring cells against docling's expected Markdown
    speed     pages per CPU second with tables and boxes, and the largest memory, on a file of 619 pages
    layers    how letters exchanged are told from text: shares of common pairs of letters

The sets docling_tests, unstructured_docs, markitdown_tests, autorag_parse and pypdf_samples are looked for in
WELLREAD_DATA. Raised digits count as found where they stand apart or joined; a word cut at a line's end counts whole.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import string
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import pypdfium2

from bench.common import data, keep
from wellread.documents.pages.garbled import COMMON_SHARE, usual_share
from wellread.documents.parsers import pdf
from wellread.errors import SourceError
from wellread.types import Parsed

SETS = ("docling_tests", "unstructured_docs", "markitdown_tests", "autorag_parse", "pypdf_samples")
LONG = "pdf/DA-619p.pdf"
RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ"
_WORD = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*")
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


class Census(NamedTuple):
    """Words of one file as pdfium writes them, and how many of them the parsed document lacks."""

    n_words: int
    n_words_lost: int
    n_numbers: int
    n_numbers_lost: int
    lost: Counter[str]

    @property
    def kept(self) -> float:
        """Share of the words that are there; 1 for a file without any."""
        return 1 - self.n_words_lost / self.n_words if self.n_words else 1.0


def census(source: bytes, parsed: Parsed) -> Census:
    """What ``parsed`` has of the plain text that pdfium gives for the same bytes."""
    plain = Counter(words(_plain(source)))
    own = Counter[str]()
    for text in (parsed.text, re.sub(f"([{RAISED}]+)", r" \1 ", parsed.text), parsed.text.replace("-\n", "")):
        own |= Counter(words(text))
    lost = plain - own
    numbers = sum(n for word, n in plain.items() if word[0].isdecimal())
    missing = sum(n for word, n in lost.items() if word[0].isdecimal())
    return Census(plain.total(), lost.total(), numbers, missing, lost)


def words(text: str) -> list[str]:
    """Words and numbers of a text, in compatibility forms; letters of words from right to left in sorted order."""
    found = _WORD.findall(unicodedata.normalize("NFKC", text))
    return ["".join(sorted(word)) if _RTL.search(word) else word for word in found]


def _plain(source: bytes) -> str:
    document = pypdfium2.PdfDocument(source)
    try:
        text = "\n".join(document[n].get_textpage().get_text_range() for n in range(len(document)))
    finally:
        document.close()
    text = re.sub("[\x02\ufffe](?:\r?\n)?", "-\n", text)
    return re.sub(r"(?<=[a-zß-ÿ])-\r?\n(?=[a-zß-ÿ])", "", text)


def files() -> Iterator[tuple[str, bytes]]:
    """Every PDF of the sets that pdfium opens."""
    for name in SETS:
        folder = data(name)
        for path in sorted(folder.rglob("*.[pP][dD][fF]")):
            source = path.read_bytes()
            try:
                pypdfium2.PdfDocument(source).close()
            except pypdfium2.PdfiumError:
                continue  # encrypted or broken: the parser says so, and there is nothing to count
            yield f"{name}/{path.relative_to(folder)}", source


def run_census() -> dict[str, Any]:
    """Words and numbers over all files, and the files that keep less than 99 % of either."""
    totals, below, n_files = Counter[str](), {}, 0
    for name, source in files():
        n_files += 1
        try:
            found = census(source, pdf.parse(source, name))
        except SourceError as error:
            below[name] = str(error)
            continue
        totals.update(words=found.n_words, numbers=found.n_numbers)
        totals.update(words_lost=found.n_words_lost, numbers_lost=found.n_numbers_lost)
        numbers_kept = 1 - found.n_numbers_lost / max(1, found.n_numbers)
        if min(found.kept, numbers_kept) < 0.99:
            lost = f"{found.n_words_lost} of {found.n_words} words, {found.n_numbers_lost} of {found.n_numbers} numbers"
            below[name] = f"{lost}: {', '.join(list(found.lost)[:6])}"
    return {
        "files": n_files,
        **totals,
        "words_kept": round(1 - totals["words_lost"] / totals["words"], 5),
        "numbers_kept": round(1 - totals["numbers_lost"] / totals["numbers"], 5),
        "files_below_99_percent": below,
    }


def run_tables() -> dict[str, Any]:
    """Distinct words and pairs of neighbouring cells of docling's expected Markdown that are found."""
    folder = data("docling_tests") / "files" / "pdf"
    figures: dict[str, Any] = {}
    sums = Counter[str]()
    for path in sorted((folder / "sources").glob("*.pdf")):
        expected = folder / "groundtruth" / f"{path.stem}.md"
        if not expected.is_file():
            continue
        parsed = pdf.parse(path.read_bytes(), path.name)
        text = expected.read_text("utf-8").replace("<!-- image -->", "").replace("&amp;", "&").replace("\\_", "_")
        wanted = set(words(text))
        missing = wanted - set(words(parsed.text)) - set(words(parsed.text.replace("-\n", "")))
        pairs, own = neighbours_of(text), _neighbours(parsed)
        figures[path.stem] = {
            "words": len(wanted),
            "words_found": round(1 - len(missing) / max(1, len(wanted)), 4),
            "pairs": pairs.total(),
            "pairs_found": (pairs & own).total(),
            "pairs_of_ours": own.total(),
            "missing": sorted(missing)[:8],
        }
        sums.update(words=len(wanted), missing=len(missing), pairs=pairs.total(), found=(pairs & own).total())
        sums["own"] += own.total() if pairs else 0
    figures["all"] = {
        "words_found": round(1 - sums["missing"] / sums["words"], 4),
        "neighbours_recall": round(sums["found"] / sums["pairs"], 3),
        "neighbours_precision": round(sums["found"] / max(1, sums["own"]), 3),
    }
    return figures


def neighbours_of(markdown: str) -> Counter[tuple[str, str]]:
    """Pairs of filled cells that stand side by side in the tables of a Markdown text; lists of contents are none."""
    lines = [line.strip() for line in markdown.splitlines()]
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|") and ". . ." not in line]
    cells = [[_bare(cell) for cell in row] for row in rows if not set("".join(row)) <= set("-: ")]
    return Counter((a, b) for row in cells for a, b in pairwise(row) if a and b and a != b)


def _neighbours(parsed: Parsed) -> Counter[tuple[str, str]]:
    pairs = Counter[tuple[str, str]]()
    for table in parsed.tables:
        places = {(row, cell.col): cell for cell in table.cells for row in range(cell.row, cell.row + cell.row_span)}
        for (row, col), cell in places.items():
            beside = places.get((row, col + cell.col_span))
            if beside is not None:
                pairs[_bare(cell.text), _bare(beside.text)] += 1
    return pairs


def _bare(cell: str) -> str:
    return "".join(words(cell)).casefold()


def run_speed() -> dict[str, Any]:
    """Pages per CPU second and the largest memory of this process."""
    path = data("unstructured_docs") / "files" / LONG
    source = path.read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    parsed = pdf.parse(source, path.name)
    seconds = time.process_time() - began
    return {
        "pages": len(parsed.units),
        "tables": len(parsed.tables),
        "blocks": len(parsed.blocks),
        "pages_per_cpu_s": round(len(parsed.units) / seconds, 1),
        "memory_before_mb": round(before / 1024),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def run_layers() -> dict[str, Any]:
    """The share of common pairs of letters on pages of text, and after an exchange or a shift of their letters."""
    chance = random.Random(1)
    letters = string.ascii_lowercase
    natural, exchanged = [], []
    for _, source in files():
        document = pypdfium2.PdfDocument(source)
        for n in range(0, len(document), max(1, len(document) // 12)):
            text = document[n].get_textpage().get_text_range()
            share = usual_share(text)
            if share is None:
                continue
            natural.append(share)
            by = chance.randrange(1, 26)
            for other in (*("".join(chance.sample(letters, 26)) for _ in range(3)), letters[by:] + letters[:by]):
                made = usual_share(text.translate(str.maketrans(letters + letters.upper(), other + other.upper())))
                exchanged.append(made if made is not None else 0.0)
        document.close()
    return {
        "pages": len(natural),
        "lowest_of_text": round(min(natural), 3),
        "copies": len(exchanged),
        "highest_of_exchanged": round(max(exchanged), 3),
        "text_taken_for_garbled": sum(share < COMMON_SHARE for share in natural),
        "garbled_found": round(sum(share < COMMON_SHARE for share in exchanged) / len(exchanged), 4),
    }


RUNS = {"census": run_census, "tables": run_tables, "speed": run_speed, "layers": run_layers}


def main() -> None:
    """Runs what is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*RUNS, []], help=", ".join(RUNS))
    names = parser.parse_args().names or list(RUNS)
    for name in sorted(names, key=lambda name: name != "speed"):  # before others have filled the memory
        keep(f"pdf-{name}", RUNS[name]())


if __name__ == "__main__":
    main()
