"""Fits and judges the evidence gate on public questions, half of which their documents do not answer.

    python -m bench.gate [--questions 1200]

Data: SQuAD 2.0 (CC BY-SA 4.0; Rajpurkar et al., 2018). Every paragraph is a document of one base, questions are asked
against all of them; the not answerable ones are adversarial, so this is a hard test. Logistic regression with five
features, fitted by Newton's method on one half of the articles, judged on the other. Prints the coefficients, the
area under the ROC curve, and the risk–coverage curve.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import data, keep, rows
from wellread import KnowledgeBase
from wellread.answer import evidence, gate

Array = NDArray[np.float64]


def main() -> None:
    """Collects features, fits, judges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=1200)
    arguments = parser.parse_args()
    folder = data("squad2")
    paragraphs, questions = load(folder)
    random.Random(0).shuffle(questions)
    questions = questions[: arguments.questions]
    with tempfile.TemporaryDirectory() as work:
        features = collect(Path(work), paragraphs, questions)
    answerable = np.array([q["answerable"] for q in questions], float)
    titles = sorted({q["title"] for q in questions})
    train = np.array([titles.index(q["title"]) % 2 == 0 for q in questions])
    weights = fit(features[train], answerable[train])
    probability = 1 / (1 + np.exp(-(features @ weights)))
    judged, truth = probability[~train], answerable[~train]
    keep("gate", {
        "coefficients": dict(zip((*gate.FEATURES, "intercept"), map(float, weights.round(3)), strict=True)),
        "auc": round(auc(judged, truth), 3),
        "auc_by_feature": {name: round(auc(features[~train, i], truth), 3) for i, name in enumerate(gate.FEATURES)},
        "risk_coverage": curve(judged, truth),
        "n_train": int(train.sum()), "n_test": int((~train).sum()),
    })  # fmt: skip


def load(folder: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Paragraphs by id, and questions with their article."""
    paragraphs = {row["_id"].replace("#", "-"): row["text"] for row in rows(folder / "corpus.jsonl")}
    questions = [
        {"text": row["question"], "answerable": row["answerable"], "title": row["context_id"].partition("#")[0]}
        for row in rows(folder / "qa_dev.jsonl")
    ]
    return paragraphs, questions


def collect(work: Path, paragraphs: dict[str, str], questions: list[dict[str, Any]]) -> Array:
    """(questions, features + 1) matrix; the last column is 1."""
    for key, text in paragraphs.items():
        (work / f"{key}.txt").write_text(text, "utf-8")
    found = []
    with KnowledgeBase.create(work / "base") as kb:
        kb.add(str(work), exclude=("base",))
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
