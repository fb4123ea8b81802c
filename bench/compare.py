"""Ways of teaching compared on the sample organisation, and the second run after one document has changed.

    python -m bench.compare [--limit 150] [--ways NAME …] [--tuned NAME] [--base FOLDER]

Prints what every way scores and costs, how long the first run took, and how many questions the second one asked: only
those whose passages or documents are others now. Killed and called again with the same --base it continues; ``wall_s``
is that of the last call alone then, ``answers_s`` always that of all answers.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.common import ROOT, cpu_seconds, keep
from wellread import KnowledgeBase
from wellread.evaluate import compare, settings, ways
from wellread.evaluate.run import RunOptions
from wellread.evaluate.settings import EvaluateSettings
from wellread.metrics.results import Comparison
from wellread.questions import selection

HARBOUR = ROOT / "samples" / "harbour"
WAYS = ("closed-book", "few-shot", "long-context", "retrieval", "retrieval-written")


class Watch:
    """Prints where the work is, once in ten steps."""

    def step(self, stage: str, done: int, total: int | None = None, note: str = "") -> None:
        """As ``progress.Progress``."""
        if done % 10 == 0 or done == total:
            print(f"{stage} {done} of {total} {note}", flush=True)


def main() -> None:
    """Both runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--ways", nargs="*", default=list(WAYS))
    parser.add_argument("--tuned", default="", help="a tuned model, as chat.model names it")
    parser.add_argument("--base", type=Path, help="keep the base here and continue with it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = arguments.base or Path(folder)
        if not (place / "base").exists():
            shutil.copytree(HARBOUR / "documents", place / "documents")
            with KnowledgeBase.create(place / "base") as made:
                made.add(str(place / "documents"))
        with KnowledgeBase.open(place / "base") as base:
            first = measured(base, arguments)
            edit = json.loads((HARBOUR / "edits" / "edits.json").read_text("utf-8"))[0]
            shutil.copy(HARBOUR / "edits" / edit["replacement"], place / "documents" / edit["document"])
            base.sync()
            second = measured(base, arguments)
            shutil.copy(HARBOUR / "documents" / edit["document"], place / "documents" / edit["document"])
            base.sync()
        keep("compare-harbour", {"first run": first, f"second run, {edit['document']} changed": second})


def measured(base: KnowledgeBase, arguments: argparse.Namespace) -> dict[str, Any]:
    """One run and what it asked."""
    section: EvaluateSettings = settings.load(base.folder)
    chosen = selection.select(base.folder, HARBOUR / "questions.jsonl", limit=arguments.limit, seed=section.seed)
    wanted = ways.choose(arguments.ways, ways.known(base, section.ways, tuned_model=arguments.tuned), base)
    started, cpu = time.perf_counter(), cpu_seconds()
    made, _ = compare.measure(
        base,
        wanted,
        chosen.questions,
        section,
        kind="compare",
        plan=RunOptions(chosen.examples, section.shots),
        progress=Watch(),
    )
    spent = {"wall_s": round(time.perf_counter() - started, 1), "cpu_s": round(cpu_seconds() - cpu, 1)}
    return {**spent, **figures(made)}


def figures(made: Comparison) -> dict[str, Any]:
    """What every way scored and cost, how many answers are from before, and the differences on the main metric."""
    asked = {
        result.way.name: sum(not o.kept for o in made.outcomes if o.way == result.way.name) for result in made.ways
    }
    return {
        "questions": made.n_questions,
        "asked": asked,
        "answers_s": {
            r.way.name: round(sum(o.seconds for o in made.outcomes if o.way == r.way.name)) for r in made.ways
        },
        "ways": {
            r.way.name: {
                "scores": {
                    name: f"{100 * s.value:.1f} [{100 * s.low:.1f}, {100 * s.high:.1f}] n={s.n}"
                    for name, s in r.scores.items()
                },
                "right by kind": {
                    kind: f"{100 * s['right'].value:.0f} n={s['right'].n}" for kind, s in r.by_kind.items()
                },
                "p50_s": round(r.cost.p50_s, 2),
                "p95_s": round(r.cost.p95_s, 2),
                "tokens": [round(r.cost.prompt_tokens), round(r.cost.completion_tokens)],
                "peak_mb": r.cost.peak_memory_mb and round(r.cost.peak_memory_mb),
                "errors": r.n_errors,
            }
            for r in made.ways
        },
        "differences": [
            f"{d.first} - {d.second}: {100 * d.value:+.0f} [{100 * d.low:.0f}, {100 * d.high:.0f}], p {p:.2g}"
            for d, p in ((d, d.p_corrected) for d in made.differences)
        ],
    }


if __name__ == "__main__":
    main()
