"""The same folder, the same embedder: what wellread needs for ingest, questions and a second sync.

    python -m bench.ingest CORPUS [--queries FILE] [--static-weights FOLDER] [--base FOLDER]
    python -m bench.ingest CORPUS --start-up

CORPUS is a folder of HTML and Markdown pages (2,000 in docs/benchmarks.md); --queries a JSON list of strings. The
embedder is WordLlama's 256-d table, given as a folder with w.safetensors and tok.json, so that every system compared
pays the same for the model; without it the base's own. CPU seconds hold those of the children that parse; memory is
told apart. --base keeps the base in a folder that is not there yet.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # as the scripts of the peers do; before NumPy is imported

from bench.common import cpu_seconds, keep, latency, with_retrieve
from bench.wordllama import WordLlama
from wellread import KnowledgeBase

MODES: dict[str, dict[str, Any]] = {
    "hybrid": {"mode": "hybrid"},
    "dense": {"mode": "dense"},
    "bm25": {"mode": "bm25"},
}


def main() -> None:
    """Ingest, queries and a second sync in this process, or the start-up of fresh ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--n-queries", type=int, default=20, help="of the list, the first so many")
    parser.add_argument("--static-weights", type=Path)
    parser.add_argument("--base", type=Path, help="make the base here and keep it")
    parser.add_argument("--start-up", action="store_true", help="seconds from nothing running to the first answer")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        base = arguments.base or Path(work) / "base"
        if arguments.start_up:
            keep("start-up", start_up(base, arguments.corpus))
            return
        figures = ingest(base, arguments.corpus, arguments.static_weights)
        if arguments.queries:
            questions = json.loads(arguments.queries.read_text("utf-8"))[: arguments.n_queries]
            figures |= query(base, questions, arguments.static_weights)
    keep("ingest", figures)


def open_base(base: Path, weights: Path | None) -> KnowledgeBase:
    """The base, with the peers' embedder in the place of its own where weights are given."""
    kb = KnowledgeBase.open(base)
    return kb.with_models(embedder=WordLlama(weights)) if weights else kb


def ingest(base: Path, corpus: Path, weights: Path | None) -> dict[str, Any]:
    """Figures of the first add and of a sync with nothing changed."""
    KnowledgeBase.create(base).close()
    with open_base(base, weights) as kb:
        kb.embedder.embed(["warm"])
        wall, cpu = time.perf_counter(), cpu_seconds()
        with watched() as peaks:
            report = kb.add(str(corpus))
        wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    with open_base(base, weights) as kb:
        again, again_cpu = time.perf_counter(), cpu_seconds()
        second = kb.sync()
        again, again_cpu = time.perf_counter() - again, cpu_seconds() - again_cpu
    if second.new or second.changed or second.deleted:
        sys.exit(f"the second sync was not idle: {second}")
    embedding = embedding_seconds(base, weights)
    return {
        "documents": report.new, "duplicates": report.duplicates, "failed": report.failed, "skipped": report.skipped,
        "chunks": report.chunks, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2),
        "embedding_cpu_s": round(embedding, 2),
        "docs_per_s": round(report.new / wall, 1), "docs_per_cpu_s": round(report.new / cpu, 1),
        "docs_per_cpu_s_without_embedding": round(report.new / (cpu - embedding), 1),
        "unchanged_sync": {"wall_s": round(again, 2), "cpu_s": round(again_cpu, 2)},
        "peak_rss_mb": peaks, "disk_mb": disk_mb(base),
    }  # fmt: skip


@contextmanager
def watched() -> Iterator[dict[str, int]]:
    """Peak resident megabytes of this process and of its children together, seen ten times a second (Linux)."""
    peaks, over = {"parent": 0, "children": 0, "together": 0}, threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            own, children = resident_mb("self"), sum(map(resident_mb, child_ids()))
            for name, size in (("parent", own), ("children", children), ("together", own + children)):
                peaks[name] = max(peaks[name], size)

    thread = threading.Thread(target=look)
    thread.start()
    yield peaks
    over.set()
    thread.join()


def child_ids() -> list[str]:
    """Process ids of this process's children."""
    return [i for task in Path("/proc/self/task").iterdir() for i in (task / "children").read_text().split()]


def resident_mb(process: str) -> int:
    """Resident megabytes of a process; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20
    except (OSError, IndexError):
        return 0


def disk_mb(folder: Path) -> float:
    """Megabytes of all files below a folder."""
    return round(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6, 1)


def embedding_seconds(base: Path, weights: Path | None) -> float:
    """CPU seconds that the embedder alone takes for all chunks of the base."""
    with open_base(base, weights) as kb, kb.store.reading() as connection:
        texts = [row[0] for row in connection.exec_driver_sql("SELECT header || char(10) || text FROM chunks")]
        cpu = cpu_seconds()
        for start in range(0, len(texts), 512):
            kb.embedder.embed(texts[start : start + 512])
        return cpu_seconds() - cpu


def query(base: Path, questions: Sequence[str], weights: Path | None) -> dict[str, Any]:
    """Latency of hybrid search and of its legs."""
    with open_base(base, weights) as kb:
        return {f"query_{mode}": times(kb, questions, mode) for mode in MODES}


def times(kb: KnowledgeBase, questions: Sequence[str], mode: str) -> dict[str, float]:
    """p50, p95 and CPU milliseconds per question."""
    kb.settings = with_retrieve(kb.settings, **MODES[mode])
    for question in questions[:3]:
        kb.search(question, k=10)
    cpu, milliseconds = cpu_seconds(), []
    for question in questions:
        started = time.perf_counter()
        kb.search(question, k=10)
        milliseconds.append((time.perf_counter() - started) * 1e3)
    return latency(milliseconds) | {"cpu_ms": round((cpu_seconds() - cpu) * 1e3 / len(questions), 2)}


def start_up(base: Path, corpus: Path) -> dict[str, Any]:
    """Wall and CPU seconds from a cold process to the first hits of an existing base, medians of five."""
    if not base.exists():
        with KnowledgeBase.create(base) as kb:
            kb.add(str(corpus))
    command = [sys.executable, "-m", "wellread", "--base", str(base)]
    question = "how do I create an index"
    return {
        "search": seconds([*command, "search", question]),
        "quoted_answer": seconds([*command, "--set", "answer.style=quote", "ask", question]),
    }


def seconds(command: Sequence[str], runs: int = 5) -> dict[str, float]:
    """Medians of wall and CPU seconds of fresh processes; one more run before them fills the disk's cache."""
    walls, cpus = [], []
    for _ in range(runs + 1):
        wall, cpu = time.perf_counter(), cpu_seconds()
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
        if ended not in (0, 4):  # 4: refused
            sys.exit(f"{' '.join(command)}: ended with {ended}")
        walls.append(time.perf_counter() - wall)
        cpus.append(cpu_seconds() - cpu)
    middle = (runs + 1) // 2
    return {"wall_s": round(sorted(walls[1:])[middle - 1], 2), "cpu_s": round(sorted(cpus[1:])[middle - 1], 2)}


if __name__ == "__main__":
    main()
