"""Claims against passages: how often the label is right, beside the majority and beside a plain cosine.

    python -m bench.claims [fever_symmetric scifact …] [--rows 300] [--half B]

Sets of pairs (claim, passage, label: supports, contradicts, neutral) of ``shared/data``. Rules were written with half A
(odd hashes) in view; half B is looked at once. The threshold of the cosine is the best one on half A.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.common import data, interval
from bench.common import rows as rows_in
from wellread.answer import claims, evidence
from wellread.models.providers import minilm
from wellread.types import Document

LABELS = {"supports": "supported", "contradicts": "contradicted", "neutral": "not in the documents"}


def rows_of(name: str) -> Iterator[tuple[str, str, str]]:
    """(claim, passage, label) of a set, the three labels as wellread calls them."""
    for part in ("train", "dev"):
        for row in rows_in(data(name) / f"pairs_{part}.jsonl"):
            if row["label"] in LABELS:
                yield row["claim"], row["passage"], LABELS[row["label"]]


def half(claim: str, passage: str) -> str:
    """A or B, by a hash."""
    return "A" if hashlib.sha256(f"{claim}{passage}".encode()).digest()[0] % 2 else "B"


def main() -> None:
    """Prints a row for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=["fever_symmetric"])
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--half", choices="AB", default="B")
    parser.add_argument("--wrong", type=int, default=0, help="show so many wrong ones")
    given = parser.parse_args()
    scorer = minilm.load()
    for name in given.sets:
        every = list(rows_of(name))
        tuned = [row for row in every if half(*row[:2]) == "A"][: given.rows]
        rows = [row for row in every if half(*row[:2]) == given.half][: given.rows]
        close = np.array([_cosine(scorer, *row[:2]) for row in tuned])
        least = _best_cut(close, [row[2] for row in tuned])
        ours = [_label(scorer, *row[:2]) for row in rows]
        plain = [_cut(_cosine(scorer, *row[:2]), least) for row in rows]
        majority = Counter(row[2] for row in tuned).most_common(1)[0][0]
        print(f"{name}, half {given.half}, {len(rows)} pairs: {dict(Counter(row[2] for row in rows))}")
        for told, labels in (("majority", [majority] * len(rows)), ("cosine", plain), ("wellread verify", ours)):
            score = interval([said == row[2] for said, row in zip(labels, rows, strict=True)])
            print(f"  {told:16} {score}")
        for label in claims.LABELS:
            said = [row[2] for row, one in zip(rows, ours, strict=True) if one == label]
            if said:
                print(f"  said «{label}» {len(said)} times, right {100 * said.count(label) / len(said):.0f} %")
        wrong = [(row, one) for row, one in zip(rows, ours, strict=True) if row[2] != one and one != claims.LABELS[2]]
        for row, one in wrong[: given.wrong]:
            print(f"    {one}, right: {row[2]}\n      claim    {row[0]}\n      passage  {row[1][:300]}")


def _label(scorer: minilm.MiniLM, claim: str, passage: str) -> str:
    document = Document("d", "d.txt", 1, "", "text/plain", passage, "")
    return claims.judge(claim, [evidence.whole(document)], scorer).label


def _cosine(scorer: minilm.MiniLM, claim: str, passage: str) -> float:
    vectors = scorer.embed([claim, passage])
    return float(vectors[0] @ vectors[1])


def _best_cut(close: NDArray[np.float64], labels: Sequence[str]) -> float:
    cuts = np.linspace(0.2, 0.9, 29)
    right = [sum(_cut(c, at) == label for c, label in zip(close, labels, strict=True)) for at in cuts]
    return float(cuts[int(np.argmax(right))])


def _cut(cosine: float, least: float) -> str:
    return "supported" if cosine >= least else "not in the documents"


if __name__ == "__main__":
    main()
