"""How well a ranking found what it should: recall, nDCG, reciprocal rank, precision; and what counts as found."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from difflib import SequenceMatcher
from math import log2
from typing import TypeVar

from wellread.retrieve.quantities import fold
from wellread.types import Evidence

Id = TypeVar("Id", bound=Hashable)

MOST_OF_EVIDENCE = 0.7  # share of the evidence's words, in one run, that a passage must hold to bear it
MOST_OF_PASSAGE = 0.8  # or share of its own words, when the passage is a piece of the evidence
FEWEST_WORDS = 3  # a piece of the evidence shorter than this says nothing
LONGEST_ROW = 3  # a line with more than so many times the words of a row is prose, not that row


def recall_at(ranked: Sequence[Id], relevant: Collection[Id], k: int) -> float:
    """Share of the relevant that are among the first ``k``.

    Raises: ValueError where nothing is relevant or k < 1.
    Source: trec_eval, measure ``recall``.
    """
    _check(ranked, relevant, k)
    return len(set(ranked[:k]) & set(relevant)) / len(set(relevant))


def ndcg_at(ranked: Sequence[Id], gains: Mapping[Id, float], k: int) -> float:
    """Discounted gain of the first ``k`` over that of the best possible order, 0 to 1.

    Args:
        ranked: best first, each once.
        gains: of the relevant, >= 0; what is missing gains nothing.
        k: how many are looked at.
    Raises: ValueError where no gain is above 0, k < 1, or something is ranked twice.
    Source: Järvelin and Kekäläinen, TOIS 2002, with the discount log2(rank + 1) of trec_eval's ``ndcg_cut``.
    """
    _check(ranked, [i for i, gain in gains.items() if gain > 0], k)
    return discounted([gains.get(i, 0.0) for i in ranked[:k]]) / discounted(sorted(gains.values(), reverse=True)[:k])


def discounted(gains: Sequence[float]) -> float:
    """Sum of the gains in order, each over log2 of its rank + 1."""
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1))


def mrr(ranked: Sequence[Id], relevant: Collection[Id]) -> float:
    """One over the rank of the first relevant, 0 where none was found; its mean over questions is the MRR.

    Raises: ValueError where nothing is relevant.
    Source: trec_eval, measure ``recip_rank``.
    """
    _check(ranked, relevant, 1)
    return next((1 / rank for rank, i in enumerate(ranked, 1) if i in relevant), 0.0)


def context_precision(flags: Sequence[bool]) -> float:
    """Mean precision at the ranks of the relevant passages that were read: 1 when they all come first, 0 without any.

    Source: the definition of ragas' context precision (Es et al., EACL 2024 demo), with relevance by evidence.
    """
    ranks = [rank for rank, relevant in enumerate(flags, 1) if relevant]
    return sum(n / rank for n, rank in enumerate(ranks, 1)) / len(ranks) if ranks else 0.0


def _check(ranked: Sequence[Id], relevant: Collection[Id], k: int) -> None:
    if not relevant:
        raise ValueError("nothing is relevant: the measure is not defined")
    if k < 1:
        raise ValueError(f"k = {k}: is at least 1")
    if len(set(ranked)) != len(ranked):
        raise ValueError("something is ranked twice")


def letters(text: str) -> str:
    """Letters and digits of a text with single spaces: marks of tables, lists and thousands do not count."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", fold(text))
    return " ".join(re.findall(r"[^\W_]+", text))


def is_of(document_uri: str, named: str) -> bool:
    """Whether ``named`` is the uri or its end at the border of a folder: ``fares.md`` is not ``old-fares.md``."""
    uri, end = document_uri.replace("\\", "/"), named.replace("\\", "/").removeprefix("./")
    return bool(end) and (uri == end or uri.endswith("/" + end.lstrip("/")))


def bears(passage_text: str, document_uri: str, evidence: Evidence) -> bool:
    """Whether a passage stands in the evidence's document and says what the evidence does.

    It does when it holds the quotation in one piece; or a line of it holds all words of one row of it (cells of a table
    are written in many ways); or it holds most of the quotation's words in one run; or it is a piece of the quotation
    itself, of three words or more. A passage without words bears nothing.
    """
    if not is_of(document_uri, evidence.document):
        return False
    held, wanted = letters(passage_text).split(), letters(evidence.quote).split()
    if not held or not wanted:
        return False
    if _runs(wanted, held) or any(_row(wanted, line) for line in passage_text.splitlines()):
        return True
    match = SequenceMatcher(None, held, wanted, autojunk=False).find_longest_match()
    if match.size < FEWEST_WORDS:
        return False
    return match.size >= MOST_OF_EVIDENCE * len(wanted) or match.size >= MOST_OF_PASSAGE * len(held)


def _runs(wanted: Sequence[str], held: Sequence[str]) -> bool:
    return f" {' '.join(wanted)} " in f" {' '.join(held)} "


def _row(wanted: Sequence[str], line: str) -> bool:
    cells = letters(line).split()
    return len(wanted) <= len(cells) <= LONGEST_ROW * len(wanted) + 8 and all(
        cells.count(word) >= wanted.count(word) for word in set(wanted)
    )
