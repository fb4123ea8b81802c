"""Ranking quality on public labelled sets, by leg and by fusion.

    python -m bench.ranking scifact [pgdocs15 …] [--model static:minilm] [--alphas 0.3 0.4 0.5]

nDCG@10 with graded relevance and recall@100 per query, averaged over the queries that have judgments.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import data, keep, rows, timed, with_retrieve
from wellread import KnowledgeBase

Judgments = Mapping[str, Mapping[str, int]]
DEPTH = 100
ALPHAS = (0.3, 0.4, 0.5, 0.6)
# One chunk per document, whose length does not depend on the model; nothing but the two searches and their fusion.
FIXED = (
    "chunk.size_tokens=4000",
    "chunk.overlap_tokens=0",
    "documents.near_duplicate_at=2.0",
    "retrieve.scope=false",
    "retrieve.in_force=false",
)


def main() -> None:
    """One table per set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=["scifact"])
    parser.add_argument("--model", action="append", dest="models")
    parser.add_argument("--queries", type=int, default=0, help="only so many")
    parser.add_argument("--alphas", type=float, nargs="+", default=ALPHAS, help="weights of the dense score")
    arguments = parser.parse_args()
    for name in arguments.sets or ["scifact"]:
        figures: dict[str, Any] = {
            m: measure(name, m, arguments.queries, arguments.alphas) for m in arguments.models or ["static:minilm"]
        }
        keep(f"ranking-{name}", figures)


def measure(name: str, model: str, limit: int = 0, alphas: Sequence[float] = ALPHAS) -> dict[str, Any]:
    """Figures of one set with one embedder."""
    folder = data(name)
    judgments = read_judgments(folder)
    queries = {q["_id"]: q["text"] for q in rows(folder / "queries.jsonl") if q["_id"] in judgments}
    if limit:
        queries = dict(list(queries.items())[:limit])
    figures: dict[str, Any] = {"queries": len(queries)}
    with tempfile.TemporaryDirectory() as work:
        source = Path(work) / "documents"
        source.mkdir()
        names = write(folder, source)
        with KnowledgeBase.create(Path(work) / "base") as kb:
            pass
        with KnowledgeBase.open(Path(work) / "base", overrides=[*FIXED, f"embed.model={model}"]) as kb:
            with timed(figures, "ingest"):
                report = kb.add(str(source))
            figures["documents"], figures["chunks"] = report.new, report.chunks
            for title, changed in ways(alphas).items():
                kb.settings = with_retrieve(kb.settings, **changed)
                runs = {key: ranking(kb, text, names) for key, text in queries.items()}
                figures[title] = {
                    "nDCG@10": round(float(np.mean([ndcg(runs[q], judgments[q], 10) for q in queries])), 4),
                    "R@100": round(float(np.mean([recall(runs[q], judgments[q], DEPTH) for q in queries])), 4),
                }
    return figures


def ways(alphas: Sequence[float]) -> dict[str, dict[str, Any]]:
    """Settings of each way to rank, by its name in the table."""
    fused = {f"minmax {alpha:g}": {"mode": "hybrid", "fusion": "minmax", "alpha": alpha} for alpha in alphas}
    return {
        "bm25": {"mode": "bm25"},
        "dense": {"mode": "dense"},
        **fused,
        "rrf": {"mode": "hybrid", "fusion": "rrf"},
    }


def read_judgments(folder: Path) -> Judgments:
    """Grades by query and document; the test part where there is one."""
    paths = sorted((folder / "qrels").glob("*.tsv"))
    path = next((p for p in paths if p.stem == "test"), paths[0])
    found: dict[str, dict[str, int]] = defaultdict(dict)
    with path.open(encoding="utf-8") as lines:
        for query, document, grade in list(csv.reader(lines, delimiter="\t"))[1:]:
            if int(grade) > 0:
                found[query][document] = int(grade)
    return found


def write(folder: Path, target: Path, *, titled: bool = False) -> dict[str, str]:
    """One text file per document, title first, or a Markdown file with it as its heading; file name to document id."""
    suffix, mark = (".md", "# ") if titled else (".txt", "")
    names = {}
    for n, row in enumerate(rows(folder / "corpus.jsonl")):
        names[f"{n}{suffix}"] = row["_id"]
        (target / f"{n}{suffix}").write_text(f"{mark}{row.get('title', '')}\n\n{row['text']}", "utf-8")
    return names


def ranking(kb: KnowledgeBase, text: str, names: Mapping[str, str]) -> list[str]:
    """Document ids, best first: a document ranks where its best chunk does."""
    hits = kb.search(text, k=DEPTH * 2).hits
    return list(dict.fromkeys(names[Path(hit.document.uri).name] for hit in hits))[:DEPTH]


def ndcg(found: Sequence[str], judged: Mapping[str, int], k: int) -> float:
    """Normalised discounted cumulative gain with gain 2^grade - 1 (Burges et al., ICML 2005)."""
    gain = sum((2 ** judged.get(d, 0) - 1) / np.log2(i + 2) for i, d in enumerate(found[:k]))
    best = sum((2**g - 1) / np.log2(i + 2) for i, g in enumerate(sorted(judged.values(), reverse=True)[:k]))
    return float(gain / best)


def recall(found: Sequence[str], judged: Mapping[str, int], k: int) -> float:
    """Share of the relevant documents among the first k."""
    return len(set(found[:k]) & set(judged)) / len(judged)


if __name__ == "__main__":
    main()
