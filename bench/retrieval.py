"""What each part of retrieval is worth: with it and without it, on the same questions.

    python -m bench.retrieval [scifact pydocs311 multihop_rag_500 harbour …] [--arms rerank window …] [--queries 100]
    python -m bench.retrieval … --arms "variants, model" --set chat.model=llama:qwen-coder-1.5b --keep FOLDER

Each arm is a name for some settings on top of a baseline's (--list shows them). Printed for each set: nDCG@10, recall@5
and @20, the share of questions with all their evidence among the first ten, median milliseconds, CPU milliseconds and
chat calls a question, seconds and megabytes of the base that the arm searches; and each arm's difference from its
baseline in nDCG@10 with its 95 % interval and p value (paired permutation test, corrected by Holm over everything
compared in the run).

On public sets a document ranks where its best passage does; on the sample organisation (harbour) it is the passage that
must hold the evidence. NAME+titles is a public set with its titles as headings. The same questions, drawn with a fixed
seed, are used for every arm. --half A or B takes every question of the sample whose hashed id is even or odd:
parameters were chosen on A. With --keep a run that was stopped resumes where it was; what is done is not done again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import data, keep, rows
from bench.harbour import HARBOUR, stands
from bench.ranking import read_judgments, write
from wellread import KnowledgeBase
from wellread.metrics.ranking import ndcg_at, recall_at
from wellread.metrics.stats import holm, paired
from wellread.types import Hit, Principal

DEPTH = 40  # passages of a search; documents or evidence are looked for among them


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its judgments: ``ids_of`` says which relevant ids a hit is or holds."""

    id: str
    text: str
    gains: Mapping[str, float]
    ids_of: Callable[[Hit], Sequence[str]]
    who: Principal = field(default_factory=Principal)
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Arm:
    """Settings on top of another arm's; with ``built`` the base itself is made with them."""

    overrides: tuple[str, ...] = ()
    against: str = "search"
    built: tuple[str, ...] = ()


class Clock:
    """Seconds of a build, those of runs that were stopped included."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = float(path.read_text("utf-8")) if path.exists() else 0.0
        self._began = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._began

    def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
        if time.monotonic() - self._told > 1:
            self._told = time.monotonic()
            self._path.write_text(f"{self.seconds:.1f}", "utf-8")


@dataclass(slots=True)
class Run:
    """What one arm gave on every question of a set."""

    ndcg: list[float] = field(default_factory=list)
    recall5: list[float] = field(default_factory=list)
    recall20: list[float] = field(default_factory=list)
    all10: list[float] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    index_s: float = 0.0
    index_mb: float = 0.0


# the search alone: by meaning and by words, fused; no part on top of it
NONE = ("rerank.model=", "rewrite.spelling=false", "retrieve.document_weight=0")
TITLED = "+titles"  # after the name of a public set: its titles are headings, not the first line of a text
MINILM = ("embed.model=onnx:minilm",)
SPARSE = ("sparse.model=transformers:splade-tiny",)  # a folder of that name among the pulled models
TREE = ("tree.mode=collapsed",)
GRAPH = ("graph.mode=local",)
# whatever can ask a chat model does
EVERYTHING = ("rewrite.variants=model", "rewrite.hyde=model", "rewrite.sub_questions=model", "rewrite.step_back=model")
ARMS: dict[str, Arm] = {
    "search": Arm(NONE),
    "dense": Arm((*NONE, "retrieve.mode=dense")),
    "bm25": Arm((*NONE, "retrieve.mode=bm25")),
    "rrf": Arm((*NONE, "retrieve.fusion=rrf")),
    "spelling": Arm((*NONE, "rewrite.spelling=true")),
    "glossary": Arm((*NONE, "rewrite.glossary=true")),
    "feedback": Arm((*NONE, "rewrite.hyde=feedback")),
    "parts": Arm((*NONE, "rewrite.sub_questions=rules")),
    "step back": Arm((*NONE, "rewrite.step_back=rules")),
    "documents first": Arm((*NONE, "retrieve.entry=documents")),
    "sections first": Arm((*NONE, "retrieve.entry=sections")),
    "window": Arm((*NONE, "expand.mode=window")),
    "section": Arm((*NONE, "expand.mode=section")),
    "merge": Arm((*NONE, "expand.mode=merge")),
    "tree collapsed": Arm(NONE, built=TREE),
    "tree traverse": Arm((*NONE, "tree.mode=traverse"), built=TREE),
    "default": Arm(),
    "passages alone": Arm(("retrieve.document_weight=0",), "default"),
    "together": Arm((*NONE, "retrieve.document_weight=0.2")),
    "rerank 50": Arm(("rerank.candidates=50",)),
    "rerank 50 in 300 ms": Arm(("rerank.candidates=50", "rerank.budget_ms=300")),
    "rerank late": Arm(("rerank.model=late:minilm", "rerank.weight=0.67"), "default"),
    "rerank two sentences": Arm(("rerank.sentences=2",), "default"),
    "rerank whole passages": Arm(("rerank.reads=passages",), "default"),
    "rerank alone": Arm(("rerank.weight=1",), "default"),
    "default + feedback": Arm(("rewrite.hyde=feedback",), "default"),
    "default + parts": Arm(("rewrite.sub_questions=rules",), "default"),
    "default + sections": Arm(("retrieve.entry=sections",), "default"),
    "default + merge": Arm(("expand.mode=merge",), "default"),
    "default + tree": Arm((), "default", built=TREE),
    "default + tree traverse": Arm(("tree.mode=traverse",), "default", built=TREE),
    "routed": Arm(("route.mode=rules",), "default"),
    "variants, model": Arm((*NONE, "rewrite.variants=model")),
    "hyde, model": Arm((*NONE, "rewrite.hyde=model")),
    "parts, model": Arm((*NONE, "rewrite.sub_questions=model")),
    "step back, model": Arm((*NONE, "rewrite.step_back=model")),
    "graph local": Arm(NONE, built=GRAPH),
    "graph global": Arm((*NONE, "graph.mode=global"), built=GRAPH),
    "graph both": Arm((*NONE, "graph.mode=both"), built=GRAPH),
    "dense + graph": Arm((*NONE, "retrieve.mode=dense"), "dense", built=GRAPH),
    "default + graph": Arm((), "default", built=GRAPH),
    "graph local, model": Arm(NONE, "graph local", built=(*GRAPH, "graph.extractor=chat")),
    "graph global, model": Arm((*NONE, "graph.mode=global"), built=(*GRAPH, "graph.summaries=chat")),
    "default + parts, model": Arm(("rewrite.sub_questions=model",), "default"),
    "default + variants, model": Arm(("rewrite.variants=model",), "default"),
    "everything, model": Arm(EVERYTHING, "default"),
    "everything, model, routed": Arm((*EVERYTHING, "route.mode=rules"), "everything, model"),
    "minilm": Arm(NONE, built=MINILM),
    "minilm 0.4": Arm((*NONE, "retrieve.alpha=0.4"), "minilm", built=MINILM),
    "minilm 0.5": Arm((*NONE, "retrieve.alpha=0.5"), "minilm", built=MINILM),
    "minilm 0.7": Arm((*NONE, "retrieve.alpha=0.7"), "minilm", built=MINILM),
    "minilm default": Arm((), "minilm", built=MINILM),
    "alpha 0.3": Arm((*NONE, "retrieve.alpha=0.3")),
    "alpha 0.5": Arm((*NONE, "retrieve.alpha=0.5")),
    "alpha 0.6": Arm((*NONE, "retrieve.alpha=0.6")),
    "title 1.5": Arm((*NONE, "retrieve.title_weight=1.5")),
    "title 2": Arm((*NONE, "retrieve.title_weight=2")),
    "title 4": Arm((*NONE, "retrieve.title_weight=4")),
    "title 8": Arm((*NONE, "retrieve.title_weight=8")),
    "title 0.5": Arm((*NONE, "retrieve.title_weight=0.5")),
    "bm25 title 1": Arm((*NONE, "retrieve.mode=bm25", "retrieve.title_weight=1"), "bm25"),
    "bm25 title 2": Arm((*NONE, "retrieve.mode=bm25", "retrieve.title_weight=2"), "bm25"),
    "bm25 title 4": Arm((*NONE, "retrieve.mode=bm25", "retrieve.title_weight=4"), "bm25"),
    "int8": Arm(NONE, built=("index.vectors=int8",)),
    "binary": Arm(NONE, built=("index.vectors=binary",)),
    "128 numbers": Arm(NONE, built=("embed.dim=128",)),
    "64 numbers": Arm(NONE, built=("embed.dim=64",)),
    "dense int8": Arm((*NONE, "retrieve.mode=dense"), "dense", built=("index.vectors=int8",)),
    "dense binary": Arm((*NONE, "retrieve.mode=dense"), "dense", built=("index.vectors=binary",)),
    "dense 128 numbers": Arm((*NONE, "retrieve.mode=dense"), "dense", built=("embed.dim=128",)),
    "dense 64 numbers": Arm((*NONE, "retrieve.mode=dense"), "dense", built=("embed.dim=64",)),
    "sparse": Arm(NONE, built=SPARSE),
    "sparse 0.6": Arm((*NONE, "sparse.weight=0.6"), built=SPARSE),
    "default + sparse": Arm((), "default", built=SPARSE),
    "lines": Arm(NONE, built=("chunk.preset=lines",)),
    "narrative": Arm(NONE, built=("chunk.preset=narrative",)),
    "code": Arm(NONE, built=("chunk.preset=code",)),
    "long-context": Arm(NONE, built=("chunk.preset=long-context",)),
    "context": Arm(NONE, built=("chunk.context=extract",)),
    "default + context": Arm((), "default", built=("chunk.context=extract",)),
    "every version": Arm((*NONE, "retrieve.in_force=false")),
    # the parts of examples/plugin, which must be installed (pip install ./examples/plugin)
    "own rewriter": Arm((*NONE, "rewrite.rewriters=['example:numbers']")),
    "own index": Arm((*NONE, "retrieve.indexes=['example:identifiers']")),
    "own reranker": Arm((*NONE, "rerank.model=example:nearness")),
    "own chunker": Arm(NONE, built=("chunk.strategy=example:paragraphs",)),
    "own embedder": Arm(NONE, built=("embed.model=example:256",)),
}


def main() -> None:
    """One table per set, and the differences over all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=["scifact", "pydocs311", "multihop_rag_500", "harbour"])
    parser.add_argument("--arms", nargs="+", default=["search", "default"], help="which; a baseline comes along")
    parser.add_argument("--queries", type=int, default=100, help="at most so many of a set")
    parser.add_argument("--half", choices=("A", "B"), help="half of the sample's questions")
    parser.add_argument("--set", action="append", default=[], dest="overrides", help="a setting for every arm")
    parser.add_argument("--keep", type=Path, help="keep the bases here and use them again")
    parser.add_argument("--result", help="name of the file of results; without it, the names of the sets")
    parser.add_argument("--list", action="store_true", help="the arms and their settings")
    arguments = parser.parse_args()
    if arguments.list:
        for name, arm in ARMS.items():
            print(f"{name:28} against {arm.against:10} {' '.join((*arm.built, *arm.overrides))}")
        return
    unknown = [name for name in arguments.arms if name not in ARMS]
    if unknown:
        parser.error(f"{unknown[0]}: no such arm; --list shows them")
    wanted = list(dict.fromkeys(b for name in arguments.arms for b in (ARMS[name].against, name)))
    with tempfile.TemporaryDirectory() as work:
        place = arguments.keep or Path(work)
        place.mkdir(parents=True, exist_ok=True)
        runs = {
            name: measured(name, wanted, place, arguments.queries, arguments.half, arguments.overrides)
            for name in arguments.sets
        }
    figures = {name: {arm: summed(run) for arm, run in arms.items()} for name, arms in runs.items()}
    differences = compared(runs)
    keep("retrieval-" + (arguments.result or "-".join(arguments.sets)), {"sets": figures, "differences": differences})
    show(figures, differences)


def measured(
    name: str, wanted: Sequence[str], place: Path, limit: int, half: str | None, overrides: Sequence[str]
) -> dict[str, Run]:
    """The runs of one set, by arm."""
    source, asked = drawn(name, place, limit, half)
    runs: dict[str, Run] = {}
    with ExitStack() as stack:
        bases: dict[tuple[str, ...], KnowledgeBase] = {}
        for arm_name in wanted:
            arm = ARMS[arm_name]
            if arm.built not in bases:
                bases[arm.built] = stack.enter_context(base(name, source, arm.built, place))
            kb = bases[arm.built].configured((*overrides, *arm.overrides), logs=False)
            key = hashlib.sha256(repr((name, arm, half, *overrides)).encode()).hexdigest()[:12]
            runs[arm_name] = run(kb, asked, place / f"run-{name}-{key}.json")
            made = json.loads((kb.folder / "made.json").read_text("utf-8"))
            runs[arm_name].index_s, runs[arm_name].index_mb = made["seconds"], made["size_bytes"] / 1e6
            print(f"{name:18} {arm_name:24} {summed(runs[arm_name])}", flush=True)
    return runs


def drawn(name: str, place: Path, limit: int, half: str | None = None) -> tuple[Path, list[Asked]]:
    """The folder of documents of a set, and at most so many of its questions, always the same."""
    source, asked = questions(name, place, half)
    random.Random(0).shuffle(asked)
    return source, asked[:limit]


def base(name: str, source: Path, built: Sequence[str], place: Path) -> KnowledgeBase:
    """The open base of a set, made where it is not there yet."""
    folder = place / f"base-{name}-{hashlib.sha256(repr(built).encode()).hexdigest()[:8]}"
    if not (folder / "made.json").exists():
        if not (folder / "wellread.toml").exists():
            KnowledgeBase.create(folder).close()
        settings = built if name == "harbour" else ("documents.near_duplicate_at=2.0", *built)
        with KnowledgeBase.open(folder, overrides=settings) as kb:
            kb.add(str(source), progress=(clock := Clock(folder / "clock.txt")))
            made = {"seconds": clock.seconds, "chunks": kb.status().chunks, "size_bytes": kb.status().size_bytes}
            (folder / "made.json").write_text(json.dumps(made), "utf-8")
            print(f"{name}: {made} {' '.join(built)}")
    return KnowledgeBase.open(folder, overrides=list(built))


def questions(name: str, place: Path, half: str | None = None) -> tuple[Path, list[Asked]]:
    """The folder of documents of a set, and its questions."""
    if name == "harbour":
        return HARBOUR / "documents", sample(half)
    folder, source = data(name.removesuffix(TITLED)), place / f"source-{name}"
    source.mkdir(exist_ok=True)
    names = write(folder, source, titled=name.endswith(TITLED))
    judgments = read_judgments(folder)

    def ids_of(hit: Hit) -> Sequence[str]:
        return (names[Path(hit.document.uri).name],)

    return source, [
        Asked(q["_id"], q["text"], {d: 2.0**g - 1 for d, g in judgments[q["_id"]].items()}, ids_of)
        for q in rows(folder / "queries.jsonl")
        if q["_id"] in judgments
    ]


def sample(half: str | None) -> list[Asked]:
    """The answerable questions of the sample organisation; each piece of evidence is an id."""
    made = []
    for q in rows(HARBOUR / "questions.jsonl"):
        even = int(hashlib.sha256(q["id"].encode()).hexdigest(), 16) % 2 == 0
        if not q["answerable"] or not q["evidence"] or (half is not None and even != (half == "A")):
            continue
        proofs = q["evidence"]

        def ids_of(hit: Hit, proofs: list[dict[str, str]] = proofs) -> Sequence[str]:
            return [str(n) for n, proof in enumerate(proofs) if stands(proof, hit)]

        visible = Principal(groups=frozenset(q.get("who_needed", [])))
        made.append(Asked(q["id"], q["text"], {str(n): 1.0 for n in range(len(proofs))}, ids_of, visible, q["kind"]))
    return made


def run(kb: KnowledgeBase, asked: Sequence[Asked], path: Path) -> Run:
    """Every question asked once, after one that warms what is loaded lazily; from ``path`` on, where a run is kept."""
    done = Run(**json.loads(path.read_text("utf-8"))) if path.exists() else Run()
    if len(done.ndcg) > len(asked):  # of a run with more questions, which begin with the same
        return Run(*(values[: len(asked)] for values in list(asdict(done).values())[:7]))
    if len(done.ndcg) < len(asked):
        kb.search(asked[0].text, k=DEPTH)
    for n, question in enumerate(asked[len(done.ndcg) :], len(done.ndcg) + 1):
        visible = kb.as_user(question.who)
        wall, cpu = time.perf_counter(), time.process_time()
        found = visible.search(question.text, k=DEPTH)
        done.ms.append((time.perf_counter() - wall) * 1e3)
        done.cpu_ms.append((time.process_time() - cpu) * 1e3)
        done.calls.append(found.usage.calls)
        ranking = ranked(found.hits, question)
        done.ndcg.append(ndcg_at(ranking, question.gains, 10))
        done.recall5.append(recall_at(ranking, question.gains.keys(), 5))
        done.recall20.append(recall_at(ranking, question.gains.keys(), 20))
        done.all10.append(float(set(question.gains) <= set(ranking[:10])))
        if n % 5 == 0 or n == len(asked):
            path.write_text(json.dumps(asdict(done)), "utf-8")
    return done


def ranked(hits: Sequence[Hit], question: Asked) -> list[str]:
    """Ids, best first, each once; a hit that bears no evidence of the sample holds the place of one that is wrong."""
    ids: list[str] = []
    for n, hit in enumerate(hits):
        ids += question.ids_of(hit) or [f"wrong {n}"]
    return list(dict.fromkeys(ids))


def summed(run: Run) -> dict[str, float]:
    """The figures of one arm on one set."""
    return {
        "nDCG@10": round(100 * float(np.mean(run.ndcg)), 1),
        "R@5": round(100 * float(np.mean(run.recall5)), 1),
        "R@20": round(100 * float(np.mean(run.recall20)), 1),
        "all@10": round(100 * float(np.mean(run.all10)), 1),
        "p50_ms": round(float(np.median(run.ms)), 1),
        "cpu_ms": round(float(np.mean(run.cpu_ms)), 1),
        "calls": round(float(np.mean(run.calls)), 2),
        "index_s": round(run.index_s, 1),
        "index_MB": round(run.index_mb, 1),
        "n": len(run.ndcg),
    }


def compared(runs: Mapping[str, Mapping[str, Run]]) -> list[dict[str, Any]]:
    """Every arm against its baseline on every set, in points of nDCG@10; p corrected over all of them."""
    made: list[dict[str, Any]] = []
    for name, arms in runs.items():
        for arm, done in arms.items():
            against = ARMS[arm].against
            if against == arm or against not in arms:
                continue
            result = paired([100 * v for v in done.ndcg], [100 * v for v in arms[against].ndcg], seed=0)
            made.append({"set": name, "arm": arm, "against": against, "points": round(result.value, 1),
                         "low": round(result.low, 1), "high": round(result.high, 1), "p": result.p})  # fmt: skip
    for row, p in zip(made, holm([row["p"] for row in made]), strict=True):
        row["p_holm"] = round(p, 4)
    return made


def show(figures: Mapping[str, Mapping[str, Mapping[str, float]]], differences: Sequence[Mapping[str, Any]]) -> None:
    """Tables in Markdown, ready for the docs."""
    for name, arms in figures.items():
        print(f"\n**{name}**\n")
        columns = list(next(iter(arms.values())))
        print("| arm | " + " | ".join(columns) + " |\n|---" * 1 + "|---" * len(columns) + "|")
        for arm, row in arms.items():
            print(f"| {arm} | " + " | ".join(f"{row[c]:g}" for c in columns) + " |")
    print("\n| set | arm | against | nDCG@10 | 95 % interval | p (Holm) |\n|---|---|---|---|---|---|")
    for d in differences:
        interval = f"{d['low']:+.1f} to {d['high']:+.1f}"
        print(f"| {d['set']} | {d['arm']} | {d['against']} | {d['points']:+.1f} | {interval} | {d['p_holm']:.3f} |")


if __name__ == "__main__":
    main()
