"""How far judges agree with people on whether an answer is supported by its source: a chat model, and `grounded`.

    python -m bench.judge MODEL.gguf [--n 100]

BEGIN: responses of dialogue models with a human label; «generic» ones are left out. A random part, the same for all.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.common import data, keep, rows
from wellread.evaluate.judge import judge
from wellread.metrics import metrics
from wellread.metrics.results import Outcome, ReadPassage
from wellread.models.providers import llamacpp, minilm
from wellread.models.settings import ChatSettings
from wellread.types import Question


def main() -> None:
    """Prints and keeps kappa of each judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--n", type=int, default=100)
    arguments = parser.parse_args()
    labelled = [row for row in rows(data("begin") / "faithfulness.jsonl") if row["label"] != "Generic"]
    chosen = np.random.default_rng(0).choice(len(labelled), arguments.n, replace=False)
    cases = [labelled[i] for i in chosen]
    human = ["yes" if row["label"] == "Fully attributable" else "no" for row in cases]
    figures: dict[str, Any] = {"n": len(cases), "people say yes": human.count("yes")}
    embedder = minilm.load()
    started = time.perf_counter()
    shares = [metrics.grounded(row["response"], [passage(row)], embedder, question=row["message"]) for row in cases]
    figures["grounded = 1 (MiniLM and rules)"] = told(["yes" if s == 1 else "no" for s in shares], human, started)
    chat = llamacpp.open_chat(str(arguments.model), ChatSettings(), arguments.model.parent, None)
    started = time.perf_counter()
    verdicts = []
    for n, row in enumerate(cases, 1):
        verdicts.append(judge.judge(question(row), outcome(row), chat, about="grounded"))
        print(f"\r{n} of {len(cases)}", end="", file=sys.stderr, flush=True)
    figures[f"{arguments.model.stem} as judge"] = told([v.label for v in verdicts], human, started)
    figures["prompt"] = judge.prompt_hash("grounded")
    keep(f"judge-{arguments.model.stem}", figures)


def passage(row: dict[str, Any]) -> ReadPassage:
    """What the response should stand on."""
    return ReadPassage("begin", 0, len(row["knowledge"]), row["knowledge"])


def question(row: dict[str, Any]) -> Question:
    """What was said before the response."""
    return Question("begin", row["message"])


def outcome(row: dict[str, Any]) -> Outcome:
    """The response as a way's answer."""
    return Outcome("begin", "begin", row["response"], False, passages=(passage(row),))


def told(labels: list[str], human: list[str], started: float) -> dict[str, Any]:
    """Figures of one judge."""
    known = judge.agreement(labels, human, seed=0)
    return {
        "kappa": [round(v, 2) for v in (known.kappa.value, known.kappa.low, known.kappa.high)],
        "equal_percent": [round(100 * v) for v in (known.equal.value, known.equal.low, known.equal.high)],
        "judge, people": {" ".join(pair): n for pair, n in sorted(known.counts.items())},
        "s_per_answer": round((time.perf_counter() - started) / len(labels), 2),
    }


if __name__ == "__main__":
    main()
