"""The tree of summaries: what it costs to build, and what one changed document among many touches.

    python -m bench.tree [scifact pydocs311 …] [--documents 1000] [--changed 10] [--chat MODEL.gguf]

Of each set the first so many documents are added and a tree is built over them: nodes of each level, seconds, bytes of
store.db. Then so many documents, one after the other, get a sentence more, and one is removed and one is new; printed
are the nodes that were made again and the seconds of the tree's share in each sync, beside those of the full build.
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
from wellread.index.tree import rows as tree
from wellread.index.tree.rows import TreeNode

ON = ("tree.mode=collapsed", "documents.near_duplicate_at=2.0")
NEWS = "\n\nThis document was changed on the third of March; the committee read it again and agreed with all of it.\n"


def main() -> None:
    """One set of figures for each data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=["scifact"])
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--changed", type=int, default=10)
    parser.add_argument("--chat", default="", help="a chat model that writes the summaries, like llama:smollm2-135m")
    arguments = parser.parse_args()
    figures = {}
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as work:
            figures[name] = measured(name, Path(work), arguments.documents, arguments.changed, arguments.chat)
    keep("tree-" + "-".join(arguments.sets), figures)


def measured(name: str, work: Path, n_documents: int, n_changed: int, chat: str) -> dict[str, Any]:
    """The figures of one set."""
    every, source = work / "every", work / "source"
    every.mkdir()
    source.mkdir()
    write(data(name), every)
    names = sorted(path.name for path in every.iterdir())
    for file in names[:n_documents]:
        shutil.copy(every / file, source / file)
    with KnowledgeBase.create(work / "base"):
        pass
    written = ("tree.summaries=chat", f"chat.model={chat}") if chat else ()
    with KnowledgeBase.open(work / "base", overrides=ON[1:]) as kb:
        report = kb.add(str(source))
        figures: dict[str, Any] = {
            "documents": report.new,
            "chunks": report.chunks,
            "index_s": round(report.seconds, 2),
        }
        before = size(kb)
        built = kb.configured(written).index_tree()
        figures |= {"nodes": built.levels, "build_s": round(built.seconds, 2), "bytes": size(kb) - before}
        figures |= {"made": built.made, "written": built.written, "calls": built.calls}
    with KnowledgeBase.open(work / "base", overrides=(*ON, *written)) as kb:
        chosen = random.Random(0).sample(names[:n_documents], n_changed + 1)
        each = []
        for file in chosen[:-1]:
            (source / file).write_text((source / file).read_text("utf-8") + NEWS, "utf-8")
            each.append(synced(kb))
        figures["one changed"] = summed(each)
        (source / chosen[-1]).unlink()
        figures["one removed"] = synced(kb)
        if len(names) > n_documents:
            shutil.copy(every / names[n_documents], source / names[n_documents])
            figures["one new"] = synced(kb)
    return figures


def size(kb: KnowledgeBase) -> int:
    """Bytes of the store's file with all that was committed."""
    kb.store.checkpoint()
    return kb.store.path.stat().st_size


def synced(kb: KnowledgeBase) -> dict[str, float]:
    """What one sync did to the tree: nodes that differ, summaries made again, seconds of the whole and of the tree."""
    before = nodes(kb)
    started = time.monotonic()
    report = kb.sync()
    whole = time.monotonic() - started
    after = nodes(kb)
    touched = sum(before.get(id) != after.get(id) for id in before.keys() | after.keys())
    started = time.monotonic()
    kb.index_tree()  # nothing is left to make: what looking at all of it costs
    return {"touched": touched, "made": report.summaries, "sync_s": round(whole, 3),
            "look_s": round(time.monotonic() - started, 3)}  # fmt: skip


def nodes(kb: KnowledgeBase) -> dict[int, TreeNode]:
    """Every node by its id."""
    with kb.store.reading() as connection:
        return {node.id: node for node in tree.nodes(connection)}


def summed(each: list[dict[str, float]]) -> dict[str, Any]:
    """Median and largest of each figure."""
    return {
        name: {"median": statistics.median(row[name] for row in each), "most": max(row[name] for row in each)}
        for name in each[0]
    }


if __name__ == "__main__":
    main()
