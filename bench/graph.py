"""The graph of names: what it costs to build, and what one changed document among many touches.

    python -m bench.graph [scifact pydocs311 …] [--documents 1000] [--changed 10]

Of each set the first so many documents are added and the graph is built over them: names, relations, groups, seconds,
bytes of store.db. Then so many documents, one after the other, get a sentence with two names more. Printed are the rows
of the graph that are other rows afterwards, by table, the groups summed up again and the seconds of the graph's share
in each sync, beside those of the full build, and whether the names are those of a graph built again.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.common import data, keep
from bench.ranking import write
from wellread import KnowledgeBase
from wellread.index.graph import rows as graph
from wellread.index.graph.open import graph_of

ON = ("graph.mode=both", "documents.near_duplicate_at=2.0")
NEWS = "\n\nIn March the report was read again by Odile Marchetti of the Harbour Research Council.\n"
TABLES = ("graph_passages", "graph_entities", "graph_mentions", "graph_edges", "graph_communities", "graph_same")


def main() -> None:
    """One set of figures for each data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=["scifact"])
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--changed", type=int, default=10)
    arguments = parser.parse_args()
    figures = {}
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as work:
            figures[name] = measured(name, Path(work), arguments.documents, arguments.changed)
    keep("graph-" + "-".join(arguments.sets), figures)


def measured(name: str, work: Path, n_documents: int, n_changed: int) -> dict[str, Any]:
    """The figures of one set."""
    every, source = work / "every", work / "source"
    every.mkdir()
    source.mkdir()
    write(data(name), every)
    names = sorted(path.name for path in every.iterdir())[:n_documents]
    for file in names:
        shutil.copy(every / file, source / file)
    with KnowledgeBase.create(work / "base"):
        pass
    with KnowledgeBase.open(work / "base", overrides=ON[1:]) as kb:
        report = kb.add(str(source))
        before = size(kb)
        built = kb.graph_update()
        figures: dict[str, Any] = {
            "documents": report.new, "chunks": report.chunks, "index_s": round(report.seconds, 2),
            "build_s": round(built.seconds, 2), "names": built.entities, "relations": built.relations,
            "groups": built.communities, "summed": built.summed, "merged": built.merged, "bytes": size(kb) - before,
        }  # fmt: skip
    with KnowledgeBase.open(work / "base", overrides=ON) as kb:
        started = time.perf_counter()
        opened(kb)
        figures["open_s"] = round(time.perf_counter() - started, 3)
        chosen = random.Random(0).sample(names, n_changed)
        steps = [changed(kb, source / file) for file in chosen]
        figures["rows"] = {table: rows(kb, table)[1] for table in TABLES}
        for key in ("seconds", "summed", *TABLES):
            figures[f"changed {key}"] = round(statistics.median(step[key] for step in steps), 3)
        figures["changed seconds, worst"] = round(max(step["seconds"] for step in steps), 3)
        kept = {node.name for node in opened(kb)}
        figures["anew_s"] = round(kb.graph_update(whole=True).seconds, 2)
        figures["same names as again"] = kept == {node.name for node in opened(kb)}
    return figures


def changed(kb: KnowledgeBase, file: Path) -> dict[str, float]:
    """What one changed document touched."""
    before = {table: rows(kb, table)[0] for table in TABLES}
    file.write_text(file.read_text("utf-8") + NEWS, "utf-8")
    report = kb.sync()
    if report.changed != 1:
        raise RuntimeError(f"{file}: {report}")
    found: dict[str, float] = {table: len(before[table] ^ rows(kb, table)[0]) for table in TABLES}
    with kb.store.reading() as connection:
        fresh = graph.communities(connection, allowed=None, dirty=True)
    if fresh:
        raise RuntimeError("a group was left without a summary")
    done = kb.graph_update()  # what is left to do afterwards: nothing
    if done.read or done.summed:
        raise RuntimeError(f"the sync left something: {done}")
    return {**found, "summed": report.summaries, "seconds": share(kb, file)}


def share(kb: KnowledgeBase, file: Path) -> float:
    """Seconds of the graph's share in a sync of the same kind: with the graph less without it."""
    off = kb.configured(["graph.mode=off"])
    file.write_text(file.read_text("utf-8").replace("In March", "In April"), "utf-8")
    off.sync()
    return kb.graph_update().seconds


def rows(kb: KnowledgeBase, table: str) -> tuple[set[tuple[object, ...]], int]:
    """Every row of a table, and how many there are."""
    with kb.store.reading() as connection:
        found = {tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")}
    return found, len(found)


def opened(kb: KnowledgeBase) -> list[Any]:
    """The names of the graph, read from the store."""
    with kb.reader.snapshot(who=kb.who) as look:
        return list(graph_of(look, kb.settings["graph"]).nodes)


def size(kb: KnowledgeBase) -> int:
    """Bytes of store.db."""
    kb.store.checkpoint()
    return kb.store.path.stat().st_size


if __name__ == "__main__":
    main()
