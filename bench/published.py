"""The finding of Ovadia et al. (2023) in the small, on a public set: what tuning teaches, beside what retrieval finds.

    python -m bench.published [--paragraphs 34] [--base FOLDER]

Paragraphs of SQuAD 2.0 are the documents; three questions of each are asked, of those that can be answered. The
embedded chat model is trained three times with LoRA: on the paragraphs alone as running text (their unsupervised
fine-tuning); on the paragraphs with all *other* questions of the same paragraphs and their answers; and on those other
questions with the hits of a search, to read (RAFT, Zhang et al. 2024). No question that is asked is learned in any
wording. Then every way answers the same questions. Called again with the same --base it continues.

Source: Ovadia, Brief, Mishaeli, Elisha: Fine-Tuning or Retrieval? Comparing Knowledge Injection in LLMs, 2023,
arXiv:2312.05934 (there: facts that models have not seen; retrieval ahead of tuning, paraphrases help tuning).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench.common import data, keep, letters, rows
from bench.compare import Watch, figures
from wellread import KnowledgeBase
from wellread.evaluate import compare, settings, ways
from wellread.evaluate.run import RunOptions
from wellread.metrics.results import Way
from wellread.models.api import Message
from wellread.questions import selection
from wellread.tune.data import data as datasets
from wellread.tune.data.data import Card, ChatRow, DataSet, TextRow, row_id

ASKED = 3  # questions of a paragraph
RUNS = {"passages": 20, "passages-and-questions": 12, "reading": 4}  # epochs
PLAIN = ("closed-book", "retrieval", "retrieval-written")


def main() -> None:
    """Documents, two runs, one comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paragraphs", type=int, default=34)
    parser.add_argument("--base", type=Path, help="keep the base here and continue with it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = given.base or Path(folder)
        base_folder = place / "base"
        learned = written(place, given.paragraphs)
        if not base_folder.exists():
            with KnowledgeBase.create(base_folder) as made:
                made.add(str(place / "documents"))
        trained = {name: taught(base_folder, name, learned[name]) for name in RUNS}
        with KnowledgeBase.open(base_folder, overrides=["chat.threads=1"]) as base:
            keep("published-squad2", {"trained": trained, **compared(base, place / "questions.jsonl")})


def written(place: Path, n: int) -> dict[str, list[Any]]:
    """Documents and asked questions as files below ``place``; gives what each run learns from."""
    folder = data("squad2")
    texts = {row["_id"]: row for row in rows(folder / "corpus.jsonl")}
    by: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(folder / "qa_dev.jsonl"):
        if row["answerable"]:
            by[row["context_id"]].append(row)
    enough = sorted(context for context, found in by.items() if len(found) > ASKED)
    chosen = random.Random(0).sample(enough, n)
    (place / "documents").mkdir(parents=True, exist_ok=True)
    asked, passages, others, read = [], [], [], []
    for context in chosen:
        title, text = texts[context]["title"].replace("_", " "), texts[context]["text"]
        name = context.replace("#", "-").replace("/", "_")
        (place / "documents" / f"{name}.md").write_text(f"# {title}\n\n{text}\n", "utf-8")
        passages.append(TextRow(row_id(context), f"{title}\n\n{text}"))
        shuffled = random.Random(context).sample(by[context], len(by[context]))
        asked += [_line(row) for row in {letters(row["question"]): row for row in shuffled[:ASKED]}.values()]
        for row in shuffled[ASKED:]:
            turns = (Message("user", row["question"]), Message("assistant", row["answers"][0]))
            others.append(ChatRow(row_id(row["id"]), turns, kind="qa", fact=row["id"]))
            held = next((one for one in re.split(r"(?<=[.!?]) ", text) if row["answers"][0] in one), "")
            if held:
                read.append(_line(row, evidence=[{"document": f"{name}.md", "quote": held}]))
        told = (Message("user", f"What do you know about {title}?"), Message("assistant", text))
        others.append(ChatRow(row_id(context, "told"), told, kind="statement", fact=context))
    (place / "questions.jsonl").write_text("".join(asked), "utf-8")
    (place / "others.jsonl").write_text("".join(read), "utf-8")
    return {"passages": passages, "passages-and-questions": others, "reading": []}


def _line(row: dict[str, Any], **more: Any) -> str:
    named = {"id": row["id"], "question": row["question"], "answers": row["answers"], "kind": "fact"}
    return json.dumps(named | more, ensure_ascii=False) + "\n"


def taught(folder: Path, name: str, learned: list[Any]) -> dict[str, Any]:
    """A run of the command line, or the one that is there, with the file that llama.cpp reads."""
    run = folder / ".wellread" / "tune" / "runs" / name
    if not (run / "run.json").is_file():
        if not learned:  # search results as examples
            others = str(folder.parent / "others.jsonl")
            called(folder, "tune", "prepare", "--questions", others, "--name", name, allowed=(0, 3))
        else:
            _freeze(folder, name, learned)
        values = (f"tune.epochs={RUNS[name]}", "tune.learning_rate=1e-3", "tune.replay=0.1", "tune.max_length=1024")
        called(folder, "tune", "run", "--data", name, "--name", name, "--yes", *set_each(values))
    elif json.loads((run / "run.json").read_text("utf-8"))["state"] != "finished":
        called(folder, "tune", "run", "--resume", name)
    if not list(run.rglob("*.gguf")):
        called(folder, "models", "export", name, "--to", "gguf-f16")
    result = json.loads((run / "result.json").read_text("utf-8"))
    counts = datasets.card_of(datasets.folder_of(folder, name)).counts
    return {"rows": dict(counts), "epochs": RUNS[name], **{key: result.get(key) for key in ("seconds", "tokens")}}


def _freeze(folder: Path, name: str, learned: list[Any]) -> None:
    task = "chat" if isinstance(learned[0], ChatRow) else "texts"
    counts = {"train": len(learned), "validation": 0, "test": 0}
    card = Card(name, task, counts, ("messages" if task == "chat" else "text",))
    datasets.freeze(DataSet(card, tuple(learned), (), ()), datasets.folder_of(folder, name), replace_old=True)


def set_each(values: tuple[str, ...]) -> list[str]:
    """``--set`` before each."""
    return [word for value in values for word in ("--set", value)]


def called(folder: Path, *words: str, allowed: tuple[int, ...] = (0,)) -> None:
    """A command on the base, its output shown; exits where it fails."""
    done = subprocess.run([sys.executable, "-m", "wellread", "--base", str(folder), *words], check=False)
    if done.returncode not in allowed:
        sys.exit(done.returncode)


def compared(base: KnowledgeBase, questions: Path) -> dict[str, Any]:
    """Every way on the same questions."""
    section = settings.load(base.folder)
    chosen = selection.select(base.folder, questions, seed=section.seed)
    known = ways.known(base, section.ways)
    wanted: list[Way] = list(ways.choose(PLAIN, known, base))
    for name in RUNS:
        file = next((base.folder / ".wellread" / "tune" / "runs" / name).rglob("*.gguf"))
        alone, reading = ways.tuned(str(file))
        if name != "reading":
            wanted.append(Way(f"tuned on {name}", alone.reads, alone.overrides, trained=True))
        if name != "passages":
            wanted.append(Way(f"tuned on {name}, with retrieval", reading.reads, reading.overrides, trained=True))
    plan = RunOptions(chosen.examples, section.shots)
    made, _ = compare.measure(
        base, tuple(wanted), chosen.questions, section, kind="compare", plan=plan, progress=Watch()
    )
    return figures(made)


if __name__ == "__main__":
    main()
