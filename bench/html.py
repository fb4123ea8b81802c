"""HTML: how fast pages of text and of tables are read, cells with their types and places included.

    python -m bench.html [--rows N] [--runs N]

Two pages are made, the same ones each time: 324 kB of headings, paragraphs and lists, and a table of --rows rows with a
name, a date, a weight, a price and a note. Told are megabytes per CPU second of the first and filled cells per CPU
second of the second, each the best of --runs readings; figures of different versions compare only where both were taken
on one machine, in turn.
"""

from __future__ import annotations

import argparse
import random
import time

from bench.common import keep
from wellread.documents.parsers import html
from wellread.types import Parsed

SIZE = 324_000
WORDS = (
    "the of and to in is that boat harbour berth fare table water ferry line season weight price open closed crew "
    "captain letter signal depth tide rope engine pilot kilometre weather report every second after before island"
)


def page_of_text() -> bytes:
    """Headings, paragraphs with bold words and lists with links, ``SIZE`` bytes of them."""
    chance, parts, size = random.Random(1), list[str](), 0
    while size < SIZE:
        kind = chance.random()
        if kind < 0.15:
            part = f"<h2>{_words(chance, 4)}</h2>\n"
        elif kind < 0.5:
            items = [f"<li>{_words(chance, 9)} <a href='#'>{_words(chance, 2)}</a></li>\n" for _ in range(6)]
            part = f"<ul>{''.join(items)}</ul>\n"
        else:
            part = f"<p>{_words(chance, 25)} <b>{_words(chance, 2)}</b> {_words(chance, 25)}.</p>\n"
        parts.append(part)
        size += len(part)
    return f"<!doctype html><title>Text</title><main><h1>Text</h1>{''.join(parts)}</main>".encode()


def page_of_table(n_rows: int) -> bytes:
    """A table of five columns under a head."""
    chance = random.Random(2)
    rows = [
        f"<tr><td>{_words(chance, 2)} {n}</td><td>2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}</td><td>"
        f"{chance.randint(1, 90_000):,}</td><td>€{chance.random() * 900:.2f}</td><td>{_words(chance, 3)}</td></tr>\n"
        for n in range(n_rows)
    ]
    head = "<tr><th>Line</th><th>Date</th><th>Weight (kg)</th><th>Price</th><th>Note</th></tr>"
    return f"<title>Table</title><table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>".encode()


def _words(chance: random.Random, n: int) -> str:
    return " ".join(chance.choices(WORDS.split(), k=n))


def best(page: bytes, runs: int) -> tuple[Parsed, float]:
    """The page as read, and the fewest CPU seconds that a reading took."""
    seconds = []
    for _ in range(runs):
        began = time.process_time()
        parsed = html.parse(page, "page.html")
        seconds.append(time.process_time() - began)
    return parsed, min(seconds)


def main() -> None:
    """Both pages, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3000, help="of the table; 3,000")
    parser.add_argument("--runs", type=int, default=7, help="readings of each page; 7")
    arguments = parser.parse_args()
    if arguments.rows < 1 or arguments.runs < 1:
        parser.error("--rows and --runs: at least 1")
    text = page_of_text()
    prose, prose_seconds = best(text, arguments.runs)
    table, table_seconds = best(page_of_table(arguments.rows), arguments.runs)
    n_cells = sum(len(found.cells) for found in table.tables)
    keep(
        "html",
        {
            "text_bytes": len(text),
            "text_blocks": len(prose.blocks),
            "text_mb_per_cpu_s": round(len(text) / prose_seconds / 1e6, 1),
            "cells": n_cells,
            "cells_per_cpu_s": round(n_cells / table_seconds),
        },
    )


if __name__ == "__main__":
    main()
