"""How search grows: latency by number of chunks, and the vector scan beside usearch, LanceDB and a NumPy scan.

    python -m bench.scale chunks [--sizes 1000 10000 100000]   hybrid, BM25 and dense on real manual pages
    python -m bench.scale vectors [--n 1000000] [--only WAY ...]   the dense part; peers that are installed

Vectors of the second: real chunk embeddings, then points between neighbours of one document with noise, up to n.
"""

from __future__ import annotations

import argparse
import json
import lzma
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import cpu_seconds, data, keep, latency
from bench.ingest import MODES, disk_mb, resident_mb, times
from wellread import KnowledgeBase
from wellread.index.vectors.file import ROW, VectorFile, VectorView
from wellread.models.providers.static import open_embedder
from wellread.models.settings import EmbedSettings

Floats = NDArray[np.float32]
K = 10


def main() -> None:
    """One of the two measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("chunks", "vectors"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--n", type=int, default=1_000_000, help="vectors")
    parser.add_argument("--only", nargs="+", default=(), choices=sorted(WAYS), help="ways to find vectors")
    arguments = parser.parse_args()
    if arguments.what == "chunks":
        keep("scale-chunks", {str(n): grow(n) for n in arguments.sizes})
    else:
        keep("scale-vectors", vectors(arguments.n, arguments.only))


def corpus(n: int) -> list[dict[str, Any]]:
    """The first n chunks of the manual pages."""
    with lzma.open(data("scale_debian_docs") / "chunks.jsonl.xz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for _, line in zip(range(n), lines, strict=False)]


def grow(n: int) -> dict[str, Any]:
    """Latency and size of a base of about n chunks."""
    questions = [" ".join(row["text"].split()[5:9]) for row in corpus(n)[:: max(1, n // 200)]]
    with tempfile.TemporaryDirectory() as work:
        source, base = Path(work) / "documents", Path(work) / "base"
        source.mkdir()
        for i, row in enumerate(corpus(n)):
            (source / f"{i}.txt").write_text(row["text"], "utf-8")
        KnowledgeBase.create(base).close()
        with KnowledgeBase.open(base, overrides=["chunk.size_tokens=480"]) as kb:
            started = time.perf_counter()
            report = kb.add(str(source))
            figures: dict[str, Any] = {"chunks": report.chunks, "ingest_s": round(time.perf_counter() - started, 1)}
            figures |= {mode: times(kb, questions, mode) for mode in MODES}
        figures["disk_mb"] = disk_mb(base)
        figures["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return figures


def vectors(n: int, only: Sequence[str] = ()) -> dict[str, Any]:
    """Latency, recall@10 against exact search, disk and memory of each way to find n vectors."""
    real = open_embedder("minilm", EmbedSettings(), Path(), None).embed([row["text"] for row in corpus(100_000)])
    picked = np.arange(0, len(real), max(1, len(real) // 200))[:200]
    queries, table = real[picked], spread(np.delete(real, picked, axis=0), n)
    exact = [set(np.argpartition(-(table @ q), K)[:K]) for q in queries]
    figures: dict[str, Any] = {"n": n, "dim": table.shape[1], "float32_mb": table.nbytes // 10**6}
    with tempfile.TemporaryDirectory() as work:
        for name in only or WAYS:
            folder, before = Path(work) / name, resident_mb("self")
            cpu, started = cpu_seconds(), time.perf_counter()
            try:
                find = WAYS[name](table, folder)
            except ImportError:
                continue
            built = {"build_s": round(time.perf_counter() - started, 1), "build_cpu_s": round(cpu_seconds() - cpu, 1)}
            figures[name] = built | judge(find, queries, exact)
            figures[name] |= {"rss_more_mb": resident_mb("self") - before, "disk_mb": disk_mb(folder)}
            print(name, figures[name], flush=True)
    return figures


def spread(real: Floats, n: int) -> Floats:
    """(n, dim) unit rows: the real ones, then points between neighbours with a little noise."""
    chance = np.random.default_rng(0)
    out = np.empty((n, real.shape[1]), np.float32)
    for start in range(0, n, 50_000):
        rows = np.arange(start, min(start + 50_000, n))
        one, two = real[rows % len(real)], real[(rows + 1 + rows // len(real)) % len(real)]
        mix = np.where(rows < len(real), 0.0, chance.uniform(0.1, 0.5, len(rows)))[:, None].astype(np.float32)
        noise = chance.normal(0, 0.02, one.shape).astype(np.float32) * (mix > 0)
        block = one * (1 - mix) + two * mix + noise
        out[rows] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return out


def judge(find: Callable[[Floats], Any], queries: Floats, exact: list[set[int]]) -> dict[str, Any]:
    """Latency and recall of one way."""
    for q in queries[:5]:
        find(q)
    milliseconds, shares, cpu = [], [], cpu_seconds()
    for q, best in zip(queries, exact, strict=True):
        started = time.perf_counter()
        found = find(q)
        milliseconds.append((time.perf_counter() - started) * 1e3)
        shares.append(len(best & set(map(int, found))) / K)
    cpu_ms = round((cpu_seconds() - cpu) * 1e3 / len(queries), 2)
    return latency(milliseconds) | {"cpu_ms": cpu_ms, "recall@10": round(float(np.mean(shares)), 4)}


def ours(table: Floats, folder: Path) -> Callable[[Floats], Any]:
    """Sign bits, then the best at full precision."""
    file = VectorFile(folder, table.shape[1])
    for start in range(0, len(table), 50_000):
        block = table[start : start + 50_000]
        file.append(start, block, np.zeros(len(block), ROW))
    view = VectorView(folder, table.shape[1], len(table))
    return lambda q: view.scan(q, None, K)[0]


def numpy_scan(table: Floats, folder: Path) -> Callable[[Floats], Any]:
    """One matrix product over float32."""
    return lambda q: np.argpartition(-(table @ q), K)[:K]


def usearch(table: Floats, folder: Path) -> Callable[[Floats], Any]:
    """HNSW with its defaults, float16, expansion 64."""
    from usearch.index import Index

    index = Index(ndim=table.shape[1], metric="ip", dtype="f16", expansion_search=64)
    index.add(np.arange(len(table)), table, threads=2)
    folder.mkdir()
    index.save(folder / "index.usearch")
    return lambda q: index.search(q, K, threads=1).keys


def lance(table: Floats, folder: Path) -> Callable[[Floats], Any]:
    """IVF_SQ, 20 probes, refined 4 times."""
    import lancedb
    import pyarrow as pa

    array = pa.FixedSizeListArray.from_arrays(pa.array(table.ravel()), table.shape[1])
    rows = pa.table({"id": pa.array(np.arange(len(table))), "vector": array})
    opened = lancedb.connect(folder).create_table("v", rows)
    opened.create_index(metric="dot", index_type="IVF_SQ", vector_column_name="vector")
    return lambda q: [
        r["id"]
        for r in opened.search(q)
        .metric("dot")
        .nprobes(20)
        .refine_factor(4)
        .select(["id", "_distance"])
        .limit(K)
        .to_list()
    ]


WAYS = {"wellread": ours, "numpy": numpy_scan, "usearch": usearch, "lancedb": lance}


if __name__ == "__main__":
    main()
