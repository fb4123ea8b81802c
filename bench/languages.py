"""What stems of a passage's own language are worth: BM25 alone, questions and paragraphs in the same language.

    python -m bench.languages [de es ru ar en zh] [--mixed]

XQuAD: 1,190 questions, 240 paragraphs, the same in each language; which paragraph answers is known. With --mixed all
languages lie in one index. Printed: hits at 1, nDCG@10 and milliseconds with ``index.language`` auto and en.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.common import data, keep, rows
from wellread.index.words import fulltext
from wellread.metrics.ranking import ndcg_at
from wellread.metrics.stats import paired
from wellread.store.engine.api import Store


def main() -> None:
    """One row for each language and way of stemming."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("languages", nargs="*", default=["de", "es", "ru", "ar", "en", "zh"])
    parser.add_argument("--mixed", action="store_true")
    arguments = parser.parse_args()
    folder = data("xquad")
    corpora = {
        code: [{**row, "_id": f"{code}/{row['_id']}"} for row in rows(folder / f"corpus_{code}.jsonl")]
        for code in arguments.languages
    }
    figures: dict[str, Any] = {}
    for code in arguments.languages:
        passages = [row for each in corpora.values() for row in each] if arguments.mixed else corpora[code]
        questions = [{**row, "context_id": f"{code}/{row['context_id']}"} for row in rows(folder / f"qa_{code}.jsonl")]
        runs = {setting: run(passages, questions, setting) for setting in ("en", "auto")}
        difference = paired([100 * v for v in runs["auto"]["ndcg"]], [100 * v for v in runs["en"]["ndcg"]], seed=0)
        figures[code] = {
            setting: {"hit@1": mean(r["first"]), "nDCG@10": mean(r["ndcg"]), "ms": round(r["ms"], 2), "index_s": r["s"]}
            for setting, r in runs.items()
        }
        figures[code]["difference"] = [round(v, 1) for v in (difference.value, difference.low, difference.high)]
    keep("languages-mixed" if arguments.mixed else "languages", figures)


def mean(values: list[float]) -> float:
    """In percent."""
    return round(100 * sum(values) / len(values), 1)


def run(passages: list[dict[str, Any]], questions: list[dict[str, Any]], setting: str) -> dict[str, Any]:
    """What one way of stemming finds."""
    found: dict[str, Any] = {"first": [], "ndcg": []}
    with tempfile.TemporaryDirectory() as work, Store.open(Path(work)) as store:
        started = time.perf_counter()
        with store.writing() as tx:
            fulltext.create(tx.connection, setting)
            texts = [row["text"] for row in passages]
            fulltext.add(tx.connection, list(range(len(texts))), texts, [row.get("title", "") for row in passages])
        found["s"] = round(time.perf_counter() - started, 2)
        with store.reading() as connection:
            present = fulltext.present(connection)
            started = time.perf_counter()
            for question in questions:
                terms = fulltext.query(question["question"], present)
                plan, _ = fulltext.plan(terms, lambda term: fulltext.count_matches(connection, term))
                ranking = [passages[key]["_id"] for key, _ in fulltext.search(connection, plan, allowed=None, k=10)]
                right = question["context_id"]
                found["first"].append(float(ranking[:1] == [right]))
                found["ndcg"].append(ndcg_at(ranking, {right: 1.0}, 10))
            found["ms"] = (time.perf_counter() - started) / len(questions) * 1e3
    return found


if __name__ == "__main__":
    main()
