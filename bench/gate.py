"""Judges the evidence gate: how well its probability tells questions that the documents answer from those they do not.

    python -m bench.gate [harbour|squad2] [--questions 500]

harbour: the single-fact, table and not answerable questions of the sample organisation. squad2: SQuAD 2.0 (CC BY-SA
4.0; Rajpurkar et al., 2018), every paragraph a document of one base; its not answerable questions are adversarial (the
answer to a question that differs in a word), so it shows what the gate cannot do.

Prints for the weights that ship and for weights fitted here (logistic regression by Newton's method, ten-fold
cross-validation) the area under the ROC curve, and for those that ship the risk-coverage curve.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import ROOT, data, keep, rows
from wellread import KnowledgeBase
from wellread.answer import evidence, gate

Array = NDArray[np.float64]
HARBOUR = ROOT / "samples" / "harbour"


def main() -> None:
    """Collects features, judges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("on", nargs="?", choices=("harbour", "squad2"), default="harbour")
    parser.add_argument("--questions", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder, questions = harbour() if arguments.on == "harbour" else squad(Path(work) / "documents")
        random.Random(0).shuffle(questions)
        questions = questions[: arguments.questions]
        features = collect(Path(work) / "base", folder, questions)
    keep(f"gate-{arguments.on}", judge(features, np.array([q["answerable"] for q in questions], float)))


def judge(features: Array, truth: Array) -> dict[str, Any]:
    """Figures of shipped and fitted weights."""
    shipped = 1 / (1 + np.exp(-(features @ np.array(gate.COEFFICIENTS))))
    fold = np.random.default_rng(0).permutation(len(truth)) % 10
    fitted = np.zeros(len(truth))
    for part in range(10):
        fitted[fold == part] = features[fold == part] @ fit(features[fold != part], truth[fold != part])
    names = (*gate.FEATURES, "intercept")
    return {
        "questions": len(truth),
        "answerable": int(truth.sum()),
        "auc_shipped": round(auc(shipped, truth), 3),
        "auc_fitted_cross_validated": round(auc(fitted, truth), 3),
        "auc_by_feature": {name: round(auc(features[:, i], truth), 3) for i, name in enumerate(gate.FEATURES)},
        "fitted": dict(zip(names, map(float, fit(features, truth).round(2)), strict=True)),
        "risk_coverage": curve(shipped, truth),
    }


def harbour() -> tuple[Path, list[dict[str, Any]]]:
    """The sample organisation: its documents, and questions that one fact answers or none."""
    kinds = ("fact", "table", "unanswerable")
    return HARBOUR / "documents", [q for q in rows(HARBOUR / "questions.jsonl") if q["kind"] in kinds]


def squad(folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """SQuAD 2.0: a folder with a file per paragraph, and its questions."""
    folder.mkdir()
    for row in rows(data("squad2") / "corpus.jsonl"):
        (folder / f"{row['_id'].replace('#', '-')}.txt").write_text(row["text"], "utf-8")
    asked = rows(data("squad2") / "qa_dev.jsonl")
    return folder, [{"text": row["question"], "answerable": row["answerable"]} for row in asked]


def collect(base: Path, folder: Path, questions: list[dict[str, Any]]) -> Array:
    """(questions, features + 1) matrix; the last column is 1."""
    found = []
    with KnowledgeBase.create(base) as kb:
        kb.add(str(folder))
        for question in questions:
            hits = kb.search(question["text"], k=kb.settings["answer"].passages).hits
            scored = evidence.score(question["text"], evidence.units_of(hits), kb.scorer)
            weighed = gate.weigh(question["text"], scored)
            found.append([getattr(weighed, name) for name in gate.FEATURES] + [1.0])
    return np.array(found)


def fit(x: Array, y: Array, ridge: float = 1.0) -> Array:
    """Weights of a logistic regression with an L2 penalty on all but the intercept, by Newton's method."""
    penalty = np.diag([ridge] * (x.shape[1] - 1) + [1e-6])
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-(x @ weights)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + penalty
        weights -= np.linalg.solve(hessian, x.T @ (p - y) + penalty @ weights)
    return weights


def auc(score: Array, truth: Array) -> float:
    """Area under the ROC curve by rank sums; ties count half."""
    positive, negative = score[truth == 1], score[truth == 0]
    above = (positive[:, None] > negative[None, :]).mean()
    return float(above + 0.5 * (positive[:, None] == negative[None, :]).mean())


def curve(probability: Array, truth: Array) -> list[dict[str, float]]:
    """For each threshold: share of questions answered, and share of those that have no answer (risk)."""
    points = []
    for threshold in np.arange(0.1, 0.95, 0.1):
        answered = probability >= threshold
        risk = float(1 - truth[answered].mean()) if answered.any() else 0.0
        points.append({
            "refuse_below": round(float(threshold), 1), "coverage": round(float(answered.mean()), 3),
            "risk": round(risk, 3), "answerable_kept": round(float(answered[truth == 1].mean()), 3),
            "unanswerable_refused": round(float((~answered)[truth == 0].mean()), 3),
        })  # fmt: skip
    return points


if __name__ == "__main__":
    main()
