"""Census of public test files: every file a document or a named failure, and how many expected words are found.

Expected are docling's own Markdown files (docling_tests): distinct words of them that wellread's text has, by kind.
Needs unpacked sets ``unstructured_docs docling_tests markitdown_tests`` in the folder WELLREAD_DATA.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

from bench.common import data, keep
from wellread.documents.parse import ParserPool, Request
from wellread.documents.settings import ParseSettings

SETS = ("unstructured_docs", "docling_tests", "markitdown_tests")
WORD = re.compile(r"[^\W_]{2,}")
EXPECTED = re.compile(r"<!--.*?-->|https?://\S+", re.S)


def files() -> list[Path]:
    """All files of the sets but what was expected of others."""
    found = [path for name in SETS for path in sorted((data(name) / "files").rglob("*")) if path.is_file()]
    return [path for path in found if "groundtruth" not in path.as_posix() and path.suffix]


def expected_of(path: Path) -> set[str]:
    """Distinct words of docling's Markdown for a file; empty where there is none."""
    for parent in path.parents:
        for held in (parent / "groundtruth").rglob(path.name + ".md") if (parent / "groundtruth").is_dir() else ():
            return set(WORD.findall(EXPECTED.sub(" ", held.read_text("utf-8", "replace")).casefold()))
    return set()


def main() -> None:
    """Prints and keeps the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", help="ends of names: .xlsx .pptx")
    only = parser.parse_args().only
    paths = [path for path in files() if not only or path.suffix.lower() in only]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    recall: dict[str, list[tuple[int, int]]] = defaultdict(list)
    begun = time.perf_counter()
    with ParserPool(ParseSettings(workers=2)) as pool:
        for reply in pool.run(Request(str(path), path.name, suffix=path.suffix.lower()) for path in paths):
            suffix = Path(reply.request.name).suffix.lower()
            counts[suffix][reply.kind or "read"] += 1
            wanted = expected_of(Path(reply.request.path)) if not reply.kind else set()
            if wanted:
                found = set(WORD.findall(reply.fields["text"].casefold()))
                recall[suffix].append((len(wanted & found), len(wanted)))
    print(f"{len(paths)} files, {time.perf_counter() - begun:.0f} s")
    rows = {}
    for suffix, counted in sorted(counts.items()):
        pairs = recall.get(suffix, [])
        share = sum(a for a, _ in pairs) / sum(b for _, b in pairs) if pairs else None
        rows[suffix] = {"files": counted.total(), **counted, "expected": len(pairs), "word_recall": share}
        told = f", words {share:.3f} of {len(pairs)} files" if share is not None else ""
        print(f"{suffix:10} {dict(counted)}{told}")
    keep("formats", rows)


if __name__ == "__main__":
    main()
