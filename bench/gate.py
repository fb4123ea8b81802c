"""Judges the evidence gate: how well its probability tells questions that the documents answer from those they do not.

    python -m bench.gate [harbour|squad2|squad2-half|user|wiki|fit] [--questions 500]

harbour: the single-fact, table and not answerable questions of the sample organisation. squad2: SQuAD 2.0 (CC BY-SA
4.0; Rajpurkar et al., 2018), every paragraph a document of one base; its not answerable questions are adversarial (the
answer to a question that differs in a word), so it shows what the gate cannot do. squad2-half, user and wiki (the last
two from SQuADShifts, CC BY 4.0; Miller et al., 2020: shop reviews and posts, articles of an encyclopaedia): half of the
paragraphs are left out, so that half of the questions have no answer in the base. There, and on harbour, what counts is
whether the best sentence holds the answer.

fit: the weights that ship, from squad2-half and user, beside what they do on wiki and harbour, which they did not see.

Prints for the weights that ship and for weights fitted here (logistic regression by Newton's method, ten-fold
cross-validation) the area under the ROC curve, and for those that ship the risk-coverage curve.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common import ROOT, data, keep, rows
from wellread import KnowledgeBase
from wellread.answer import evidence, gate
from wellread.metrics.metrics import holds

Array = NDArray[np.float64]
HARBOUR = ROOT / "samples" / "harbour"


@dataclass(frozen=True, slots=True)
class Question:
    """A question; ``answers`` None where only counts whether it is to be answered."""

    text: str
    answerable: bool
    answers: list[str] | None


def main() -> None:
    """Collects features, judges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("on", nargs="?", choices=(*SETS, "fit"), default="harbour")
    parser.add_argument("--questions", type=int, default=500)
    arguments = parser.parse_args()
    if arguments.on == "fit":
        keep("gate-fit", fitted(arguments.questions))
        return
    keep(f"gate-{arguments.on}", judge(*measured(arguments.on, arguments.questions)))


def fitted(most: int) -> dict[str, Any]:
    """Weights from two sets, and what they and those that ship do on two others."""
    learned = [measured(name, most) for name in ("squad2-half", "user")]
    weights = fit(np.concatenate([x for x, _ in learned]), np.concatenate([y for _, y in learned]), balanced=True)
    found: dict[str, Any] = {
        "weights": dict(zip((*gate.FEATURES, "intercept"), map(float, weights.round(2)), strict=True))
    }
    for name in ("wiki", "harbour"):
        x, y = measured(name, most)
        now = x @ np.array(gate.COEFFICIENTS)
        found[name] = {
            "fitted": {"auc": round(auc(x @ weights, y), 3), "curve": curve(1 / (1 + np.exp(-(x @ weights))), y)},
            "shipped": {"auc": round(auc(now, y), 3), "curve": curve(1 / (1 + np.exp(-now)), y)},
        }
    return found


def measured(name: str, most: int) -> tuple[Array, Array]:
    """Features of the questions of a set, and whether each is to be answered."""
    with tempfile.TemporaryDirectory() as work:
        folder, questions = SETS[name](Path(work) / "documents")
        random.Random(0).shuffle(questions)
        return collect(Path(work) / "base", folder, questions[:most])


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


def harbour(_: Path) -> tuple[Path, list[Question]]:
    """The sample organisation: its documents, and questions that one fact answers or none."""
    kinds = ("fact", "table", "freshness", "unanswerable")
    asked = [q for q in rows(HARBOUR / "questions.jsonl") if q["kind"] in kinds]
    return HARBOUR / "documents", [Question(q["text"], q["kind"] != "unanswerable", q["answers"]) for q in asked]


def squad(folder: Path) -> tuple[Path, list[Question]]:
    """SQuAD 2.0: a folder with a file per paragraph, and its questions."""
    return _written(folder, rows(data("squad2") / "corpus.jsonl")), [
        Question(row["question"], row["answerable"], None) for row in rows(data("squad2") / "qa_dev.jsonl")
    ]


def halved(folder: Path, name: str, asked: str, paragraphs: int) -> tuple[Path, list[Question]]:
    """Some paragraphs of a set, half of them in the folder, and the questions to all of them."""
    corpus = rows(data(name) / "corpus.jsonl")
    drawn = random.Random(0).sample(corpus, min(paragraphs, len(corpus)))
    kept = {row["_id"] for row in drawn[::2]}
    known = {row["_id"] for row in drawn}
    questions = [row for row in rows(data(name) / asked) if row["context_id"] in known]
    return _written(folder, [row for row in drawn if row["_id"] in kept]), [
        Question(row["question"], row["answerable"] and row["context_id"] in kept, row["answers"]) for row in questions
    ]


def _written(folder: Path, corpus: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    for row in corpus:
        (folder / (re.sub(r"\W", "-", row["_id"]) + ".txt")).write_text(row["text"], "utf-8")
    return folder


SETS: dict[str, Callable[[Path], tuple[Path, list[Question]]]] = {
    "harbour": harbour,
    "squad2": squad,
    "squad2-half": lambda folder: halved(folder, "squad2", "qa_dev.jsonl", 500),
    "user": lambda folder: halved(folder, "squadshifts_user", "qa_train.jsonl", 600),
    "wiki": lambda folder: halved(folder, "squadshifts_wiki", "qa_dev.jsonl", 1573),
}


def collect(base: Path, folder: Path, questions: list[Question]) -> tuple[Array, Array]:
    """(questions, features + 1) matrix, whose last column is 1, and (questions,) whether each is to be answered."""
    found, right = [], []
    with KnowledgeBase.create(base) as kb:
        kb.add(str(folder))
        for question in questions:
            hits = kb.search(question.text, k=kb.settings["answer"].passages).hits
            scored = evidence.score(question.text, evidence.units_of(hits), kb.scorer)
            weighed = gate.weigh(question.text, scored)
            found.append([getattr(weighed, name) for name in gate.FEATURES] + [1.0])
            best = scored.units[0].reading if len(scored) else ""
            held = question.answers is None or holds(best, question.answers)
            right.append(float(question.answerable and held))
    return np.array(found), np.array(right)


def fit(x: Array, y: Array, ridge: float = 1.0, *, balanced: bool = False) -> Array:
    """Weights of a logistic regression with an L2 penalty on all but the intercept, by Newton's method.

    ``balanced`` counts both outcomes alike, however many there are of each.
    """
    share = y.mean()
    each = np.where(y == 1, 0.5 / share, 0.5 / (1 - share)) if balanced else np.ones(len(y))
    penalty = np.diag([ridge] * (x.shape[1] - 1) + [1e-6])
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-(x @ weights)))
        hessian = (x * (each * p * (1 - p))[:, None]).T @ x + penalty
        weights -= np.linalg.solve(hessian, x.T @ (each * (p - y)) + penalty @ weights)
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
