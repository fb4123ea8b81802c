"""The same folder, the same embedder: wellread beside LlamaIndex, LangChain, Haystack and txtai.

    python -m bench.ingest CORPUS [--queries FILE] [--static-weights FOLDER]
    python -m bench.ingest --start-up CORPUS

CORPUS is a folder of HTML and Markdown pages (2,000 in docs/benchmarks.md); --queries a JSON list of strings. The
embedder is WordLlama's 256-d table, the one that the peer scripts use, given as a folder with w.safetensors and tok.json,
so that every system pays the same for the model. Prints one JSON object: wall and CPU seconds of ingest (children
included), documents per second of each, query figures, peak memory, size on disk, time of a second sync.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.common import cpu_seconds, keep, latency
from bench.wordllama import WordLlama
from wellread import KnowledgeBase


def main() -> None:
    """Ingest, queries and a second sync in this process, or the start-up of a fresh one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--static-weights", type=Path)
    parser.add_argument("--start-up", action="store_true")
    arguments = parser.parse_args()
    if arguments.start_up:
        keep("start-up", start_up(arguments.corpus))
        return
    with tempfile.TemporaryDirectory() as work:
        figures = ingest(Path(work) / "base", arguments.corpus, arguments.static_weights)
        if arguments.queries:
            figures |= query(Path(work) / "base", json.loads(arguments.queries.read_text()), arguments.static_weights)
    keep("ingest", figures)


def open_base(base: Path, weights: Path | None) -> KnowledgeBase:
    """The base, with the peers' embedder in the place of its own where weights are given."""
    kb = KnowledgeBase.open(base)
    if weights:
        kb.__dict__["embedder"] = WordLlama(weights)
    return kb


def ingest(base: Path, corpus: Path, weights: Path | None) -> dict[str, Any]:
    """Figures of the first add and of a sync with nothing changed."""
    KnowledgeBase.create(base).close()
    with open_base(base, weights) as kb:
        kb.embedder.embed(["warm"])
        wall, cpu = time.perf_counter(), cpu_seconds()
        report = kb.add(str(corpus))
        wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
        again = time.perf_counter()
        second = kb.sync()
        again = time.perf_counter() - again
    if second.new or second.changed or second.unchanged < report.new:
        sys.exit(f"the second sync was not idle: {second}")
    return {
        "documents": report.new, "chunks": report.chunks, "failed": report.failed, "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2), "docs_per_s": round(report.new / wall, 1), "docs_per_cpu_s": round(report.new / cpu, 1),
        "unchanged_sync_s": round(again, 2), "embedding_s": round(embedding_seconds(base, weights), 2),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "disk_mb": round(sum(f.stat().st_size for f in base.rglob("*") if f.is_file()) / 1e6, 1),
    }  # fmt: skip


def embedding_seconds(base: Path, weights: Path | None) -> float:
    """CPU seconds that the embedder alone takes for all chunks of the base."""
    with open_base(base, weights) as kb:
        texts = [chunk.indexed_text for chunk in kb.chunks()]
        cpu = cpu_seconds()
        for start in range(0, len(texts), 512):
            kb.embedder.embed(texts[start : start + 512])
        return cpu_seconds() - cpu


def query(base: Path, questions: Sequence[str], weights: Path | None) -> dict[str, Any]:
    """Latency of hybrid search and of its legs."""
    found: dict[str, Any] = {}
    for name, setting in (("hybrid", 0.5), ("dense", 1.0), ("bm25", 0.0)):
        with open_base(base, weights) as kb:
            kb.settings.values["retrieve"].__class__  # noqa: B018  (loaded)
            found[f"query_{name}"] = times(kb, questions, setting)
    return found


def times(kb: KnowledgeBase, questions: Sequence[str], alpha: float) -> dict[str, float]:
    """p50, p95 and CPU milliseconds per question."""
    from dataclasses import replace

    kb.settings = replace(
        kb.settings, values=dict(kb.settings.values) | {"retrieve": replace(kb.settings["retrieve"], alpha=alpha)}
    )
    for question in questions[:3]:
        kb.search(question, k=10)
    cpu, milliseconds = cpu_seconds(), []
    for question in questions:
        started = time.perf_counter()
        kb.search(question, k=10)
        milliseconds.append((time.perf_counter() - started) * 1e3)
    return latency(milliseconds) | {"cpu_ms": round((cpu_seconds() - cpu) * 1e3 / len(questions), 2)}


def start_up(corpus: Path) -> dict[str, Any]:
    """Seconds from a cold process to the first hits of an existing base, median of five."""
    with tempfile.TemporaryDirectory() as work:
        base = Path(work) / "base"
        KnowledgeBase.create(base).close()
        with KnowledgeBase.open(base) as kb:
            kb.add(str(corpus))
        command = [sys.executable, "-m", "wellread", "--base", str(base)]
        return {name: seconds([*command, *rest]) for name, rest in {
            "search_s": ["search", "how do I create an index"], "quoted_answer_s": ["--set", "answer.style=quote", "ask", "how do I create an index"],
        }.items()}  # fmt: skip


def seconds(command: Sequence[str]) -> float:
    """Median wall seconds of five runs."""
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        taken.append(time.perf_counter() - started)
    return round(sorted(taken)[2], 3)


if __name__ == "__main__":
    main()
